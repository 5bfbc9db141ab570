// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What the tests of objects run on: a backend that completes, and one that tells readiness.

#include <support/needs.hpp>

#include <tuple>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>

namespace objects {

struct completing : sluice::config<fixture::counted_stacks> {};
struct readiness : sluice::config<sluice::backend::epoll<>, fixture::counted_stacks> {};

/// For BOOST_AUTO_TEST_CASE_TEMPLATE.
using both = std::tuple<completing, readiness>;

}  // namespace objects
