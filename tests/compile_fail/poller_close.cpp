// SPDX-License-Identifier: MIT
// expect: [sluice.poller.close]
#include <sluice/backend/readiness.hpp>
#include <sluice/sluice.hpp>

struct mine {
  static constexpr std::string_view name = "mine";
  static constexpr bool edge = true;
  struct opened {};
  template <class Os>
  static auto open() noexcept -> sluice::result<opened>;
  template <class Os, std::uint32_t Events>
  struct set {
    explicit set(const opened&) noexcept;
    auto arm(int, std::uint32_t&, std::uint32_t) noexcept -> int;
    void disarm(int, std::uint32_t&, std::uint32_t) noexcept;
    auto prove(int, std::uint32_t&) noexcept -> int;
    void forget(std::uint32_t&) noexcept;
    auto wait(sluice::interval, auto&&) noexcept -> int;
    auto handle() const noexcept -> sluice::result<int>;
  };
};
struct app : sluice::config<sluice::backend::readiness<mine>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
