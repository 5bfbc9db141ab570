// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Runs a plan on the library, as one call.

#include <sluice/aio/facade.hpp>
#include <sluice/op/list.hpp>
#include <support/oracle/kernel.hpp>
#include <support/oracle/plan.hpp>
#include <support/oracle/relation.hpp>
#include <support/oracle/run_time_call.hpp>
#include <support/oracle/world.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace oracle {

/// Adds a member of a plan to a call.
template <class Call>
void add(Call& call, const member& m, const world& where, std::string& bytes) {
  const int fd = where.number(m.on, m.end);
  const sluice::file_handle file{fd};
  const sluice::socket_handle socket{fd};
  const auto in = std::as_writable_bytes(std::span{bytes.data(), bytes.size()});
  const auto out = std::as_bytes(std::span{bytes.data(), bytes.size()});
  const auto offset = m.at_start ? 0 : sluice::current_position;
  const auto time = [&](span how) {
    if (how == span::never) return m.micros % 2 == 0 ? sluice::interval::max() : sluice::interval{std::chrono::seconds{100'000}};
    return sluice::interval{std::chrono::microseconds{m.micros}};
  };
  const auto put = [&]<class Op>(Op description) {
    if (m.bound != span::none)
      call.add(op::timed<Op>{description, time(m.bound)}, m.link);
    else
      call.add(std::move(description), m.link);
  };
  switch (m.what) {
    case verb::nop: return put(op::nop{});
    case verb::read: return put(op::read{.file = file, .buffer = in, .offset = offset});
    case verb::write: return put(op::write{.file = file, .buffer = out, .offset = offset});
    case verb::recv:
      return put(op::recv{.socket = socket,
                          .buffer = in,
                          .flags = (m.all ? sluice::recv_flags::wait_all : sluice::recv_flags::none) |
                                   (m.at_once ? sluice::recv_flags::dont_wait : sluice::recv_flags::none)});
    case verb::send:
      return put(op::send{.socket = socket,
                          .buffer = out,
                          .flags = (m.all ? sluice::send_flags::wait_all : sluice::send_flags::none) |
                                   (m.at_once ? sluice::send_flags::dont_wait : sluice::send_flags::none)});
    case verb::timeout: return put(op::timeout{.after = time(m.time)});
    case verb::link_timeout: return call.add(op::link_timeout{.after = time(m.time)}, m.link);
    case verb::shutdown: return put(op::shutdown{.socket = socket, .how = static_cast<sluice::shutdown_how>(m.how)});
    case verb::fsync: return put(op::fsync{.file = file});
    case verb::close: return m.how == 0 ? put(op::close_file{.file = file}) : put(op::close_socket{.socket = socket});
    case verb::poll: return put(op::poll_once{.handle = file});
  }
}

/// One ring of the library's, for many plans.
template <class Config>
class library {
 public:
  using ring_type = typename sluice::aio_of<Config>::ring;

  library() { renew(); }
  library(const library&) = delete;
  auto operator=(const library&) -> library& = delete;
  ~library() = default;

  /// Makes another ring.
  void renew() {
    made_.reset();
    // A result of a ring cannot be moved: it becomes one in its place.
    struct made_again {
      operator sluice::result<ring_type>() const { return ring_type::make(); }  // NOLINT(google-explicit-constructor)
    };
    made_.emplace(made_again{});
    BOOST_REQUIRE_MESSAGE(made_->has_value(), (made_->has_value() ? "" : made_->error().message()));
  }

  auto run(const plan& p, const forecast& ahead, const patience& limits) -> outcome {
    world where{p};
    buffers data{p};
    outcome o;
    run_time_call<ring_type> call;
    for (std::size_t i = 0; i < p.members.size(); ++i) add(call, p.members[i], where, data.bytes[i]);
    plan_ = &p;
    where_ = &where;
    call_ = &call;
    told_ = 0;
    fault_.clear();
    const auto begun = call.call().start(ring(), nullptr);
    std::size_t at = 0;
    const auto more = [&](moment when) { return at < p.events.size() && p.events[at].when == when; };
    while (more(moment::queued)) strike(p.events[at++]);
    poll(sluice::wait::none);
    while (more(moment::submitted)) {
      strike(p.events[at++]);
      poll(sluice::wait::none);
    }
    std::size_t phase = 0;
    settle(ahead.done[phase++], limits);
    while (at < p.events.size() && fault_.empty()) {
      const auto& e = p.events[at++];
      is_strike(e.what) ? strike(e) : where.apply(e);
      if (more(moment::rushed)) strike(p.events[at++]);
      poll(sluice::wait::none);
      settle(ahead.done[phase++], limits);
    }
    finish(ahead, limits);
    if (fault_.empty() && told_ + begun != call.size()) fault_ = "the sink was told of " + std::to_string(told_) + " completions";
    for (std::size_t i = 0; i < p.members.size(); ++i) {
      const int number = call.record(i).is_done() ? call.number(i) : unknown;
      o.results.push_back(number);
      o.read.push_back(data.read(p, i, number));
    }
    o.fault = fault_;
    where.look(o);
    // A number that is closed behind the ring's back and reused costs a readiness backend a second look.
    for (const int number : where.open_numbers()) strike_with(op::close_file{sluice::file_handle{number}});
    return o;
  }

 private:
  using clock = std::chrono::steady_clock;

  auto ring() -> ring_type& { return **made_; }

  void operator_told(aio::record& one) noexcept {
    for (std::size_t i = 0; i < call_->size(); ++i)
      if (one.is(call_->record(i))) ++told_;
  }

  void poll(sluice::wait how) {
    const auto sink = [this](auto& one) noexcept {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(one)>, aio::record>) operator_told(one);
    };
    if (const auto came = ring().poll(sink, how); !came) fault_ = "a poll failed: " + came.error().message();
  }
  void wait(std::chrono::microseconds most) { poll(sluice::wait::at_most(most)); }

  void strike(const event& e) {
    const int fd = e.what == deed::cancel_member ? -1 : where_->number(e.on, e.end);
    switch (e.what) {
      case deed::cancel_member: ring().cancel(call_->record(static_cast<std::size_t>(e.on))); break;
      case deed::cancel_call: call_->call().cancel(ring()); break;
      case deed::cancel_handle: strike_with(op::cancel_handle{sluice::file_handle{fd}}); break;
      default:
        plan_->things[static_cast<std::size_t>(e.on)].what == sort::pipe ||
                plan_->things[static_cast<std::size_t>(e.on)].what == sort::full_pipe
            ? strike_with(op::close_file{sluice::file_handle{fd}})
            : strike_with(op::close_socket{sluice::socket_handle{fd}});
    }
  }

  template <class Op>
  void strike_with(Op description) {
    typename ring_type::template operation<Op> one{description};
    const auto begin = clock::now();
    ring().start(one);
    while (!one.is_done()) {
      wait(std::chrono::microseconds{1000});
      if (clock::now() - begin > std::chrono::seconds{20}) stuck("a close does not end");
    }
    if (!one.result()) fault_ = "an event failed: " + one.result().error().message();
  }

  [[nodiscard]] auto done() const -> long {
    long mask = 0;
    for (std::size_t i = 0; i < call_->size(); ++i)
      if (call_->record(i).is_done()) mask |= 1L << i;
    return mask;
  }
  [[nodiscard]] auto all() const -> bool { return done() == (1L << call_->size()) - 1; }

  void settle(long until, const patience& limits) {
    const auto begin = clock::now();
    if (until == forecast::open) {
      while (clock::now() - begin < limits.look && !all()) wait(std::chrono::microseconds{200});
      return;
    }
    while ((done() & until) != until && fault_.empty()) {
      wait(std::chrono::microseconds{1000});
      if (clock::now() - begin > limits.most)
        fault_ = "it did not get where it should: " + std::to_string(done()) + " of " + std::to_string(until);
    }
    for (int i = 0; i < 3; ++i) let_begin();
    if (done() != until && fault_.empty()) fault_ = "it went too far: " + std::to_string(done()) + " of " + std::to_string(until);
  }

  /// What comes next begins. A thread of the system's has no time that it would have to do so in; but once it has answered one more
  /// operation, it has looked at what came before that.
  void let_begin() {
    if constexpr (Config::submits_later)
      strike_with(op::nop{});
    else
      wait(std::chrono::microseconds{0});
  }

  void finish(const forecast& ahead, const patience& limits) {
    auto begin = clock::now();
    if (!ahead.may_block)
      while (!all() && fault_.empty() && clock::now() - begin < limits.most) wait(std::chrono::microseconds{1000});
    if (!all() && !ahead.may_block && fault_.empty()) fault_ = "it did not finish";
    begin = clock::now();
    if (plan_->drains && !all()) {
      const auto sink = [this](auto& one) noexcept {
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(one)>, aio::record>) operator_told(one);
      };
      if (!ring().drain(sink)) fault_ = "a drain failed";
    }
    if (!all()) call_->call().cancel(ring());
    while (!all()) {
      wait(std::chrono::microseconds{1000});
      if (clock::now() - begin > limits.most) stuck("it does not end when it is cancelled");
    }
    if (ring().in_flight() != 0) stuck("something else is in flight");
  }

  /// Nothing can be destroyed any more.
  [[noreturn]] void stuck(const char* why) {
    std::fprintf(stderr, "gave up: %s; done: %ld\n", why, done());
    std::abort();
  }

  std::optional<sluice::result<ring_type>> made_;
  const plan* plan_ = nullptr;
  world* where_ = nullptr;
  run_time_call<ring_type>* call_ = nullptr;
  std::size_t told_ = 0;
  std::string fault_;
};

}  // namespace oracle
