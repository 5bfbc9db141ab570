// SPDX-License-Identifier: MIT
// expect: [sluice.stuck.refusals]
#include <sluice/sluice.hpp>

struct mine {
  static constexpr auto kind = sluice::policy_kind::stuck;
  static constexpr std::string_view name = "mine";
  static constexpr sluice::interval grace = std::chrono::seconds{1};
  static void give_up() noexcept;
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
