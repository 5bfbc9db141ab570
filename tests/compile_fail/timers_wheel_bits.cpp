// SPDX-License-Identifier: MIT
// expect: [sluice.timers.wheel_bits]
#include <sluice/timers/wheel.hpp>

sluice::timers::wheel<{.bits = 0}> timers;
