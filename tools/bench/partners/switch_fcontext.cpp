// SPDX-License-Identifier: MIT
/// @file The fcontext hop of Boost.Context: from one context to the next around a ring, with no scheduler at all.

#include <bench/support/cases.hpp>

#include <boost/context/detail/fcontext.hpp>
#include <boost/context/fixedsize_stack.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

namespace context = boost::context::detail;

/// One context of the ring: where it goes on, whom it hops to.
struct station {
  context::fcontext_t place = nullptr;
  station* next = nullptr;
};

std::uint64_t left = 0;
station home;

/// Hops to the next station until the count is used up. Who is woken keeps the place of the one that hopped.
void walk(context::transfer_t from) {
  auto& before = *static_cast<station*>(from.data);
  before.place = from.fctx;
  auto& self = *before.next;
  while (left-- != 0) {
    auto back = context::jump_fcontext(self.next->place, &self);
    static_cast<station*>(back.data)->place = back.fctx;
  }
  context::jump_fcontext(home.place, &self);
}

/// Two contexts need no ring: each goes back to the one it came from.
void bounce(context::transfer_t from) {
  for (;;) from = context::jump_fcontext(from.fctx, nullptr);
}

void two(std::uint64_t ops) {
  boost::context::fixedsize_stack stacks{64 * 1024};
  auto stack = stacks.allocate();
  context::transfer_t other{context::make_fcontext(stack.sp, stack.size, bounce), nullptr};
  for (std::uint64_t i = 0; i < ops; i += 2) other = context::jump_fcontext(other.fctx, nullptr);
  stacks.deallocate(stack);
}

void many(std::size_t count, std::uint64_t ops) {
  boost::context::fixedsize_stack stacks{64 * 1024};
  std::vector<boost::context::stack_context> memory;
  std::vector<station> ring(count);
  for (std::size_t i = 0; i < count; ++i) {
    memory.push_back(stacks.allocate());
    ring[i].place = context::make_fcontext(memory[i].sp, memory[i].size, walk);
    ring[i].next = &ring[(i + 1) % count];
  }
  left = ops;
  home.next = &ring[0];
  context::jump_fcontext(ring[0].place, &home);
  for (auto& stack : memory) stacks.deallocate(stack);
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "switch", "fcontext", bench::figure::nanoseconds_each};
  cases.run("tasks=2", 40'000'000, 2, 1000, two);
  cases.run("tasks=1000", 20'000'000, 1000, 10'000, [](std::uint64_t ops) { many(1000, ops); });
}
