// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Listeners whose clients are plain threads, made from a seed, and clients of a listener that a plain thread serves.

#include <sluice/sluice.hpp>
#include <support/descriptors.hpp>
#include <support/dice.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fixture::random {

using support::dice;

/// One program: visitors who come from threads, each with a number, and visits to a thread that sends each number back.
template <class Config>
class visits {
 public:
  using coro = sluice::coro_of<Config>;

  explicit visits(dice chances) : chances_{chances}, expected_{chances_.from(1, 60)}, planned_{chances_.below(30)} {
    if (chances_.percent(30)) make_non_blocking(door_.socket.get());
  }
  visits(const visits&) = delete;
  auto operator=(const visits&) -> visits& = delete;

  void drive(typename coro::scheduler&) {
    for (std::size_t count = chances_.from(1, 3), i = 0; i != count; ++i) threads_.push_back(visitor(i, count));
    threads_.push_back(host());
    typename coro::scope talks{{.on_failure = sluice::on_failure::keep}};
    typename coro::scope all{{.on_failure = sluice::on_failure::keep}};
    if (chances_.percent(25))
      all.spawn([&, d = chances_.split()]() mutable { let_in_many(talks, d); });
    else
      for (std::size_t count = chances_.from(1, 4); count != 0; --count)
        all.spawn([&, d = chances_.split()]() mutable { let_in(talks, d); });
    for (std::size_t count = chances_.from(1, 3); count != 0; --count) all.spawn([&, d = chances_.split()]() mutable { go_out(d); });
    (void)all.join();
    (void)talks.join();
    is_complete_ = !cancelled();
  }
  void look_at_what_is_left() {
    // Whoever waits here is told to go.
    for (support::listener* const one : {&door_, &elsewhere_}) ::shutdown(one->socket.get(), SHUT_RDWR);
    door_.socket.reset();
    threads_.clear();
    if (!is_complete_) return;
    BOOST_TEST(known_.size() == expected_);
    BOOST_TEST(visited_ == planned_);
  }

 private:
  static auto cancelled() -> bool { return coro::this_task::cancelled(); }
  static auto small_time(dice& d) { return std::chrono::microseconds{d.below(100)}; }
  static void make_non_blocking(int number) { ::fcntl(number, F_SETFL, ::fcntl(number, F_GETFL) | O_NONBLOCK); }
  static void pause(dice& d) {
    if (d.percent(30)) std::this_thread::sleep_for(small_time(d));
  }
  static auto may_fail(const std::error_code& why) -> bool {
    return why == sluice::errc::timed_out || why == std::errc::operation_canceled;
  }

  /// Comes with every so manieth number.
  auto visitor(std::size_t first, std::size_t step) -> std::jthread {
    return std::jthread{[this, first, step, d = chances_.split()]() mutable {
      for (std::size_t id = first; id < expected_; id += step) {
        const support::descriptor one{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        ::sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(door_.port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(one.get(), reinterpret_cast<::sockaddr*>(&to), sizeof(to)) != 0) return;
        pause(d);
        const auto number = static_cast<std::uint32_t>(id);
        (void)!::send(one.get(), &number, sizeof(number), MSG_NOSIGNAL);
        char answer = 0;
        if (d.percent(50)) (void)!::recv(one.get(), &answer, 1, 0);
        pause(d);
      }
    }};
  }
  /// Sends back what it is sent, to one after the other.
  auto host() -> std::jthread {
    return std::jthread{[this, d = chances_.split()]() mutable {
      for (;;) {
        const support::descriptor one{::accept4(elsewhere_.socket.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        if (one.get() < 0) return;
        pause(d);
        std::uint32_t number = 0;
        if (::recv(one.get(), &number, sizeof(number), MSG_WAITALL) != sizeof(number)) continue;
        pause(d);
        (void)!::send(one.get(), &number, sizeof(number), MSG_NOSIGNAL);
      }
    }};
  }

  void let_in_many(typename coro::scope& talks, dice& d) {
    auto visitors = coro::stream(op::accept_many{.socket = door_.socket.socket()});
    while (let_in_ != expected_) {
      auto one = visitors.next();
      if (!one) {
        BOOST_TEST(cancelled());
        return;
      }
      talk(talks, *one, d);
    }
  }
  void let_in(typename coro::scope& talks, dice& d) {
    const op::accept what{.socket = door_.socket.socket()};
    while (let_in_ != expected_ && !cancelled()) {
      // Others may take the last one.
      const auto one = somehow(op::timed(what, std::chrono::milliseconds{20}), d);
      if (one)
        talk(talks, one->socket, d);
      else
        BOOST_TEST_REQUIRE(may_fail(one.error()), one.error().message());
    }
  }
  void talk(typename coro::scope& talks, sluice::socket_handle one, dice& d) {
    ++let_in_;
    talks.spawn([this, visitor = typename coro::tcp_stream{one}, lingers = d.percent(30)]() mutable {
      std::uint32_t number = 0;
      const auto bytes = std::as_writable_bytes(std::span{&number, 1});
      if (const auto heard = visitor.read_exactly(bytes); heard) {
        BOOST_TEST(known_.insert(number).second);
        (void)visitor.write_all(bytes.first(1));
      } else {
        BOOST_TEST(cancelled());
      }
      if (lingers) (void)visitor.read_some(bytes);
    });
  }

  void go_out(dice& d) {
    while (visited_ != planned_ && !cancelled()) {
      const auto made = coro::io(op::socket{});
      BOOST_TEST_REQUIRE((made.has_value() || cancelled()));
      if (!made) return;
      typename coro::tcp_stream out{*made};
      // A connect that blocks is another way through.
      if (d.percent(30)) ::fcntl(made->native(), F_SETFL, ::fcntl(made->native(), F_GETFL) & ~O_NONBLOCK);
      const auto connected =
          somehow(op::connect{.socket = *made, .address = sluice::ip::endpoint{sluice::ip::loopback, elsewhere_.port}}, d);
      if (!connected) {
        BOOST_TEST_REQUIRE(may_fail(connected.error()), connected.error().message());
        continue;
      }
      if (d.percent(30)) (void)coro::sleep(small_time(d));
      const auto sent = static_cast<std::uint32_t>(d.bits());
      std::uint32_t got = 0;
      if (out.write_all(std::as_bytes(std::span{&sent, 1})) && out.read_exactly(std::as_writable_bytes(std::span{&got, 1})))
        BOOST_TEST(got == sent);
      else
        BOOST_TEST(cancelled());
      if (visited_ != planned_) ++visited_;
    }
  }

  /// In one of several ways: all give what it gives, or that it was to end.
  template <class Op>
  static auto somehow(const Op& what, dice& d) {
    switch (d.below(5)) {
      case 0: return coro::with_timeout(small_time(d), [&] { return coro::io(what); });
      case 1: {
        auto task = coro::spawn([&] { return coro::io(what); });
        for (std::size_t turns = d.below(4); turns != 0; --turns) coro::yield();
        task.request_cancel();
        return task.join();
      }
      case 2: return std::get<0>(coro::io(what, op::nop{}));
      default: return coro::io(what);
    }
  }

  dice chances_;
  std::size_t expected_;
  std::size_t planned_;
  support::listener door_;
  support::listener elsewhere_;
  std::vector<std::jthread> threads_;
  std::set<std::uint32_t> known_;
  std::size_t let_in_ = 0;
  std::size_t visited_ = 0;
  bool is_complete_ = false;
};

}  // namespace fixture::random
