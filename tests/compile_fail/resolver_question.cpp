// SPDX-License-Identifier: MIT
// expect: [sluice.resolver.question]
#include <sluice/sluice.hpp>

struct mine {
  static constexpr auto kind = sluice::policy_kind::resolver;
  static constexpr std::string_view name = "mine";
  struct question {
    auto begin(const char*, std::uint16_t) noexcept -> sluice::result<void>;
  };
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] { (void)coro::resolver{}.resolve("localhost"); });
}
