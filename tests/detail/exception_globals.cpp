// SPDX-License-Identifier: MIT
#include <sluice/detail/exception_globals.hpp>

#include <boost/test/unit_test.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <thread>

using sluice::detail::exception_globals;

BOOST_AUTO_TEST_SUITE(detail_)
BOOST_AUTO_TEST_SUITE(exception_globals_)

BOOST_AUTO_TEST_CASE(nothing_is_swapped_when_both_sides_are_empty) {
  exception_globals from;
  exception_globals to;
  exception_globals::swap(exception_globals::of_thread(), from, to);
  BOOST_TEST(from.empty());
  BOOST_TEST(to.empty());
  BOOST_TEST(!std::current_exception());
}

BOOST_AUTO_TEST_CASE(the_exception_being_handled_is_put_aside_and_comes_back) {
  auto* const thread = exception_globals::of_thread();
  exception_globals one;
  exception_globals two;
  std::string message;
  try {
    throw std::runtime_error{"one"};
  } catch (...) {
    exception_globals::swap(thread, one, two);
    BOOST_TEST(!std::current_exception());
    BOOST_TEST(!one.empty());
    try {
      throw std::runtime_error{"two"};
    } catch (...) {
      exception_globals::swap(thread, two, one);
      BOOST_TEST(one.empty());
      BOOST_TEST(!two.empty());
      try {
        throw;
      } catch (const std::exception& error) { message = error.what(); }
      exception_globals::swap(thread, one, two);
    }
    exception_globals::swap(thread, two, one);
  }
  BOOST_TEST(message == "one");
  BOOST_TEST(one.empty());
  BOOST_TEST(two.empty());
  BOOST_TEST(!std::current_exception());
}

BOOST_AUTO_TEST_CASE(the_count_of_exceptions_in_flight_is_put_aside) {
  struct in_flight {
    int& seen;
    ~in_flight() {
      exception_globals here;
      exception_globals there;
      seen = std::uncaught_exceptions() * 100;
      exception_globals::swap(exception_globals::of_thread(), here, there);
      seen += std::uncaught_exceptions() * 10;
      exception_globals::swap(exception_globals::of_thread(), there, here);
      seen += std::uncaught_exceptions();
    }
  };
  int seen = 0;
  try {
    const in_flight object{seen};
    throw 1;
  } catch (int) {}
  BOOST_TEST(seen == 101);
}

BOOST_AUTO_TEST_CASE(the_address_is_one_for_a_thread_and_another_for_the_next) {
  const void* const mine = exception_globals::of_thread();
  const void* other = nullptr;
  std::thread{[&] { other = exception_globals::of_thread(); }}.join();
  BOOST_TEST(exception_globals::of_thread() == mine);
  BOOST_TEST(other != mine);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
