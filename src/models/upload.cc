#include "models/upload.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string>
#include <unistd.h>
#include <utility>

#include "models/disk.h"
#include "net/deadline.h"
#include "net/http_head.h"
#include "net/sleep.h"

namespace tidegate::models {
namespace {

Error Wrong(std::string message) {
  return Error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kNever, std::move(message)};
}

// Of an upload that has to begin anew.
bool IsForgotten(int status) { return status == 404 || status == 416; }

class Run {
 public:
  Run(UploadTools& tools, UploadRequest request, net::CancelToken& cancel, UploadProgress progress)
      : tools_(tools),
        request_(std::move(request)),
        cancel_(cancel),
        progress_(std::move(progress)),
        what_("blob " + request_.piece.digest.Short() + " of " + request_.name.Short()) {}

  net::Task<Result<void>> All();

 private:
  std::uint64_t size() const { return request_.piece.size; }
  net::Task<Result<void>> Try();
  net::Task<Result<bool>> IsThere();
  net::Task<Result<void>> Locate();
  net::Task<Result<void>> Begin();
  net::Task<Result<void>> SendPart();
  net::Task<Result<void>> Finish();
  net::Task<Result<RegistryAnswer>> Send(std::string_view method, DownloadTarget target,
                                         std::string fields, std::uint64_t bytes);
  net::Task<Result<std::string_view>> Read(std::uint64_t at, std::uint64_t end);
  net::Task<Result<void>> Refused(RegistryAnswer answer);
  Result<void> TakeLocation(const RegistryAnswer& answer);
  Result<void> TakeRange(const RegistryAnswer& answer, std::uint64_t expected);
  Result<void> Open();
  void Tell(std::uint64_t completed);

