// SPDX-License-Identifier: MIT
// A ring was mapped where the last one of another thread had been, by system calls that the thread sanitizer does not see: it took what the
// two threads wrote there for a race, and ended the program.
#include <sluice/os/linux.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>
#include <liburing.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_CASE(ring_took_the_address_of_another, *needs::ring()) {
  using os = sluice::os::linux_;
  // One after the other, which by what is relaxed here nobody can tell.
  std::atomic<int> turn{0};
  std::atomic<int> made{0};
  std::vector<std::thread> threads;
  for (int mine = 0; mine != 16; ++mine)
    threads.emplace_back([&turn, &made, mine] {
      while (turn.load(std::memory_order_relaxed) != mine) std::this_thread::yield();
      ::io_uring ring{};
      ::io_uring_params how{};
      if (os::uring_queue_init(8, &ring, &how) == 0) {
        ring.sq.sqes[0].opcode = static_cast<std::uint8_t>(mine);
        os::uring_queue_exit(&ring);
        made.fetch_add(1, std::memory_order_relaxed);
      }
      turn.store(mine + 1, std::memory_order_relaxed);
    });
  for (auto& one : threads) one.join();
  BOOST_TEST(made.load() == 16);
}
