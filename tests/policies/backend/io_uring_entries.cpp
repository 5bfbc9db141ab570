// SPDX-License-Identifier: MIT
/// @file
/// What an operation of the user's own leaves in its entry, and what the kernel answers to it.

#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>
#include <liburing.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <system_error>

namespace {

namespace own {
/// Writes where no operation of the library does; the kernel refuses it, for nobody has registered this personality.
struct disguised {
  using result_type = void;
};
inline void prepare(::io_uring_sqe& e, const disguised&) {
  e.opcode = IORING_OP_NOP;
  e.personality = 0x1234;
  e.addr3 = ~0ULL;
}

/// A no-op whose result is chosen. \src liburing.h of 2024, IORING_NOP_INJECT_RESULT
struct answered {
  std::int32_t result;
  using result_type = void;
};
inline void prepare(::io_uring_sqe& e, const answered& op) {
  e.opcode = IORING_OP_NOP;
  e.rw_flags = 1;
  e.len = static_cast<std::uint32_t>(op.result);
}
}  // namespace own

namespace op = sluice::op;

struct app : sluice::config<sluice::backend::io_uring<{.entries = 4}>> {};
using aio = sluice::aio_of<app>;
using coro = sluice::coro_of<app>;

/// Whether this kernel lets a no-op choose its result.
auto answers() -> bool {
  const auto outcome = aio::run(own::answered{.result = -EXDEV});
  return !outcome && outcome.error() == std::errc::cross_device_link;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_AUTO_TEST_SUITE(io_uring_entries)

BOOST_AUTO_TEST_CASE(an_entry_that_was_used_in_an_unusual_way_is_clean_for_the_next_operation) {
  const auto outcome = coro::run([] {
    for (int lap = 0; lap < 3; ++lap) {
      const auto refused = coro::io(own::disguised{});
      BOOST_TEST((!refused && refused.error() == std::errc::invalid_argument));
      for (int i = 0; i < 9; ++i) BOOST_TEST(coro::io(op::nop{}).has_value());
      const auto [first, second, third] = coro::io(op::nop{}, own::disguised{}, op::nop{});
      BOOST_TEST(first.has_value());
      BOOST_TEST(!second.has_value());
      BOOST_TEST(third.has_value());
      for (int i = 0; i < 9; ++i) BOOST_TEST(coro::io(op::nop{}).has_value());
    }
  });
  BOOST_TEST(outcome.has_value());
}

BOOST_AUTO_TEST_CASE(an_entry_of_a_chain_that_was_used_in_an_unusual_way_is_clean_for_the_next_operation) {
  const auto outcome = coro::run([] {
    for (int lap = 0; lap < 3; ++lap) {
      const auto [first, second] = coro::io(op::soft(op::nop{}), own::disguised{});
      BOOST_TEST(!second.has_value());
      for (int i = 0; i < 9; ++i) BOOST_TEST(coro::io(op::nop{}).has_value());
    }
  });
  BOOST_TEST(outcome.has_value());
}

BOOST_AUTO_TEST_CASE(what_the_kernel_calls_interrupted_was_cancelled) {
  if (!answers()) {
    BOOST_TEST_MESSAGE("this kernel's no-ops do not choose their results");
    return;
  }
  const auto is_cancelled = [](const auto& outcome) { return !outcome && outcome.error() == std::errc::operation_canceled; };
  BOOST_TEST(is_cancelled(aio::run(own::answered{.result = -EINTR})));
  const auto ran = coro::run([&] {
    BOOST_TEST(is_cancelled(coro::io(own::answered{.result = -EINTR})));
    const auto [first, second] = coro::io(own::answered{.result = -EINTR}, op::nop{});
    BOOST_TEST(is_cancelled(first));
    BOOST_TEST(second.has_value());
    std::array<aio::operation<own::answered>, 2> both{own::answered{.result = -EINTR}, own::answered{.result = 0}};
    coro::io(std::span<aio::operation<own::answered>>{both});
    BOOST_TEST(is_cancelled(both[0].result()));
    BOOST_TEST(both[1].result().has_value());
  });
  BOOST_TEST(ran.has_value());
  auto ring = aio::ring::make();
  BOOST_TEST_REQUIRE(ring.has_value());
  aio::operation<own::answered> one{own::answered{.result = -EINTR}};
  BOOST_TEST((ring->start(one) == sluice::started::pending));
  BOOST_TEST_REQUIRE(ring->poll([](aio::record&) {}, sluice::wait::one).has_value());
  BOOST_TEST(is_cancelled(one.result()));
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
