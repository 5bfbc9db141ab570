// SPDX-License-Identifier: MIT
// Built for size (-Os), a program with timers::wheel had GCC warn of an access behind the last level, and failed where warnings are errors.
#if !defined(__OPTIMIZE_SIZE__)
#error "this is to be compiled with -Os"
#endif

#include <policies/timers/wheel.cpp>
