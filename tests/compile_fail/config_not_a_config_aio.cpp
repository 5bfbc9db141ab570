// SPDX-License-Identifier: MIT
// expect: [sluice.config.not_a_config]
#include <sluice/sluice.hpp>

using aio = sluice::aio_of<int>;
auto result = aio::run(sluice::op::nop{});
