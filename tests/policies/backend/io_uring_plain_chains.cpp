// SPDX-License-Identifier: MIT
#include <support/needs.hpp>
#include <support/oracle/compare.hpp>
#include <support/uring_models.hpp>

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_AUTO_TEST_SUITE(io_uring_plain_chains)

BOOST_AUTO_TEST_CASE(chains_come_out_as_the_kernel_makes_them, *needs::ring()) {
  oracle::chains_come_out_as_the_kernel_makes_them<models::plain>(2'000'000, 20'000);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
