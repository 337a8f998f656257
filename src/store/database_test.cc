#include "store/database.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "store/errors.h"
#include "store/faulty_disk.h"

namespace tidegate::store {
namespace {

class DatabaseTest : public testing::Test {
 protected:
  DatabaseTest() : directory_(testing::TempDir() + "tidegate-store-" + RandomHex(8)) {
    std::filesystem::create_directory(directory_);
  }
  ~DatabaseTest() override { std::filesystem::remove_all(directory_); }

  DatabaseOptions Options(char key = 'k') const {
    DatabaseOptions options;
    options.path = directory_ + "/test.db";
    options.key = Secret(std::string(kKeyBytes, key));
    return options;
  }
  Database MustOpen(const DatabaseOptions& options) {
    Result<Database> database = Database::Open(options);
    EXPECT_TRUE(database.ok()) << Describe(database.error());
    return std::move(database).value();
  }
  Database WithTable() {
    Database database = MustOpen(Options());
    EXPECT_TRUE(database.Execute("CREATE TABLE t(a INTEGER, b TEXT, c BLOB) STRICT").ok());
    return database;
  }

  const std::string directory_;
};

TEST_F(DatabaseTest, ValuesComeBackAsTheyWereBound) {
  Database database = WithTable();
  const std::array<std::uint8_t, 3> bytes = {0, 255, 7};
  {
    Result<Statement> insert = database.Prepare("INSERT INTO t VALUES (?1, ?2, ?3)");
    ASSERT_TRUE(insert.ok());
    ASSERT_TRUE(insert->Run(-5, std::string_view("text"), Blob(bytes)).ok());
    ASSERT_TRUE(insert->Run(std::int64_t{1} << 62, std::string_view(), Blob()).ok());
  }
  Result<Statement> select = database.Prepare("SELECT a, b, c FROM t ORDER BY a");
  ASSERT_TRUE(select.ok());
  Rows rows = select->Query();
  ASSERT_TRUE(rows.Step().value());
  EXPECT_EQ(rows.Int(0), -5);
  EXPECT_EQ(rows.Text(1), "text");
  EXPECT_TRUE(std::ranges::equal(rows.Bytes(2), bytes));
  ASSERT_TRUE(rows.Step().value());
  EXPECT_EQ(rows.Int(0), std::int64_t{1} << 62);
  EXPECT_EQ(rows.Text(1), "");
  EXPECT_TRUE(rows.Bytes(2).empty());
  EXPECT_FALSE(rows.Step().value());
}

TEST_F(DatabaseTest, AStatementCanRunAgainAfterItsRowsDiedHalfRead) {
  Database database = WithTable();
  ASSERT_TRUE(database.Execute("INSERT INTO t VALUES (1, '', x''), (2, '', x'')").ok());
  Result<Statement> select = database.Prepare("SELECT a FROM t ORDER BY a");
  ASSERT_TRUE(select.ok());
  for (int i = 0; i < 2; ++i) {
    Rows rows = select->Query();
    ASSERT_TRUE(rows.Step().value());
    EXPECT_EQ(rows.Int(0), 1);
  }
}

TEST_F(DatabaseTest, AParameterThatTheStatementLacksIsAnError) {
  Database database = WithTable();
  Result<Statement> select = database.Prepare("SELECT a FROM t");
  ASSERT_TRUE(select.ok());
  EXPECT_FALSE(select->Run(1).ok());
}

TEST_F(DatabaseTest, ATransactionThatDiesUncommittedLeavesNothing) {
  Database database = WithTable();
  {
    Result<Transaction> transaction = Transaction::Begin(database);
    ASSERT_TRUE(transaction.ok());
    ASSERT_TRUE(database.Execute("INSERT INTO t VALUES (1, 'x', x'00')").ok());
  }
  EXPECT_EQ(database.QueryInt("SELECT count(*) FROM t").value(), 0);
  {
    Result<Transaction> transaction = Transaction::Begin(database);
    ASSERT_TRUE(transaction.ok());
    ASSERT_TRUE(database.Execute("INSERT INTO t VALUES (1, 'x', x'00')").ok());
    ASSERT_TRUE(transaction->Commit().ok());
  }
  EXPECT_EQ(database.QueryInt("SELECT count(*) FROM t").value(), 1);
}

TEST_F(DatabaseTest, NothingLegibleIsInTheFilesAndOnlyTheOwnerCanReadThem) {
  Database database = WithTable();
  ASSERT_TRUE(database.Execute("INSERT INTO t VALUES (1, 'canary-in-plain-text', x'00')").ok());
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(bytes.find("canary"), std::string::npos) << entry.path();
    struct stat status {};
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 3);  // database, WAL, WAL index
}

TEST_F(DatabaseTest, AnotherKeyIsRefusedWithTheRemedy) {
  { Database database = WithTable(); }
  const Result<Database> other = Database::Open(Options('x'));
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().reason, kReasonWrongKey);
  EXPECT_NE(other.error().message.find("key file"), std::string::npos);
  EXPECT_TRUE(Database::Open(Options()).ok());
}

