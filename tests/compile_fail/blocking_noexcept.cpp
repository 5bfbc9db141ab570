// SPDX-License-Identifier: MIT
// expect: [sluice.blocking.noexcept]
#include <sluice/sluice.hpp>

struct mine {
  static constexpr auto kind = sluice::policy_kind::blocking;
  static constexpr std::string_view name = "mine";
  auto submit(sluice::blocking_job&) -> sluice::result<void>;
  auto withdraw(sluice::blocking_job&) noexcept -> bool;
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
