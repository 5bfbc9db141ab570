// SPDX-License-Identifier: MIT
// Files with an owner: at their own position, at places, and what is known and asked of them.
#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <io/fixture.hpp>
#include <sys/stat.h>

using fixture::bytes_of;
using fixture::text_of;
using sluice::open_flags;

namespace {

constexpr auto to_write = open_flags::write | open_flags::create;
constexpr auto for_both = to_write | open_flags::read;

}  // namespace

BOOST_AUTO_TEST_SUITE(file)

CASE_OF_EACH_CONFIG(what_is_written_at_the_position_is_read_back_from_it) {
  const fixture::scratch_folder folder;
  as_root([&] {
    auto out = coro::file::open(folder / "a", to_write);
    BOOST_REQUIRE(out.has_value());
    BOOST_TEST(out->write_all("one\n").has_value());
    BOOST_TEST(out->write_some(bytes_of("two\n")).value() == 4U);
    const std::array<sluice::const_buffer, 3> pieces{bytes_of("th"), bytes_of(""), bytes_of("ree")};
    BOOST_TEST(out->write_all(pieces).has_value());
    BOOST_TEST(out->close().has_value());
    BOOST_TEST(fixture::content_of(folder / "a") == "one\ntwo\nthree");

    auto in = coro::file::open(folder / "a");
    BOOST_REQUIRE(in.has_value());
    std::array<std::byte, 2> first{};
    BOOST_TEST(in->read_exactly(first).has_value());
    BOOST_TEST(text_of(first) == "on");
    std::string text;
    BOOST_TEST(in->read_until(text, "\n").value() == 2U);
    BOOST_TEST(text == "e\ntwo\nthree");
    BOOST_TEST(in->read_some(first).value() == 0U);
    BOOST_TEST((in->read_exactly(first).error() == sluice::errc::end_of_stream));
    BOOST_TEST(in->read_until(text, "").value() == 0U);
  });
}

CASE_OF_EACH_CONFIG(more_pieces_than_one_call_takes_arrive_in_order) {
  const fixture::scratch_folder folder;
  const std::string all = fixture::noise(7 * 2500);
  as_root([&] {
    std::vector<sluice::const_buffer> pieces;
    for (std::size_t i = 0; i != 2500; ++i) pieces.emplace_back(bytes_of(all).subspan(7 * i, 7));
    auto out = coro::file::open(folder / "a", to_write);
    BOOST_REQUIRE(out.has_value());
    BOOST_TEST((out->write_some(pieces).error() == std::errc::invalid_argument));
    BOOST_TEST(out->write_all(pieces).has_value());
    BOOST_TEST(out->write_all(std::span<const sluice::const_buffer>{}).has_value());
  });
  BOOST_TEST((fixture::content_of(folder / "a") == all));
}

CASE_OF_EACH_CONFIG(places_are_read_and_written_without_moving_the_position) {
  const fixture::scratch_folder folder;
  as_root([&] {
    auto both = coro::file::open(folder / "a", for_both);
    BOOST_REQUIRE(both.has_value());
    BOOST_TEST(both->write_at(bytes_of("world"), 6).has_value());
    BOOST_TEST(both->write_all("hello ").has_value());
    std::array<std::byte, 8> some{};
    BOOST_TEST(both->read_at(some, 0).value() == 8U);
    BOOST_TEST(text_of(some) == "hello wo");
    // Less than asked for is the end, and never anything else.
    BOOST_TEST(both->read_at(some, 8).value() == 3U);
    BOOST_TEST(both->read_at(some, 11).value() == 0U);
    BOOST_TEST(both->read_at(some, 1U << 20U).value() == 0U);
    BOOST_TEST(both->read_some(some).value() == 5U);
    BOOST_TEST(text_of(std::span{some}.first(5)) == "world");
    BOOST_TEST(both->write_at({}, 3).has_value());
  });
}

