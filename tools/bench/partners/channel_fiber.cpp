// SPDX-License-Identifier: MIT
/// @file Boost.Fiber: items through a buffered channel, from fiber to fiber of one thread, and from thread to thread.

#include <bench/support/cases.hpp>

#include <boost/fiber/buffered_channel.hpp>
#include <boost/fiber/fiber.hpp>
#include <boost/fiber/operations.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <thread>

namespace {

constexpr std::size_t room = 64;
using channel = boost::fibers::buffered_channel<std::uint64_t>;

void send_all(channel& to, std::uint64_t items) {
  for (std::uint64_t i = 0; i < items; ++i)
    if (to.push(i) != boost::fibers::channel_op_status::success) std::abort();
  to.close();
}

void receive_all(channel& from, std::uint64_t items) {
  std::uint64_t expected = 0;
  for (std::uint64_t item = 0; from.pop(item) == boost::fibers::channel_op_status::success;)
    if (item != expected++) std::abort();
  if (expected != items) std::abort();
}

void between_fibers(std::uint64_t items) {
  channel queue{room};
  boost::fibers::fiber sender{[&] { send_all(queue, items); }};
  boost::fibers::fiber receiver{[&] { receive_all(queue, items); }};
  sender.join();
  receiver.join();
}

void between_threads(std::uint64_t items) {
  channel queue{room};
  std::thread sender{[&] { send_all(queue, items); }};
  receive_all(queue, items);
  sender.join();
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "channel", "fiber", bench::figure::nanoseconds_each};
  cases.run("over=tasks", 4'000'000, 1, 10'000, between_fibers);
  cases.run("over=threads", 4'000'000, 1, 10'000, between_threads);
}
