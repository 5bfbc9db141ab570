// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Runs random plans on the kernel and on the library, compares, and makes a plan that fails as small as it gets.
///
/// `SLUICE_ORACLE_SEED=n` begins with that plan, `SLUICE_ORACLE_CHAINS=n` runs so many.

#include <support/child.hpp>
#include <support/number_of.hpp>
#include <support/oracle/generate.hpp>
#include <support/oracle/kernel.hpp>
#include <support/oracle/library.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include <unistd.h>

/// Told before a sanitizer ends the program.
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace oracle {

/// What is running, for whoever sees the program die.
struct last_words {
  static inline char text[8192];

  static void set(std::uint64_t seed, const plan& p) {
    std::snprintf(text, sizeof(text), "it was plan %llu:\n%s", static_cast<unsigned long long>(seed), describe(p).c_str());
  }
  static void say() {
    std::size_t length = 0;
    while (text[length] != '\0') ++length;
    (void)!::write(2, text, length);
  }
  last_words() {
    std::signal(SIGABRT, [](int) { say(); });
    std::signal(SIGPIPE, SIG_IGN);
    if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(&say);
  }
};

template <class Config>
class comparison {
 public:
  /// Runs one plan on both. Empty if the outcomes are right, else what is wrong.
  auto run(const plan& p, const patience& limits) -> std::string {
    const auto of_kernel = forecast_of(p, rules::kernel);
    const auto of_library = forecast_of(p, rules::library);
    // The kernel makes what follows a file's operation on the thread that it gave that to, and may leave other work for threads lying while
    // one of them waits there. Such a run says nothing of what comes out, and is made again.
    auto theirs = kernel_.run(p, of_kernel, limits);
    for (int again = 0; !theirs.fault.empty() && again < 5; ++again) theirs = kernel_.run(p, of_kernel, limits);
    const auto mine = library_.run(p, of_library, limits);
    ++(of_kernel.is_certain && of_library.is_certain ? certain_ : racing_);
    std::string why;
    if (allowed(p, of_kernel, of_library, theirs, mine, why)) return {};
    return "  kernel: " + describe(theirs) + "\n  library:" + describe(mine) + "\n" + why;
  }

  void renew() { library_.renew(); }
  [[nodiscard]] auto certain() const -> std::size_t { return certain_; }
  [[nodiscard]] auto racing() const -> std::size_t { return racing_; }

 private:
  kernel kernel_;
  library<Config> library_;
  std::size_t certain_ = 0;
  std::size_t racing_ = 0;
};

/// Whether a plan still fails, in a process of its own, which may hang or die.
template <class Config>
auto fails(const plan& p) -> bool {
  const auto end = support::in_child([&] {
    ::alarm(5);
    comparison<Config> both;
    const patience limits{.most = std::chrono::milliseconds{600}, .look = std::chrono::microseconds{2500}};
    for (int i = 0; i < 12; ++i)
      if (!both.run(p, limits).empty()) return 1;
    return 0;
  });
  return end.code != 0;
}

/// A plan without one of its members.
inline auto without(plan p, std::size_t which) -> plan {
  p.members.erase(p.members.begin() + static_cast<std::ptrdiff_t>(which));
  if (!p.members.empty()) p.members.back().link = tie::none;
  std::erase_if(p.events, [&](const event& e) { return e.what == deed::cancel_member && e.on == static_cast<int>(which); });
  for (auto& e : p.events)
    if (e.what == deed::cancel_member && e.on > static_cast<int>(which)) --e.on;
  return p;
}

inline auto is_sound(const plan& p) -> bool {
  if (p.members.empty()) return false;
  for (std::size_t i = 0; i < p.members.size(); ++i)
    if (p.members[i].what == verb::link_timeout && (i == 0 || p.members[i - 1].link == tie::none ||
                                                    p.members[i - 1].what == verb::link_timeout || p.members[i - 1].bound != span::none))
      return false;
  const auto all = {forecast_of(p, rules::library), forecast_of(p, rules::kernel)};
  for (const auto& one : all)
    for (std::size_t i = 0; i + 1 < one.done.size(); ++i)
      if (one.done[i] == forecast::open) return false;
  return p.events.empty() || p.events.front().when != moment::rushed;
}

/// The smallest plan on the way from a failing one that still fails.
template <class Config>
auto shrunk(plan p) -> plan {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  const auto try_it = [&](plan smaller) {
    if (std::chrono::steady_clock::now() > limit || !is_sound(smaller) || !fails<Config>(smaller)) return false;
    p = std::move(smaller);
    return true;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = p.events.size(); i-- > 0;) {
      plan smaller = p;
      smaller.events.erase(smaller.events.begin() + static_cast<std::ptrdiff_t>(i));
      changed |= try_it(std::move(smaller));
    }
    for (std::size_t i = p.members.size(); i-- > 0;) changed |= try_it(without(p, i));
    for (std::size_t i = 0; i < p.members.size(); ++i) {
      const auto change = [&](auto&& how) {
        plan smaller = p;
        if (!how(smaller.members[i])) return;
        changed |= try_it(std::move(smaller));
      };
      change([](member& m) { return m.bound != span::none && (m.bound = span::none, true); });
      change([](member& m) { return m.link == tie::hard && (m.link = tie::soft, true); });
      change([](member& m) { return m.all && (m.all = false, true); });
      change([](member& m) { return m.what != verb::nop && m.what != verb::link_timeout && (m = member{.link = m.link}, true); });
    }
    for (std::size_t i = p.things.size(); i-- > 0;) {
      plan smaller = p;
      bool used = false;
      for (auto& m : smaller.members) {
        used |= m.on == static_cast<int>(i);
        m.on -= m.on > static_cast<int>(i) ? 1 : 0;
      }
      for (auto& e : smaller.events) {
        if (e.what == deed::cancel_member || e.what == deed::cancel_call) continue;
        used |= e.on == static_cast<int>(i);
        e.on -= e.on > static_cast<int>(i) ? 1 : 0;
      }
      smaller.things.erase(smaller.things.begin() + static_cast<std::ptrdiff_t>(i));
      if (!used) changed |= try_it(std::move(smaller));
    }
    if (p.drains) {
      plan smaller = p;
      smaller.drains = false;
      changed |= try_it(std::move(smaller));
    }
  }
  return p;
}

