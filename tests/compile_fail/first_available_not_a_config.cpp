// SPDX-License-Identifier: MIT
// expect: [sluice.config.not_a_config]
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};

int main() {
  return sluice::first_available<app, int>([]<class Config>(sluice::chosen<Config>) { return 0; });
}
