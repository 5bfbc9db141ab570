// SPDX-License-Identifier: MIT
/// @file No-op operations through sluice's core, through one task in batches, and through many tasks one each.

#include <bench/support/cases.hpp>
#include <sluice/sluice.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <utility>

namespace {

namespace op = sluice::op;

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
using aio = sluice::aio_of<app>;

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "%s failed\n", what);
  std::exit(1);
}

/// Operations stay where they are made.
template <std::size_t... I>
auto make_batch(std::index_sequence<I...>) {
  return std::array<aio::operation<op::nop>, sizeof...(I)>{((void)I, aio::operation<op::nop>{op::nop{}})...};
}

/// The core alone: start a batch, submit and wait in one call, count what comes back.
template <std::size_t Size>
void through_core(std::uint64_t ops) {
  auto ring = aio::ring::make();
  if (!ring) give_up("ring::make");
  auto batch = make_batch(std::make_index_sequence<Size>{});
  for (std::uint64_t done = 0; done < ops;) {
    auto end = done + Size;
    for (auto& one : batch) {
      if (ring->start(one) == sluice::started::done) ++done;
    }
    while (done < end) {
      if (!ring->poll([&](aio::record&) { ++done; }, sluice::wait::one)) give_up("poll");
    }
  }
}

template <std::size_t Size>
void through_one_task(std::uint64_t ops) {
  coro::run([=] {
    auto batch = make_batch(std::make_index_sequence<Size>{});
    for (std::uint64_t done = 0; done < ops; done += Size) coro::io(std::span<aio::operation<op::nop>>{batch});
    for (auto& one : batch) {
      if (!one.result()) give_up("nop");
    }
  });
}

/// A batch of one is the plain call.
template <>
void through_one_task<1>(std::uint64_t ops) {
  coro::run([=] {
    for (std::uint64_t done = 0; done < ops; ++done) {
      if (!coro::io(op::nop{})) give_up("nop");
    }
  });
}

void through_tasks(std::uint64_t tasks, std::uint64_t ops) {
  coro::run([=] {
    coro::scope all;
    for (std::uint64_t i = 0; i < tasks; ++i) {
      all.spawn([each = ops / tasks] {
        for (std::uint64_t done = 0; done < each; ++done) {
          if (!coro::io(op::nop{})) give_up("nop");
        }
      });
    }
    (void)all.join();
  });
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "nops", "sluice", bench::figure::per_second};
  cases.run("via=core batch=1", 1'000'000, 1, 1000, through_core<1>);
  cases.run("via=core batch=8", 4'000'000, 8, 8000, through_core<8>);
  cases.run("via=core batch=32", 6'000'000, 32, 32'000, through_core<32>);
  cases.run("via=task batch=1", 1'000'000, 1, 1000, through_one_task<1>);
  cases.run("via=task batch=8", 4'000'000, 8, 8000, through_one_task<8>);
  cases.run("via=task batch=32", 6'000'000, 32, 32'000, through_one_task<32>);
  cases.run("via=tasks batch=1", 1'000'000, 1, 1000, [](std::uint64_t ops) { through_tasks(1, ops); });
  cases.run("via=tasks batch=8", 4'000'000, 8, 8000, [](std::uint64_t ops) { through_tasks(8, ops); });
  cases.run("via=tasks batch=32", 6'000'000, 32, 32'000, [](std::uint64_t ops) { through_tasks(32, ops); });
}