CASE_OF_EACH_CONFIG(a_place_that_no_file_has_is_refused_and_moves_nothing) {
  const fixture::scratch_folder folder;
  as_root([&] {
    auto both = coro::file::open(folder / "a", for_both);
    BOOST_REQUIRE(both.has_value());
    BOOST_TEST(both->write_all("abc").has_value());
    std::array<std::byte, 4> some{};
    for (const std::uint64_t place : {sluice::current_position, sluice::current_position - 1, std::uint64_t{1} << 63U}) {
      BOOST_TEST((both->read_at(some, place).error() == std::errc::invalid_argument));
      BOOST_TEST((both->write_at(some, place).error() == std::errc::invalid_argument));
    }
    BOOST_TEST(both->write_all("d").has_value());
  });
  BOOST_TEST(fixture::content_of(folder / "a") == "abcd");
}

CASE_OF_EACH_CONFIG(its_size_is_told_cut_and_reserved) {
  const fixture::scratch_folder folder;
  as_root([&] {
    auto one = coro::file::open(folder / "a", for_both, 0640);
    BOOST_REQUIRE(one.has_value());
    BOOST_TEST(one->size().value() == 0U);
    BOOST_TEST(one->write_all("0123456789").has_value());
    BOOST_TEST(one->size().value() == 10U);
    BOOST_TEST(one->truncate(4).has_value());
    BOOST_TEST(one->size().value() == 4U);
    BOOST_TEST(one->allocate(0, 8192, true).has_value());
    BOOST_TEST(one->size().value() == 4U);
    const auto about = one->stat();
    BOOST_REQUIRE(about.has_value());
    BOOST_TEST((about->kind == sluice::file_kind::regular));
    BOOST_TEST((about->mode & 0700U) == 0600U);
    BOOST_TEST(about->room >= 8192U);
    BOOST_TEST(one->allocate(0, 100).has_value());
    BOOST_TEST(one->size().value() == 100U);
    BOOST_TEST(one->sync().has_value());
    BOOST_TEST(one->sync(true).has_value());
    BOOST_TEST(one->advise(sluice::file_advice::sequential).has_value());
    BOOST_TEST(one->advise(sluice::file_advice::dont_need, 0, 50).has_value());
    BOOST_TEST((one->allocate(0, 0).error() == std::errc::invalid_argument));
  });
}

CASE_OF_EACH_CONFIG(it_is_opened_as_the_flags_say) {
  const fixture::scratch_folder folder;
  fixture::put(folder / "a", "old");
  as_root([&] {
    BOOST_TEST((coro::file::open(folder / "none").error() == std::errc::no_such_file_or_directory));
    BOOST_TEST((coro::file::open(folder / "a", to_write | open_flags::exclusive).error() == std::errc::file_exists));
    BOOST_TEST((coro::file::open(folder.path(), open_flags::write).error() == std::errc::is_a_directory));
    auto reader = coro::file::open(folder / "a");
    BOOST_REQUIRE(reader.has_value());
    BOOST_TEST((reader->write_all("x").error() == std::errc::bad_file_descriptor));
    auto longer = coro::file::open(folder / "a", open_flags::write | open_flags::append);
    BOOST_REQUIRE(longer.has_value());
    BOOST_TEST(longer->write_all("er").has_value());
    std::array<std::byte, 1> some{};
    BOOST_TEST((longer->read_some(some).error() == std::errc::bad_file_descriptor));
    auto start = coro::file::open(folder.path(), open_flags::read | open_flags::directory);
    BOOST_REQUIRE(start.has_value());
    auto there = coro::file::open_at(sluice::directory_handle{start->handle().native()}, "a");
    BOOST_REQUIRE(there.has_value());
    BOOST_TEST(there->size().value() == 5U);
  });
}

