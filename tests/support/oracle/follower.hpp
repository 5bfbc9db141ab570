// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Follows one chain of a random test step by step. Where something races (a cancel with what it ends, a deadline with what it bounds) a
/// `chooser` says what comes first.

#include <support/oracle/chooser.hpp>
#include <support/oracle/plan.hpp>
#include <support/oracle/rules.hpp>
#include <support/oracle/things.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace oracle {

/// One chain of a plan, followed by one set of rules through one order of what races.
class follower {
 public:
  follower(const plan& p, std::size_t first, rules whose, chooser& ways, const outcome* seen)
      : plan_{p},
        first_{first},
        last_{chain_end(p, first)},
        whose_{whose},
        ways_{ways},
        seen_{seen},
        things_{p, seen},
        current_{first},
        results_(p.members.size(), unknown),
        read_(p.members.size()) {}

  /// Everything that happens. `races`: what is left over at the end is ended while the last phase may still go on.
  void run(bool races) {
    std::size_t at = 0;
    for (; at < plan_.events.size() && plan_.events[at].when <= moment::submitted; ++at) arm(plan_.events[at]);
    const event end{.what = deed::cancel_call};
    const auto is_last = [&](std::size_t next) { return next == plan_.events.size(); };
    if (races && is_last(at)) armed_.push_back(end);
    go_on();
    phases_.push_back(done());
    while (!is_last(at) && !is_refuted_) {
      const auto& e = plan_.events[at++];
      if (at < plan_.events.size() && plan_.events[at].when == moment::rushed) arm(plan_.events[at++]);
      if (races && is_last(at)) armed_.push_back(end);
      if (is_strike(e.what)) {
        if (concerns(e)) fire(e);
      } else {
        apply(e);
      }
      go_on();
      phases_.push_back(done());
    }
    blocked_ = current_ < last_;
    if (blocked_) fire(end);
    go_on();
  }

  [[nodiscard]] auto phases() const -> const std::vector<unsigned>& { return phases_; }  ///< which members were done after each
  [[nodiscard]] auto blocked() const -> bool { return blocked_; }                        ///< something was left over
  [[nodiscard]] auto clauses() const -> unsigned { return clauses_; }

  /// Whether it came out like that.
  [[nodiscard]] auto matches(const outcome& o) const -> bool {
    if (is_refuted_) return false;
    for (std::size_t i = first_; i < last_; ++i)
      if (o.results[i] != results_[i] || o.read[i] != read_[i]) return false;
    for (std::size_t t = 0; t < plan_.things.size(); ++t) {
      if (!uses(static_cast<int>(t))) continue;
      for (int e = 0; e < 2; ++e) {
        const auto at = t * 2 + static_cast<std::size_t>(e);
        if ((o.open[at] != 0) != things_[static_cast<int>(t)].open[e]) return false;
        if (o.left[at] != things_.left(static_cast<int>(t), e)) return false;
      }
    }
    return true;
  }

  [[nodiscard]] auto tell() const -> std::string {
    outcome o;
    for (std::size_t i = first_; i < last_; ++i) {
      o.results.push_back(results_[i]);
      o.read.push_back(read_[i]);
    }
    for (std::size_t t = 0; t < plan_.things.size(); ++t) {
      for (int e = 0; uses(static_cast<int>(t)) && e < 2; ++e) {
        o.left.push_back(things_.left(static_cast<int>(t), e));
        o.open.push_back(things_[static_cast<int>(t)].open[e] ? 1 : 0);
      }
    }
    return describe(o);
  }

 private:
  static constexpr int canceled = -ECANCELED;

  [[nodiscard]] auto kernel() const -> bool { return whose_ == rules::kernel; }
  void note(clause which) { clauses_ |= static_cast<unsigned>(which); }

  [[nodiscard]] auto uses(int thing) const -> bool {
    for (std::size_t i = first_; i < last_; ++i)
      if (plan_.members[i].on == thing) return true;
    return false;
  }
  [[nodiscard]] auto concerns(const event& e) const -> bool {
    if (e.what == deed::cancel_call) return true;
    if (e.what == deed::cancel_member) return static_cast<std::size_t>(e.on) >= first_ && static_cast<std::size_t>(e.on) < last_;
    return uses(e.on);
  }
  void arm(const event& e) {
    if (concerns(e)) armed_.push_back(e);
  }

  [[nodiscard]] auto done() const -> unsigned {
    unsigned mask = 0;
    for (std::size_t i = first_; i < last_; ++i)
      if (results_[i] != unknown) mask |= 1U << i;
    return mask;
  }

