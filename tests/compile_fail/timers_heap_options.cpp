// SPDX-License-Identifier: MIT
// expect: [sluice.timers.heap]
#include <sluice/timers/heap.hpp>

sluice::timers::heap<{.first = 100, .limit = 10}> timers;
