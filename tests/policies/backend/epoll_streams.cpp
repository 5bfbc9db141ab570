// SPDX-License-Identifier: MIT
#include <laws/backend_acceptors.hpp>
#include <laws/backend_buffers.hpp>
#include <laws/backend_streams.hpp>
#include <support/readiness_models.hpp>

#include <tuple>

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_AUTO_TEST_SUITE(epoll_streams)

using model = std::tuple<models::epoll>;
LAWS_OF_BACKEND_STREAMS(model)
LAWS_OF_BACKEND_ACCEPTORS(model)
LAWS_OF_BACKEND_BUFFERS(model)

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
