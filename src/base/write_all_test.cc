#include "base/write_all.h"

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <string>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/unique_fd.h"

namespace tidegate {
namespace {

class WriteAllTest : public ::testing::Test {
 protected:
  WriteAllTest() {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    out_ = UniqueFd(ends[0]);
    in_ = UniqueFd(ends[1]);
  }
  UniqueFd in_, out_;
};

TEST_F(WriteAllTest, WritesMoreThanFitsAtOnce) {
  const std::string bytes(1U << 20U, 'x');  // a pipe holds less
  std::string got;
  std::thread reader([&] {
    char piece[4096];
    for (ssize_t size; (size = read(out_.get(), piece, sizeof piece)) > 0;) {
      got.append(piece, static_cast<std::size_t>(size));
    }
  });
  EXPECT_TRUE(WriteAll(in_.get(), bytes));
  in_.Close();
  reader.join();
  EXPECT_EQ(got, bytes);
}

TEST_F(WriteAllTest, SaysWhyItCouldNot) {
  EXPECT_FALSE(WriteAll(out_.get(), "x"));  // the end to read from
  EXPECT_EQ(errno, EBADF);
  EXPECT_TRUE(WriteAll(out_.get(), ""));
}

}  // namespace
}  // namespace tidegate
