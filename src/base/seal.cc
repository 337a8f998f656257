#include "base/seal.h"

#include <array>
#include <limits>

#include <openssl/evp.h>

#include "base/check.h"
#include "base/digest.h"

namespace tidegate {
namespace {

constexpr std::size_t kNonceBytes = 12;

struct Free {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, Free>;

// Which piece it is and whether it is the last: what makes order and end part of the encryption.
using Nonce = std::array<unsigned char, kNonceBytes>;
Nonce NonceOf(std::uint64_t piece, bool last) {
  Nonce nonce{};
  for (std::size_t i = 0; i < sizeof piece; ++i) {
    nonce[i] = static_cast<unsigned char>(piece >> (8 * (sizeof piece - 1 - i)));
  }
  nonce.back() = last ? 1 : 0;
  return nonce;
}

unsigned char* Bytes(char* text) { return reinterpret_cast<unsigned char*>(text); }
const unsigned char* Bytes(const char* text) {
  return reinterpret_cast<const unsigned char*>(text);
}

int Size(std::size_t size) {
  CHECK(size <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
  return static_cast<int>(size);
}

// What both directions hold.
struct Pieces {
  Pieces(const Secret& key, std::string_view of_context, bool encrypts)
      : context(EVP_CIPHER_CTX_new()), known(of_context), next(0) {
    CHECK(context && key.Reveal().size() == kSealKeyBytes);
    CHECK(EVP_CipherInit_ex2(context.get(), EVP_aes_256_gcm(), Bytes(key.Reveal().data()), nullptr,
                             encrypts ? 1 : 0, nullptr) == 1);
  }
  // Begins the next piece: its nonce, then what is authenticated with it.
  void Begin(bool last) {
    const Nonce nonce = NonceOf(next++, last);
    CHECK(EVP_CipherInit_ex2(context.get(), nullptr, nullptr, nonce.data(), -1, nullptr) == 1);
    int done = 0;
    CHECK(EVP_CipherUpdate(context.get(), nullptr, &done, Bytes(known.data()),
                           Size(known.size())) == 1);
  }
  void Update(std::string_view in, char* out) {
    if (in.empty()) return;
    int done = 0;
    CHECK(EVP_CipherUpdate(context.get(), Bytes(out), &done, Bytes(in.data()), Size(in.size())) ==
          1);
  }
  bool Finish() {
    unsigned char none = 0;
    int done = 0;
    return EVP_CipherFinal_ex(context.get(), &none, &done) == 1;
  }

  Context context;
  const std::string known;
  std::uint64_t next;
};

}  // namespace

Secret DeriveKey(const Secret& key, std::string_view purpose) {
  return Secret(std::string(AsBytes(ComputeHmacSha256(key.Reveal(), purpose))));
}

struct Sealer::State : Pieces {
  using Pieces::Pieces;
  bool ended = false;
};

Sealer::Sealer(const Secret& key, std::string_view context)
    : state_(std::make_unique<State>(key, context, true)) {}
Sealer::Sealer(Sealer&&) noexcept = default;
Sealer::~Sealer() = default;

void Sealer::Seal(std::string_view piece, bool last, std::string& out) {
  CHECK(!state_->ended);
  state_->ended = last;
  state_->Begin(last);
  const std::size_t at = out.size();
  out.resize(at + piece.size() + kSealTagBytes);
  state_->Update(piece, out.data() + at);
  CHECK(state_->Finish());
  CHECK(EVP_CIPHER_CTX_ctrl(state_->context.get(), EVP_CTRL_AEAD_GET_TAG, kSealTagBytes,
                            out.data() + at + piece.size()) == 1);
}

struct Opener::State : Pieces {
  using Pieces::Pieces;
  bool ended = false;
};

Opener::Opener(const Secret& key, std::string_view context)
    : state_(std::make_unique<State>(key, context, false)) {}
Opener::Opener(Opener&&) noexcept = default;
Opener::~Opener() = default;

Result<void> Opener::Open(std::string_view sealed, bool last, std::string& out) {
  const Error error = InvalidArgument("", "it was changed, or sealed with another key");
  if (state_->ended || sealed.size() < kSealTagBytes) {
    state_->ended = true;
    return error;
  }
  state_->ended = last;
  const std::string_view piece = sealed.substr(0, sealed.size() - kSealTagBytes);
  std::string tag(sealed.substr(piece.size()));  // the call below takes it as not const
  state_->Begin(last);
  const std::size_t at = out.size();
  out.resize(at + piece.size());
  state_->Update(piece, out.data() + at);
  CHECK(EVP_CIPHER_CTX_ctrl(state_->context.get(), EVP_CTRL_AEAD_SET_TAG, kSealTagBytes,
                            tag.data()) == 1);
  if (state_->Finish()) return {};
  out.resize(at);
  state_->ended = true;
  return error;
}

}  // namespace tidegate
