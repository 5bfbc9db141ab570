// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Runs a plan on the Linux kernel's own io_uring, with nothing of the library in between: the oracle.

#include <support/oracle/plan.hpp>
#include <support/oracle/relation.hpp>
#include <support/oracle/world.hpp>

#include <liburing.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

namespace oracle {

/// How long what must happen may take, and how long a look at what may happen is.
struct patience {
  std::chrono::milliseconds most{20'000};
  std::chrono::microseconds look{1'500};
};

/// One ring of the kernel's, for many plans.
class kernel {
 public:
  kernel() {
    ::io_uring_params how{};
    how.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL;
    BOOST_REQUIRE(::io_uring_queue_init_params(64, &ring_, &how) == 0);
  }
  kernel(const kernel&) = delete;
  auto operator=(const kernel&) -> kernel& = delete;
  ~kernel() { ::io_uring_queue_exit(&ring_); }

  auto run(const plan& p, const forecast& ahead, const patience& limits) -> outcome {
    const world things{p};
    return run_in(p, const_cast<world&>(things), ahead, limits);
  }

 private:
  using clock = std::chrono::steady_clock;

  static constexpr std::uint64_t deadline_of = 100;  // the deadline around a member is one more entry
  static constexpr std::uint64_t ours = 1000;

  auto run_in(const plan& p, world& where, const forecast& ahead, const patience& limits) -> outcome {
    plan_ = &p;
    where_ = &where;
    results_.assign(p.members.size(), unknown);
    bounds_.assign(p.members.size(), 0);
    whens_.assign(p.members.size() * 2, {});
    asked_ = answered_ = expected_ = arrived_ = 0;
    fault_.clear();
    buffers data{p};
    for (std::size_t i = 0; i < p.members.size(); ++i) push(i, data.bytes[i]);
    std::size_t at = 0;
    const auto more = [&](moment when) { return at < p.events.size() && p.events[at].when == when; };
    while (more(moment::queued)) strike(p.events[at++]);
    enter();
    while (more(moment::submitted)) {
      strike(p.events[at++]);
      enter();
    }
    std::size_t phase = 0;
    settle(ahead.done[phase++], limits);
    while (at < p.events.size() && fault_.empty()) {
      const auto& e = p.events[at++];
      is_strike(e.what) ? strike(e) : where.apply(e);
      if (more(moment::rushed)) strike(p.events[at++]);
      enter();
      settle(ahead.done[phase++], limits);
    }
    finish(ahead, limits);
    outcome o;
    for (std::size_t i = 0; i < p.members.size(); ++i) {
      o.results.push_back(meaning(i));
      o.read.push_back(data.read(p, i, results_[i]));
    }
    o.fault = fault_;
    where.look(o);
    return o;
  }

  [[nodiscard]] auto meaning(std::size_t i) const -> int {
    const auto& m = plan_->members[i];
    const int raw = results_[i];
    if (raw == unknown) return raw;
    if (m.what == verb::link_timeout) return raw == -ECANCELED ? raw : timed_out;
    if (m.bound != span::none && raw == -ECANCELED && bounds_[i] != -ECANCELED) return timed_out;
    if (m.what == verb::timeout && raw == -ETIME) return 0;
    if (m.what == verb::poll && raw > 0) return 1;
    if (raw == -EINTR || raw <= -512) return -ECANCELED;
    return raw;
  }

  auto entry() -> ::io_uring_sqe* {
    auto* e = ::io_uring_get_sqe(&ring_);
    if (e == nullptr) {
      enter();
      e = ::io_uring_get_sqe(&ring_);
    }
    return e;
  }

  auto when(std::size_t i, span how, std::uint16_t micros) -> ::__kernel_timespec* {
    whens_[i] = how == span::never ? ::__kernel_timespec{.tv_sec = 100'000, .tv_nsec = 0}
                                   : ::__kernel_timespec{.tv_sec = 0, .tv_nsec = micros * 1000LL};
    return &whens_[i];
  }

  void push(std::size_t i, std::string& bytes) {
    constexpr unsigned expiry_is_success = 1U << 5U;
    const auto& m = plan_->members[i];
    const int fd = where_->number(m.on, m.end);
    auto* const e = entry();
    const auto at = m.at_start ? std::uint64_t{0} : ~std::uint64_t{0};
    const int flags = (m.all ? MSG_WAITALL : 0) | (m.at_once ? MSG_DONTWAIT : 0);
    switch (m.what) {
      case verb::nop: ::io_uring_prep_nop(e); break;
      case verb::read: ::io_uring_prep_read(e, fd, bytes.data(), m.size, at); break;
      case verb::write: ::io_uring_prep_write(e, fd, bytes.data(), m.size, at); break;
      case verb::recv: ::io_uring_prep_recv(e, fd, bytes.data(), m.size, flags); break;
      case verb::send: ::io_uring_prep_send(e, fd, bytes.data(), m.size, flags | MSG_NOSIGNAL); break;
      // Without the flag the expiry would be a failure and cut the chain.
      case verb::timeout: ::io_uring_prep_timeout(e, when(2 * i, m.time, m.micros), 0, expiry_is_success); break;
      case verb::link_timeout: ::io_uring_prep_link_timeout(e, when(2 * i, m.time, m.micros), 0); break;
      case verb::shutdown: ::io_uring_prep_shutdown(e, fd, m.how); break;
      case verb::fsync: ::io_uring_prep_fsync(e, fd, 0); break;
      case verb::close: ::io_uring_prep_close(e, fd); break;
      case verb::poll: ::io_uring_prep_poll_add(e, fd, POLLIN); break;
    }
    const unsigned link = m.link == tie::soft ? IOSQE_IO_LINK : m.link == tie::hard ? IOSQE_IO_HARDLINK : 0U;
    e->user_data = i + 1;
    ++expected_;
    e->flags |= static_cast<std::uint8_t>(m.bound != span::none && link == 0 ? IOSQE_IO_LINK : link);
    if (m.bound == span::none) return;
    auto* const d = entry();
    ::io_uring_prep_link_timeout(d, when(2 * i + 1, m.bound, m.micros), 0);
    d->user_data = i + 1 + deadline_of;
    d->flags |= static_cast<std::uint8_t>(link);
    ++expected_;
  }

  void enter() {
    ::io_uring_submit_and_get_events(&ring_);
    reap();
  }

  void reap() {
    ::io_uring_cqe* c = nullptr;
    while (::io_uring_peek_cqe(&ring_, &c) == 0 && c != nullptr) {
      const auto whose = c->user_data;
      if (whose >= ours) {
        ++answered_;
        found_ = c->res;
      } else {
        ++arrived_;
        auto& slot = whose > deadline_of ? bounds_[whose - deadline_of - 1] : results_[whose - 1];
        if (whose <= deadline_of && slot != unknown) fault_ = "two completions of member " + std::to_string(whose - 1);
        slot = c->res;
      }
      ::io_uring_cqe_seen(&ring_, c);
    }
  }

  void wait(std::chrono::microseconds span) {
    ::__kernel_timespec t{.tv_sec = 0, .tv_nsec = span.count() * 1000};
    ::io_uring_cqe* c = nullptr;
    (void)::io_uring_wait_cqe_timeout(&ring_, &c, &t);
    reap();
  }

  void ask(std::uint64_t whose) {
    ::io_uring_prep_cancel64(entry(), whose, 0);
    last_asked();
  }
  void ask_on(int fd) {
    ::io_uring_prep_cancel_fd(entry(), fd, IORING_ASYNC_CANCEL_ALL);
    last_asked();
  }
  void last_asked() {
    ring_.sq.sqes[(ring_.sq.sqe_tail - 1) & *ring_.sq.kring_mask].user_data = ours;
    ++asked_;
  }
  void answers() {
    enter();
    while (answered_ < asked_) wait(std::chrono::microseconds{1000});
  }

  void strike(const event& e) {
    switch (e.what) {
      case deed::cancel_member: ask(static_cast<std::uint64_t>(e.on) + 1); break;
      case deed::cancel_handle: ask_on(where_->number(e.on, e.end)); break;
      case deed::cancel_call: sweep(); break;
      default: {
        // The kernel has no such close: what it finds running on the handle is ended until there is nothing, then the number is given back.
        // Each time that it is entered a member or two of a chain begin, so all of them have a look of their own.
        for (std::size_t idle = 0; idle < 4 + results_.size(); ++idle) {
          ask_on(where_->number(e.on, e.end));
          answers();
          if (found_ > 0) idle = 0;
        }
        ::close(where_->number(e.on, e.end));
      }
    }
  }

  /// Asks all that are not done to end, for as long as there are any: behind a hard link one starts when another has ended.
  void sweep() {
    const auto limit = clock::now() + std::chrono::seconds{20};
    enter();
    while (arrived_ < expected_) {
      for (std::size_t i = 0; i < results_.size(); ++i)
        if (results_[i] == unknown && plan_->members[i].what != verb::link_timeout) ask(i + 1);
      answers();
      if (arrived_ < expected_) wait(std::chrono::microseconds{100});
      if (clock::now() > limit) {
        fault_ = "a chain of the kernel's does not end";
        return;
      }
    }
  }

  [[nodiscard]] auto done() const -> long {
    long mask = 0;
    for (std::size_t i = 0; i < results_.size(); ++i)
      if (results_[i] != unknown) mask |= 1L << i;
    return mask;
  }

  void settle(long until, const patience& limits) {
    const auto begin = clock::now();
    if (until == forecast::open) {
      while (clock::now() - begin < limits.look && arrived_ < expected_) wait(std::chrono::microseconds{200});
      return;
    }
    while ((done() & until) != until && fault_.empty()) {
      wait(std::chrono::microseconds{1000});
      if (clock::now() - begin > limits.most)
        fault_ = "the kernel did not get where it should: " + std::to_string(done()) + " of " + std::to_string(until);
    }
    for (int i = 0; i < 3; ++i) enter();  // what comes next begins
  }

  void finish(const forecast& ahead, const patience& limits) {
    const auto begin = clock::now();
    if (!ahead.may_block)
      while (arrived_ < expected_ && clock::now() - begin < limits.most) wait(std::chrono::microseconds{1000});
    if (arrived_ < expected_ && !ahead.may_block && fault_.empty()) fault_ = "the kernel did not finish";
    sweep();
    answers();
  }

  ::io_uring ring_{};
  const plan* plan_ = nullptr;
  world* where_ = nullptr;
  std::vector<int> results_;
  std::vector<int> bounds_;
  std::vector<::__kernel_timespec> whens_;
  std::string fault_;
  std::size_t asked_ = 0;
  std::size_t answered_ = 0;
  std::size_t expected_ = 0;
  std::size_t arrived_ = 0;
  int found_ = 0;
};

}  // namespace oracle
