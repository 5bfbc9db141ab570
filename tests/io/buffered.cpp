// SPDX-License-Identifier: MIT
// Buffers before sources and behind sinks: the same bytes in the same order, in fewer calls, and nothing lost when one fails.
#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <io/fixture.hpp>
#include <sys/wait.h>
#include <unistd.h>

using fixture::bytes_of;
using fixture::text_of;
using sluice::io::buffered_reader;
using sluice::io::buffered_writer;

namespace {

/// Gives a text in pieces of one length, and fails once where it is told to.
struct given_source {
  std::string text;
  std::size_t piece = 1;
  std::size_t fails_at = std::string::npos;
  std::size_t at = 0;
  std::size_t calls = 0;

  auto read_some(std::span<std::byte> into) noexcept -> sluice::result<std::size_t> {
    ++calls;
    if (at >= fails_at) {
      fails_at = std::string::npos;
      return sluice::canceled();
    }
    const auto count = std::min({piece, into.size(), text.size() - at});
    std::ranges::copy(bytes_of(text).subspan(at, count), into.begin());
    at += count;
    return count;
  }
};

/// Keeps what it takes, at most so much in a call, and fails once where it is told to.
struct keeping_sink {
  std::size_t most = std::string::npos;
  std::size_t fails_at = std::string::npos;
  std::string text{};
  std::size_t calls = 0;

  auto write_some(std::span<const std::byte> bytes) noexcept -> sluice::result<std::size_t> {
    ++calls;
    return take(bytes, most);
  }

 protected:
  auto take(std::span<const std::byte> bytes, std::size_t limit) -> sluice::result<std::size_t> {
    if (text.size() >= fails_at) {
      fails_at = std::string::npos;
      return sluice::canceled();
    }
    const auto count = std::min({bytes.size(), limit, fails_at - text.size()});
    text += text_of(bytes.first(count));
    return count;
  }
};

/// Takes several pieces in a call, too.
struct gathering_sink : keeping_sink {
  using keeping_sink::write_some;
  auto write_some(std::span<const sluice::const_buffer> pieces) noexcept -> sluice::result<std::size_t> {
    ++calls;
    std::size_t taken = 0;
    for (const auto& piece : pieces) {
      const auto some = take({piece.data, piece.size}, most - taken);
      if (!some) return taken != 0 ? sluice::result<std::size_t>{taken} : some;
      taken += *some;
      if (*some != piece.size) break;
    }
    return taken;
  }
};

template <class Reader>
auto lines_of(Reader& in) -> std::vector<std::string> {
  std::vector<std::string> all;
  for (const auto& one : in.lines()) all.emplace_back(one.value());
  return all;
}

static_assert(sluice::io::byte_source<buffered_reader<given_source&>> && sluice::io::byte_sink<buffered_writer<keeping_sink>>);

}  // namespace

BOOST_AUTO_TEST_SUITE(buffered)

BOOST_AUTO_TEST_CASE(lines_are_found_however_the_input_is_cut) {
  const std::string text = "one\ntwo\r\n\n\r\nthree\rfour\nlast";
  const std::vector<std::string> expected{"one", "two", "", "", "three\rfour", "last"};
  for (std::size_t piece = 1; piece != text.size() + 2; ++piece) {
    for (std::size_t bytes = 11; bytes != 40; ++bytes) {
      given_source from{.text = text, .piece = piece};
      buffered_reader in{from, bytes};
      BOOST_TEST((lines_of(in) == expected));
      BOOST_TEST(!in.read_line().value().has_value());
    }
  }
}

BOOST_AUTO_TEST_CASE(an_input_that_ends_with_a_line_has_no_line_behind_it) {
  for (const auto& [text, count] :
       {std::pair{"", 0U}, std::pair{"\n", 1U}, std::pair{"a\n", 1U}, std::pair{"a\n\r\n", 2U}, std::pair{"\r", 1U}}) {
    buffered_reader in{given_source{.text = text}};
    BOOST_TEST(lines_of(in).size() == count);
  }
}

