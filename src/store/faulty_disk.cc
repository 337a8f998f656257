#include "store/faulty_disk.h"

#include <memory>
#include <mutex>
#include <utility>

#include <sqlcipher/sqlite3.h>

#include "base/check.h"

namespace tidegate::store {

struct FaultyDiskState {
  sqlite3_vfs vfs{};
  sqlite3_vfs* real = nullptr;
  std::string name;
  std::mutex mutex;
  std::shared_ptr<const DiskScript> script;

  DiskFault Ask(DiskOperation operation) {
    std::shared_ptr<const DiskScript> current;
    {
      const std::lock_guard lock(mutex);
      current = script;
    }
    return current != nullptr ? (*current)(operation) : DiskFault::kNone;
  }
};

namespace {

// Stands at the front of the room that SQLite reserves for an open file; the real layer's file
// follows it.
struct File {
  sqlite3_file sqlite;
  FaultyDiskState* state;
  sqlite3_file* real;
};

sqlite3_file* Real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real; }
const sqlite3_io_methods* Methods(sqlite3_file* file) { return Real(file)->pMethods; }
DiskFault Ask(sqlite3_file* file, DiskOperation operation) {
  return reinterpret_cast<File*>(file)->state->Ask(operation);
}

int Close(sqlite3_file* file) { return Methods(file)->xClose(Real(file)); }
int Read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  return Methods(file)->xRead(Real(file), out, size, offset);
}
int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  switch (Ask(file, DiskOperation::kWrite)) {
    case DiskFault::kNone:
      return Methods(file)->xWrite(Real(file), bytes, size, offset);
    case DiskFault::kFull:
      return SQLITE_FULL;
    case DiskFault::kIo:
      return SQLITE_IOERR_WRITE;
    case DiskFault::kTornWrite:
      static_cast<void>(
          Methods(file)->xWrite(Real(file), bytes, size / 2, offset));  // fails below in any case
      return SQLITE_IOERR_WRITE;
  }
  return SQLITE_IOERR_WRITE;
}
int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (Ask(file, DiskOperation::kTruncate) != DiskFault::kNone) return SQLITE_IOERR_TRUNCATE;
  return Methods(file)->xTruncate(Real(file), size);
}
int Sync(sqlite3_file* file, int flags) {
  if (Ask(file, DiskOperation::kSync) != DiskFault::kNone) return SQLITE_IOERR_FSYNC;
  return Methods(file)->xSync(Real(file), flags);
}
int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return Methods(file)->xFileSize(Real(file), size);
}
int Lock(sqlite3_file* file, int level) { return Methods(file)->xLock(Real(file), level); }
int Unlock(sqlite3_file* file, int level) { return Methods(file)->xUnlock(Real(file), level); }
int CheckReservedLock(sqlite3_file* file, int* out) {
  return Methods(file)->xCheckReservedLock(Real(file), out);
}
int FileControl(sqlite3_file* file, int op, void* arg) {
  return Methods(file)->xFileControl(Real(file), op, arg);
}
int SectorSize(sqlite3_file* file) { return Methods(file)->xSectorSize(Real(file)); }
int DeviceCharacteristics(sqlite3_file* file) {
  return Methods(file)->xDeviceCharacteristics(Real(file));
}
int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
  return Methods(file)->xShmMap(Real(file), page, size, extend, out);
}
int ShmLock(sqlite3_file* file, int offset, int n, int flags) {
  return Methods(file)->xShmLock(Real(file), offset, n, flags);
}
void ShmBarrier(sqlite3_file* file) { Methods(file)->xShmBarrier(Real(file)); }
int ShmUnmap(sqlite3_file* file, int remove) {
  return Methods(file)->xShmUnmap(Real(file), remove);
}

constexpr sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = FileSize,
    .xLock = Lock,
    .xUnlock = Unlock,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = FileControl,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = DeviceCharacteristics,
    .xShmMap = ShmMap,
    .xShmLock = ShmLock,
    .xShmBarrier = ShmBarrier,
    .xShmUnmap = ShmUnmap,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int Open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* out, int flags, int* out_flags) {
  auto* file = reinterpret_cast<File*>(out);
  file->sqlite.pMethods = nullptr;
  file->state = static_cast<FaultyDiskState*>(vfs->pAppData);
  file->real = reinterpret_cast<sqlite3_file*>(file + 1);
  sqlite3_vfs* real = file->state->real;
  const int code = real->xOpen(real, name, file->real, flags, out_flags);
  if (code == SQLITE_OK) file->sqlite.pMethods = &kMethods;
  return code;
}

}  // namespace

FaultyDisk::FaultyDisk(std::string name) : state_(std::make_unique<FaultyDiskState>()) {
  state_->name = std::move(name);
  state_->real = sqlite3_vfs_find(nullptr);
  CHECK(state_->real != nullptr);
  sqlite3_vfs& vfs = state_->vfs;
  vfs = *state_->real;
  vfs.pNext = nullptr;
  vfs.zName = state_->name.c_str();
  vfs.pAppData = state_.get();
  vfs.szOsFile = static_cast<int>(sizeof(File)) + state_->real->szOsFile;
  vfs.xOpen = Open;
  CHECK(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
}

FaultyDisk::~FaultyDisk() { sqlite3_vfs_unregister(&state_->vfs); }

const std::string& FaultyDisk::name() const { return state_->name; }

void FaultyDisk::SetScript(DiskScript script) {
  auto next = script ? std::make_shared<const DiskScript>(std::move(script)) : nullptr;
  const std::lock_guard lock(state_->mutex);
  state_->script = std::move(next);
}

}  // namespace tidegate::store
