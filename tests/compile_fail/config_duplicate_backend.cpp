// SPDX-License-Identifier: MIT
// expect: [sluice.config.duplicate]
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::backend::io_uring<>, sluice::backend::io_uring<{.entries = 8}>> {};
using aio = sluice::aio_of<app>;
auto made = aio::ring::make();
