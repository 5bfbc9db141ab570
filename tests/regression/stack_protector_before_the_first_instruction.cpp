// SPDX-License-Identifier: MIT
// Where every function has a stack protector (-fstack-protector-all), GCC gives one to a naked function, too: it moved the stack pointer
// before the first instruction of a new stack, which then took its entry and its argument from the wrong places. The first task of a
// program ended it.
#if !defined(__SSP_ALL__)
#error "this is to be compiled with -fstack-protector-all"
#endif

#include <policies/context/native.cpp>
