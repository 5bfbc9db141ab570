// SPDX-License-Identifier: MIT
// expect: [sluice.timers.next]
#include <sluice/sluice.hpp>

struct mine {
  static constexpr auto kind = sluice::policy_kind::timers;
  static constexpr std::string_view name = "mine";
  auto arm(sluice::timer_node&) noexcept -> sluice::result<void>;
  void disarm(sluice::timer_node&) noexcept;
  void expire(sluice::time_point, auto&& fire);
  auto size() const noexcept -> std::size_t;
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
