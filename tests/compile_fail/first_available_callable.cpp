// SPDX-License-Identifier: MIT
// expect: [sluice.first_available.callable]
#include <sluice/sluice.hpp>

struct one : sluice::config<> {};
struct other : sluice::config<sluice::trace::counters> {};
void f() {
  sluice::first_available<one, other>([](sluice::chosen<one>) {});
}
