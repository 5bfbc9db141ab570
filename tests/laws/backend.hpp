// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What every backend must do, checked through the core from the outside. Each law is a template over a config and names the rules of the
/// specification that it checks, and the operations. This file has what the laws share, the files backend_*.hpp have the laws.

#include <sluice/aio/facade.hpp>
#include <sluice/op/link.hpp>
#include <sluice/op/list.hpp>
#include <sluice/trace/counters.hpp>
#include <support/coverage.hpp>
#include <support/descriptors.hpp>
#include <support/leftovers.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

namespace laws::backend {

namespace aio = sluice::aio;
namespace op = sluice::op;
using namespace std::chrono_literals;
using laws::covers;
using laws::exercises;
using sluice::interval;
using sluice::started;
using support::bytes_of;
using support::put;
using support::take;

/// Says why and ends the program: operations are in flight, so that nothing can be destroyed any more.
[[noreturn]] inline void give_up(const char* why) {
  std::fprintf(stderr, "gave up in %s: %s\n", boost::unit_test::framework::current_test_case().full_name().c_str(), why);
  std::abort();
}

/// A ring and what its sink saw.
template <class Config>
struct session {
  using facade = sluice::aio_of<Config>;
  using ring_type = typename facade::ring;
  using event_source = typename facade::event_source;
  template <class Op>
  using operation = typename facade::template operation<Op>;

  sluice::result<ring_type> made;
  ring_type& ring;
  std::vector<aio::record*> done;  ///< in order
  std::vector<aio::timer*> fired;  ///< in order

  explicit session(const sluice::ring_options& options = {}) : made{ring_type::make(options)}, ring{require(made)} {}

  session(const session&) = delete;
  auto operator=(const session&) -> session& = delete;
  /// Whatever a law did, each operation was reported as queued once and as completed once.
  ~session() {
    if constexpr (requires { ring.trace().snapshot(); }) {
      const auto seen = ring.trace().snapshot();
      if (ring.in_flight() == 0 && seen.op_queued != 0) BOOST_TEST(seen.op_queued == seen.op_completed);
    }
  }

  auto poll(sluice::wait how) -> std::size_t {
    const auto count = ring.poll(*this, how);
    if (!count) give_up(count.error().message().c_str());
    return *count;
  }
  void operator()(aio::record& one) noexcept { done.push_back(&one); }
  void operator()(aio::timer& one) noexcept { fired.push_back(&one); }

  /// Polls until a condition holds.
  template <class Condition>
  void until(Condition&& holds) {
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (!holds()) {
      poll(sluice::wait::at_most(50ms));
      if (std::chrono::steady_clock::now() > limit) give_up("nothing happens any more");
    }
  }
  /// Polls until these are done.
  template <class... Operations>
  void finish(const Operations&... ones) {
    until([&] { return (is_finished(ones) && ...); });
  }
  /// Polls for a while, for what must not happen; as often as the time has milliseconds, however little of it this thread gets.
  void linger(std::chrono::milliseconds span = 5ms) {
    const auto end = std::chrono::steady_clock::now() + span;
    for (auto polled = 0ms; polled < span || std::chrono::steady_clock::now() < end; polled += 1ms) poll(sluice::wait::at_most(1ms));
  }

  /// Operations of one call, not started.
  template <class... Ops>
  [[nodiscard]] auto call(Ops... ops) {
    return aio::call<ring_type, Ops...>{std::move(ops)...};
  }
  /// Runs the operations of one call: their results, in a tuple if there are several.
  template <class... Ops>
  auto run(Ops... ops) {
    aio::call<ring_type, Ops...> batch{std::move(ops)...};
    ring.start(batch);
    finish(batch);
    if constexpr (sizeof...(Ops) == 1)
      return batch.template get<0>().result();
    else
      return batch.results();
  }
  /// Starts one operation, alone, and finishes it.
  template <class Op>
  auto run_alone(Op description) {
    operation<Op> one{std::move(description)};
    if (ring.start(one) == started::pending) finish(one);
    return one.result();
  }

  /// At which place the sink was given a record; past the end if never.
  [[nodiscard]] auto place(const aio::record& one) const -> std::size_t {
    std::size_t at = 0;
    while (at < done.size() && done[at] != &one) ++at;
    return at;
  }

 private:
  static auto require(sluice::result<ring_type>& made) -> ring_type& {
    BOOST_REQUIRE_MESSAGE(made.has_value(), (made.has_value() ? "" : made.error().message()));
    return *made;
  }
  static auto is_finished(const aio::record& one) -> bool { return one.is_done(); }
  template <class... Ops>
  static auto is_finished(const aio::call<ring_type, Ops...>& batch) -> bool {
    return batch.unfinished() == 0;
  }
};

template <class Result>
void succeeded(const Result& outcome) {
  BOOST_TEST(outcome.has_value(), (outcome.has_value() ? "" : outcome.error().message()));
}
template <class Result, class Value>
void gave(const Result& outcome, const Value& value) {
  BOOST_TEST_REQUIRE(outcome.has_value(), (outcome.has_value() ? "" : outcome.error().message()));
  BOOST_TEST((*outcome == value));
}
template <class Result, class Code>
void failed(const Result& outcome, Code code) {
  BOOST_TEST_REQUIRE(!outcome.has_value(), "it succeeded");
  BOOST_TEST((outcome.error() == code), outcome.error().category().name() << ": " << outcome.error().message());
}
template <class Result>
void canceled(const Result& outcome) {
  failed(outcome, std::errc::operation_canceled);
}

/// What a law must know of a config: a test derives its config from this, too.
/// `Entries` operations reach the system in one submission; `Later`: a thread of the system's own takes them when it likes.
template <std::uint32_t Entries = 256, bool Later = false>
struct facts {
  static constexpr std::uint32_t entries = Entries;
  static constexpr bool submits_later = Later;
  static constexpr bool has_handle = true;   ///< a descriptor for foreign loops
  static constexpr bool keeps_files = true;  ///< an operation in flight holds its file, whoever closes the descriptor
  /// An open waits for the other end of a FIFO; the kernel's ring answers at once as if it had been asked not to wait, if it knows the
  /// path.
  static constexpr bool waits_for_fifos = false;
};

/// The same of a backend that calls the system when a descriptor is ready, and until then has nothing but its number.
template <bool Handle = true>
struct readiness_facts : facts<> {
  static constexpr bool has_handle = Handle;
  static constexpr bool keeps_files = false;
  static constexpr bool waits_for_fifos = true;
};

}  // namespace laws::backend

/// A case of a law for each config of a tuple, which leaves nothing behind.
#define LAW_OF_BACKENDS(law, models) \
  BOOST_FIXTURE_TEST_CASE_TEMPLATE(law, config, models, support::leftovers) { laws::backend::law<config>(); }
