// SPDX-License-Identifier: MIT
// expect: [sluice.stuck.give_up]
#include <sluice/sluice.hpp>

struct mine {
  static constexpr auto kind = sluice::policy_kind::stuck;
  static constexpr std::string_view name = "mine";
  static constexpr std::uint32_t refusals = 10;
  static constexpr sluice::interval grace = std::chrono::seconds{1};
  void give_up() noexcept;
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
