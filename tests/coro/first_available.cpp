// SPDX-License-Identifier: MIT
// `first_available`: one program for several configs, decided by what the machine lets it have.
#include <sluice/sluice.hpp>
#include <support/descriptors.hpp>
#include <support/scripted_os.hpp>

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <coro/fixture.hpp>

namespace {

namespace op = sluice::op;
using support::script;

struct uring_app : sluice::config<sluice::backend::io_uring<{}, support::scripted_os>> {};
struct deferred_app : sluice::config<sluice::backend::io_uring<{.entries = 8}, support::scripted_os>> {};
struct epoll_app : sluice::config<sluice::backend::epoll<>> {};
struct poll_app : sluice::config<sluice::backend::poll<>> {};

/// A program that works on whatever it gets; what it was told.
constexpr auto program = []<class Config>(sluice::chosen<Config> why) {
  using coro = sluice::coro_of<Config>;
  const auto done = coro::run([] { return coro::io(op::timeout{.after = std::chrono::milliseconds{1}}); });
  BOOST_TEST(done.has_value(), (done ? "" : done.error().message()));
  return std::pair{std::string{why.backend}, why.text()};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(coro)
BOOST_FIXTURE_TEST_SUITE(first_available, support::script_fixture)

BOOST_AUTO_TEST_CASE(the_first_that_the_machine_runs_is_taken) {
  const auto before = support::count_descriptors();
  const auto [name, text] = sluice::first_available<poll_app, epoll_app>(program);
  BOOST_TEST(name == "poll");
  BOOST_TEST(text == "taken: poll\n");
  BOOST_TEST(support::count_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(what_is_refused_is_passed_over_with_the_reason) {
  const auto before = support::count_descriptors();
  script::next("uring_queue_init", {-EPERM, -ENOSYS});
  const auto [name, text] = sluice::first_available<uring_app, deferred_app, epoll_app, poll_app>(program);
  BOOST_TEST(name == "epoll");
  BOOST_TEST((text.find("io_uring: io_uring is forbidden here (EPERM)") == 0), text);
  BOOST_TEST((text.find("(ENOSYS)") != std::string::npos), text);
  BOOST_TEST((text.find("\ntaken: epoll\n") != std::string::npos), text);
  BOOST_TEST(support::count_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(a_ring_that_may_be_made_but_not_entered_is_passed_over) {
  const auto before = support::count_descriptors();
  for (const int error : {EPERM, ENOSYS, EACCES}) {
    script::always("uring_enter", [error](const support::system_call&) -> script::answer { return -error; });
    const auto [name, text] = sluice::first_available<uring_app, epoll_app>(program);
    BOOST_TEST(name == "epoll");
    BOOST_TEST((text.find(error == ENOSYS ? "(ENOSYS)" : error == EPERM ? "(EPERM)" : "(EACCES)") != std::string::npos), text);
    script::clear();
  }
  BOOST_TEST(support::count_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(a_config_alone_and_the_last_one_are_taken_without_a_try) {
  script::always("uring_queue_init", [](const support::system_call&) -> script::answer { return -EPERM; });
  const auto refused = [](auto why) {
    BOOST_TEST(script::calls("uring_queue_init") == why.refused.size());
    const auto outcome = sluice::coro_of<typename decltype(why)::config>::run([] {});
    return outcome ? std::error_code{} : outcome.error();
  };
  BOOST_TEST((sluice::first_available<uring_app>(refused) == sluice::errc::ring_forbidden));
  script::clear();
  script::always("uring_queue_init", [](const support::system_call&) -> script::answer { return -EPERM; });
  BOOST_TEST((sluice::first_available<uring_app, deferred_app>(refused) == sluice::errc::ring_forbidden));
}

BOOST_AUTO_TEST_CASE(the_callable_may_be_moved_only_and_give_nothing) {
  int called = 0;
  sluice::first_available<poll_app>([&called, owned = std::make_unique<int>(3)](auto) mutable { called += (*owned)++; });
  BOOST_TEST(called == 3);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
