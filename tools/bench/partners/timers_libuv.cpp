// SPDX-License-Identifier: MIT
/// @file libuv: timers of a loop, set and stopped or set and fired. Its deadlines are whole milliseconds.

#include <bench/support/cases.hpp>
#include <bench/support/timers.hpp>

#include <uv.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

namespace {

/// What fires leaves a trace.
std::uint64_t fired = 0;

void on_timer(uv_timer_t*) { ++fired; }

class all_timers {
 public:
  explicit all_timers(uv_loop_t& loop) : loop_{loop}, timers_(bench::timers) {
    for (auto& timer : timers_) uv_timer_init(&loop_, &timer);
  }

  void set_and_cancel(std::uint64_t ops) {
    for (std::uint64_t left = ops; left != 0;) {
      const auto count = bench::next_round(left);
      set(count, bench::far);
      for (std::uint64_t i = 0; i < count; ++i) uv_timer_stop(&timers_[bench::scattered(i, count)]);
      uv_run(&loop_, UV_RUN_NOWAIT);
    }
  }

  void set_and_fire(std::uint64_t ops) {
    for (std::uint64_t left = ops; left != 0;) {
      const auto count = bench::next_round(left);
      const auto all = fired + count;
      set(count, bench::near);
      bench::sleep_until(last_);
      while (fired != all) uv_run(&loop_, UV_RUN_ONCE);
    }
  }

 private:
  void set(std::uint64_t count, bench::span within) {
    uv_update_time(&loop_);
    last_ = bench::now() + within.nanoseconds;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto milliseconds = static_cast<std::uint64_t>(bench::distance(i, within)) / 1'000'000;
      if (uv_timer_start(&timers_[i], on_timer, milliseconds, 0) != 0) std::abort();
    }
  }

  uv_loop_t& loop_;
  std::vector<uv_timer_t> timers_;
  std::int64_t last_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "timers", "libuv", bench::figure::processor_nanoseconds_each};
  uv_loop_t loop;
  if (uv_loop_init(&loop) != 0) return 1;
  all_timers timers{loop};
  cases.run("do=cancel", bench::timers, 1, bench::timers_to_warm_up, [&](std::uint64_t ops) { timers.set_and_cancel(ops); });
  cases.run("do=fire", bench::timers, 1, bench::timers_to_warm_up, [&](std::uint64_t ops) { timers.set_and_fire(ops); });
  return 0;
}
