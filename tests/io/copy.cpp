// SPDX-License-Identifier: MIT
// Copies between all kinds of objects: the same bytes whatever the way, no more than asked for, and nothing left behind when it ends early.
#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <io/copy_sides.hpp>
#include <io/fixture.hpp>
#include <sys/socket.h>
#include <unistd.h>

using fixture::bytes_of;
using fixture::text_of;
using sluice::open_flags;
namespace op = sluice::op;
using namespace std::chrono_literals;

namespace {

/// A backend may open a descriptor when something is first polled, and keep it.
template <class Coro>
auto descriptors_of_a_scheduler_that_polls() -> int {
  {
    const auto silent = Coro::pipe::make().value();
    (void)Coro::with_timeout(
        1ms, [&] { return Coro::io(sluice::op::poll_once{.handle = silent.reader.handle(), .events = sluice::poll_events::readable}); });
  }
  return fixture::open_descriptors();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(copies)

CASE_OF_EACH_CONFIG(every_kind_is_copied_to_every_kind) {
  for (const std::size_t size : {0U, 1U, 65535U, 65536U, 65537U, 3U * 1024 * 1024 + 7}) {
    const auto text = fixture::noise(size);
    as_root(60s, [&] {
      sides::each_pair<coro>([&]<class Source, class Sink>() {
        typename coro::scope feeders;
        Source from{text, feeders};
        Sink to{feeders};
        const auto copied = coro::copy(from.object, to.object);
        BOOST_TEST(copied.value() == size);
        BOOST_TEST((to.taken() == text));
      });
    });
  }
}

CASE_OF_EACH_CONFIG(nothing_behind_the_limit_is_taken) {
  const auto text = fixture::noise(200'001);
  for (const std::size_t limit : {0U, 1U, 65536U, 150'000U, 200'001U, 300'000U}) {
    as_root([&] {
      sides::each_pair<coro>([&]<class Source, class Sink>() {
        typename coro::scope feeders;
        Source from{text, feeders};
        Sink to{feeders};
        const auto expected = std::min(limit, text.size());
        BOOST_TEST(coro::copy(from.object, to.object, limit).value() == expected);
        BOOST_TEST((to.taken() == text.substr(0, expected)));
        BOOST_TEST((from.rest() == text.substr(expected)));
      });
    });
  }
}

CASE_OF_EACH_CONFIG(a_receiver_that_is_gone_is_told_and_nothing_leaks) {
  const auto text = fixture::noise(8U << 20U);
  as_root([&] {
    const int before = descriptors_of_a_scheduler_that_polls<coro>();
    const auto check = [&]<class Source>(auto connect) {
      {
        typename coro::scope feeders;
        Source from{text, feeders};
        auto [to, peer] = connect();
        auto copying = coro::spawn([&, sink = std::move(to)]() mutable { return coro::copy(from.object, sink).error(); });
        std::array<std::byte, 1000> some{};
        BOOST_TEST(peer.read_exactly(some).has_value());
        BOOST_TEST(text_of(some) == text.substr(0, some.size()));
        BOOST_TEST(peer.close().has_value());
        const auto why = copying.join().value();
        BOOST_TEST((why == std::errc::broken_pipe || why == std::errc::connection_reset));
        feeders.cancel();
      }
      BOOST_TEST(fixture::open_descriptors() == before);
    };
    const auto by_pipe = [] {
      auto both = coro::pipe::make().value();
      return std::pair{std::move(both.writer), std::move(both.reader)};
    };
    const auto by_unix = [] { return coro::unix_stream::pair().value(); };
    const auto to_all = [&]<template <class> class Source>() {
      check.template operator()<Source<coro>>(by_pipe);
      check.template operator()<Source<coro>>(by_unix);
      check.template operator()<Source<coro>>(sides::connected<coro>);
    };
    to_all.template operator()<sides::from_file>();
    to_all.template operator()<sides::from_pipe>();
    to_all.template operator()<sides::from_tcp>();
    to_all.template operator()<sides::from_own>();
  });
}

CASE_OF_EACH_CONFIG(a_cancel_ends_a_copy_whose_receiver_is_slow) {
  const auto text = fixture::noise(8U << 20U);
  as_root([&] {
    const int before = descriptors_of_a_scheduler_that_polls<coro>();
    const auto check = [&]<class Source>(auto connect) {
      {
        typename coro::scope feeders;
        Source from{text, feeders};
        auto [to, peer] = connect();
        auto copying = coro::spawn([&] { return coro::copy(from.object, to); });
        std::array<std::byte, 1000> some{};
        BOOST_TEST(peer.read_exactly(some).has_value());
        coro::sleep(20ms);
        BOOST_TEST(!copying.done());
        const fixture::stopwatch watch;
        copying.request_cancel();
        BOOST_TEST((copying.join().error() == std::errc::operation_canceled));
        BOOST_TEST((watch.passed() < 5s));
        feeders.cancel();
      }
      BOOST_TEST(fixture::open_descriptors() == before);
    };
    const auto by_pipe = [] {
      auto both = coro::pipe::make().value();
      return std::pair{std::move(both.writer), std::move(both.reader)};
    };
    // A move takes more than these buffers hold, so that one would wait in its middle.
    const auto by_narrow_tcp = [] {
      auto listener = coro::tcp_listener::bind({sluice::ip::loopback, 0}).value();
      const int narrow = 8192;
      const int less_narrow = 30'000;
      typename coro::tcp_stream peer{coro::io(op::socket{.domain = sluice::socket_domain::ipv4}).value()};
      (void)::setsockopt(peer.handle().native(), SOL_SOCKET, SO_RCVBUF, &narrow, sizeof(narrow));
      BOOST_TEST(coro::io(op::connect{.socket = peer.handle(), .address = listener.local().value()}).has_value());
      auto to = listener.accept().value();
      (void)::setsockopt(to.handle().native(), SOL_SOCKET, SO_SNDBUF, &less_narrow, sizeof(less_narrow));
      return std::pair{std::move(to), std::move(peer)};
    };
    const auto to_all = [&]<template <class> class Source>() {
      check.template operator()<Source<coro>>(by_pipe);
      check.template operator()<Source<coro>>(by_narrow_tcp);
      check.template operator()<Source<coro>>(sides::connected<coro>);
    };
    to_all.template operator()<sides::from_file>();
    to_all.template operator()<sides::from_pipe>();
    to_all.template operator()<sides::from_tcp>();
    to_all.template operator()<sides::from_own>();
  });
}

CASE_OF_EACH_CONFIG(a_cancel_ends_a_copy_whose_sender_is_silent_and_takes_nothing) {
  as_root([] {
    const auto check = [](auto from, auto peer) {
      auto to = coro::file::open(sides::folder() / "silent", open_flags::write | open_flags::create | open_flags::truncate).value();
      auto copying = coro::spawn([&] { return coro::copy(from, to); });
      BOOST_TEST(peer.write_all("begin").has_value());
      while (to.size().value() != 5) coro::sleep(1ms);
      copying.request_cancel();
      BOOST_TEST((copying.join().error() == std::errc::operation_canceled));
      BOOST_TEST(peer.write_all("end").has_value());
      BOOST_TEST(peer.close().has_value());
      BOOST_TEST(coro::copy(from, to).value() == 3U);
      BOOST_TEST(fixture::content_of(sides::folder() / "silent") == "beginend");
    };
    auto pipe = coro::pipe::make().value();
    check(std::move(pipe.reader), std::move(pipe.writer));
    auto local = coro::unix_stream::pair().value();
    check(std::move(local.first), std::move(local.second));
    auto [mine, peer] = sides::connected<coro>();
    check(std::move(mine), std::move(peer));
  });
}

CASE_OF_EACH_CONFIG(a_receiver_that_is_closed_meanwhile_hands_its_number_to_nobody_who_gets_the_bytes) {
  as_root([] {
    const auto check = [](auto from, auto peer, auto to, auto reader) {
      auto copying = coro::spawn([&] { return coro::copy(from, to); });
      BOOST_TEST(peer.write_all("begin").has_value());
      std::array<std::byte, 5> begin{};
      BOOST_TEST(reader.read_exactly(begin).has_value());
      (void)coro::sleep(1ms);
      const int number = to.handle().native();
      BOOST_TEST(to.close().has_value());
      auto stranger = coro::unix_stream::pair().value();
      if (stranger.first.handle().native() != number) std::swap(stranger.first, stranger.second);
      if (stranger.first.handle().native() != number)
        stranger.first = typename coro::unix_stream{sluice::socket_handle{::dup2(stranger.first.handle().native(), number)}};
      BOOST_TEST(peer.write_all("secret").has_value());
      BOOST_TEST(peer.close().has_value());
      const auto copied = copying.join();
      BOOST_REQUIRE(!copied.has_value());
      BOOST_TEST((copied.error() == std::errc::bad_file_descriptor));
      BOOST_TEST(stranger.first.close().has_value());
      BOOST_TEST(stranger.second.read_some(begin).value() == 0U);
    };
    const auto to_both = [&](auto&& make) {
      auto [from, peer] = make();
      auto local = coro::unix_stream::pair().value();
      check(std::move(from), std::move(peer), std::move(local.first), std::move(local.second));
      auto [other, its_peer] = make();
      auto pipe = coro::pipe::make().value();
      check(std::move(other), std::move(its_peer), std::move(pipe.writer), std::move(pipe.reader));
    };
    to_both([] { return sides::connected<coro>(); });
    to_both([] {
      auto pipe = coro::pipe::make().value();
      return std::pair{std::move(pipe.reader), std::move(pipe.writer)};
    });
  });
}

CASE_OF_EACH_CONFIG(one_that_owns_nothing_is_told_before_anything_is_taken) {
  as_root([] {
    auto [from, peer] = sides::connected<coro>();
    BOOST_TEST(peer.write_all("text").has_value());
    typename coro::file none;
    typename coro::tcp_stream unconnected;
    BOOST_TEST((coro::copy(from, none).error() == std::errc::bad_file_descriptor));
    BOOST_TEST((coro::copy(from, unconnected).error() == std::errc::bad_file_descriptor));
    std::array<std::byte, 4> text{};
    BOOST_TEST(from.read_some(text).value() == text.size());
  });
}

CASE_OF_EACH_CONFIG(a_task_that_was_asked_to_end_copies_nothing) {
  as_root([] {
    bool begun = false;
    auto copying = coro::spawn([&begun] {
      typename coro::scope none;
      sides::from_file<coro> from{"text", none};
      sides::to_file<coro> to{none};
      sides::to_pipe<coro> other{none};
      begun = true;
      (void)coro::sleep(1h);
      BOOST_TEST((coro::copy(from.object, to.object).error() == std::errc::operation_canceled));
      BOOST_TEST((coro::copy(from.object, other.object).error() == std::errc::operation_canceled));
      coro::shield([&] { BOOST_TEST(from.rest() == "text"); });
    });
    fixture::run_others_until<coro>([&] { return begun; });
    copying.request_cancel();
    (void)copying.join();
  });
}

CASE_OF_EACH_CONFIG(both_positions_move_and_neither_side_is_closed) {
  as_root([] {
    fixture::put(sides::folder() / "a", "0123456789");
    auto from = coro::file::open(sides::folder() / "a").value();
    auto to = coro::file::open(sides::folder() / "b", open_flags::write | open_flags::create | open_flags::truncate).value();
    std::array<std::byte, 2> two{};
    BOOST_TEST(from.read_exactly(two).has_value());
    BOOST_TEST(to.write_all("<").has_value());
    BOOST_TEST(coro::copy(from, to, 3).value() == 3U);
    BOOST_TEST(to.write_all("|").has_value());
    BOOST_TEST(coro::copy(from, to).value() == 5U);
    BOOST_TEST(coro::copy(from, to).value() == 0U);
    BOOST_TEST(to.write_all(">").has_value());
    BOOST_TEST(fixture::content_of(sides::folder() / "b") == "<234|56789>");
  });
}

CASE_OF_EACH_CONFIG(a_whole_pipe_and_buffers_are_sides_too) {
  as_root([] {
    auto both = coro::pipe::make().value();
    BOOST_TEST(coro::copy(sides::own_source{.text = "through a pipe\nand on"}, both).value() == 21U);
    BOOST_TEST(both.close_write().has_value());
    sluice::io::buffered_reader in{both};
    BOOST_TEST(in.read_line().value().value() == "through a pipe");
    sides::own_sink to;
    sluice::io::buffered_writer out{to};
    BOOST_TEST(coro::copy(in, out).value() == 6U);
    BOOST_TEST(out.flush().has_value());
    BOOST_TEST(to.text == "and on");
  });
}

CASE_OF_EACH_CONFIG(what_owns_nothing_or_is_open_for_nothing_says_so) {
  as_root([] {
    typename coro::file none;
    typename coro::tcp_stream unconnected;
    typename coro::pipe no_pipe;
    fixture::put(sides::folder() / "a", "text");
    auto from = coro::file::open(sides::folder() / "a").value();
    const auto is_bad = [](const auto& outcome) { return !outcome && outcome.error() == std::errc::bad_file_descriptor; };
    BOOST_TEST(is_bad(coro::copy(from, none)));
    BOOST_TEST(is_bad(coro::copy(none, none)));
    BOOST_TEST(is_bad(coro::copy(none, unconnected)));
    BOOST_TEST(is_bad(coro::copy(unconnected, none)));
    BOOST_TEST(is_bad(coro::copy(no_pipe, none)));
    auto same = coro::file::open(sides::folder() / "a").value();
    BOOST_TEST(is_bad(coro::copy(same, from)));
    auto top = coro::file::open(sides::folder().path()).value();
    auto to = coro::file::open(sides::folder() / "b", open_flags::write | open_flags::create).value();
    BOOST_TEST((coro::copy(top, to).error() == std::errc::is_a_directory));
  });
}

BOOST_AUTO_TEST_CASE(outside_of_a_task_it_blocks_the_thread) {
  using coro = sluice::coro_of<objects::readiness>;
  auto both = coro::pipe::make().value();
  BOOST_TEST(both.write_all("text").has_value());
  auto to = coro::file::open(sides::folder() / "to", open_flags::write | open_flags::create | open_flags::truncate).value();
  BOOST_TEST(coro::copy(both, to, 4).value() == 4U);
  BOOST_TEST(fixture::content_of(sides::folder() / "to") == "text");
}

BOOST_AUTO_TEST_SUITE_END()
