#include "models/download.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "models/disk.h"
#include "net/http_head.h"
#include "net/task_group.h"

namespace tidegate::models {
namespace {

// The server sends another version of the file, or whole files only: what is there is of no use.
constexpr int kRestartsMax = 2;

Error Wrong(std::string message) {
  return Error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kNever, std::move(message)};
}

// Of a byte-for-byte comparison; weak ones say nothing about bytes.
bool IsStrongEtag(std::string_view etag) {
  return etag.size() >= 2 && etag.size() <= kEtagBytesMax && etag.front() == '"' &&
         etag.back() == '"' &&
         std::all_of(etag.begin(), etag.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// An expired or used-up address that a redirect has named.
bool IsGone(int status) {
  return status == 400 || status == 401 || status == 403 || status == 404 || status == 410;
}

class Run {
 public:
  Run(DownloadTools& tools, DownloadRequest request, net::CancelToken& cancel,
      DownloadProgress progress)
      : tools_(tools),
        request_(std::move(request)),
        cancel_(cancel),
        progress_(std::move(progress)),
        parts_(request_.size, tools.options.part_bytes) {}

  net::Task<Result<Digest>> All();

 private:
  template <typename T>
  net::Task<Result<T>> Work(std::function<Result<T>()> job) {
    return tools_.worker.Run<T>(tools_.shard, std::move(job));
  }
  Result<void> OpenPartial();
  net::Task<Result<void>> FetchAll();
  net::Task<Result<void>> BeginAnew();
  net::Task<Result<void>> ForgetBytes();
  net::Task<void> Connection();
  net::Task<Result<void>> FetchPart(std::size_t part);
  net::Task<Result<void>> TryPart(std::size_t part);
  net::Task<Result<RegistryAnswer>> Ask(std::string fields);
  Result<bool> CheckAnswer(const RegistryAnswer& answer, std::uint64_t from, std::uint64_t to);
  Result<bool> CheckEtag(const RegistryAnswer& answer);
  net::Task<Result<void>> ReadPart(std::size_t part, net::ClientExchange& exchange);
  net::Task<Result<void>> CheckEnd(net::ClientExchange& exchange);
  net::Task<Result<void>> Write(std::size_t part, std::string_view bytes);
  net::Task<Result<void>> HashOn();
  net::Task<Result<void>> SaveState();
  net::Task<Result<Digest>> Finish();
  void SpawnOthers();

  DownloadTools& tools_;
  DownloadRequest request_;
  net::CancelToken& cancel_;
  DownloadProgress progress_;
  DownloadParts parts_;
  std::optional<PartialBlob> partial_;
  std::optional<DownloadTarget> direct_;  // where the registry sends us
  net::TaskGroup* group_ = nullptr;       // of the connections, while there are any
  std::optional<Error> failure_;
  std::uint64_t unsaved_bytes_ = 0;
  std::int64_t saved_at_ = net::MonotonicNow();  // or begun
  int restarts_ = 0;
  bool one_stream_ = false;  // the server sends whole files only
  bool restart_ = false;     // what has come is of no use
  bool spawned_ = false, hashing_ = false, saving_ = false;
};

// --- The whole ---

Result<void> Run::OpenPartial() {
  Result<PartialBlob> partial = request_.digest
                                    ? tools_.blobs.Continue(*request_.digest)
                                    : tools_.blobs.ContinueFrom(request_.target.ToString());
  if (!partial.ok()) return std::move(partial).TakeError();
  partial_.emplace(*std::move(partial));
  TIDEGATE_ASSIGN(const std::optional<std::string> state,
                  ReadDownloadState(partial_->state_path()));
  std::optional<DownloadParts> before;
  if (state) before = DownloadParts::Parse(*state, request_.size);
  // Without its version, parts of a file that no digest names may be of two of them.
  const bool usable = before && (request_.digest || IsStrongEtag(before->etag));
  if (usable) {
    parts_ = *std::move(before);
  } else {
    TIDEGATE_TRY(partial_->Restart());
  }
  return CheckRoom(partial_->path(), request_.size - parts_.written());
}

net::Task<Result<Digest>> Run::All() {
  std::function<Result<void>()> open = [this] { return OpenPartial(); };
  Result<void> step = co_await Work(std::move(open));
  if (!step.ok()) co_return std::move(step).error();
  progress_(request_.size, parts_.written());
  while (!parts_.complete()) {
    step = co_await FetchAll();
    if (!step.ok()) co_return std::move(step).error();
    if (!restart_) continue;
    step = co_await BeginAnew();
    if (!step.ok()) co_return std::move(step).error();
  }
  co_return co_await Finish();
}

// Ends when all is there, nothing more will come, or what has come is of no use.
net::Task<Result<void>> Run::FetchAll() {
  net::TaskGroup group(tools_.shard.io());
  group_ = &group;
  spawned_ = one_stream_;
  {
    const net::CancelToken::Scope scope(cancel_, [&group] { group.Cancel(); });
    group.Spawn(Connection());
    co_await group.Wait();
  }
  group_ = nullptr;
  if (restart_) co_return Result<void>();
  // What has come is worth keeping whatever happened; the error that ended it is told first.
  Result<void> saved;
  if (!parts_.complete()) saved = co_await SaveState();
  if (failure_) co_return *std::move(failure_);
  if (cancel_.cancelled()) co_return cancel_.MakeError();
  co_return saved;
}

net::Task<Result<void>> Run::BeginAnew() {
  restart_ = false;
  failure_.reset();
  if (++restarts_ > kRestartsMax) {
    co_return Wrong(request_.target.ToString() +
                    " is another file each time that it is asked for; try again later");
  }
  co_return co_await ForgetBytes();
}

net::Task<Result<void>> Run::ForgetBytes() {
  parts_ = DownloadParts(request_.size, one_stream_ ? request_.size : tools_.options.part_bytes);
  unsaved_bytes_ = 0;
  std::function<Result<void>()> empty = [this] { return partial_->Restart(); };
  Result<void> done = co_await Work(std::move(empty));
  if (done.ok()) progress_(request_.size, 0);
  co_return done;
}

net::Task<Result<Digest>> Run::Finish() {
  while (partial_->hashed_bytes() < request_.size) {
    if (cancel_.cancelled()) {
      Result<void> saved = co_await SaveState();
      if (!saved.ok()) co_return std::move(saved).error();
      co_return cancel_.MakeError();
    }
    Result<void> hashed = co_await HashOn();
    if (!hashed.ok()) co_return std::move(hashed).error();
  }
  std::function<Result<Digest>()> commit = [this]() -> Result<Digest> {
    if (request_.check) {
      Result<void> checked = request_.check(partial_->path());
      if (!checked.ok()) {
        std::move(*partial_).Discard();
        return std::move(checked).TakeError();
      }
    }
    return std::move(*partial_).Commit(request_.size, request_.digest);
  };
  co_return co_await Work(std::move(commit));
}

// --- One connection ---

net::Task<void> Run::Connection() {
  while (!group_->cancel().cancelled()) {
    const std::optional<std::size_t> part = parts_.Take();
    if (!part) co_return;
    Result<void> got = co_await FetchPart(*part);
    parts_.Release(*part);
    if (got.ok() && !restart_) continue;
    if (!got.ok() && !failure_ && !group_->cancel().cancelled()) failure_ = std::move(got).error();
    group_->Cancel();
  }
}

// The first answer has shown that the server sends parts.
void Run::SpawnOthers() {
  if (std::exchange(spawned_, true)) return;
  for (std::size_t i = 1; i < tools_.options.connections && parts_.HasFree(); ++i) {
    group_->Spawn(Connection());
  }
}

net::Task<Result<void>> Run::FetchPart(std::size_t part) {
  Retries retries(tools_.options.retry);
  while (true) {
    const std::uint64_t before = parts_.next(part);
    Result<void> got = co_await TryPart(part);
    if (got.ok()) co_return got;
    if (group_->cancel().cancelled()) co_return group_->cancel().MakeError();
    // A stream that begins anew each time makes no progress, however much it sends.
    if (!one_stream_ && parts_.next(part) - before >= kDownloadProgressBytes) retries.Progress();
    const bool again = co_await retries.Again(tools_.shard, group_->cancel(), got.error());
    if (!again) co_return got;
    if (!one_stream_ || parts_.next(part) == 0) continue;
    Result<void> forgotten = co_await ForgetBytes();
    if (!forgotten.ok()) co_return forgotten;
    parts_.Take();  // the only one again
  }
}

net::Task<Result<RegistryAnswer>> Run::Ask(std::string fields) {
  net::CancelToken& cancel = group_->cancel();
  if (direct_) {
    Result<RegistryAnswer> answer = co_await request_.access->GetDirect(cancel, *direct_, fields);
    if (!answer.ok() || !IsGone(answer->status)) co_return answer;
    direct_.reset();
  }
  Result<RegistryAnswer> answer = co_await request_.access->Get(cancel, request_.target, fields);
  if (answer.ok() && answer->status / 100 == 2 && answer->target.origin != request_.target.origin) {
    direct_ = answer->target;
  }
  co_return answer;
}

// false = another version than the parts that are there.
Result<bool> Run::CheckEtag(const RegistryAnswer& answer) {
  if (!IsStrongEtag(answer.etag)) return true;
  // Where a digest decides, servers that disagree about the version are believed once.
  if (parts_.etag.empty() || (request_.digest && restarts_ > 0)) {
    parts_.etag = answer.etag;
    return true;
  }
  return parts_.etag == answer.etag;
}

// Whether the body is the bytes from `from` up to `to`; false = it is of no use to what is there.
Result<bool> Run::CheckAnswer(const RegistryAnswer& answer, std::uint64_t from, std::uint64_t to) {
  const std::string who = answer.target.ToString();
  const bool whole = from == 0 && to == request_.size;
  if (answer.status == 200) {
    if (answer.content_length && *answer.content_length != request_.size) {
      return Wrong(who + " has " + std::to_string(*answer.content_length) + " bytes, not " +
                   std::to_string(request_.size) + " as was promised");
    }
    if (whole) return CheckEtag(answer);
    one_stream_ = !IsStrongEtag(answer.etag) || parts_.etag.empty() || answer.etag == parts_.etag;
    return false;
  }
  if (answer.status != 206) return RegistryError(answer, who, "");
  const std::optional<ContentRange> range = ParseContentRange(answer.content_range);
  if (!range || range->first != from || range->last + 1 != to) {
    return Wrong(who + " was asked for bytes " + std::to_string(from) + "-" +
                 std::to_string(to - 1) + " and sends '" + answer.content_range.substr(0, 80) +
                 "'");
  }
  if (range->total != request_.size) {
    return Wrong(who + " has " + std::to_string(range->total) + " bytes, not " +
                 std::to_string(request_.size) + " as was promised");
  }
  if (answer.content_length && *answer.content_length != to - from) {
    return Wrong(who + " sends " + std::to_string(*answer.content_length) + " bytes for " +
                 std::to_string(to - from));
  }
  return CheckEtag(answer);
}

net::Task<Result<void>> Run::TryPart(std::size_t part) {
  const std::uint64_t from = parts_.next(part), to = parts_.end(part);
  std::string fields;
  if (from > 0 || to < request_.size) {
    net::AppendField(fields, "range",
                     "bytes=" + std::to_string(from) + "-" + std::to_string(to - 1));
    const bool tied = IsStrongEtag(parts_.etag) && (!request_.digest || restarts_ == 0);
    if (tied) net::AppendField(fields, "if-range", parts_.etag);
  }
  Result<RegistryAnswer> answer = co_await Ask(std::move(fields));
  if (!answer.ok()) co_return std::move(answer).error();
  const Result<bool> usable = CheckAnswer(*answer, from, to);
  if (!usable.ok()) co_return usable.error();
  if (!*usable) {
    restart_ = true;
    co_return Result<void>();
  }
  if (answer->status == 206) SpawnOthers();
  const net::CancelToken::Scope scope(group_->cancel(), [&answer] { answer->exchange.Abort(); });
  co_return co_await ReadPart(part, answer->exchange);
}

// --- Bytes ---

net::Task<Result<void>> Run::ReadPart(std::size_t part, net::ClientExchange& exchange) {
  std::string gathered;
  std::uint64_t left = parts_.end(part) - parts_.next(part);
  net::SleepTimer timer(tools_.shard);
  Result<void> ended;
  while (left > 0 && ended.ok()) {
    const Result<std::string_view> piece = co_await exchange.ReadBody();
    if (!piece.ok()) {
      ended = piece.error();
    } else if (piece->empty()) {
      Error cut = Wrong("the answer ends " + std::to_string(left) + " bytes too early");
      cut.reason = "cut";
      ended = std::move(cut);
    } else if (piece->size() > left) {
      ended = Wrong("the answer is longer than it should be");
    } else {
      gathered += *piece;
      left -= piece->size();
      const std::int64_t now = net::MonotonicNow();
      const std::int64_t due = tools_.bandwidth.Charge(piece->size(), now);
      if (due > now) {
        const bool go_on = co_await timer.SleepUntil(group_->cancel(), due);
        if (!go_on) ended = group_->cancel().MakeError();
      }
    }
    const bool enough = gathered.size() >= tools_.options.write_bytes || left == 0 || !ended.ok();
    if (gathered.empty() || !enough) continue;
    Result<void> written = co_await Write(part, gathered);
    if (!written.ok()) co_return written;
    gathered.clear();
  }
  if (!ended.ok()) co_return ended;
  co_return co_await CheckEnd(exchange);
}

// The bytes are all there: is it the end of the answer as well?
net::Task<Result<void>> Run::CheckEnd(net::ClientExchange& exchange) {
  if (exchange.complete()) co_return Result<void>();
  const Result<std::string_view> more = co_await exchange.ReadBody();
  // How the connection ends does not matter any more.
  if (more.ok() && !more->empty()) co_return Wrong("the answer is longer than it should be");
  co_return Result<void>();
}

net::Task<Result<void>> Run::Write(std::size_t part, std::string_view bytes) {
  std::function<Result<void>()> write = [this, offset = parts_.next(part), bytes] {
    return partial_->WriteAt(offset, bytes);
  };
  Result<void> written = co_await Work(std::move(write));
  if (!written.ok()) co_return written;
  parts_.Wrote(part, bytes.size());
  unsaved_bytes_ += bytes.size();
  progress_(request_.size, parts_.written());
  if (!hashing_ && parts_.contiguous() >= partial_->hashed_bytes() + kDownloadHashBytes) {
    hashing_ = true;
    Result<void> hashed = co_await HashOn();
    hashing_ = false;
    if (!hashed.ok()) co_return hashed;
  }
  const bool due = unsaved_bytes_ >= tools_.options.sync_bytes ||
                   net::MonotonicNow() - saved_at_ >= tools_.options.sync_nanos;
  if (due && !saving_ && !one_stream_) {
    saving_ = true;
    Result<void> saved = co_await SaveState();
    saving_ = false;
    if (!saved.ok()) co_return saved;
  }
  co_return Result<void>();
}

net::Task<Result<void>> Run::HashOn() {
  const std::uint64_t to =
      std::min(parts_.contiguous(), partial_->hashed_bytes() + kDownloadHashBytes);
  std::function<Result<void>()> hash = [this, to] { return partial_->HashUpTo(to); };
  co_return co_await Work(std::move(hash));
}

// The state is taken before the bytes are made durable, and stands only after: it never promises
// more than is on the disk.
net::Task<Result<void>> Run::SaveState() {
  unsaved_bytes_ = 0;
  saved_at_ = net::MonotonicNow();
  std::function<Result<void>()> save = [this, state = parts_.ToJson()]() -> Result<void> {
    TIDEGATE_TRY(partial_->Sync());
    return WriteDownloadState(partial_->state_path(), state);
  };
  co_return co_await Work(std::move(save));
}

}  // namespace

net::Task<Result<Digest>> Download(DownloadTools& tools, DownloadRequest request,
                                   net::CancelToken& cancel, DownloadProgress progress) {
  Run run(tools, std::move(request), cancel, std::move(progress));
  co_return co_await run.All();
}

}  // namespace tidegate::models
