// SPDX-License-Identifier: MIT
#include <laws/backend_interference.hpp>
#include <laws/backend_peers.hpp>
#include <support/readiness_models.hpp>
#include <support/uring_models.hpp>

#include <tuple>

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_AUTO_TEST_SUITE(interference)

using model = std::tuple<models::deferred, models::epoll, models::poll>;
LAWS_OF_BACKEND_INTERFERENCE(model)
LAWS_OF_BACKEND_PEERS(model)

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