TEST_F(DatabaseTest, ADamagedFileIsAnErrorWhereverTheDamageIs) {
  {
    Database database = WithTable();
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(
          database.Execute("INSERT INTO t VALUES (1, hex(randomblob(200)), randomblob(300))").ok());
    }
  }
  const std::string path = Options().path;
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path));
  int refused_at_open = 0;
  for (std::int64_t at = 100; at < size; at += 4'096) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const auto byte = static_cast<char>(file.get());
    file.seekp(at);
    file.put(static_cast<char>(byte ^ 0x20));
    file.close();
    Result<Database> database = Database::Open(Options());
    if (database.ok()) {
      const Result<std::int64_t> sum =
          database->QueryInt("SELECT sum(length(b) + length(c)) FROM t");
      EXPECT_FALSE(sum.ok()) << "damage at " << at << " was not seen";
    } else {
      ++refused_at_open;
      EXPECT_TRUE(database.error().reason == kReasonWrongKey ||
                  database.error().reason == kReasonCorrupt)
          << Describe(database.error());
    }
    std::fstream repair(path, std::ios::in | std::ios::out | std::ios::binary);
    repair.seekp(at);
    repair.put(byte);
  }
  EXPECT_GE(refused_at_open, 1);  // the first page
  EXPECT_EQ(MustOpen(Options()).QueryInt("SELECT count(*) FROM t").value(), 200);
}

