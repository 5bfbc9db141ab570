// SPDX-License-Identifier: MIT
// expect: [sluice.config.not_a_policy]
#include <sluice/sluice.hpp>

struct app : sluice::config<int> {};
using aio = sluice::aio_of<app>;
auto result = aio::run(sluice::op::nop{});
