// SPDX-License-Identifier: MIT
/// @file sluice: on each of several threads a task that sends messages to another one, which sends them back, through channels.

#include <bench/support/cases.hpp>
#include <sluice/sluice.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
using core = coro::runtime::core;

void echo(std::uint64_t messages) {
  coro::channel<std::uint64_t> there{16};
  coro::channel<std::uint64_t> back{16};
  coro::scope both;
  both.spawn([&] {
    for (const std::uint64_t message : there)
      if (!back.send(message)) std::abort();
  });
  both.spawn([&] {
    constexpr std::uint64_t ahead = 8;
    for (std::uint64_t sent = 0, got = 0; got != messages;) {
      for (; sent != messages && sent - got < ahead; ++sent)
        if (!there.send(std::uint64_t{sent})) std::abort();
      if (back.receive() != got++) std::abort();
    }
    there.close();
  });
  if (!both.join()) std::abort();
}

void on_threads(std::size_t threads, std::uint64_t messages) {
  const auto outcome = coro::runtime::run({.threads = threads, .pin = true}, [&](core&) { echo(messages / threads); });
  if (!outcome) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "scale", "sluice", bench::figure::per_second};
  cases.run("threads=1", 40'000'000, 2, 100'000, [](std::uint64_t ops) { on_threads(1, ops); });
  cases.run("threads=2", 80'000'000, 2, 100'000, [](std::uint64_t ops) { on_threads(2, ops); });
}
