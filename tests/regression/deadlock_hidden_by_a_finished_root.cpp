// SPDX-License-Identifier: MIT
// `run` gave the root task's own value although tasks that it had left behind waited for each other for ever: the deadlock was printed and
// then forgotten, so a program ended with success. A deadlock is the result of `run`, whatever the root returned.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <memory>

#include <coro/fixture.hpp>

using coro = sluice::coro_of<fixture::app>;

BOOST_AUTO_TEST_CASE(deadlock_hidden_by_a_finished_root, *needs::ring()) {
  sluice::result<int> outcome;
  (void)fixture::error_output_of([&] {
    outcome = coro::run([] {
      auto a = std::make_shared<coro::task<void>>();
      auto b = std::make_shared<coro::task<void>>();
      *a = coro::spawn([b] { (void)b->join(); });
      *b = coro::spawn([a] { (void)a->join(); });
      return 1;
    });
  });
  BOOST_TEST((outcome.error() == sluice::errc::deadlock));
}