TEST_F(DatabaseTest, AFileThatIsNoDatabaseIsRefused) {
  std::ofstream(Options().path) << std::string(8'192, 'z');
  const Result<Database> database = Database::Open(Options());
  ASSERT_FALSE(database.ok());
  EXPECT_EQ(database.error().reason, kReasonWrongKey);
}

TEST_F(DatabaseTest, AReaderOfAnAbsentFileIsRefusedAndMakesNone) {
  DatabaseOptions options = Options();
  options.access = Access::kReadOnly;
  const Result<Database> database = Database::Open(options);
  ASSERT_FALSE(database.ok());
  EXPECT_EQ(database.error().reason, kReasonCannotOpen);
  EXPECT_FALSE(std::filesystem::exists(options.path));
}

TEST_F(DatabaseTest, AReaderSeesWhatIsCommittedAndCannotWrite) {
  Database writer = WithTable();
  DatabaseOptions options = Options();
  options.access = Access::kReadOnly;
  Database reader = MustOpen(options);
  ASSERT_TRUE(writer.Execute("INSERT INTO t VALUES (1, 'x', x'00')").ok());
  EXPECT_EQ(reader.QueryInt("SELECT count(*) FROM t").value(), 1);
  EXPECT_FALSE(reader.Execute("DELETE FROM t").ok());
}

TEST_F(DatabaseTest, AWalCutAnywhereYieldsAPrefixOfTheCommits) {
  const std::string path = Options().path;
  const std::string copy = directory_ + "/copy.db";
  Database database = WithTable();
  ASSERT_TRUE(database.Execute("PRAGMA wal_checkpoint(TRUNCATE)").ok());
  constexpr int kCommits = 5;
  for (int i = 0; i < kCommits; ++i) {
    ASSERT_TRUE(database.Execute("INSERT INTO t VALUES (1, 'x', x'00')").ok());
  }
  const auto wal = static_cast<std::int64_t>(std::filesystem::file_size(path + "-wal"));
  ASSERT_GT(wal, kCommits * 4'096);
  DatabaseOptions options = Options();
  options.path = copy;
  constexpr std::int64_t kStep = 97;  // prime, so that cuts fall everywhere in frames and pages
  std::int64_t last = 0;
  for (std::int64_t cut_at = 0; cut_at < wal + kStep; cut_at += kStep) {
    const std::int64_t size = std::min(cut_at, wal);
    std::filesystem::copy_file(path, copy, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(path + "-wal", copy + "-wal",
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(copy + "-wal", static_cast<std::uintmax_t>(size));
    {
      Database cut = MustOpen(options);
      const std::int64_t rows = cut.QueryInt("SELECT count(*) FROM t").value();
      EXPECT_GE(rows, last);
      last = rows;
    }
    std::filesystem::remove(copy + "-shm");
  }
  EXPECT_EQ(last, kCommits);
}

TEST_F(DatabaseTest, MigrationsRunOnceInOrderAndANewerSchemaIsRefused) {
  const std::array<const char*, 2> steps = {
      "CREATE TABLE a(x)", "ALTER TABLE a ADD COLUMN y; INSERT INTO a VALUES (1, 2)"};
  Database database = MustOpen(Options());
  ASSERT_TRUE(Migrate(database, std::span(steps).first(1)).ok());
  EXPECT_EQ(database.QueryInt("PRAGMA user_version").value(), 1);
  ASSERT_TRUE(Migrate(database, steps).ok());
  ASSERT_TRUE(Migrate(database, steps).ok());
  EXPECT_EQ(database.QueryInt("SELECT sum(y) FROM a").value(), 2);
  const Result<void> older = Migrate(database, std::span(steps).first(1));
  ASSERT_FALSE(older.ok());
  EXPECT_EQ(older.error().reason, kReasonNewerSchema);
}

TEST_F(DatabaseTest, AMigrationThatFailsHalfwayLeavesTheOldSchema) {
  const std::array<const char*, 1> steps = {"CREATE TABLE a(x); CREATE TABLE a(x)"};
  Database database = MustOpen(Options());
  EXPECT_FALSE(Migrate(database, steps).ok());
  EXPECT_EQ(database.QueryInt("PRAGMA user_version").value(), 0);
  EXPECT_EQ(database.QueryInt("SELECT count(*) FROM sqlite_master").value(), 0);
}

TEST_F(DatabaseTest, WhicheverDiskOperationFailsTheDatabaseHoldsAllOrNothing) {
  FaultyDisk disk("all_or_nothing");
  DatabaseOptions options = Options();
  options.vfs = disk.name();
  Database database = MustOpen(options);
  ASSERT_TRUE(database.Execute("CREATE TABLE t(a INTEGER) STRICT").ok());
  std::int64_t expected = 0;
  for (const DiskFault fault : {DiskFault::kFull, DiskFault::kIo, DiskFault::kTornWrite}) {
    bool untouched = false;
    for (int fail_at = 0; !untouched; ++fail_at) {
      ASSERT_LT(fail_at, 100);
      int operation = 0;
      disk.SetScript(
          [&](DiskOperation) { return operation++ == fail_at ? fault : DiskFault::kNone; });
      const bool ok = [&] {
        Result<Transaction> transaction = Transaction::Begin(database);
        if (!transaction.ok()) return false;
        if (!database.Execute("INSERT INTO t VALUES (1), (2)").ok()) return false;
        return transaction->Commit().ok();
      }();
      untouched = operation <= fail_at;
      if (ok) expected += 2;
      disk.SetScript({});
      EXPECT_EQ(database.QueryInt("SELECT count(*) FROM t").value(), expected);
    }
  }
  EXPECT_GE(expected, 6);
}

}  // namespace
}  // namespace tidegate::store
