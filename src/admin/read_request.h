// What the body of a request asks for.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "admin/views.h"
#include "base/ascii.h"
#include "base/result.h"
#include "net/async.h"
#include "net/server.h"

namespace tidegate::admin {

// A page in a browser may send forms to any address without asking; JSON it may not.
inline Result<void> RequireType(const net::HttpHead& head, std::string_view wanted) {
  const std::string_view type = head.Find("content-type").value_or(wanted);
  const std::string_view essence = net::Trim(type.substr(0, type.find(';')));
  if (EqualsIgnoreCase(essence, wanted)) return {};
  return InvalidArgument("Content-Type", "send the body as " + std::string(wanted));
}

// Of JSON of at most so many bytes, as `read` takes it.
template <typename Request>
net::Task<Result<Request>> ReadRequest(net::Exchange& exchange, std::size_t bytes_max,
                                       Result<Request> (*read)(std::string_view)) {
  Result<void> type = RequireType(exchange.head(), "application/json");
  if (!type.ok()) co_return std::move(type).error();
  const Result<std::string_view> body = co_await exchange.ReadBody(bytes_max);
  if (!body.ok()) co_return body.error();
  co_return read(*body);
}

// Of a route that wants POST; `why` is a sentence for whoever came otherwise.
inline net::Task<void> AnswerUsePost(net::Exchange& exchange, std::string why) {
  const Error error = InvalidArgument("method", std::move(why));
  (void)co_await exchange.Respond(405, "content-type: application/json\r\nallow: POST\r\n",
                                  EncodeError(error));
}

}  // namespace tidegate::admin
