// SPDX-License-Identifier: MIT
// expect: [sluice.blocking.withdraw]
#include <sluice/sluice.hpp>

struct mine {
  static constexpr auto kind = sluice::policy_kind::blocking;
  static constexpr std::string_view name = "mine";
  auto submit(sluice::blocking_job&) noexcept -> sluice::result<void>;
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
