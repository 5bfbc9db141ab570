// SPDX-License-Identifier: MIT
// expect: [sluice.backend.os]
#include <sluice/sluice.hpp>

struct mine {
  static constexpr auto kind = sluice::policy_kind::backend;
  static constexpr std::string_view name = "mine";
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
