// SPDX-License-Identifier: MIT
// A task that polls the ring because no other can run, and is itself the next one, goes on where it is: a trace policy was told that it
// parked and that it was ready, and never that it went on.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <tuple>

namespace {

namespace op = sluice::op;
namespace event = sluice::event;
using namespace std::chrono_literals;

/// Where the only task is, by what was told.
struct follows : sluice::trace::base {
  enum class place : std::uint8_t { nowhere, ready, running, parked };
  place task = place::nowhere;
  int parked = 0;
  int strange = 0;
  std::uint64_t number = 0;

  void go(std::uint64_t which, place from, place to) {
    if (which != number) return;
    if (task != from) ++strange;
    task = to;
  }
  void on(event::task_spawned e) {
    number = e.task;
    task = place::parked;
  }
  void on(event::task_ready e) { go(e.task, place::parked, place::ready); }
  void on(event::task_resumed e) { go(e.task, place::ready, place::running); }
  void on(event::task_parked e) {
    if (e.task == number) ++parked;
    go(e.task, place::running, place::parked);
  }
  void on(event::task_finished e) { go(e.task, place::running, place::nowhere); }
};

template <class Backend>
struct app : sluice::config<Backend, follows> {};
using models = std::tuple<app<sluice::backend::io_uring<>>, app<sluice::backend::epoll<>>, app<sluice::backend::poll<>>>;

}  // namespace

BOOST_AUTO_TEST_SUITE(regression, *needs::ring())

BOOST_AUTO_TEST_CASE_TEMPLATE(task_went_on_without_being_resumed, config, models) {
  using coro = sluice::coro_of<config>;
  auto home = coro::scheduler::make();
  BOOST_TEST_REQUIRE(home.has_value());
  home->spawn([] {
    for (int i = 0; i < 3; ++i) (void)coro::sleep(1ms);
    (void)coro::io(op::timeout{.after = 1ms});
    (void)coro::io(op::timeout{.after = 1ms}, op::nop{});
    (void)coro::io(op::soft(op::timeout{.after = 1ms}), op::nop{});
  });
  BOOST_TEST(home->run().has_value());
  const auto& told = home->template policy<sluice::policy_kind::trace>();
  BOOST_TEST(told.parked >= 6);
  BOOST_TEST(told.strange == 0);
  BOOST_TEST((told.task == follows::place::nowhere));
}

BOOST_AUTO_TEST_SUITE_END()
