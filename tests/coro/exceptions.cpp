// SPDX-License-Identifier: MIT
// Exceptions belong to the task that throws and handles them, however tasks take turns.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

#include <coro/fixture.hpp>
#include <execinfo.h>

using coro = sluice::coro_of<fixture::app>;
namespace op = sluice::op;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(exceptions, *needs::ring())

BOOST_AUTO_TEST_CASE(catch_blocks_may_yield) {
  const auto outcome = coro::run([] {
    int intact = 0;
    coro::scope s;
    for (int i = 0; i < 20; ++i)
      s.spawn([&intact, i] {
        for (int round = 0; round < 10; ++round) {
          const auto text = std::to_string(i) + "/" + std::to_string(round);
          try {
            throw std::runtime_error{text};
          } catch (const std::exception&) {
            coro::yield();
            try {
              throw;
            } catch (const std::exception& again) {
              coro::yield();
              if (again.what() == text) ++intact;
            }
            (void)coro::io(op::nop{});
            try {
              std::rethrow_exception(std::current_exception());
            } catch (const std::exception& again) {
              if (again.what() == text) ++intact;
            }
          }
          BOOST_TEST((std::current_exception() == nullptr));
        }
      });
    (void)s.join();
    return intact;
  });
  BOOST_TEST(*outcome == 400);
}

BOOST_AUTO_TEST_CASE(destructors_may_wait_while_an_exception_is_in_flight) {
  struct waits {
    int& seen;
    ~waits() {
      const int before = std::uncaught_exceptions();
      coro::yield();
      (void)coro::io(op::nop{});
      (void)coro::sleep(100us);
      if (std::uncaught_exceptions() == before && before == 1) ++seen;
    }
  };
  const auto outcome = coro::run([] {
    int seen = 0;
    coro::scope s;
    for (int i = 0; i < 10; ++i)
      s.spawn([&seen, i] {
        try {
          const waits first{seen};
          const waits second{seen};
          if (i % 2 == 0) throw i;
          throw std::string{"text"};
        } catch (int value) { BOOST_TEST(value == i); } catch (const std::string& text) {
          BOOST_TEST(text == "text");
        }
        BOOST_TEST(std::uncaught_exceptions() == 0);
      });
    (void)s.join();
    return seen;
  });
  BOOST_TEST(*outcome == 20);
}

BOOST_AUTO_TEST_CASE(a_task_spawned_in_a_catch_block_starts_with_none) {
  const auto outcome = coro::run([] {
    bool clean = false;
    try {
      throw 1;
    } catch (int) {
      auto t = coro::spawn([&] {
        clean = std::current_exception() == nullptr;
        try {
          throw 2;
        } catch (int) { coro::yield(); }
      });
      (void)t.join();
      BOOST_TEST((std::current_exception() != nullptr));
    }
    return clean;
  });
  BOOST_TEST(*outcome);
}

BOOST_AUTO_TEST_CASE(they_cross_joins_at_any_depth) {
  struct nested {
    static auto deep(int depth) -> int {
      if (depth == 0) throw std::runtime_error{"from the depth"};
      return coro::spawn({.name = "level"}, [depth] { return deep(depth - 1); }).join().value();
    }
  };
  std::string text;
  const auto outcome = coro::run([&] {
    try {
      (void)nested::deep(50);
    } catch (const std::runtime_error& e) { text = e.what(); }
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(text == "from the depth");
}

BOOST_AUTO_TEST_CASE(an_exception_object_lives_as_long_as_its_holder) {
  auto watched = std::make_shared<int>(3);
  struct carrier {
    std::shared_ptr<int> held;
  };
  const auto outcome = coro::run([&] {
    {
      auto unfetched = coro::spawn([&] { throw carrier{watched}; });
      coro::yield();
      BOOST_TEST(watched.use_count() == 2);
    }
    BOOST_TEST(watched.use_count() == 1);
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(watched.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(the_caller_of_run_may_be_handling_one) {
  try {
    throw std::runtime_error{"outside"};
  } catch (const std::exception& outside) {
    const auto outcome = coro::run([] {
      BOOST_TEST((std::current_exception() == nullptr));
      try {
        throw 5;
      } catch (int five) {
        coro::yield();
        return five;
      }
    });
    BOOST_TEST(*outcome == 5);
    BOOST_TEST(std::string{outside.what()} == "outside");
    try {
      throw;
    } catch (const std::runtime_error& again) { BOOST_TEST(std::string{again.what()} == "outside"); }
  }
}

BOOST_AUTO_TEST_CASE(a_backtrace_in_a_task_ends) {
  const auto outcome = coro::run([] {
    void* frames[200];
    const int here = ::backtrace(frames, 200);
    const int inner = coro::spawn([] {
                        void* deeper[200];
                        return ::backtrace(deeper, 200);
                      })
                          .join()
                          .value();
    return std::pair{here, inner};
  });
  BOOST_TEST(outcome->first > 0);
  BOOST_TEST(outcome->first < 60);
  BOOST_TEST(outcome->second > 0);
  BOOST_TEST(outcome->second < 60);
}

BOOST_AUTO_TEST_SUITE_END()
