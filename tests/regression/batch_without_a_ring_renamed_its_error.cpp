// SPDX-License-Identifier: MIT
// A blocking batch whose ring the system refused took the number of the system's error for one of the library's: where setting the ring up
// failed by EIO, each operation read "the other side is closed".
#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cerrno>
#include <system_error>

namespace {

struct broken_os : sluice::os::linux_ {
  static auto uring_queue_init(unsigned, ::io_uring*, ::io_uring_params*) noexcept -> int { return -EIO; }
};
struct app : sluice::config<sluice::backend::io_uring<{}, broken_os>> {};

}  // namespace

BOOST_AUTO_TEST_CASE(batch_without_a_ring_renamed_its_error) {
  using nop = sluice::aio_of<app>::operation<sluice::op::nop>;
  std::array<nop, 2> all{nop{sluice::op::nop{}}, nop{sluice::op::nop{}}};
  sluice::aio::run_batch<app, sluice::op::nop>(all);
  for (const auto& one : all) BOOST_TEST((one.result().error() == std::errc::io_error));
}
