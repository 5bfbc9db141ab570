// SPDX-License-Identifier: MIT
// expect: [sluice.context.default]
#include <sluice/sluice.hpp>

struct mine {
  static constexpr auto kind = sluice::policy_kind::context;
  static constexpr std::string_view name = "mine";
  explicit mine(int);
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