BOOST_AUTO_TEST_CASE(a_mark_that_straddles_reads_is_found) {
  const std::string mark = "--end--";
  const std::string text = "-----end----end--rest" + mark + mark + "tail";
  for (std::size_t piece = 1; piece != text.size() + 2; ++piece) {
    for (const std::size_t bytes : {17U, 18U, 23U, 100U}) {
      given_source from{.text = text, .piece = piece};
      buffered_reader in{from, bytes};
      BOOST_TEST(in.read_until(mark).value() == "-----end--");
      BOOST_TEST(in.read_until("").value() == "");
      BOOST_TEST(in.read_until(mark).value() == "--end--");
      BOOST_TEST(in.read_until(mark).value() == "rest" + mark);
      BOOST_TEST(in.read_until(mark).value() == mark);
      BOOST_TEST((in.read_until(mark).error() == sluice::errc::end_of_stream));
      // What stands before the end is still to be had.
      BOOST_TEST(text_of(in.buffered()) == "tail");
      BOOST_TEST(in.read_line().value().value() == "tail");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_long_line_is_not_looked_through_again_for_each_piece) {
  constexpr std::size_t length = 2U << 20U;
  given_source from{.text = std::string(length + 1, 'x')};
  from.text.back() = '\n';
  const fixture::stopwatch watch;
  buffered_reader in{from, length + 1};
  BOOST_TEST(in.read_line().value().value().size() == length);
  BOOST_TEST((watch.passed() < std::chrono::seconds{8}));
}

BOOST_AUTO_TEST_CASE(a_piece_that_the_buffer_does_not_hold_stays_readable) {
  given_source from{.text = "0123456789\nrest", .piece = 100};
  buffered_reader in{from, 8};
  BOOST_TEST((in.read_line().error() == std::errc::message_size));
  BOOST_TEST((in.read_until("x").error() == std::errc::message_size));
  BOOST_TEST((in.fill().error() == std::errc::message_size));
  BOOST_TEST((in.peek(9).error() == std::errc::message_size));
  BOOST_TEST(text_of(in.buffered()) == "01234567");
  in.consume(5);
  BOOST_TEST(in.read_line().value().value() == "56789");
  BOOST_TEST(in.read_line().value().value() == "rest");
  // A buffer of nothing holds one byte.
  buffered_reader narrow{given_source{.text = "\na"}, 0};
  BOOST_TEST(narrow.read_line().value().value() == "");
  BOOST_TEST((narrow.read_line().error() == std::errc::message_size));
  BOOST_TEST(text_of(narrow.buffered()) == "a");
}

BOOST_AUTO_TEST_CASE(what_is_shown_is_not_taken) {
  given_source from{.text = "abcdef", .piece = 2};
  buffered_reader in{from, 4};
  BOOST_TEST(text_of(in.peek().value()) == "ab");
  BOOST_TEST(text_of(in.peek(3).value()) == "abcd");
  in.consume(3);
  BOOST_TEST(text_of(in.peek(3).value()) == "def");
  BOOST_TEST(text_of(in.peek(4).value()) == "def");
  in.consume(3);
  BOOST_TEST(in.peek(2).value().empty());
  BOOST_TEST(in.fill().value() == 0U);
}

BOOST_AUTO_TEST_CASE(reads_of_all_sizes_give_all_bytes_in_order) {
  const std::string text = fixture::noise(5000);
  for (const std::size_t step : {1U, 7U, 63U, 64U, 65U, 1000U}) {
    given_source from{.text = text, .piece = 50};
    buffered_reader in{from, 64};
    std::string got;
    std::vector<std::byte> some(step);
    bool exactly = false;
    while (got.size() + step <= text.size()) {
      exactly = !exactly;
      std::size_t count = step;
      if (exactly)
        BOOST_TEST(in.read_exactly(some).has_value());
      else
        count = in.read_some(some).value();
      got += text_of(std::span{some}.first(count));
    }
    while (const auto count = in.read_some(some).value()) got += text_of(std::span{some}.first(count));
    BOOST_TEST((got == text));
    BOOST_TEST(in.read_some({}).value() == 0U);
    BOOST_TEST(in.read_exactly({}).has_value());
    BOOST_TEST((in.read_exactly(some).error() == sluice::errc::end_of_stream));
  }
}

BOOST_AUTO_TEST_CASE(small_reads_cost_no_call_each_and_large_ones_no_copy) {
  given_source from{.text = std::string(1000, 'x'), .piece = 1000};
  buffered_reader in{from, 100};
  std::array<std::byte, 1> one{};
  for (int i = 0; i != 100; ++i) BOOST_TEST(in.read_exactly(one).has_value());
  BOOST_TEST(from.calls == 1U);
  std::array<std::byte, 500> much{};
  BOOST_TEST(in.read_some(much).value() == 500U);
  BOOST_TEST(from.calls == 2U);
  BOOST_TEST(in.read_some({}).value() == 0U);
  BOOST_TEST(from.calls == 2U);
}

BOOST_AUTO_TEST_CASE(an_error_of_the_source_loses_nothing) {
  given_source from{.text = "first line\nsecond", .piece = 4, .fails_at = 8};
  buffered_reader in{from, 64};
  BOOST_TEST((in.read_line().error() == std::errc::operation_canceled));
  BOOST_TEST(text_of(in.buffered()) == "first li");
  buffered_reader moved{std::move(in)};
  BOOST_TEST(in.buffered().empty());  // NOLINT(bugprone-use-after-move)
  BOOST_TEST(moved.read_line().value().value() == "first line");
  BOOST_TEST(&moved.source() == &from);
}

BOOST_AUTO_TEST_CASE(an_error_is_the_last_of_the_lines) {
  buffered_reader in{given_source{.text = "a\nb\nc\n", .piece = 2, .fails_at = 4}};
  std::vector<std::string> seen;
  for (const auto& one : in.lines()) seen.push_back(one ? std::string{*one} : "error");
  BOOST_TEST((seen == std::vector<std::string>{"a", "b", "error"}));
  BOOST_TEST(in.read_line().value().value() == "c");
}

BOOST_AUTO_TEST_CASE(small_pieces_are_written_together) {
  gathering_sink to;
  buffered_writer out{to, 16};
  for (const char* const one : {"a", "bc", "def"}) BOOST_TEST(out.write(one).has_value());
  BOOST_TEST(out.write_all("ghij").has_value());
  BOOST_TEST(to.calls == 0U);
  BOOST_TEST(text_of(out.pending()) == "abcdefghij");
  // What has no room goes along with what is pending.
  BOOST_TEST(out.write_all("0123456789abcdefghijk").has_value());
  BOOST_TEST(to.calls == 1U);
  BOOST_TEST(to.text == "abcdefghij0123456789abcdefghijk");
  BOOST_TEST(out.write_all("0123456789abcdef").has_value());
  BOOST_TEST(out.write_all("x").has_value());
  BOOST_TEST(out.flush().has_value());
  BOOST_TEST(to.text == "abcdefghij0123456789abcdefghijk0123456789abcdefx");
  const auto calls = to.calls;
  BOOST_TEST(out.flush().has_value());
  BOOST_TEST(to.calls == calls);
}

BOOST_AUTO_TEST_CASE(all_sizes_and_short_writes_keep_the_order) {
  const auto check = [](auto to, std::size_t most, std::size_t capacity) {
    to.most = most;
    buffered_writer out{to, capacity};
    std::string expected;
    for (std::size_t i = 0; i != 60; ++i) {
      const auto piece = fixture::noise(i, static_cast<std::uint32_t>(i));
      expected += piece;
      if (i % 3 == 0) {
        const std::array<sluice::const_buffer, 2> halves{bytes_of(piece).first(i / 2), bytes_of(piece).subspan(i / 2)};
        BOOST_TEST(out.write_all(halves).has_value());
      } else if (i % 3 == 1) {
        BOOST_TEST(out.write_all(piece).has_value());
      } else {
        for (auto left = bytes_of(piece); !left.empty();) left = left.subspan(out.write_some(left).value());
      }
    }
    BOOST_TEST(out.flush().has_value());
    BOOST_TEST((to.text == expected));
  };
  for (const std::size_t most : {1U, 3U, 16U, 1000U}) {
    for (const std::size_t capacity : {0U, 1U, 16U, 33U, 5000U}) {
      check(keeping_sink{}, most, capacity);
      check(gathering_sink{}, most, capacity);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_an_error_kept_from_being_written_is_written_by_the_next_flush) {
  gathering_sink to;
  to.fails_at = 5;
  buffered_writer out{to, 16};
  BOOST_TEST(out.write_all("0123456789").has_value());
  BOOST_TEST((out.flush().error() == std::errc::operation_canceled));
  BOOST_TEST(to.text == "01234");
  BOOST_TEST(text_of(out.pending()) == "56789");
  buffered_writer moved{std::move(out)};
  BOOST_TEST(moved.write_all("ab").has_value());
  BOOST_TEST(moved.flush().has_value());
  BOOST_TEST(to.text == "0123456789ab");
}

BOOST_AUTO_TEST_CASE(a_sink_that_takes_nothing_is_an_error) {
  keeping_sink to{.most = 0};
  buffered_writer out{to, 4};
  BOOST_TEST(out.write_all("abc").has_value());
  BOOST_TEST((out.flush().error() == std::errc::io_error));
  BOOST_TEST((out.write_all("defgh").error() == std::errc::io_error));
  BOOST_TEST(text_of(out.release()) == "abc");
  BOOST_TEST(out.flush().has_value());
}

BOOST_AUTO_TEST_CASE(the_end_of_a_writer_writes_nothing) {
  keeping_sink to;
  {
    buffered_writer out{to};
    BOOST_TEST(out.write_all("given up").has_value());
    BOOST_TEST(text_of(out.release()) == "given up");
  }
  {
    keeping_sink failing{.fails_at = 0};
    buffered_writer out{failing};
    BOOST_TEST(out.write_all("lost").has_value());
    BOOST_TEST(!out.flush());
  }
  BOOST_TEST(to.calls == 0U);
#if !defined(NDEBUG)
  const int status = fixture::status_of(fixture::in_child([] {
    std::signal(SIGABRT, SIG_DFL);
    ::close(2);
    buffered_writer out{keeping_sink{}};
    (void)out.write_all("forgotten");
    return 0;
  }));
  BOOST_TEST(WIFSIGNALED(status));
#endif
}

CASE_OF_EACH_CONFIG(a_reader_that_goes_while_a_task_reads_keeps_its_buffer_until_the_source_is_closed) {
  as_root([] {
    auto pipe = coro::pipe::make().value();
    auto in = std::make_unique<buffered_reader<typename coro::pipe_reader>>(std::move(pipe.reader));
    auto reader = coro::spawn([&of = *in] { BOOST_TEST((of.read_line().error() == std::errc::operation_canceled)); });
    coro::yield();
    in.reset();
    BOOST_TEST(reader.join().has_value());
  });
}

BOOST_AUTO_TEST_CASE(an_owned_source_may_write_to_the_buffer_until_its_end) {
  // As the system may until a read is cancelled; the address sanitizer looks at it.
  struct late_source {
    std::span<std::byte> last{};
    late_source() = default;
    late_source(late_source&& other) noexcept : last{std::exchange(other.last, {})} {}
    auto operator=(late_source&&) -> late_source& = delete;
    ~late_source() { std::ranges::fill(last, std::byte{'x'}); }
    auto read_some(std::span<std::byte> into) noexcept -> sluice::result<std::size_t> {
      last = into;
      return std::size_t{0};
    }
  };
  buffered_reader in{late_source{}};
  BOOST_TEST(!in.read_line().value().has_value());
}

BOOST_AUTO_TEST_CASE(temporaries_are_owned_and_what_has_a_name_is_not) {
  given_source from{.text = "a\n"};
  buffered_reader named{from};
  static_assert(std::is_same_v<decltype(named), buffered_reader<given_source&>>);
  buffered_reader owned{given_source{.text = "b\n"}};
  static_assert(std::is_same_v<decltype(owned), buffered_reader<given_source>>);
  BOOST_TEST(named.read_line().value().value() == "a");
  auto moved = std::move(owned);
  static_assert(std::is_same_v<decltype(moved), buffered_reader<given_source>>);
  BOOST_TEST(moved.read_line().value().value() == "b");
  BOOST_TEST(moved.source().at == 2U);
}

CASE_OF_EACH_CONFIG(lines_go_through_a_pipe) {
  as_root([] {
    auto both = coro::pipe::make().value();
    typename coro::scope tasks;
    tasks.spawn([to = std::move(both.writer)]() mutable -> sluice::result<void> {
      buffered_writer out{std::move(to), 100};
      for (int i = 0; i != 1000; ++i)
        if (const auto done = out.write("line " + std::to_string(i) + "\r\n"); !done) return done;
      return out.flush();
    });
    tasks.spawn([from = std::move(both.reader)]() mutable {
      buffered_reader in{from, 64};
      int count = 0;
      for (const auto& line : in.lines()) BOOST_TEST(line.value() == "line " + std::to_string(count++));
      BOOST_TEST(count == 1000);
    });
    BOOST_TEST(tasks.join().has_value());
  });
}

CASE_OF_EACH_CONFIG(a_cancel_in_the_middle_of_a_line_keeps_its_beginning) {
  as_root([] {
    auto both = coro::pipe::make().value();
    buffered_reader in{both};
    BOOST_TEST(both.write_all("begin").has_value());
    auto reader = coro::spawn([&] { return in.read_line().error(); });
    coro::sleep(std::chrono::milliseconds{5});
    reader.request_cancel();
    BOOST_TEST((reader.join().value() == std::errc::operation_canceled));
    BOOST_TEST(both.write_all("ning\n").has_value());
    BOOST_TEST(in.read_line().value().value() == "beginning");
  });
}

BOOST_AUTO_TEST_SUITE_END()
