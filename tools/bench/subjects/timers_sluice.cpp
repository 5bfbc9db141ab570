// SPDX-License-Identifier: MIT
/// @file sluice: timers of a ring, set and cancelled or set and fired, kept by each policy.

#include <bench/support/cases.hpp>
#include <bench/support/timers.hpp>
#include <sluice/sluice.hpp>
#include <sluice/timers/wheel.hpp>

#include <cstdint>
#include <cstdlib>
#include <vector>

namespace {

struct with_heap : sluice::config<sluice::timers::heap<>> {};
struct with_wheel : sluice::config<sluice::timers::wheel<>> {};

/// What fires leaves a trace.
std::uint64_t fired = 0;

template <class Config>
class all_timers {
 public:
  using aio = sluice::aio_of<Config>;
  using ring_type = typename aio::ring;

  explicit all_timers(ring_type& ring) : ring_{ring}, timers_(bench::timers) {}

  void set_and_cancel(std::uint64_t ops) {
    for (std::uint64_t left = ops; left != 0;) {
      const auto count = bench::next_round(left);
      set(count, bench::far);
      for (std::uint64_t i = 0; i < count; ++i) ring_.disarm(timers_[bench::scattered(i, count)]);
      (void)ring_.poll(sink{}, sluice::wait::none);
    }
  }

  void set_and_fire(std::uint64_t ops) {
    for (std::uint64_t left = ops; left != 0;) {
      const auto count = bench::next_round(left);
      const auto all = fired + count;
      set(count, bench::near);
      bench::sleep_until(last_);
      while (fired != all) (void)ring_.poll(sink{}, sluice::wait::one);
    }
  }

 private:
  struct sink {
    void operator()(sluice::aio::record&) const noexcept {}
    void operator()(sluice::aio::timer&) const noexcept { ++fired; }
  };

  void set(std::uint64_t count, bench::span within) {
    const auto base = ring_type::now();
    last_ = base.count + within.nanoseconds;
    for (std::uint64_t i = 0; i < count; ++i) {
      auto& timer = timers_[i];
      timer.deadline = base + sluice::interval::nanoseconds(bench::distance(i, within));
      if (!ring_.arm(timer)) std::abort();
    }
  }

  ring_type& ring_;
  std::vector<sluice::aio::timer> timers_;
  std::int64_t last_ = 0;
};

template <class Config>
auto run(bench::cases& cases, const char* cancel, const char* fire) -> bool {
  auto ring = sluice::aio_of<Config>::ring::make();
  if (!ring) return false;
  all_timers<Config> timers{*ring};
  cases.run(cancel, bench::timers, 1, bench::timers_to_warm_up, [&](std::uint64_t ops) { timers.set_and_cancel(ops); });
  cases.run(fire, bench::timers, 1, bench::timers_to_warm_up, [&](std::uint64_t ops) { timers.set_and_fire(ops); });
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "timers", "sluice", bench::figure::processor_nanoseconds_each};
  const bool ran = run<with_heap>(cases, "do=cancel keep=heap", "do=fire keep=heap") &&
                   run<with_wheel>(cases, "do=cancel keep=wheel", "do=fire keep=wheel");
  return ran ? 0 : 1;
}
