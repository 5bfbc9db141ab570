// SPDX-License-Identifier: MIT
/// @file Random reads of a file's blocks by pread: one after the other, however many might be in flight.

#include <bench/support/cases.hpp>
#include <bench/support/files.hpp>

#include <cstdint>
#include <memory>

#include <unistd.h>

namespace {

void read_blocks(int descriptor, unsigned, std::uint64_t reads) {
  const auto room = std::make_unique<bench::block>();
  bench::block_numbers numbers;
  for (std::uint64_t done = 0; done != reads; ++done) {
    const auto number = numbers.next();
    if (::pread(descriptor, room->bytes, bench::block_bytes, static_cast<off_t>(number * bench::block_bytes)) !=
        ssize_t{bench::block_bytes})
      bench::give_up("pread");
    bench::expect(*room, number);
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "file", "pread", bench::figure::per_second};
  bench::run_file_cases(cases, read_blocks);
}
