// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Which outcomes of a chain are right: what the kernel may make of it and what the library may, as one set of rules with a clause for each
/// point in which they part.
///
/// A chain is followed step by step. Where something races (a cancel with what it ends, a deadline with what it bounds) every order is
/// tried. An outcome is right if one of the orders explains all of it: every result, every byte that was read or is left, every descriptor
/// that is open. Without a race there is one order, and then the kernel and the library must agree but for the clauses.

#include <support/oracle/chooser.hpp>
#include <support/oracle/follower.hpp>
#include <support/oracle/plan.hpp>
#include <support/oracle/rules.hpp>
#include <support/oracle/things.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace oracle {

/// What is known of a plan before it runs.
struct forecast {
  static constexpr long open = -1;
  std::vector<long> done;  ///< members that are done when each phase has settled; `open` where that is up to a race
  bool may_block = false;  ///< something may be left over at the end
  bool is_certain = true;  ///< nothing races
  unsigned clauses = 0;    ///< that may matter
  [[nodiscard]] auto races_to_the_end() const -> bool { return may_block && done.back() == open; }
};

inline constexpr int most_orders = 50'000;

inline auto forecast_of(const plan& p, rules whose) -> forecast {
  forecast all;
  for (std::size_t first = 0; first < p.members.size(); first = chain_end(p, first)) {
    chooser ways;
    std::vector<long> mine;
    std::string told;
    int orders = 0;
    do {
      follower one{p, first, whose, ways, nullptr};
      one.run(false);
      const auto& phases = one.phases();
      if (orders == 0) mine.assign(phases.begin(), phases.end());
      for (std::size_t i = 0; i < phases.size(); ++i)
        if (mine[i] != static_cast<long>(phases[i])) mine[i] = forecast::open;
      all.may_block |= one.blocked();
      if (orders == 0)
        told = one.tell();
      else if (all.is_certain)
        all.is_certain = told == one.tell();
      all.clauses |= one.clauses();
    } while (++orders < most_orders && ways.next());
    all.done.resize(mine.size(), 0);
    for (std::size_t i = 0; i < mine.size(); ++i)
      if (all.done[i] != forecast::open) all.done[i] = mine[i] == forecast::open ? forecast::open : all.done[i] | mine[i];
  }
  return all;
}

/// Whether an outcome is one of those that the rules allow; if not, `why` tells which were.
inline auto explains(const plan& p, rules whose, bool races, const outcome& seen, std::string& why) -> bool {
  if (!seen.fault.empty()) {
    why += "    " + seen.fault + "\n";
    return false;
  }
  for (std::size_t first = 0; first < p.members.size(); first = chain_end(p, first)) {
    chooser ways;
    bool found = false;
    std::string told;
    int orders = 0;
    do {
      follower one{p, first, whose, ways, &seen};
      one.run(races);
      found = one.matches(seen);
      if (!found && orders < 8) told += "    allowed from member " + std::to_string(first) + ":" + one.tell() + "\n";
    } while (!found && ++orders < most_orders && ways.next());
    if (!found) {
      why += told;
      return false;
    }
  }
  return true;
}

/// The relation between what the kernel made of a plan and what the library did. Both must be explained by their rules; where nothing races
/// and no clause matters they must be the same, byte by byte.
inline auto allowed(const plan& p, const forecast& of_kernel, const forecast& of_library, const outcome& kernel, const outcome& library,
                    std::string& why) -> bool {
  const bool may_differ = of_kernel.races_to_the_end() || of_library.races_to_the_end() || !of_kernel.is_certain ||
                          !of_library.is_certain || (of_kernel.clauses | of_library.clauses) != 0;
  if (!may_differ && library.fault.empty() &&
      (kernel.results != library.results || kernel.read != library.read || kernel.left != library.left || kernel.open != library.open)) {
    // How much a stream socket takes at once depends on the memory that the system has for it; then the rules below know the amount.
    bool is_amount = false;
    for (const auto& m : p.members) is_amount |= m.size > things::big;
    if (!is_amount) {
      why += "    the same was to be expected of both\n";
      return false;
    }
  }
  std::string of_one;
  if (!explains(p, rules::kernel, of_kernel.races_to_the_end(), kernel, of_one)) {
    why += "    the kernel's is not explained:\n" + of_one;
    return false;
  }
  if (!explains(p, rules::library, of_library.races_to_the_end(), library, of_one)) {
    why += "    the library's is not explained:\n" + of_one;
    return false;
  }
  return true;
}

}  // namespace oracle
