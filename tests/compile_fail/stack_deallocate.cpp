// SPDX-License-Identifier: MIT
// expect: [sluice.stack.deallocate]
#include <sluice/sluice.hpp>

struct mine {
  static constexpr auto kind = sluice::policy_kind::stack;
  static constexpr std::string_view name = "mine";
  auto allocate() noexcept -> sluice::result<sluice::stack_span>;
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
