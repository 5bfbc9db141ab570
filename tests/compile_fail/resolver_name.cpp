// SPDX-License-Identifier: MIT
// expect: [sluice.resolver.name]
#include <sluice/sluice.hpp>

struct mine {
  static constexpr auto kind = sluice::policy_kind::resolver;
  static auto look_up(const char*, std::uint16_t) noexcept -> sluice::result<sluice::host_addresses>;
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] { (void)coro::resolver{}.resolve("localhost"); });
}
