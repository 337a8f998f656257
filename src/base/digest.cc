#include "base/digest.h"

#include <memory>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sys/random.h>

#include "base/check.h"

namespace tidegate {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

struct Free {
  void operator()(EVP_MD* algorithm) const { EVP_MD_free(algorithm); }
  void operator()(EVP_MD_CTX* state) const { EVP_MD_CTX_free(state); }
  void operator()(EVP_MAC* algorithm) const { EVP_MAC_free(algorithm); }
  void operator()(EVP_MAC_CTX* state) const { EVP_MAC_CTX_free(state); }
};

struct Sha256Context {
  std::unique_ptr<EVP_MD, Free> algorithm{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
  std::unique_ptr<EVP_MD_CTX, Free> state{EVP_MD_CTX_new()};
  Sha256Context() { CHECK(algorithm && state); }
};

}  // namespace

struct Sha256Stream::State : Sha256Context {};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {
  CHECK(EVP_DigestInit_ex2(state_->state.get(), state_->algorithm.get(), nullptr) == 1);
}
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;
Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::Update(std::string_view bytes) {
  CHECK(EVP_DigestUpdate(state_->state.get(), bytes.data(), bytes.size()) == 1);
}

Sha256 Sha256Stream::Finish() {
  Sha256 digest{};
  CHECK(EVP_DigestFinal_ex(state_->state.get(), digest.data(), nullptr) == 1);
  return digest;
}

namespace {

// HMAC-SHA-256 under a key that is no secret, to be copied: OpenSSL 3.0 copies no state that has
// not begun, and to set one up by name costs more than a short message does.
std::unique_ptr<EVP_MAC_CTX, Free> MakeHmacTemplate() {
  const std::unique_ptr<EVP_MAC, Free> algorithm(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  std::unique_ptr<EVP_MAC_CTX, Free> state(EVP_MAC_CTX_new(algorithm.get()));
  CHECK(state);
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  const unsigned char key = 0;
  CHECK(EVP_MAC_init(state.get(), &key, sizeof key, params) == 1);
  return state;
}

}  // namespace

Sha256 ComputeSha256(std::string_view bytes) { return ComputeSha256({&bytes, 1}); }

Sha256 ComputeSha256(std::span<const std::string_view> pieces) {
  Sha256 digest{};
  // Looking the algorithm up costs several times what hashing something as short as a key does, so
  // each thread does it once.
  thread_local const Sha256Context context;
  CHECK(EVP_DigestInit_ex2(context.state.get(), context.algorithm.get(), nullptr) == 1);
  for (const std::string_view piece : pieces) {
    CHECK(EVP_DigestUpdate(context.state.get(), piece.data(), piece.size()) == 1);
  }
  CHECK(EVP_DigestFinal_ex(context.state.get(), digest.data(), nullptr) == 1);
  return digest;
}

Sha256 ComputeHmacSha256(std::string_view key, std::string_view message) {
  thread_local const std::unique_ptr<EVP_MAC_CTX, Free> hmac = MakeHmacTemplate();
  // A copy for each key, so that none is left behind in a state that lives on.
  const std::unique_ptr<EVP_MAC_CTX, Free> state(EVP_MAC_CTX_dup(hmac.get()));
  CHECK(state);
  // No key would mean "the one before"; an empty one is a key.
  const std::string_view begin = key.empty() ? std::string_view("") : key;
  CHECK(EVP_MAC_init(state.get(), reinterpret_cast<const unsigned char*>(begin.data()),
                     begin.size(), nullptr) == 1);
  CHECK(EVP_MAC_update(state.get(), reinterpret_cast<const unsigned char*>(message.data()),
                       message.size()) == 1);
  Sha256 code{};
  std::size_t size = 0;
  CHECK(EVP_MAC_final(state.get(), code.data(), &size, code.size()) == 1);
  CHECK(size == code.size());
  return code;
}

std::string_view AsBytes(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string ToHex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

std::string ToHex(const Sha256& digest) { return ToHex(AsBytes(digest)); }

std::optional<Sha256> ParseSha256(std::string_view text) {
  Sha256 digest{};
  if (text.size() != digest.size() * 2) return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const int high = HexValue(text[2 * i]);
    const int low = HexValue(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

void RandomBytes(void* out, std::size_t size) {
  auto* bytes = static_cast<unsigned char*>(out);
  while (size > 0) {
    const ssize_t got = getrandom(bytes, size, 0);
    CHECK(got > 0);
    bytes += got;
    size -= static_cast<std::size_t>(got);
  }
}

std::string RandomHex(std::size_t size) {
  std::string bytes(size, '\0');
  RandomBytes(bytes.data(), bytes.size());
  return ToHex(bytes);
}

}  // namespace tidegate