  void apply(const event& e) {
    if (!uses(e.on)) return;
    if (e.what == deed::feed) things_.feed(e.on, e.end, e.size);
    if (e.what == deed::drain) things_.drain(e.on, e.end);
    if (e.what == deed::hang_up) {
      things_.close(e.on, e.end);
      things_.let_go(e.on, e.end);
    }
  }

  [[nodiscard]] auto now() const -> const member& { return plan_.members[current_]; }
  [[nodiscard]] auto has_deadline(std::size_t i) const -> bool { return i + 1 < last_ && plan_.members[i + 1].what == verb::link_timeout; }
  [[nodiscard]] auto deadline() const -> span {
    if (now().bound != span::none) return now().bound;
    if (has_deadline(current_) && results_[current_ + 1] == unknown) return plan_.members[current_ + 1].time;
    return span::none;
  }

  /// 5.1: whoever makes a close beside the chain awaits it before anything else happens. Until then, whatever has the peer of that end may
  /// see what the close does to it: the end of the stream, or, once, ECONNRESET where bytes were closed that nobody had read.
  [[nodiscard]] auto may_fire() const -> bool { return !armed_.empty() && !closing_; }

  /// Follows the chain until it waits for something that does not come by itself.
  void go_on() {
    while (!is_refuted_ && (current_ < last_ || !armed_.empty())) {
      if (current_ == last_) {
        fire_armed();
      } else if (may_fire() && ways_.choose(2) == 1) {
        fire_armed();
      } else if (!unseen_.empty() && ways_.choose(2) == 1) {
        see_closes();
      } else if (!started_) {
        begin();
      } else if (is_asked() && ways_.choose(2) == 1) {
        end_running();
      } else if (waits()) {
        if (unseen_.empty()) return;
        see_closes();
      }
    }
    if (closing_) close_now();
    see_closes();
  }

  /// Whether somebody tries to end what runs until it has ended.
  [[nodiscard]] auto is_asked() const -> bool {
    return now().what != verb::close && (sweeps_ || (closing_ && is_on(current_, closed_thing_, closed_end_)));
  }

  /// A ring gives the number back at once and lets go of the file a moment later.
  void see_closes() {
    for (const auto& [on, end] : std::exchange(unseen_, {})) things_.let_go(on, end);
  }

  void begin() {
    if (results_[current_] != unknown) return settle();  // it was ended before its turn
    if (closing_ && ways_.choose(2) == 1) close_now();
    // A cancel may find what has begun but done nothing yet.
    const bool is_found = std::exchange(hit_, false) || ((sweeps_ || (closing_ && may_look_like_any())) && ways_.choose(2) == 1);
    started_ = true;
    waited_ = false;
    came_late_.clear();
    if (is_found) return end_running();
    if (deadline() != span::tiny || now().what == verb::timeout) return;
    // A deadline may come before anything was done, or after it was too late to stop it: success wins, but the time had passed.
    const unsigned way = ways_.choose(now().what == verb::close ? 2 : 3);
    if (way == 2) return expire();
    late_ = way == 1;
  }

  /// The running member is tried, or its time comes. True if nothing but an event changes that.
  auto waits() -> bool {
    if (now().what != verb::timeout) {
      if (now().what == verb::close && !kernel()) end_waiting_on(now().on, now().end, current_ + 1);
      const auto had = read_[current_].size();
      const auto came = things_.attempt(now(), current_, read_[current_], seen_ != nullptr ? seen_->results[current_] : 0, holds_);
      if (came.blocks && waited_ && read_[current_].size() != had) came_late_.push_back(had);
      waited_ = came.blocks;
      if (!came.blocks) {
        if (now().what == verb::close && came.result == 0) let_go_of(now());
        finish(came.result);
        return false;
      }
    }
    const bool own = now().what == verb::timeout && now().time == span::tiny;
    const bool other = deadline() == span::tiny;
    const bool asked = is_asked();
    const bool closes = closing_ && !asked;
    const unsigned count = (own ? 1U : 0U) + (other ? 1U : 0U) + (asked ? 1U : 0U) + (closes ? 1U : 0U) + (may_fire() ? 1U : 0U);
    if (count == 0) return true;
    unsigned way = ways_.choose(count);
    if (own && way-- == 0) {
      late_ = other && ways_.choose(2) == 1;
      return finish(0), false;
    }
    if (other && way-- == 0) return expire(), false;
    if (asked && way-- == 0) {
      // What the kernel starts between the last look at a handle and its close is missed, and keeps the file.
      if (closing_ && misses_ && ways_.choose(2) == 1) {
        closing_ = false;
        things_.close(closed_thing_, closed_end_);
        holds_ = true;
      } else {
        end_running();
      }
      return false;
    }
    if (closes && way-- == 0) return close_now(), false;
    fire_armed();
    return false;
  }

