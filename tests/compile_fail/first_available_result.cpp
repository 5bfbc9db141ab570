// SPDX-License-Identifier: MIT
// expect: [sluice.first_available.result]
#include <sluice/sluice.hpp>

struct one : sluice::config<> {};
struct other : sluice::config<sluice::trace::counters> {};
void f() {
  sluice::first_available<one, other>([]<class Config>(sluice::chosen<Config>) { return static_cast<Config*>(nullptr); });
}
