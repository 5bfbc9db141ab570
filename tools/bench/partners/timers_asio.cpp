// SPDX-License-Identifier: MIT
/// @file Boost.Asio: steady timers, set and cancelled or set and fired, with what it offers for speed: the concrete executor, no locks,
/// timers that are used again, and memory for each wait that lies beside its timer.

#include <bench/support/cases.hpp>
#include <bench/support/timers.hpp>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace {

namespace asio = boost::asio;
using clock_type = std::chrono::steady_clock;
using timer_type = asio::basic_waitable_timer<clock_type, asio::wait_traits<clock_type>, asio::io_context::executor_type>;

/// What fires or is cancelled leaves a trace.
std::uint64_t fired = 0;
std::uint64_t cancelled = 0;

/// A timer waits for one thing at a time, whose memory lies here.
struct one_timer {
  explicit one_timer(asio::io_context& context) : timer{context.get_executor()} {}
  timer_type timer;
  alignas(std::max_align_t) std::byte memory[128] = {};
};

template <class T>
struct beside_the_timer {
  using value_type = T;
  explicit beside_the_timer(one_timer& where) noexcept : owner{&where} {}
  template <class U>
  explicit beside_the_timer(const beside_the_timer<U>& other) noexcept : owner{other.owner} {}
  auto allocate(std::size_t count) noexcept -> T* {
    if (count * sizeof(T) > sizeof owner->memory) std::abort();
    return reinterpret_cast<T*>(owner->memory);
  }
  void deallocate(T*, std::size_t) noexcept {}
  auto operator==(const beside_the_timer&) const noexcept -> bool = default;
  one_timer* owner;
};

struct handler {
  using allocator_type = beside_the_timer<void*>;
  one_timer* owner;
  [[nodiscard]] auto get_allocator() const noexcept -> allocator_type { return allocator_type{*owner}; }
  void operator()(const boost::system::error_code& error) const noexcept { ++(error ? cancelled : fired); }
};

class all_timers {
 public:
  explicit all_timers(asio::io_context& context) : context_{context} {
    timers_.reserve(bench::timers);
    for (std::uint64_t i = 0; i < bench::timers; ++i) timers_.emplace_back(context);
  }

  void set_and_cancel(std::uint64_t ops) {
    for (std::uint64_t left = ops; left != 0;) {
      const auto count = bench::next_round(left);
      const auto all = cancelled + count;
      set(count, bench::far);
      for (std::uint64_t i = 0; i < count; ++i) timers_[bench::scattered(i, count)].timer.cancel();
      run();
      if (cancelled != all) std::abort();
    }
  }

  void set_and_fire(std::uint64_t ops) {
    for (std::uint64_t left = ops; left != 0;) {
      const auto count = bench::next_round(left);
      const auto all = fired + count;
      set(count, bench::near);
      bench::sleep_until(last_);
      run();
      if (fired != all) std::abort();
    }
  }

 private:
  void set(std::uint64_t count, bench::span within) {
    const auto base = clock_type::now();
    last_ = base.time_since_epoch().count() + within.nanoseconds;
    for (std::uint64_t i = 0; i < count; ++i) {
      auto& one = timers_[i];
      one.timer.expires_at(base + std::chrono::nanoseconds{bench::distance(i, within)});
      one.timer.async_wait(handler{&one});
    }
  }
  void run() {
    context_.restart();
    context_.run();
  }

  asio::io_context& context_;
  std::vector<one_timer> timers_;
  std::int64_t last_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "timers", "asio", bench::figure::processor_nanoseconds_each};
  asio::io_context context{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  all_timers timers{context};
  cases.run("do=cancel", bench::timers, 1, bench::timers_to_warm_up, [&](std::uint64_t ops) { timers.set_and_cancel(ops); });
  cases.run("do=fire", bench::timers, 1, bench::timers_to_warm_up, [&](std::uint64_t ops) { timers.set_and_fire(ops); });
}
