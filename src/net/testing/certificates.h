// A certificate authority of a test's own, and what it signs. Not part of the program.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/check.h"

namespace tidegate::net::testing {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

class CertificateAuthority {
 public:
  CertificateAuthority()
      : key_(NewKey()), certificate_(Make("Test CA", "", key_.get(), nullptr, nullptr)) {}

  // Writes the authority's certificate in PEM.
  void WriteTo(const std::string& file) const { WriteCertificate(file, certificate_.get()); }
  // Writes a certificate for `name` (as "DNS:localhost" or "IP:127.0.0.1") and its key.
  void Issue(const std::string& name, const std::string& certificate_file,
             const std::string& key_file) const {
    const Key key = NewKey();
    WriteCertificate(certificate_file,
                     Make("Test server", name, key.get(), certificate_.get(), key_.get()).get());
    std::FILE* out = std::fopen(key_file.c_str(), "wb");
    CHECK(out != nullptr);
    CHECK(PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    CHECK(std::fclose(out) == 0);
  }

 private:
  static Key NewKey() { return Key(EVP_EC_gen("P-256"), &EVP_PKEY_free); }
  static void WriteCertificate(const std::string& file, X509* certificate) {
    std::FILE* out = std::fopen(file.c_str(), "wb");
    CHECK(out != nullptr);
    CHECK(PEM_write_X509(out, certificate) == 1);
    CHECK(std::fclose(out) == 0);
  }
  // Without an issuer it signs itself, as an authority.
  static Certificate Make(const std::string& common_name, const std::string& subject, EVP_PKEY* key,
                          X509* issuer, EVP_PKEY* issuer_key) {
    constexpr long kValidSeconds = 3600;
    Certificate made(X509_new(), &X509_free);
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), issuer == nullptr ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -kValidSeconds);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), kValidSeconds);
    X509_set_pubkey(made.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                               0);
    X509* const signer = issuer == nullptr ? made.get() : issuer;
    X509_set_issuer_name(made.get(), X509_get_subject_name(signer));
    X509V3_CTX context;
    X509V3_set_ctx(&context, signer, made.get(), nullptr, nullptr, 0);
    const int kind = issuer == nullptr ? NID_basic_constraints : NID_subject_alt_name;
    const std::string value = issuer == nullptr ? "critical,CA:TRUE" : subject;
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
    CHECK(extension != nullptr);
    X509_add_ext(made.get(), extension, -1);
    X509_EXTENSION_free(extension);
    CHECK(X509_sign(made.get(), issuer == nullptr ? key : issuer_key, EVP_sha256()) > 0);
    return made;
  }

  Key key_;
  Certificate certificate_;
};

}  // namespace tidegate::net::testing
