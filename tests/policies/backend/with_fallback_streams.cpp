// SPDX-License-Identifier: MIT
// Streams where the kernel's ring lacks what they need: the second backend serves them, alone or beside the first.
#include <laws/backend_acceptors.hpp>
#include <laws/backend_buffers.hpp>
#include <laws/backend_streams.hpp>
#include <support/fallback_models.hpp>

#include <boost/test/unit_test.hpp>
#include <liburing.h>

#include <cstdint>
#include <tuple>

namespace {

[[maybe_unused]] constexpr auto bit(std::uint8_t code) -> std::uint64_t { return std::uint64_t{1} << code; }

struct no_receives {
  support::denial some{bit(IORING_OP_RECV) | bit(IORING_OP_ACCEPT)};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_AUTO_TEST_SUITE(with_fallback_streams)

using model = std::tuple<models::app>;

BOOST_AUTO_TEST_SUITE(nothing_is_missing)
LAWS_OF_BACKEND_STREAMS(model)
LAWS_OF_BACKEND_ACCEPTORS(model)
LAWS_OF_BACKEND_BUFFERS(model)
BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(everything_is_missing, models::nothing_there)
LAWS_OF_BACKEND_STREAMS(model)
LAWS_OF_BACKEND_ACCEPTORS(model)
LAWS_OF_BACKEND_BUFFERS(model)
BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(receives_and_accepts_are_missing, no_receives)
LAWS_OF_BACKEND_STREAMS(model)
LAWS_OF_BACKEND_ACCEPTORS(model)
LAWS_OF_BACKEND_BUFFERS(model)
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