  UploadTools& tools_;
  const UploadRequest request_;
  net::CancelToken& cancel_;
  const UploadProgress progress_;
  const std::string what_;
  UniqueFd file_;
  std::string buffer_;
  std::optional<DownloadTarget> location_;  // of the upload, as the registry has said last
  std::uint64_t offset_ = 0;                // as much of it the registry has
  std::uint64_t furthest_ = 0;              // of all tries
  std::uint64_t told_ = 0;
};

net::Task<Result<void>> Run::All() {
  std::function<Result<void>()> open = [this] { return Open(); };
  Result<void> opened = co_await tools_.worker.Run<void>(tools_.shard, std::move(open));
  if (!opened.ok()) co_return opened;
  Retries retries(tools_.options.retry);
  while (true) {
    const std::uint64_t before = furthest_;
    Result<void> done = co_await Try();
    if (done.ok()) co_return done;
    if (furthest_ > before) retries.Progress();
    const bool again = co_await retries.Again(tools_.shard, cancel_, done.error());
    if (cancel_.cancelled()) co_return cancel_.MakeError();
    if (!again) co_return done;
  }
}

Result<void> Run::Open() {
  TIDEGATE_ASSIGN(file_, tools_.blobs.OpenBlob(request_.piece.digest));
  const std::optional<FileFacts> facts = FactsOf(file_);
  if (facts && facts->size == size()) return {};
  Error error{ErrorCode::kConflict, ErrorSource::kGateway, Retry::kNever,
              what_ + " has not the size that its manifest says; pull the model again"};
  error.reason = "blob_damaged";
  return error;
}

net::Task<Result<void>> Run::Try() {
  const Result<bool> there = co_await IsThere();
  if (!there.ok()) co_return there.error();
  if (*there) {
    Tell(size());
    co_return Result<void>();
  }
  Result<void> located = co_await Locate();
  if (!located.ok()) co_return located;
  const bool whole = offset_ == 0 && size() <= tools_.options.part_bytes;
  while (!whole && offset_ < size()) {
    Result<void> sent = co_await SendPart();
    if (!sent.ok()) co_return sent;
  }
  co_return co_await Finish();
}

net::Task<Result<bool>> Run::IsThere() {
  const RemotePiece& piece = request_.piece;
  Result<RegistryAnswer> answer = co_await request_.access->Head(
      cancel_, BlobTarget(request_.access->config().origin, request_.name, piece.digest));
  if (!answer.ok()) co_return std::move(answer).error();
  if (answer->status == 404) co_return false;
  if (answer->status / 100 != 2) co_return RegistryError(*answer, what_, "");
  const Result<void> same = CheckContentDigest(*answer, piece.digest);
  if (!same.ok()) co_return same.error();
  if (answer->content_length.value_or(size()) != size()) {
    co_return Wrong(what_ + ": the registry has " + std::to_string(*answer->content_length) +
                    " bytes under this digest, and here it has " + std::to_string(size()));
  }
  co_return true;
}

// Asks how far the upload came, or begins one.
net::Task<Result<void>> Run::Locate() {
  if (!location_) co_return co_await Begin();
  Result<RegistryAnswer> answer = co_await request_.access->Get(cancel_, *location_, "");
  if (!answer.ok()) co_return std::move(answer).error();
  const std::optional<std::uint64_t> came = ParseUploadRange(answer->range);
  // Only so that the connection can be used again.
  (void)co_await RegistryClient::ReadBody(cancel_, *answer, kErrorBodyBytesMax);
  const bool known = answer->status / 100 == 2 && came && *came <= size();
  if (!known) co_return co_await Begin();
  offset_ = *came;
  if (answer->location.empty()) co_return Result<void>();
  co_return TakeLocation(*answer);
}

net::Task<Result<void>> Run::Begin() {
  location_.reset();
  offset_ = 0;
  Result<RegistryAnswer> answer =
      co_await Send("POST", UploadsTarget(request_.access->config().origin, request_.name), "", 0);
  if (!answer.ok()) co_return std::move(answer).error();
  if (answer->status / 100 != 2) co_return co_await Refused(*std::move(answer));
  co_return TakeLocation(*answer);
}

net::Task<Result<void>> Run::SendPart() {
  const std::uint64_t bytes = std::min(tools_.options.part_bytes, size() - offset_);
  std::string fields;
  net::AppendField(fields, "content-type", "application/octet-stream");
  net::AppendField(fields, "content-range",
                   std::to_string(offset_) + "-" + std::to_string(offset_ + bytes - 1));
  Result<RegistryAnswer> answer = co_await Send("PATCH", *location_, fields, bytes);
  if (!answer.ok()) co_return std::move(answer).error();
  if (answer->status / 100 != 2) co_return co_await Refused(*std::move(answer));
  Result<void> taken = TakeLocation(*answer);
  if (!taken.ok()) co_return taken;
  co_return TakeRange(*answer, offset_ + bytes);
}

// With all that the registry does not have yet.
net::Task<Result<void>> Run::Finish() {
  DownloadTarget target = *location_;
  target.path += target.path.find('?') == std::string::npos ? '?' : '&';
  target.path += "digest=" + request_.piece.digest.ToString();
  std::string fields;
  net::AppendField(fields, "content-type", "application/octet-stream");
  Result<RegistryAnswer> answer =
      co_await Send("PUT", std::move(target), std::move(fields), size() - offset_);
  if (!answer.ok()) co_return std::move(answer).error();
  if (answer->status / 100 != 2) co_return co_await Refused(*std::move(answer));
  Result<void> same = CheckContentDigest(*answer, request_.piece.digest);
  if (same.ok()) Tell(size());
  co_return same;
}

// The next `bytes` behind those that the registry has.
net::Task<Result<RegistryAnswer>> Run::Send(std::string_view method, DownloadTarget target,
                                            std::string fields, std::uint64_t bytes) {
  const std::uint64_t from = offset_;
  RegistryRequest request{std::string(method), std::move(target), std::move(fields), {}};
  request.body = {bytes,
                  [this, from, bytes](std::uint64_t at) { return Read(from + at, from + bytes); }};
  co_return co_await request_.access->Send(cancel_, std::move(request));
}

net::Task<Result<std::string_view>> Run::Read(std::uint64_t at, std::uint64_t end) {
  const auto wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(end - at, tools_.options.read_bytes));
  std::function<Result<std::size_t>()> job = [this, at, wanted]() -> Result<std::size_t> {
    buffer_.resize(std::max(buffer_.size(), wanted));
    ssize_t got = 0;
    do {
      got = pread(file_.get(), buffer_.data(), wanted, static_cast<off_t>(at));
    } while (got < 0 && errno == EINTR);
    if (got > 0) return static_cast<std::size_t>(got);
    return DiskError("read", what_, got < 0 ? errno : EIO);  // shorter than it was
  };
  const Result<std::size_t> got =
      co_await tools_.worker.Run<std::size_t>(tools_.shard, std::move(job));
  if (!got.ok()) co_return got.error();
  const std::int64_t now = net::MonotonicNow();
  const std::int64_t due = tools_.bandwidth.Charge(*got, now);
  if (due > now) {
    net::SleepTimer timer(tools_.shard);
    const bool waited = co_await timer.SleepUntil(cancel_, due);
    if (!waited) co_return cancel_.MakeError();
  }
  Tell(at + *got);
  co_return std::string_view(buffer_).substr(0, *got);
}

