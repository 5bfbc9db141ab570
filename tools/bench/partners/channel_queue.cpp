// SPDX-License-Identifier: MIT
/// @file A bounded queue of std::mutex and std::condition_variable between two threads.

#include <bench/support/cases.hpp>

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace {

/// Notifies only who may wait: the side that found it full, or empty.
class queue {
 public:
  void send(std::uint64_t item) {
    bool was_empty = false;
    {
      std::unique_lock held{lock_};
      has_room_.wait(held, [this] { return end_ - begin_ != room; });
      was_empty = end_ == begin_;
      items_[end_++ % room] = item;
    }
    if (was_empty) has_items_.notify_one();
  }
  auto receive() -> std::uint64_t {
    bool was_full = false;
    std::uint64_t item = 0;
    {
      std::unique_lock held{lock_};
      has_items_.wait(held, [this] { return end_ != begin_; });
      was_full = end_ - begin_ == room;
      item = items_[begin_++ % room];
    }
    if (was_full) has_room_.notify_one();
    return item;
  }

 private:
  static constexpr std::size_t room = 64;
  std::mutex lock_;
  std::condition_variable has_room_;
  std::condition_variable has_items_;
  std::array<std::uint64_t, room> items_{};
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

void between_threads(std::uint64_t items) {
  queue between;
  std::thread sender{[&] {
    for (std::uint64_t i = 0; i < items; ++i) between.send(i);
  }};
  for (std::uint64_t i = 0; i < items; ++i)
    if (between.receive() != i) std::abort();
  sender.join();
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "channel", "queue", bench::figure::nanoseconds_each};
  cases.run("over=threads", 4'000'000, 1, 10'000, between_threads);
}
