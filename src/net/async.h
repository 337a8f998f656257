// The few names of Asio that the rest of the program uses.
//
// Everything asynchronous is a coroutine `Task<T>` on the io_context of one shard. Await operations
// with `kAwait`: it yields a tuple (error_code, …) and allocates no coroutine frame of its own.
// Parameters of spawned coroutines are passed by value.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>

namespace tidegate::net {

namespace asio = boost::asio;
using boost::system::error_code;
using Executor = asio::io_context::executor_type;
template <typename T>
using Task = asio::awaitable<T, Executor>;
inline constexpr auto kAwait = asio::as_tuple(asio::deferred);

}  // namespace tidegate::net
