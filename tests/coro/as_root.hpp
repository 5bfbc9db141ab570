// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Runs a body as a root task, and looks at what it leaves behind.

#include <boost/test/unit_test.hpp>

#include <functional>

#include <coro/fixture.hpp>

namespace fixture {

/// Runs the body as the root task of a config with `counted_stacks`: it ends in good time, with every stack and descriptor given back. The
/// code is the same for all bodies, which spares the compiler much.
template <class Coro>
inline constexpr auto as_root = [](const std::function<void()>& body) {
  const int before = open_descriptors();
  const stopwatch watch;
  const auto outcome = Coro::run([&body] { body(); });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST((watch.passed() < 9s));
  BOOST_TEST(counted_stacks::out == 0);
  BOOST_TEST(open_descriptors() == before);
};

}  // namespace fixture
