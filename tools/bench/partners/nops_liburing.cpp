// SPDX-License-Identifier: MIT
/// @file No-op operations on a raw ring: fill a batch, submit and wait in one call, reap.

#include <bench/support/cases.hpp>
#include <bench/support/uring.hpp>

#include <cstdint>

namespace {

void batches_of(unsigned size, std::uint64_t ops) {
  bench::ring ring{64, 1024};
  std::uint64_t done = 0;
  while (done < ops) {
    for (unsigned i = 0; i < size; ++i) {
      auto* entry = ring.entry();
      io_uring_prep_nop(entry);
      io_uring_sqe_set_data64(entry, i + 1);
    }
    for (auto end = done + size; done < end;) {
      ring.turn(static_cast<unsigned>(end - done), [&](const io_uring_cqe& one) { done += one.user_data != 0 ? 1U : 0U; });
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "nops", "liburing", bench::figure::per_second};
  cases.run("batch=1", 1'000'000, 1, 1000, [](std::uint64_t ops) { batches_of(1, ops); });
  cases.run("batch=8", 4'000'000, 8, 8000, [](std::uint64_t ops) { batches_of(8, ops); });
  cases.run("batch=32", 6'000'000, 32, 32'000, [](std::uint64_t ops) { batches_of(32, ops); });
}
