#include "net/task.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include "net/async.h"

namespace tidegate::net {
namespace {

Task<int> Ready(int value) { co_return value; }

Task<int> Posted(asio::io_context& io, int value) {
  co_await asio::post(io, kAwait);
  co_return value;
}

Task<int> Sum(asio::io_context& io, bool wait) {
  int sum = co_await Ready(1);
  if (wait) sum += co_await Posted(io, 10);
  sum += co_await Ready(100);
  co_return sum;
}

TEST(Task, RunsOnIntoItsCalleesAndWaitsWhereTheyWait) {
  for (const bool wait : {false, true}) {
    asio::io_context io;
    std::future<int> sum = SpawnFuture(io, Sum(io, wait));
    io.run();
    EXPECT_EQ(sum.get(), wait ? 111 : 101);
  }
}

TEST(Task, StartsOnlyWhenItIsAwaited) {
  bool begun = false;
  const auto begin = [](bool* flag) -> Task<void> {
    *flag = true;
    co_return;
  };
  { const Task<void> never = begin(&begun); }
  EXPECT_FALSE(begun);
}

Task<std::unique_ptr<int>> Fail(asio::io_context& io, bool wait) {
  if (wait) co_await asio::post(io, kAwait);
  throw std::runtime_error("no memory, say");
}

Task<std::string> Catch(asio::io_context& io, bool wait) {
  std::string caught;
  try {
    co_await Fail(io, wait);
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  co_return caught;
}

TEST(Task, AnExceptionReachesWhoeverAwaits) {
  for (const bool wait : {false, true}) {
    asio::io_context io;
    std::future<std::string> caught = SpawnFuture(io, Catch(io, wait));
    std::future<std::unique_ptr<int>> uncaught = SpawnFuture(io, Fail(io, wait));
    io.run();
    EXPECT_EQ(caught.get(), "no memory, say");
    EXPECT_THROW(uncaught.get(), std::runtime_error);
  }
}

Task<long> ManyCallees(asio::io_context& io, long count, long wait_every) {
  long sum = 0;
  for (long i = 0; i < count; ++i) {
    if (i % wait_every == 0) {
      sum += co_await Posted(io, 1);
    } else {
      sum += co_await Ready(1);
    }
  }
  co_return sum;
}

TEST(Task, ALoopOverCalleesDoesNotGrowTheStack) {
  asio::io_context io;
  constexpr long kCount = 1'000'000;
  std::future<long> sum = SpawnFuture(io, ManyCallees(io, kCount, 1'000));
  io.run();
  EXPECT_EQ(sum.get(), kCount);
}

struct Noted {
  explicit Noted(std::string* log_in, char name_in) : log(log_in), name(name_in) {}
  Noted(const Noted&) = delete;
  Noted& operator=(const Noted&) = delete;
  ~Noted() { *log += name; }
  std::string* log;
  char name;
};

Task<void> WaitForEver(asio::io_context& io, std::string* log) {
  const Noted inner(log, 'i');
  asio::steady_timer never(io, asio::steady_timer::time_point::max());
  co_await never.async_wait(kAwait);
  *log += "never";
}

Task<void> WaitForIt(asio::io_context& io, std::string* log) {
  const Noted outer(log, 'o');
  co_await WaitForEver(io, log);
  *log += "never";
}

TEST(Task, WhatStillWaitsWhenItsLoopEndsIsDestroyedFromTheOutermostOn) {
  std::string log;
  bool done = false;
  {
    asio::io_context io;
    Spawn(io, WaitForIt(io, &log), [&done](const std::exception_ptr&) { done = true; });
    io.poll();
    EXPECT_EQ(log, "");
  }
  EXPECT_EQ(log, "io") << "each once, the inner one as a part of the outer";
  EXPECT_FALSE(done);
}

TEST(Task, WhatIsSpawnedFromElsewhereRunsOnTheLoopsThread) {
  asio::io_context io;
  const auto here = [](std::thread::id* ran) -> Task<void> {
    *ran = std::this_thread::get_id();
    co_return;
  };
  std::thread::id ran;
  Spawn(io, here(&ran), [](const std::exception_ptr&) {});
  EXPECT_EQ(ran, std::thread::id()) << "not before the loop runs";
  std::thread loop([&io] { io.run(); });
  const std::thread::id expected = loop.get_id();
  loop.join();
  EXPECT_EQ(ran, expected);
}

TEST(Task, WhatIsSpawnedOnTheLoopRunsAtOnceUpToItsFirstWait) {
  asio::io_context io;
  std::string log;
  asio::post(io, [&] {
    const auto note = [](asio::io_context& loop, std::string* out) -> Task<void> {
      *out += 'a';
      co_await asio::post(loop, kAwait);
      *out += 'c';
    };
    Spawn(io, note(io, &log), [](const std::exception_ptr&) {});
    log += 'b';
  });
  io.run();
  EXPECT_EQ(log, "abc");
}

TEST(Task, AnOperationYieldsWhatItReports) {
  asio::io_context io;
  const auto cancelled = [](asio::io_context& loop) -> Task<error_code> {
    asio::steady_timer timer(loop, asio::steady_timer::time_point::max());
    asio::post(loop, [&timer] { timer.cancel(); });
    const auto [ec] = co_await timer.async_wait(kAwait);
    co_return ec;
  };
  std::future<error_code> ec = SpawnFuture(io, cancelled(io));
  io.run();
  EXPECT_EQ(ec.get(), asio::error::operation_aborted);
}

TEST(Frame, MemoryIsUsableToItsLastByteWhateverItsSize) {
  for (std::size_t size = 1; size < 10'000; size += 37) {
    for (int round = 0; round < 2; ++round) {  // the second time it may be recycled
      auto* const bytes = static_cast<unsigned char*>(AllocateFrame(size));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes) % alignof(std::max_align_t), 0U);
      for (std::size_t i = 0; i < size; ++i) bytes[i] = 0xAB;
      FreeFrame(bytes, size);
    }
  }
}

TEST(Frame, MayBeFreedOnAnotherThread) {
  void* const frame = AllocateFrame(100);
  std::thread([frame] { FreeFrame(frame, 100); }).join();
}

}  // namespace
}  // namespace tidegate::net