CASE_OF_EACH_CONFIG(what_owns_nothing_says_so) {
  const fixture::scratch_folder folder;
  fixture::put(folder / "a", "text");
  as_root([&] {
    auto first = coro::file::open(folder / "a", for_both);
    BOOST_REQUIRE(first.has_value());
    auto second = std::move(*first);
    std::array<std::byte, 4> some{};
    const auto is_bad = [](const auto& outcome) { return !outcome && outcome.error() == std::errc::bad_file_descriptor; };
    BOOST_TEST(!*first);
    BOOST_TEST(is_bad(first->read_some(some)));
    BOOST_TEST(is_bad(first->read_at(some, 0)));
    BOOST_TEST(is_bad(first->write_all("x")));
    BOOST_TEST(is_bad(first->write_at(some, 0)));
    BOOST_TEST(is_bad(first->size()));
    BOOST_TEST(is_bad(first->stat()));
    BOOST_TEST(is_bad(first->truncate(0)));
    BOOST_TEST(is_bad(first->allocate(0, 1)));
    BOOST_TEST(is_bad(first->sync()));
    BOOST_TEST(is_bad(first->advise(sluice::file_advice::normal)));
    BOOST_TEST(first->close().has_value());
    BOOST_TEST(second.size().value() == 4U);
    // What it had is closed, and once only.
    second = coro::file::open(folder / "b", to_write).value();
    *first = std::move(second);
    BOOST_TEST(first->size().value() == 0U);
    BOOST_TEST(first->close().has_value());
    BOOST_TEST(is_bad(first->size()));
  });
}

CASE_OF_EACH_CONFIG(a_cancel_ends_a_read_that_waits_and_loses_nothing) {
  const fixture::scratch_folder folder;
  BOOST_REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  as_root([&] {
    auto both = coro::file::open(folder / "fifo", open_flags::read | open_flags::write);
    BOOST_REQUIRE(both.has_value());
    std::array<std::byte, 4> some{};
    auto reader = coro::spawn([&] { return both->read_exactly(some); });
    coro::yield();
    BOOST_TEST(both->write_all("ab").has_value());
    coro::sleep(std::chrono::milliseconds{5});
    reader.request_cancel();
    BOOST_TEST((reader.join().error() == std::errc::operation_canceled));
    BOOST_TEST(text_of(std::span{some}.first(2)) == "ab");
    BOOST_TEST(both->write_all("cd").has_value());
    BOOST_TEST(both->read_some(some).value() == 2U);
    BOOST_TEST(text_of(std::span{some}.first(2)) == "cd");
  });
}

CASE_OF_EACH_CONFIG(closing_ends_what_is_in_flight) {
  const fixture::scratch_folder folder;
  BOOST_REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  as_root([&] {
    auto both = coro::file::open(folder / "fifo", open_flags::read | open_flags::write);
    BOOST_REQUIRE(both.has_value());
    std::array<std::byte, 4> some{};
    auto reader = coro::spawn([&] { return both->read_some(some); });
    coro::yield();
    BOOST_TEST(both->close().has_value());
    BOOST_TEST((reader.join().error() == std::errc::operation_canceled));
  });
}

CASE_OF_EACH_CONFIG(a_task_that_was_asked_to_end_still_closes_its_files) {
  const fixture::scratch_folder folder;
  fixture::put(folder / "a", "text");
  as_root([&] {
    auto one = coro::spawn([&] {
      auto in = coro::file::open(folder / "a");
      (void)coro::sleep(std::chrono::hours{1});
      BOOST_TEST((coro::file::open(folder / "a").error() == std::errc::operation_canceled));
      return in->size().error();
    });
    coro::yield();
    one.request_cancel();
    BOOST_TEST((one.join().value() == std::errc::operation_canceled));
  });
}

BOOST_AUTO_TEST_CASE(outside_of_a_task_it_blocks_the_thread) {
  using coro = sluice::coro_of<objects::readiness>;
  const fixture::scratch_folder folder;
  int before = 0;
  // What a thread needs for calls that block is made at the first one, and kept.
  for (int i = 0; i != 2; ++i) {
    before = fixture::open_descriptors();
    auto one = coro::file::open(folder / "a", for_both | open_flags::truncate);
    BOOST_REQUIRE(one.has_value());
    BOOST_TEST(one->write_all("abc").has_value());
    BOOST_TEST(one->size().value() == 3U);
  }
  BOOST_TEST(fixture::open_descriptors() == before);
}

BOOST_AUTO_TEST_SUITE_END()
