// SPDX-License-Identifier: MIT
// expect: [sluice.timers.wheel_few]
#include <sluice/timers/wheel.hpp>

sluice::timers::wheel<{.few = 65}> timers;
