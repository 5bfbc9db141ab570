// SPDX-License-Identifier: MIT
// The ring for operations outside any task is made once a thread. When the system refused it, for want of a descriptor say, the refusal was
// kept: every later operation of that thread failed, although there were descriptors again.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <cerrno>

#include <coro/fixture.hpp>

namespace {

struct moody_os : sluice::os::linux_ {
  static auto uring_queue_init(unsigned entries, ::io_uring* ring, ::io_uring_params* params) noexcept -> int {
    return refuses ? -EMFILE : linux_::uring_queue_init(entries, ring, params);
  }
  static inline bool refuses = true;
};
struct app : sluice::config<sluice::backend::io_uring<{}, moody_os>> {};
using aio = sluice::aio_of<app>;

}  // namespace

BOOST_AUTO_TEST_CASE(refused_ring_remembered, *needs::ring()) {
  BOOST_TEST((aio::run(sluice::op::nop{}).error() == sluice::errc::ring_descriptors));
  moody_os::refuses = false;
  BOOST_TEST(aio::run(sluice::op::nop{}).has_value());
}
