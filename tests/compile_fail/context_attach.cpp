// SPDX-License-Identifier: MIT
// expect: [sluice.context.attach]
#include <sluice/sluice.hpp>

struct mine {
  static constexpr auto kind = sluice::policy_kind::context;
  static constexpr std::string_view name = "mine";
  struct state {
    void* pointer;
  };
  static constexpr std::size_t storage_bytes = 0;
  static void prepare(state&, sluice::stack_span, sluice::context_entry, void*) noexcept;
  static void switch_to(state&, state&) noexcept;
  static auto supported() noexcept -> bool;
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
