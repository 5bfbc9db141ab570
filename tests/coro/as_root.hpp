// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Runs a body as a root task, and looks at what it leaves behind.

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <functional>

#include <coro/fixture.hpp>

namespace fixture {

/// Runs the body as the root task of a config with `counted_stacks`: it ends in good time, with every stack and descriptor given back. The
/// code is the same for all bodies, which spares the compiler much.
template <class Coro>
struct root_runner {
  /// In less than the ten seconds that stand for ever in most bodies.
  void operator()(const std::function<void()>& body) const { (*this)(9s, body); }
  /// In a time that is enough on any machine, for a body that has much to do.
  void operator()(std::chrono::seconds limit, const std::function<void()>& body) const {
    const int before = open_descriptors();
    const stopwatch watch;
    const auto outcome = Coro::run([&body] { body(); });
    BOOST_TEST(outcome.has_value());
    BOOST_TEST((watch.passed() < limit));
    BOOST_TEST(counted_stacks::out == 0);
    BOOST_TEST(open_descriptors() == before);
  }
};

template <class Coro>
inline constexpr root_runner<Coro> as_root{};

}  // namespace fixture
