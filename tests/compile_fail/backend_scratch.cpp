// SPDX-License-Identifier: MIT
// expect: [sluice.backend.scratch]
#include <sluice/sluice.hpp>

struct mine {
  static constexpr auto kind = sluice::policy_kind::backend;
  static constexpr std::string_view name = "mine";
  using os = sluice::os::linux_;
  struct entry {};
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
