// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Whoever is told what a poll brings, its type forgotten. Layer: aio.

#include <sluice/concept/record.hpp>

#include <cstddef>

namespace sluice::inline v0::aio {

/// \cond
// So that a program has one copy of the code that polls in the general way. It is made from a sink and lives no longer.
class listener {
 public:
  template <class Sink>
  explicit listener(Sink& sink) noexcept : sink_{&sink}, calls_{calls_of<Sink>} {}

  void done(record& one) const noexcept { calls_.done(sink_, one); }
  void fired(timer& one) const noexcept {
    if (calls_.fired != nullptr) calls_.fired(sink_, one);
  }
  void woken() const noexcept {
    if (calls_.woken != nullptr) calls_.woken(sink_);
  }

 private:
  // Null what a sink does not want to be told.
  struct calls {
    void (*done)(const void* sink, record&) noexcept;
    void (*fired)(const void* sink, timer&) noexcept;
    void (*woken)(const void* sink) noexcept;
  };

  // It was given as what it is.
  template <class Sink>
  static auto known(const void* sink) noexcept -> Sink& {
    return *static_cast<Sink*>(const_cast<void*>(sink));
  }

  template <class Sink>
  static constexpr auto make_calls() noexcept -> calls {
    calls made{.done = [](const void* sink, record& one) noexcept { known<Sink>(sink)(one); }, .fired = nullptr, .woken = nullptr};
    if constexpr (requires(Sink& to, timer& one) { to(one); })
      made.fired = [](const void* sink, timer& one) noexcept { known<Sink>(sink)(one); };
    if constexpr (requires(Sink& to) { to.woken(); }) made.woken = [](const void* sink) noexcept { known<Sink>(sink).woken(); };
    return made;
  }
  template <class Sink>
  static constexpr calls calls_of = make_calls<Sink>();

  const void* sink_;
  const calls& calls_;
};

// A sink for code that is no task: with `counts`, each completion takes one from the number that its record's waiter points to.
struct count_down {
  bool counts;
  void operator()(record& one) const noexcept {
    if (counts && one.waiter != nullptr) --*static_cast<std::size_t*>(one.waiter);
  }
};
/// \endcond

}  // namespace sluice::inline v0::aio
