// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Random plans from a seed, the same on every machine.

#include <support/dice.hpp>
#include <support/oracle/plan.hpp>
#include <support/oracle/relation.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace oracle {

using support::dice;

/// Makes one plan.
class generator {
 public:
  explicit generator(std::uint64_t seed) noexcept : dice_{seed} {}

  auto make() -> plan {
    const std::size_t count = dice_.percent(10) ? 1 : dice_.from(2, 8);
    while (plan_.members.size() < count) make_chain(count - plan_.members.size());
    plan_.drains = dice_.percent(30);
    make_events();
    return plan_;
  }

 private:
  void make_chain(std::size_t most) {
    const std::size_t count = dice_.percent(75) ? dice_.from(most < 2 ? 1 : 2, most) : dice_.from(1, most);
    const auto first = plan_.things.size();
    const std::size_t things_here = dice_.from(1, 2);
    for (std::size_t i = 0; i < things_here; ++i) make_thing();
    has_big_ = false;
    for (std::size_t i = 0; i < count; ++i) {
      const bool is_last = i + 1 == count;
      auto* const before = i == 0 ? nullptr : &plan_.members.back();
      member m;
      if (before != nullptr && before->bound == span::none && before->what != verb::link_timeout && dice_.percent(14)) {
        m.what = verb::link_timeout;
        m.time = dice_.percent(55) ? span::never : span::tiny;
        m.micros = some_time();
      } else {
        m = make_member(static_cast<int>(first + dice_.below(things_here)));
      }
      m.link = is_last ? tie::none : dice_.percent(62) ? tie::soft : tie::hard;
      plan_.members.push_back(m);
    }
  }

  auto some_time() -> std::uint16_t { return static_cast<std::uint16_t>(dice_.one_of({0, 1, 20, 60, 200})); }

  void make_thing() {
    thing t;
    t.what = dice_.one_of({sort::pipe, sort::pipe, sort::pair, sort::pair, sort::pair, sort::full_pipe, sort::choked_pair, sort::datagrams,
                           sort::file, sort::file, sort::lonely});
    const auto some = [&] { return static_cast<std::uint16_t>(dice_.percent(45) ? 0 : dice_.from(1, 40)); };
    switch (t.what) {
      case sort::full_pipe: t.before[0] = 4096; break;
      case sort::pipe:
      case sort::file: t.before[0] = some(); break;
      case sort::pair:
      case sort::datagrams:
        t.before[0] = some();
        t.before[1] = some();
        break;
      default: break;
    }
    plan_.things.push_back(t);
  }

  auto make_member(int on) -> member {
    member m;
    if (dice_.percent(14)) return m;
    if (dice_.percent(9)) {
      m.what = verb::timeout;
      m.time = dice_.percent(75) ? span::tiny : span::never;
      m.micros = some_time();
      return bounded(m);
    }
    m.size = static_cast<std::uint32_t>(dice_.from(1, 40));
    if (dice_.percent(6)) {
      m.what = dice_.one_of({verb::read, verb::write, verb::recv, verb::send, verb::fsync, verb::poll, verb::shutdown});
      return bounded(m);
    }
    m.on = on;
    const auto what = plan_.things[static_cast<std::size_t>(on)].what;
    switch (what) {
      case sort::pipe: on_pipe(m); break;
      case sort::full_pipe:
        m.what = dice_.percent(60) ? verb::write : verb::read;
        if (m.what == verb::read)
          m.size = dice_.one_of({10U, 4000U, 4096U, 4096U});
        else if (dice_.percent(30))
          m.size = 8192;
        m.end = m.what == verb::write ? 1 : 0;
        break;
      case sort::pair: on_pair(m); break;
      case sort::choked_pair:
        m.what = verb::send;
        m.all = dice_.percent(20);
        m.at_once = !m.all && dice_.percent(15);
        break;
      case sort::datagrams:
        m.end = static_cast<int>(dice_.below(2));
        m.what = dice_.percent(60) ? verb::recv : verb::send;
        m.all = m.what == verb::recv && dice_.percent(25);
        break;
      case sort::file:
        m.what = dice_.one_of({verb::read, verb::read, verb::write, verb::write, verb::fsync, verb::poll, verb::recv});
        m.at_start = dice_.percent(40);
        break;
      case sort::lonely: m.what = dice_.one_of({verb::recv, verb::send, verb::shutdown, verb::shutdown, verb::fsync, verb::poll}); break;
    }
    if (what != sort::datagrams && dice_.percent(8) && !closed(on, m.end)) {
      m.what = verb::close;
      m.all = m.at_once = false;
    }
    if (m.what == verb::close) m.how = what == sort::pipe || what == sort::full_pipe || what == sort::file ? 0 : 1;
    if (m.what == verb::fsync || m.what == verb::poll || m.what == verb::close || m.what == verb::shutdown) m.size = 0;
    if (m.what == verb::shutdown) m.how = static_cast<std::uint8_t>(dice_.below(3));
    return bounded(m);
  }

  auto bounded(member m) -> member {
    if (m.what != verb::close && dice_.percent(9)) {
      m.bound = dice_.percent(50) ? span::never : span::tiny;
      if (m.what != verb::timeout) m.micros = some_time();
    }
    return m;
  }

