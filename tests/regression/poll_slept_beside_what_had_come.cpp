// SPDX-License-Identifier: MIT
// Two polls of one descriptor: one had ended, and began anew just when its event came. The descriptor was still among the ready ones of the
// set in which polls wait, from the last time, so that the system saw no reason to tell whoever watches the set: the poll slept until
// something else happened, and a transfer stood still.
#include <sluice/sluice.hpp>
#include <support/descriptors.hpp>
#include <support/scripted_os.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <optional>
#include <tuple>

namespace {

namespace op = sluice::op;
namespace backend = sluice::backend;
using namespace std::chrono_literals;
using sluice::poll_events;
using support::script;

template <class Backend>
struct app : sluice::config<Backend> {};
using models = std::tuple<app<backend::epoll<{}, support::scripted_os>>, app<backend::poll<{}, support::scripted_os>>>;

}  // namespace

BOOST_AUTO_TEST_SUITE(regression)

BOOST_AUTO_TEST_CASE_TEMPLATE(poll_slept_beside_what_had_come, config, models) {
  const support::script_fixture clean;
  using coro = sluice::coro_of<config>;
  const auto pair = support::socket_pair();
  const auto watch = [&](poll_events events) { return op::poll_once{.handle = pair.near.file(), .events = events}; };
  const auto outcome = coro::run([&] {
    support::fill(pair.near);
    typename coro::scope other{{.on_failure = sluice::on_failure::keep}};
    other.spawn([&] { return coro::io(watch(poll_events::writable)); });
    coro::yield();
    unsigned changes = 0;
    for (int i = 0; i < 3; ++i) {
      // A byte that comes after the first look, and before the system knows what is waited for.
      script::always("epoll_ctl", [&](const support::system_call& call) {
        if (call.first == static_cast<unsigned>(pair.near.get()) && changes++ == 0) support::put(pair.far, "x");
        return script::answer{};
      });
      const auto seen = coro::io(op::timed(watch(poll_events::readable), 5s));
      script::clear();
      BOOST_TEST(changes != 0U);
      BOOST_TEST_REQUIRE(seen.has_value(), "it slept");
      BOOST_TEST(((*seen & poll_events::readable) == poll_events::readable));
      BOOST_TEST(support::take(pair.near, 1) == "x");
      changes = 0;
    }
    other.cancel();
  });
  BOOST_TEST(outcome.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