/// A law: what the library makes of random chains is what the kernel makes of them, as far as the relation says.
template <class Config>
void chains_come_out_as_the_kernel_makes_them(std::uint64_t first_seed, std::uint64_t count) {
  const auto seed = support::number_of("SLUICE_ORACLE_SEED", first_seed);
  count = support::number_of("SLUICE_ORACLE_CHAINS", count);
  const last_words words;
  const auto begin = std::chrono::steady_clock::now();
  const auto before = support::count_descriptors();
  int failures = 0;
  {
    comparison<Config> both;
    std::size_t held = 0;
    for (std::uint64_t i = seed; i != seed + count && failures < 3; ++i) {
      const plan p = generator{i}.make();
      last_words::set(i, p);
      if (i % 256 == 0) {
        both.renew();
        held = 0;
      }
      if (const auto wrong = both.run(p, {}); !wrong.empty()) {
        ++failures;
        const plan smaller = shrunk<Config>(p);
        std::fprintf(stderr, "plan %llu failed:\n%s%s", static_cast<unsigned long long>(i), describe(p).c_str(), wrong.c_str());
        BOOST_ERROR("plan " << i << " (SLUICE_ORACLE_SEED=" << i << " SLUICE_ORACLE_CHAINS=1)\n"
                            << describe(p) << wrong << "and, as small as it gets:\n"
                            << describe(smaller) << comparison<Config>{}.run(smaller, {}));
      }
      // What a backend opens once, it keeps.
      const auto now = i % 64 == 63 ? support::count_descriptors() : 0;
      if (now != 0 && held == 0) held = now;
      if (now > held + 8) {
        BOOST_ERROR("descriptors were left open near plan " << i);
        failures = 3;
      }
    }
    const auto spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::printf("%zu certain and %zu racing chains, %.1f s\n", both.certain(), both.racing(), spent);
    BOOST_TEST(both.certain() + both.racing() >= (failures == 0 ? count : 1));
  }
  BOOST_TEST(support::count_descriptors() == before);
}

}  // namespace oracle
