#include "cli/transfer_progress.h"

#include <gtest/gtest.h>

#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/transfer_screen.h"

namespace tidegate::cli {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
const std::string kDigest =
    "sha256:8eeb52dfb3bb9aefdf9d1ef24b3bdbcfbe82238798c4b918278320b6fcef18fe";

TransferStatus Layer(std::int64_t completed, std::int64_t total, const std::string& digest) {
  return {"pulling " + digest.substr(7, 12), digest, total, completed};
}

using Rows = std::vector<std::string>;

TEST(TransferProgress, AFileIsARowWithItsBarItsRateAndTheTimeLeft) {
  TransferProgress progress;
  progress.Take({"pulling manifest", "", 0, 0}, 0);
  EXPECT_EQ(progress.Live(100, 0, Paint(false)), Rows{"pulling manifest ⠋"});
  progress.Take(Layer(0, 4'700'000'000, kDigest), 0);  // nothing of it has come: no row yet
  progress.Take(Layer(1'000'000'000, 4'700'000'000, kDigest), kSecond);
  progress.Take(Layer(2'000'000'000, 4'700'000'000, kDigest), 6 * kSecond);
  EXPECT_EQ(progress.TakeFinished(100), Rows{"pulling manifest"});
  const Rows live = progress.Live(80, 0, Paint(false));
  EXPECT_EQ(live,
            Rows{"pulling 8eeb52dfb3bb:  42% ▕███████          ▏ 2.0 GB/4.7 GB  200 MB/s  14s"});
  progress.Take(Layer(4'700'000'000, 4'700'000'000, kDigest), 20 * kSecond);
  progress.Take({"verifying sha256 digest", "", 0, 0}, 20 * kSecond);
  EXPECT_EQ(progress.TakeFinished(80),
            Rows{"pulling 8eeb52dfb3bb: 100% ▕█████████████████▏ 4.7 GB"});
  progress.End(true);
  EXPECT_EQ(progress.TakeFinished(80), Rows{"verifying sha256 digest"});
  EXPECT_EQ(progress.TakeFinished(80), Rows{});
}

TEST(TransferProgress, SeveralFilesMoveAtOnceAndAreHandedOutInTheirOrder) {
  TransferProgress progress;
  const std::string other = "sha256:" + std::string(64, 'a');
  progress.Take(Layer(10, 100, kDigest), 0);
  progress.Take(Layer(50, 50, other), 0);
  EXPECT_EQ(progress.TakeFinished(0), Rows{});
  EXPECT_EQ(progress.Live(0, 0, Paint(false)).size(), 2U);
  progress.Take(Layer(100, 100, kDigest), kSecond);
  EXPECT_EQ(progress.TakeFinished(0),
            (Rows{"pulling 8eeb52dfb3bb: 100% 100 B", "pulling aaaaaaaaaaaa: 100% 50 B"}));
  progress.Take(Layer(50, 50, other), 2 * kSecond);  // said again: no new row
  EXPECT_EQ(progress.TakeFinished(0), Rows{});
}

TEST(TransferProgress, AStepThatIsASentenceIsReadToItsEnd) {
  TransferProgress progress;
  const std::string words =
      "keeping the template, which has no effect: it uses .Weather, which is "
      "not known here; the engine uses the one in the weights";
  progress.Take({words, "", 0, 0}, 0);
  EXPECT_EQ(progress.Live(40, 0, Paint(false)), Rows{"keeping the template, which has no ef… ⠋"});
  progress.Take({words, "", 0, 0}, 0);  // said again: the same step
  progress.End(true);
  TransferProgress other = progress;
  EXPECT_EQ(other.TakeFinished(0), Rows{words});
  EXPECT_EQ(progress.TakeFinished(70),
            (Rows{"keeping the template, which has no effect: it uses .Weather, which is",
                  "not known here; the engine uses the one in the weights"}));
}

TEST(TransferProgress, AFailureLeavesWhatIsNotDoneUndone) {
  TransferProgress progress;
  progress.Take(Layer(10, 100, kDigest), 0);
  progress.End(false);
  EXPECT_EQ(progress.TakeFinished(0), Rows{});
  EXPECT_EQ(progress.Live(0, 0, Paint(false)), Rows{"pulling 8eeb52dfb3bb:  10% 10 B/100 B"});
}

TEST(TransferProgress, NothingThatAServerSaysBreaksTheScreen) {
  TransferProgress progress;
  progress.Take({"evil\x1b[2J\n\r" + std::string(500, 'x'), "", 0, 0}, 0);
  progress.Take({"", "sha256:1", 10, 999}, 0);  // more than there is
  progress.Take({"y", "short", 0, 5}, 0);       // without a total
  for (int i = 0; i < 100; ++i) {
    progress.Take({"", "d" + std::to_string(i), 10, 1}, i * kSecond);
  }
  const Rows finished = progress.TakeFinished(79);
  ASSERT_EQ(finished.size(), 9U);  // the step is eight
  const Rows live = progress.Live(79, 3, Paint(false));
  EXPECT_EQ(live.size(), kTransferRowsMax);
  Rows all = finished;
  all.insert(all.end(), live.begin(), live.end());
  for (const std::string& row : all) {
    EXPECT_LE(DisplayWidth(row), 79U) << row;
    EXPECT_EQ(row.find_first_of("\x1b\n\r"), std::string::npos) << row;
  }
}

TEST(TransferProgress, LinesOfTheProtocolAreReadAndErrorsToldApart) {
  json::Reader reader;
  const Result<TransferStatus> read = ReadTransferLine(
      reader, R"({"status":"pulling 8eeb","digest":"sha256:8eeb","total":10,"completed":3})");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->status, "pulling 8eeb");
  EXPECT_EQ(read->digest, "sha256:8eeb");
  EXPECT_EQ(read->total, 10);
  EXPECT_EQ(read->completed, 3);
  const auto code = [&reader](const char* line) {
    const Result<TransferStatus> bad = ReadTransferLine(reader, line);
    return bad.ok() ? kExitOk : ExitCodeOf(bad.error());
  };
  EXPECT_EQ(code(R"({"error":"pull model manifest: file does not exist"})"), kExitNoInput);
  EXPECT_EQ(code(R"({"error":"no space left"})"), kExitUnavailable);
  EXPECT_EQ(code(R"({"error":"registry.example: Host not found","code":"unavailable"})"),
            kExitUnavailable);
  EXPECT_EQ(code(R"({"error":{"code":"unavailable","message":"Host not found"}})"),
            kExitUnavailable);
  EXPECT_EQ(code(R"({"error":"who are you?","code":"unauthenticated"})"), kExitNoPermission);
  // The gate says a reason where it has one.
  EXPECT_EQ(code(R"({"error":"10.0.0.1 is not a public address","code":"private_address"})"),
            kExitNoPermission);
  EXPECT_EQ(code(R"({"error":"other bytes","code":"digest_mismatch"})"), kExitProtocol);
  EXPECT_EQ(code(R"({"error":"is here already","code":"name_taken"})"), kExitTempFail);
  EXPECT_EQ(code(R"({"total":3})"), kExitProtocol);
  EXPECT_EQ(code(R"({"status":"x","total":"many"})"), kExitProtocol);
  EXPECT_EQ(code("<html>"), kExitProtocol);
}

TEST(TransferScreen, OutsideATerminalEachFileIsOneLineWithoutControls) {
  StringSink out;
  StringSink err;
  Console console{out, err};
  {
    TransferScreen screen(console);
    screen.Take({"pulling manifest", "", 0, 0});
    for (std::int64_t done = 1; done <= 100; ++done) screen.Take(Layer(done, 100, kDigest));
    screen.Take({"success", "", 0, 0});
    screen.End(true);
  }
  EXPECT_EQ(err.text(), "pulling manifest\npulling 8eeb52dfb3bb: 100% 100 B\nsuccess\n");
  EXPECT_EQ(out.text(), "");
}

TEST(TransferScreen, AtATerminalTheLastFrameStays) {
  StringSink out;
  StringSink err;
  Console console{out, err};
  console.err_terminal = true;
  {
    TransferScreen screen(console);
    screen.Take({"pulling manifest", "", 0, 0});
    screen.Take(Layer(100, 100, kDigest));
    screen.Take({"success", "", 0, 0});
    screen.End(true);
  }
  const std::string& text = err.text();
  EXPECT_NE(text.find("pulling 8eeb52dfb3bb: 100% ▕"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("success\n")) << text;
}

}  // namespace
}  // namespace tidegate::cli