net::Task<Result<void>> Run::Refused(RegistryAnswer answer) {
  const Result<std::string> said =
      co_await RegistryClient::ReadBody(cancel_, answer, kErrorBodyBytesMax);
  Error error = RegistryError(answer, what_, said.ok() ? *said : std::string());
  if (IsForgotten(answer.status) && location_) {
    location_.reset();
    error.code = ErrorCode::kUnavailable;
    error.retry = Retry::kSameTarget;
  }
  co_return error;
}

Result<void> Run::TakeLocation(const RegistryAnswer& answer) {
  if (answer.location.empty()) return Wrong(what_ + ": the registry does not say where to send it");
  TIDEGATE_ASSIGN(DownloadTarget next, FollowLocation(answer.target, answer.location));
  if (next.origin != request_.access->config().origin) {
    Error error{ErrorCode::kPermissionDenied, ErrorSource::kUpstream, Retry::kNever,
                "registry " + request_.access->config().host + " wants what is pushed at " +
                    next.origin.ToString() + ", which is another address than its own"};
    error.reason = "foreign_location";
    return error;
  }
  location_ = std::move(next);
  return {};
}

// `expected`: what the registry has if it took the whole part.
Result<void> Run::TakeRange(const RegistryAnswer& answer, std::uint64_t expected) {
  const std::uint64_t has = ParseUploadRange(answer.range).value_or(expected);
  if (has > expected) return Wrong(what_ + ": the registry says that it has more than was sent");
  if (has <= offset_) {
    return Unavailable(ErrorSource::kUpstream, what_ + ": the registry has taken none of a part");
  }
  offset_ = has;
  furthest_ = std::max(furthest_, offset_);
  return {};
}

// What is sent again is not told again.
void Run::Tell(std::uint64_t completed) {
  told_ = std::max(told_, completed);
  progress_(size(), told_);
}

}  // namespace

net::Task<Result<void>> Upload(UploadTools& tools, UploadRequest request, net::CancelToken& cancel,
                               UploadProgress progress) {
  Run run(tools, std::move(request), cancel, std::move(progress));
  co_return co_await run.All();
}

std::optional<std::uint64_t> ParseUploadRange(std::string_view field) {
  constexpr std::string_view kUnit = "bytes=";
  if (field.starts_with(kUnit)) field.remove_prefix(kUnit.size());
  if (!field.starts_with("0-")) return std::nullopt;
  field.remove_prefix(2);
  std::uint64_t last = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), last);
  const bool whole = error == std::errc() && end == field.data() + field.size();
  if (!whole || last >= kLayerBytesMax) return std::nullopt;
  return last == 0 ? 0 : last + 1;
}

Result<void> CheckContentDigest(const RegistryAnswer& answer, const Digest& digest) {
  if (answer.content_digest.empty()) return {};
  const Result<Digest> said = Digest::Parse(answer.content_digest, "Docker-Content-Digest");
  if (said.ok() && *said == digest) return {};
  Error error = Wrong("the registry took " + digest.ToString() +
                      " for something else; its digest " + "of what it has is another");
  error.reason = "digest_mismatch";
  return error;
}

}  // namespace tidegate::models
