// SPDX-License-Identifier: MIT
// The laws of tasks over each backend.
#include <laws/tasks.hpp>
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <tuple>

#include <coro/fixture.hpp>

namespace models {

struct tasks_by_ring : sluice::config<sluice::backend::io_uring<>, fixture::roomy> {};
struct tasks_by_epoll : sluice::config<sluice::backend::epoll<>, fixture::roomy> {};
struct tasks_by_poll : sluice::config<sluice::backend::poll<>, fixture::roomy> {};

}  // namespace models

BOOST_AUTO_TEST_SUITE(coro_)
BOOST_AUTO_TEST_SUITE(laws_)

BOOST_AUTO_TEST_SUITE(on_a_ring, *needs::ring())
using model = std::tuple<models::tasks_by_ring>;
LAWS_OF_TASKS(model)
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(through_readiness)
using model = std::tuple<models::tasks_by_epoll, models::tasks_by_poll>;
LAWS_OF_TASKS(model)
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
