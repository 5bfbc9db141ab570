// SPDX-License-Identifier: MIT
/// @file Random reads of a file's blocks on a raw ring: each that is done is replaced at once.

#include <bench/support/cases.hpp>
#include <bench/support/files.hpp>
#include <bench/support/uring.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>

namespace {

struct slot {
  bench::block room;
  std::uint64_t number;
};

void read_blocks(int descriptor, unsigned depth, std::uint64_t reads) {
  bench::ring ring{64, 1024};
  const auto slots = std::make_unique<slot[]>(depth);
  bench::block_numbers numbers;
  std::uint64_t begun = 0;
  const auto begin = [&](slot& one) {
    one.number = numbers.next();
    auto* entry = ring.entry();
    io_uring_prep_read(entry, descriptor, one.room.bytes, bench::block_bytes, one.number * bench::block_bytes);
    io_uring_sqe_set_data(entry, &one);
    ++begun;
  };
  for (unsigned i = 0; i != depth; ++i) begin(slots[i]);
  for (std::uint64_t done = 0; done != reads;) {
    ring.turn(1, [&](const io_uring_cqe& completion) {
      auto& one = *reinterpret_cast<slot*>(completion.user_data);
      if (completion.res != int{bench::block_bytes}) bench::ring::check(completion.res < 0 ? completion.res : -EIO, "read");
      bench::expect(one.room, one.number);
      ++done;
      if (begun != reads) begin(one);
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "file", "liburing", bench::figure::per_second};
  bench::run_file_cases(cases, read_blocks);
}