  void on_pipe(member& m) {
    m.what = dice_.one_of({verb::read, verb::read, verb::read, verb::write, verb::write, verb::write, verb::poll, verb::fsync, verb::recv});
    m.end = m.what == verb::write ? 1 : 0;
    if (dice_.percent(4)) m.end = 1 - m.end;
    if (m.what == verb::poll) m.end = 0;
  }

  void on_pair(member& m) {
    m.what = dice_.one_of({verb::recv, verb::recv, verb::recv, verb::recv, verb::send, verb::send, verb::send, verb::read, verb::write,
                           verb::poll, verb::shutdown});
    m.end = static_cast<int>(dice_.below(2));
    m.all = (m.what == verb::recv || m.what == verb::send) && dice_.percent(35);
    m.at_once = (m.what == verb::recv || m.what == verb::send) && !m.all && dice_.percent(10);
    if (has_big_ && (m.what == verb::send || m.what == verb::write)) m.what = verb::recv;  // what a big send has filled takes no more
    if (m.what == verb::send && !m.all && dice_.percent(3)) {
      m.size = 400'000;
      has_big_ = true;
    }
  }

  [[nodiscard]] auto closed(int on, int end) const -> bool {
    for (const auto& m : plan_.members)
      if (m.what == verb::close && m.on == on && m.end == end) return true;
    for (const auto& e : plan_.events)
      if ((e.what == deed::close_handle || e.what == deed::hang_up) && e.on == on && e.end == end) return true;
    return false;
  }
  [[nodiscard]] auto named(int on, int end) const -> bool {
    for (const auto& m : plan_.members)
      if (m.on == on && m.end == end) return true;
    return false;
  }

  auto strike(moment when) -> event {
    event e{.when = when};
    switch (dice_.below(10)) {
      case 0:
      case 1:
      case 2:
      case 3: break;
      case 4: e.what = deed::cancel_call; return e;
      case 5:
      case 6: e.what = deed::cancel_handle; break;
      default: e.what = deed::close_handle; break;
    }
    for (int attempt = 0; e.what != deed::feed && attempt < 8; ++attempt) {
      const auto& m = plan_.members[dice_.below(plan_.members.size())];
      if (m.on < 0) continue;
      e.on = m.on;
      e.end = m.end;
      if (e.what == deed::cancel_handle && !closed(e.on, e.end)) return e;
      const auto what = plan_.things[static_cast<std::size_t>(e.on)].what;
      if (what != sort::datagrams && what != sort::lonely && what != sort::file && !closed(e.on, e.end) && !fed_by(e.on, e.end)) return e;
    }
    e.what = deed::cancel_member;
    e.on = static_cast<int>(dice_.below(plan_.members.size()));
    e.end = 0;
    return e;
  }

  /// Whether an event needs that end to be open.
  [[nodiscard]] auto fed_by(int on, int end) const -> bool {
    for (const auto& e : plan_.events)
      if ((e.what == deed::feed && e.on == on && e.end == 1 - end) || (e.what == deed::drain && e.on == on && e.end == end)) return true;
    return false;
  }

  auto help(event& e) -> bool {
    const auto on = static_cast<int>(dice_.below(plan_.things.size()));
    const auto what = plan_.things[static_cast<std::size_t>(on)].what;
    e = {.when = moment::settled, .on = on};
    const bool is_pair = what == sort::pair;
    // What a big send has filled takes no more.
    for (const auto& m : plan_.members)
      if (m.on == on && m.size > things::big) return false;
    if (what == sort::full_pipe || what == sort::choked_pair) {
      e.what = deed::drain;
      e.end = what == sort::choked_pair ? 1 : 0;
      return !closed(on, e.end);
    }
    if (what != sort::pipe && !is_pair && what != sort::datagrams) return false;
    e.end = what == sort::pipe ? 0 : static_cast<int>(dice_.below(2));
    if (what != sort::datagrams && dice_.percent(15)) {
      e.what = deed::hang_up;
      e.end = 1 - e.end;
      return !named(on, e.end) && !closed(on, e.end) && !fed_by(on, e.end);
    }
    e.what = deed::feed;
    e.size = static_cast<std::uint32_t>(dice_.from(1, 45));
    return !closed(on, 1 - e.end);
  }

  [[nodiscard]] auto is_settled() const -> bool {
    const auto a = forecast_of(plan_, rules::library);
    const auto b = forecast_of(plan_, rules::kernel);
    return a.done.back() != forecast::open && b.done.back() != forecast::open && (a.may_block || b.may_block);
  }

  void make_events() {
    if (dice_.percent(22)) plan_.events.push_back(strike(dice_.percent(50) ? moment::queued : moment::submitted));
    for (int i = 0; i < 4 && dice_.percent(80) && is_settled(); ++i) {
      event e;
      if (dice_.percent(65)) {
        bool helps = false;
        for (int attempt = 0; attempt < 6 && !helps; ++attempt) helps = help(e);
        if (!helps) continue;
      } else {
        e = strike(moment::settled);
      }
      plan_.events.push_back(e);
      if (!is_strike(e.what) && dice_.percent(25)) plan_.events.push_back(strike(moment::rushed));
    }
  }

  dice dice_;
  plan plan_;
  bool has_big_ = false;
};

}  // namespace oracle
