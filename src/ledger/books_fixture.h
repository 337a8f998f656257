// For tests of this folder: books in a directory of their own, with a fake clock and a disk that
// fails on demand.
#pragma once

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/digest.h"
#include "ledger/books.h"
#include "store/faulty_disk.h"

namespace tidegate::ledger {

inline constexpr Money kCent{10'000'000};
inline constexpr Money kDollar{1'000'000'000};

constexpr Money Cents(std::int64_t cents) { return Money{cents * kCent.nanodollars}; }

class BooksFixture : public testing::Test {
 protected:
  BooksFixture()
      : directory_(testing::TempDir() + "tidegate-books-" + RandomHex(8)),
        disk_("books-" + RandomHex(8)) {
    std::filesystem::create_directory(directory_);
    options_.directory = directory_;
    options_.vfs = disk_.name();
    options_.ledger.in_flight_max = 4'096;
    options_.ledger.boot_id = "boot-1";
  }
  ~BooksFixture() override {
    books_.reset();
    std::filesystem::remove_all(directory_);
  }

  Books& OpenBooks() {
    books_.reset();
    Result<std::unique_ptr<Books>> books = Open(options_, clock_);
    EXPECT_TRUE(books.ok()) << Describe(books.error());
    books_ = std::move(books).value();
    return *books_;
  }
  // Copies the files as a crash at this moment would leave them, and opens the copy.
  std::unique_ptr<Books> OpenAsAfterCrash(const std::string& boot_id) {
    const std::string copy = directory_ + "/crash-" + RandomHex(4);
    std::filesystem::create_directory(copy);
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      if (entry.is_regular_file() && entry.path().extension() != ".db-shm") {
        std::filesystem::copy_file(entry.path(), copy + "/" + entry.path().filename().string());
      }
    }
    std::filesystem::remove(copy + "/ledger.db-shm");
    BooksOptions options = options_;
    options.directory = copy;
    options.ledger.boot_id = boot_id;
    Result<std::unique_ptr<Books>> books = Open(options, clock_);
    EXPECT_TRUE(books.ok()) << Describe(books.error());
    return std::move(books).value();
  }

  static ReserveRequest Request(Money worst_case, std::string_view principal = "alice") {
    ReserveRequest request;
    request.id = RequestId{1, 2};
    request.principal = principal;
    request.model = "openai/gpt";
    request.worst_case = worst_case;
    return request;
  }
  static Result<Reservation> Reserve(Ledger& ledger, const ReserveRequest& request) {
    std::promise<Result<Reservation>> promise;
    ledger.Reserve(request,
                   [&](Result<Reservation> result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }
  // Reserves, dispatches and settles.
  static void Spend(Ledger& ledger, Money worst_case, Money actual,
                    std::string_view principal = "alice") {
    Result<Reservation> reservation = Reserve(ledger, Request(worst_case, principal));
    ASSERT_TRUE(reservation.ok()) << Describe(reservation.error());
    ledger.MarkDispatched(*reservation);
    Settlement settlement;
    settlement.actual = actual;
    settlement.usage.input_tokens = 10;
    settlement.usage.output_tokens = 5;
    ledger.Settle(std::move(*reservation), settlement);
  }
  // One row, the sum over everything.
  static SpendRow TotalOf(Books& books, const std::string& principal = "") {
    Result<BookReader> reader = books.OpenReader();
    EXPECT_TRUE(reader.ok()) << Describe(reader.error());
    SpendQuery query;
    query.last_day = 1'000'000;
    query.principal = principal;
    Result<std::vector<SpendRow>> rows = reader->Spend(query);
    EXPECT_TRUE(rows.ok()) << Describe(rows.error());
    return rows->empty() ? SpendRow{} : rows->front();
  }

  FakeClock clock_;
  const std::string directory_;
  store::FaultyDisk disk_;
  BooksOptions options_;
  std::unique_ptr<Books> books_;
};

}  // namespace tidegate::ledger
