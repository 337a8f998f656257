#include "protocols/aws_sigv4/canonical.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/percent_encode.h"

namespace tidegate::protocols::aws_sigv4 {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

std::string Decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = high >= 0 ? HexValue(text[i + 2]) : -1;
    if (low < 0) {
      out.push_back(text[i]);
      continue;
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

// Takes the text up to the next `separator` off the front, and the separator.
std::string_view TakeUpTo(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return taken;
}

std::string Normalised(std::string_view path) {
  std::vector<std::string_view> segments;
  for (std::string_view left = path; !left.empty();) {
    const std::string_view segment = TakeUpTo(left, '/');
    if (segment.empty() || segment == ".") continue;
    if (segment != "..") {
      segments.push_back(segment);
    } else if (!segments.empty()) {
      segments.pop_back();
    }
  }
  std::string out;
  for (const std::string_view segment : segments) {
    out.push_back('/');
    out += segment;
  }
  if (out.empty() || path.ends_with('/')) out.push_back('/');
  return out;
}

// Without the blanks around it, every run of blanks inside as one space.
void AppendHeaderValue(std::string_view value, std::string& out) {
  const std::size_t begin = out.size();
  for (const char c : value) {
    if (!IsBlank(c)) {
      out.push_back(c);
    } else if (out.size() > begin && out.back() != ' ') {
      out.push_back(' ');
    }
  }
  if (out.size() > begin && out.back() == ' ') out.pop_back();
}

void AppendHeader(std::span<const HeaderField> headers, std::string_view name, std::string& out) {
  out += name;
  char separator = ':';
  for (const HeaderField& header : headers) {
    if (!IsNamed(header, name)) continue;
    out.push_back(separator);
    AppendHeaderValue(header.value, out);
    separator = ',';
  }
  out.push_back('\n');
}

// Enough for the canonical request, so that none of its growth leaves a copy of a header behind:
// a session token is among them.
std::size_t Room(const Request& request) {
  std::size_t size = 1024 + 3 * (request.path.size() + request.query.size());
  for (const HeaderField& header : request.headers) {
    size += 2 * header.name.size() + header.value.size() + 4;
  }
  return size;
}

}  // namespace

bool IsNamed(const HeaderField& header, std::string_view lower) {
  return header.name.size() == lower.size() &&
         std::equal(lower.begin(), lower.end(), header.name.begin(),
                    [](char a, char b) { return a == ToLower(b); });
}

std::string CanonicalPath(std::string_view path) {
  std::string out;
  AppendPercentEncoded(out, Normalised(path), '/');
  return out;
}

bool IsNormalPath(std::string_view path) { return Normalised(path) == path; }

std::string CanonicalQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    std::string_view value = TakeUpTo(query, '&');
    if (value.empty()) continue;
    const std::string_view name = TakeUpTo(value, '=');
    auto& parameter = parameters.emplace_back();
    AppendPercentEncoded(parameter.first, Decoded(name));
    AppendPercentEncoded(parameter.second, Decoded(value));
  }
  std::ranges::sort(parameters);
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out.push_back('&');
    out += name;
    out.push_back('=');
    out += value;
  }
  return out;
}

std::string CanonicalRequest(const Request& request, std::span<const std::string_view> signed_names,
                             std::string_view payload_hash) {
  std::string out;
  out.reserve(Room(request));
  out += request.method;
  out.push_back('\n');
  out += CanonicalPath(request.path);
  out.push_back('\n');
  out += CanonicalQuery(request.query);
  out.push_back('\n');
  for (const std::string_view name : signed_names) AppendHeader(request.headers, name, out);
  char separator = '\n';
  for (const std::string_view name : signed_names) {
    out.push_back(separator);
    out += name;
    separator = ';';
  }
  out.push_back('\n');
  out += payload_hash;
  return out;
}

std::string ScopeOf(std::string_view day, std::string_view region, std::string_view service) {
  std::string scope;
  for (const std::string_view part : {day, region, service}) {
    scope += part;
    scope.push_back('/');
  }
  scope += kScopeEnd;
  return scope;
}

std::string StringToSign(std::string_view amz_date, std::string_view scope,
                         std::string_view canonical_request) {
  std::string out(kAlgorithm);
  out.push_back('\n');
  out += amz_date;
  out.push_back('\n');
  out += scope;
  out.push_back('\n');
  out += ToHex(ComputeSha256(canonical_request));
  return out;
}

}  // namespace tidegate::protocols::aws_sigv4