  /// What has been moved when the running member is ended.
  [[nodiscard]] auto achieved() const -> int { return read_[current_].empty() ? canceled : static_cast<int>(read_[current_].size()); }

  void expire() {
    late_ = true;
    const int result = achieved();
    finish(result == canceled && now().bound == span::tiny ? timed_out : result);
  }

  void end_running() {
    const bool ran_out = deadline() == span::tiny && ways_.choose(2) == 1;
    if (ran_out) return expire();
    late_ = false;
    finish(achieved());
  }

  void finish(int result) {
    if (std::exchange(holds_, false)) things_.let_go(closed_thing_, closed_end_);
    results_[current_] = result;
    if (result <= 0) read_[current_].clear();
    compare(current_);
    settle();
  }

  /// Gives an order up as soon as a result differs from what was seen: none of the orders that begin like it needs a look.
  void compare(std::size_t i) {
    if (seen_ != nullptr && (results_[i] != seen_->results[i] || read_[i] != seen_->read[i])) is_refuted_ = true;
  }

  /// The current member has its result: what follows?
  void settle() {
    const std::size_t i = current_;
    std::size_t next = i + 1;
    if (has_deadline(i)) {
      if (results_[next] == unknown) results_[next] = std::exchange(late_, false) ? timed_out : canceled;
      compare(next);
      ++next;
    }
    started_ = late_ = false;
    if (next < last_ && sweeps_ && plan_.members[i].link == tie::hard) note(clause::cancelled_call_starts_no_more);
    if (cancelled_ || (next < last_ && plan_.members[i].link == tie::soft && failed(i))) return cut(next);
    current_ = next;
  }

  [[nodiscard]] auto failed(std::size_t i) -> bool {
    const auto& m = plan_.members[i];
    const int result = results_[i];
    if (result < 0) {
      // The kernel does not count it when these fail, unless they were ended or never got a file.
      const bool is_ignored =
          (m.what == verb::fsync || m.what == verb::shutdown) && result != canceled && result != timed_out && result != -EBADF;
      if (is_ignored) note(clause::failed_sync_breaks);
      return !(is_ignored && kernel());
    }
    if (m.all && things_.was_cut(m.on)) {
      note(clause::cut_message_is_whole);
      return kernel();
    }
    const bool must_be_whole = m.what == verb::read || m.what == verb::write || m.all;
    return must_be_whole && static_cast<std::uint32_t>(result) < m.size;
  }

  /// The rest of the chain never starts.
  void cut(std::size_t next) {
    for (std::size_t i = next; i < last_; ++i) {
      if (results_[i] != unknown) continue;
      results_[i] = canceled;
      if (plan_.members[i].what == verb::close) {
        note(clause::close_is_never_skipped);
        if (!kernel()) results_[i] = things_.attempt(plan_.members[i], i, read_[i], 0).result;
        if (results_[i] == 0) let_go_of(plan_.members[i]);
      }
      compare(i);
    }
    current_ = last_;
  }

  void fire_armed() {
    const event e = armed_.front();
    armed_.erase(armed_.begin());
    fire(e);
  }

  void fire(const event& e) {
    if (current_ == last_) {
      if (e.what == deed::close_handle) close(e.on, e.end);
      return;
    }
    // Who asks all to end asks until they have: then it makes no difference, and only more orders to look at.
    if (started_ && e.what != deed::cancel_call && may_begin_late() && ways_.choose(2) == 1) started_ = false;
    if (started_ && !came_late_.empty() && may_begin_late()) overlook_what_came();
    switch (e.what) {
      case deed::cancel_call:
        if (kernel())
          sweeps_ = true;
        else
          cancelled_ = true;
        if (started_) return now().what != verb::close ? end_running() : void();
        if (!kernel()) cut(current_);
        return;
      case deed::cancel_member: return fire_at(static_cast<std::size_t>(e.on));
      case deed::cancel_handle:
        if (is_on(current_, e.on, e.end) || may_look_like_any()) hit();
        return;
      default: break;
    }
    if (kernel()) {
      closing_ = true;
      misses_ = e.when != moment::settled;
      for (std::size_t i = current_; i < last_; ++i) misses_ |= plan_.members[i].time == span::tiny || plan_.members[i].bound == span::tiny;
      closed_thing_ = e.on;
      closed_end_ = e.end;
      return;
    }
    end_waiting_on(e.on, e.end, started_ ? current_ + 1 : current_);
    if (started_ && is_on(current_, e.on, e.end)) end_running();
    close(e.on, e.end);
  }

