// SPDX-License-Identifier: MIT
// expect: [sluice.stack.allocate]
#include <sluice/sluice.hpp>

struct mine {
  static constexpr auto kind = sluice::policy_kind::stack;
  static constexpr std::string_view name = "mine";
  auto allocate() noexcept -> std::byte*;
  void deallocate(sluice::stack_span) noexcept;
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
