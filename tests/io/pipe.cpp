// SPDX-License-Identifier: MIT
// Pipes with owners: the order of bytes, the ends of input and of interest, and ends that go their own ways.
#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <io/fixture.hpp>

using fixture::bytes_of;
using fixture::text_of;

BOOST_AUTO_TEST_SUITE(pipes)

CASE_OF_EACH_CONFIG(what_goes_in_at_one_end_comes_out_at_the_other) {
  as_root([] {
    auto made = coro::pipe::make();
    BOOST_REQUIRE(made.has_value());
    auto& both = *made;
    BOOST_TEST(both.write_all("line\nre").has_value());
    BOOST_TEST(both.write_some(bytes_of("st")).value() == 2U);
    std::string text;
    BOOST_TEST(both.read_until(text, "\n").value() == 5U);
    BOOST_TEST(text == "line\nrest");
    BOOST_TEST(both.close_write().has_value());
    std::array<std::byte, 4> some{};
    BOOST_TEST(both.read_some(some).value() == 0U);
    BOOST_TEST((both.read_exactly(some).error() == sluice::errc::end_of_stream));
    BOOST_TEST((both.write_all("x").error() == std::errc::bad_file_descriptor));
    BOOST_TEST(both.close().has_value());
    BOOST_TEST(!both);
    BOOST_TEST(both.close().has_value());
  });
}

CASE_OF_EACH_CONFIG(a_reader_waits_for_bytes_and_a_writer_for_room) {
  const std::string all = fixture::noise(1U << 20U);
  as_root([&] {
    auto both = coro::pipe::make().value();
    std::string got(all.size(), '\0');
    typename coro::scope tasks;
    tasks.spawn([&, to = std::move(both.writer)]() mutable { return to.write_all(all); });
    tasks.spawn([&, from = std::move(both.reader)]() mutable { return from.read_exactly(std::as_writable_bytes(std::span{got})); });
    BOOST_TEST(tasks.join().has_value());
    BOOST_TEST((got == all));
    BOOST_TEST(!both);
  });
}

CASE_OF_EACH_CONFIG(pieces_that_do_not_fit_arrive_in_order) {
  const std::string all = fixture::noise(3000 * 100);
  as_root([&] {
    auto both = coro::pipe::make().value();
    std::vector<sluice::const_buffer> pieces;
    for (std::size_t i = 0; i != 3000; ++i) pieces.emplace_back(bytes_of(all).subspan(100 * i, 100));
    BOOST_TEST((both.write_some(pieces).error() == std::errc::invalid_argument));
    typename coro::scope tasks;
    tasks.spawn([&] {
      const auto done = both.write_all(pieces);
      (void)both.close_write();
      return done;
    });
    std::string got;
    std::array<std::byte, 777> some{};
    while (const auto count = both.read_some(some).value()) got += text_of(std::span{some}.first(count));
    BOOST_TEST(tasks.join().has_value());
    BOOST_TEST((got == all));
  });
}

CASE_OF_EACH_CONFIG(a_writer_that_nobody_reads_from_is_told) {
  const std::string much = fixture::noise(200'000);
  as_root([&] {
    auto both = coro::pipe::make().value();
    auto writer = coro::spawn([&] { return both.write_all(much); });
    coro::sleep(std::chrono::milliseconds{5});
    std::array<std::byte, 10> some{};
    BOOST_TEST(both.read_exactly(some).has_value());
    BOOST_TEST(both.close_read().has_value());
    BOOST_TEST((writer.join().error() == std::errc::broken_pipe));
    BOOST_TEST((both.write_all("x").error() == std::errc::broken_pipe));
    const std::array<sluice::const_buffer, 2> pieces{bytes_of("a"), bytes_of("b")};
    BOOST_TEST((both.write_all(pieces).error() == std::errc::broken_pipe));
    BOOST_TEST((both.read_some(some).error() == std::errc::bad_file_descriptor));
  });
}

CASE_OF_EACH_CONFIG(a_cancel_takes_no_bytes_with_it) {
  as_root([] {
    auto both = coro::pipe::make().value();
    std::array<std::byte, 8> some{};
    auto reader = coro::spawn([&] { return both.read_some(some); });
    coro::yield();
    reader.request_cancel();
    BOOST_TEST((reader.join().error() == std::errc::operation_canceled));
    BOOST_TEST(both.write_all("after").has_value());
    BOOST_TEST(both.read_some(some).value() == 5U);
    // Bytes that came before the request stand.
    std::size_t got = 0;
    auto second = coro::spawn([&] { got = both.read_some(some).value_or(0); });
    coro::yield();
    BOOST_TEST(both.write_all("abc").has_value());
    second.request_cancel();
    (void)second.join();
    if (got == 0) got = both.read_some(some).value();
    BOOST_TEST(got == 3U);
  });
}

CASE_OF_EACH_CONFIG(closing_an_end_ends_what_waits_on_it) {
  as_root([] {
    auto both = coro::pipe::make().value();
    std::array<std::byte, 8> some{};
    auto reader = coro::spawn([&] { return both.read_some(some); });
    coro::yield();
    BOOST_TEST(both.close_read().has_value());
    BOOST_TEST((reader.join().error() == std::errc::operation_canceled));
  });
}

CASE_OF_EACH_CONFIG(ends_change_owners) {
  as_root([] {
    auto both = coro::pipe::make().value();
    typename coro::pipe_reader from = std::move(both.reader);
    typename coro::pipe_writer to{both.writer.release()};
    BOOST_TEST(!both);
    BOOST_TEST(to.write_all("abc").has_value());
    typename coro::pipe other{std::move(from), std::move(to)};
    BOOST_TEST(static_cast<bool>(other));
    std::array<std::byte, 3> some{};
    BOOST_TEST(other.read_exactly(some).has_value());
    BOOST_TEST(text_of(some) == "abc");
    both = std::move(other);
    BOOST_TEST(!other);
    BOOST_TEST((other.read_some(some).error() == std::errc::bad_file_descriptor));
    BOOST_TEST(both.write_all("d").has_value());
    // Both ends of what it had are closed first.
    both = coro::pipe::make().value();
    BOOST_TEST(both.close_write().has_value());
    BOOST_TEST(both.read_some(some).value() == 0U);
  });
}

BOOST_AUTO_TEST_SUITE_END()