  /// What the kernel has given to a thread of its own gets its file only there. Until then a cancel by handle may take it for an operation
  /// on whatever file the memory of its request held before.
  [[nodiscard]] auto may_look_like_any() const -> bool { return kernel() && !started_ && now().what == verb::fsync; }

  /// What follows a member that the kernel gave to a thread of its own begins there, too: after that member's result can be seen, and no
  /// call of ours waits for it.
  [[nodiscard]] auto may_begin_late() const -> bool {
    if (!kernel()) return false;
    for (std::size_t i = first_; i < current_; ++i)
      if (may_run_on_a_thread(plan_.members[i])) return true;
    return false;
  }
  [[nodiscard]] auto may_run_on_a_thread(const member& m) const -> bool {
    const bool moves = m.what == verb::read || m.what == verb::write;
    return m.what == verb::fsync || m.what == verb::shutdown || (moves && m.on >= 0 && things_[m.on].what == sort::file);
  }

  /// Such a thread may be slow: what has come for a member that waits for all of it may lie there unseen when the member is ended.
  void overlook_what_came() {
    const unsigned way = ways_.choose(static_cast<unsigned>(came_late_.size()) + 1);
    if (way == 0) return;
    const auto seen = came_late_[came_late_.size() - way];
    things_.give_back(now().on, now().end, read_[current_].substr(seen));
    read_[current_].resize(seen);
  }

  void hit() {
    if (now().what == verb::close || results_[current_] != unknown) return;
    if (started_)
      end_running();
    else
      hit_ = ways_.choose(2) == 1;
  }

  void fire_at(std::size_t which) {
    if (which < current_ || results_[which] != unknown || plan_.members[which].what == verb::close) return;
    if (which == current_ && (started_ || kernel())) return hit();
    const bool is_deadline = plan_.members[which].what == verb::link_timeout;
    note(is_deadline ? clause::deadline_can_be_cancelled : clause::unstarted_member_ends);
    if (!kernel()) results_[which] = canceled;
  }

  [[nodiscard]] auto is_on(std::size_t i, int thing, int end) const -> bool {
    const auto& m = plan_.members[i];
    return m.what != verb::close && m.on == thing && m.end == end;
  }

  /// Members that have not started end with their handle.
  void end_waiting_on(int thing, int end, std::size_t from) {
    for (std::size_t i = from; thing >= 0 && i < last_; ++i) {
      if (results_[i] != unknown || !is_on(i, thing, end)) continue;
      note(clause::close_ends_those_that_wait);
      results_[i] = canceled;
    }
  }

  void let_go_of(const member& m) { unseen_.emplace_back(m.on, m.end); }
  void close(int on, int end) {
    things_.close(on, end);
    unseen_.emplace_back(on, end);
  }
  void close_now() {
    closing_ = false;
    things_.close(closed_thing_, closed_end_);
    things_.let_go(closed_thing_, closed_end_);
  }

  const plan& plan_;
  std::size_t first_;
  std::size_t last_;
  rules whose_;
  chooser& ways_;
  const outcome* seen_;
  things things_;
  std::vector<event> armed_;  // may happen at any moment, in order
  std::size_t current_;
  bool started_ = false;    // the current member
  bool waited_ = false;     // and was not over when it was tried
  bool late_ = false;       // its deadline has passed
  bool hit_ = false;        // a cancel finds it at its start
  bool cancelled_ = false;  // the call; nothing starts any more
  bool sweeps_ = false;     // whatever runs is asked to end, again and again
  bool closing_ = false;    // what runs on the handle ends, then it is closed
  bool holds_ = false;      // the current member has the file of a number that was given back
  bool misses_ = false;     // not all of them
  int closed_thing_ = 0;
  int closed_end_ = 0;
  std::vector<std::size_t> came_late_;       // what the current member had got each time before more of it came
  std::vector<std::pair<int, int>> unseen_;  // numbers that are given back while their files live on
  bool blocked_ = false;
  bool is_refuted_ = false;
  unsigned clauses_ = 0;
  std::vector<int> results_;
  std::vector<std::string> read_;
  std::vector<unsigned> phases_;
};

}  // namespace oracle
