// SPDX-License-Identifier: MIT
#include <laws/backend_order.hpp>
#include <laws/backend_results.hpp>
#include <support/uring_models.hpp>

#include <tuple>

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_AUTO_TEST_SUITE(io_uring_inline)

using model = std::tuple<models::never_tries, models::tries_send, models::tries_both, models::tries_adaptively>;
LAWS_OF_BACKEND_RESULTS(model)
LAWS_OF_BACKEND_ORDER(model)

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
