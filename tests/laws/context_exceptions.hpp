// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What every context policy does about exceptions, and about unwinding.

#include <laws/fiber.hpp>

#include <boost/test/unit_test.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <unwind.h>

namespace laws {

template <class Context>
void an_exception_is_caught_where_it_was_thrown() {
  std::string caught;
  fiber<Context> one{[&](auto& self) {
    try {
      self.yield();
      throw std::runtime_error{"inside"};
    } catch (const std::exception& error) { caught = error.what(); }
  }};
  one.resume();
  try {
    one.resume();
    throw std::runtime_error{"outside"};
  } catch (const std::exception& error) { caught += error.what(); }
  BOOST_TEST(caught == "insideoutside");
}

template <class Context>
void an_exception_can_be_carried_to_another_stack() {
  std::exception_ptr carried;
  fiber<Context> one{[&](auto&) {
    try {
      throw std::runtime_error{"carried"};
    } catch (...) { carried = std::current_exception(); }
  }};
  one.resume();
  BOOST_CHECK_THROW(std::rethrow_exception(carried), std::runtime_error);
}

template <class Context>
void each_fiber_handles_its_own_exception() {
  std::array<std::string, 3> seen;
  const auto body = [&](std::size_t at) {
    return [&, at](fiber<Context>& self) {
      try {
        throw std::runtime_error{std::to_string(at)};
      } catch (...) {
        self.yield();
        try {
          throw;
        } catch (const std::exception& error) {
          self.yield();
          seen[at] = error.what();
        }
      }
      if (std::current_exception()) seen[at] += " stays";
    };
  };
  fiber<Context> zero{body(0)};
  fiber<Context> one{body(1)};
  fiber<Context> two{body(2)};
  const std::array<fiber<Context>*, 3> all{&zero, &one, &two};
  for (auto* each : all) each->resume();
  BOOST_TEST(!std::current_exception());
  for (auto* each : {all[1], all[2], all[0]}) each->resume();
  for (auto* each : {all[2], all[0], all[1]}) each->resume();
  for (std::size_t at = 0; at != 3; ++at) BOOST_TEST(seen[at] == std::to_string(at));
}

template <class Context>
void a_destructor_that_waits_while_unwinding_keeps_its_exception() {
  struct waits {
    fiber<Context>& self;
    int& uncaught;
    ~waits() {
      uncaught = std::uncaught_exceptions();
      self.yield();
      uncaught += std::uncaught_exceptions() * 10;
    }
  };
  int uncaught = 0;
  bool caught = false;
  fiber<Context> one{[&](auto& self) {
    try {
      const waits wait{self, uncaught};
      throw 1;
    } catch (int) { caught = true; }
  }};
  one.resume();
  BOOST_TEST(std::uncaught_exceptions() == 0);
  BOOST_CHECK_THROW(throw std::logic_error{"another, meanwhile"}, std::logic_error);
  one.resume();
  BOOST_TEST(uncaught == 11);
  BOOST_TEST(caught);
}

/// Counts the frames from here to where unwinding ends; -1 if it does not end well.
[[gnu::noinline]] inline auto frames_to_the_end() -> int {
  int frames = 0;
  const auto end = _Unwind_Backtrace(
      [](_Unwind_Context*, void* count) { return ++*static_cast<int*>(count) < 1000 ? _URC_NO_REASON : _URC_NORMAL_STOP; }, &frames);
  return end == _URC_END_OF_STACK ? frames : -1;
}

template <class Fiber>
[[gnu::noinline]] void resume_from_deeper(Fiber& fiber_) {
  const volatile int deeper = 1;
  if (deeper == 1) fiber_.resume();
}

template <class Context>
void a_backtrace_ends_at_the_entry() {
  int before = 0;
  int after = 0;
  fiber<Context> one{[&](auto& self) {
    before = frames_to_the_end();
    self.yield();
    after = frames_to_the_end();
  }};
  one.resume();
  // From deeper on another stack: the backtrace of the fiber does not change.
  resume_from_deeper(one);
  BOOST_TEST(before > 2);
  BOOST_TEST(before < 20);
  BOOST_TEST(after == before);
}

}  // namespace laws
