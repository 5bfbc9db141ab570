// SPDX-License-Identifier: MIT
/// @file Random reads of a file's blocks: a task for each that is in flight.

#include <bench/support/cases.hpp>
#include <bench/support/files.hpp>
#include <sluice/sluice.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>

#ifndef BENCH_BACKEND
#define BENCH_BACKEND io_uring
#endif

namespace {

namespace op = sluice::op;

struct app : sluice::config<sluice::backend::BENCH_BACKEND<>> {};
using coro = sluice::coro_of<app>;

void read_blocks(int descriptor, unsigned depth, std::uint64_t reads) {
  coro::run([=] {
    bench::block_numbers numbers;
    coro::scope all;
    for (unsigned i = 0; i != depth; ++i) {
      all.spawn([&numbers, descriptor, each = reads / depth] {
        const auto room = std::make_unique<bench::block>();
        for (std::uint64_t done = 0; done != each; ++done) {
          const auto number = numbers.next();
          const auto got =
              coro::io(op::read{.file = sluice::file_handle{descriptor}, .buffer = room->bytes, .offset = number * bench::block_bytes});
          if (!got || *got != bench::block_bytes) {
            std::fprintf(stderr, "read failed\n");
            std::exit(1);
          }
          bench::expect(*room, number);
        }
      });
    }
    (void)all.join();
  });
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "file", "sluice", bench::figure::per_second};
  bench::run_file_cases(cases, read_blocks);
}
