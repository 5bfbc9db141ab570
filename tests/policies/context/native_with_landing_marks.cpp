// SPDX-License-Identifier: MIT
// The same in a program whose compiler marks where an indirect jump may land: the switch has to, and unwinding still ends.
#if !defined(__CET__)
#error "this is to be compiled with -fcf-protection=full"
#endif

#include <policies/context/native.cpp>
