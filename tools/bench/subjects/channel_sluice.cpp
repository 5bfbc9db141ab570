// SPDX-License-Identifier: MIT
/// @file sluice: items from task to task of one scheduler, from thread to thread, and a lock that nobody else wants.

#include <bench/support/cases.hpp>
#include <sluice/sluice.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <thread>

namespace {

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;

constexpr std::size_t room = 64;

template <class Channel>
void send_all(Channel& to, std::uint64_t items) {
  for (std::uint64_t i = 0; i < items; ++i)
    if (!to.send(std::uint64_t{i})) std::abort();
  to.close();
}

template <class Channel>
void receive_all(Channel& from, std::uint64_t items) {
  std::uint64_t expected = 0;
  while (const auto item = from.receive())
    if (*item != expected++) std::abort();
  if (expected != items) std::abort();
}

void between_tasks(std::uint64_t items) {
  (void)coro::run([=] {
    coro::channel<std::uint64_t> queue{room};
    coro::scope all;
    all.spawn([&] { send_all(queue, items); });
    all.spawn([&] { receive_all(queue, items); });
    (void)all.join();
  });
}

void between_threads(std::uint64_t items) {
  coro::remote_channel<std::uint64_t> queue{room};
  std::thread sender{[&] { (void)coro::run([&] { send_all(queue, items); }); }};
  (void)coro::run([&] { receive_all(queue, items); });
  sender.join();
}

void lock_alone(std::uint64_t times) {
  (void)coro::run([=] {
    coro::mutex lock;
    for (std::uint64_t i = 0; i < times; ++i) {
      const auto held = lock.lock();
      asm volatile("" : : "r"(&lock) : "memory");
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "channel", "sluice", bench::figure::nanoseconds_each};
  cases.run("over=tasks", 40'000'000, 1, 10'000, between_tasks);
  cases.run("over=threads", 20'000'000, 1, 10'000, between_threads);
  cases.run("over=lock", 200'000'000, 1, 10'000, lock_alone);
}
