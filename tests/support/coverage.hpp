// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What the cases of a program cover. A case notes what it looks at, and what it noted counts if it passes. At its end a program says how
/// much that was, and where the environment names a folder for records (SLUICE_RECORDS), leaves a list there, from which the test
/// `coverage` sees what no program of a run looked at.

#include <laws/rules.hpp>

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace support {

/// Notes one thing of a kind for the case that runs; the lists of a program are printed by `main`.
void note_covered(std::string_view kind, std::string_view thing);

/// What a case does with an operation.
enum class exercise : std::uint8_t {
  real,     ///< has it do its work, on the real thing
  cancel,   ///< cancels it
  failure,  ///< has it fail
};

/// In words.
constexpr auto name_of(exercise one) noexcept -> std::string_view {
  switch (one) {
    case exercise::real: return "real";
    case exercise::cancel: return "cancel";
    case exercise::failure: return "failure";
  }
  return {};
}

}  // namespace support

namespace laws {

/// The number of a rule; one that is in no specification does not compile.
struct rule_number {
  std::string_view text;

  consteval rule_number(const char* number) : text{number} {
    if (!is_rule(text)) throw "there is no such rule";
  }
};

/// Stands at the top of each case that checks rules of the specification.
template <std::convertible_to<std::string_view>... Rules>
void covers_checked(Rules... numbers) {
  (support::note_covered("rule", numbers), ...);
}
inline void covers(rule_number one) { covers_checked(one.text); }
inline void covers(rule_number one, rule_number two) { covers_checked(one.text, two.text); }
inline void covers(rule_number one, rule_number two, rule_number three) { covers_checked(one.text, two.text, three.text); }
inline void covers(rule_number one, rule_number two, rule_number three, rule_number four) {
  covers_checked(one.text, two.text, three.text, four.text);
}

using enum support::exercise;

/// Stands at the top of each case that has operations do, or fail in, their work, or cancels them.
template <class... Ops, std::same_as<support::exercise>... Ways>
void exercises(Ways... ways) {
  const auto note = [](std::string_view name, support::exercise way) {
    support::note_covered("operation", std::string{name} + " " + std::string{support::name_of(way)});
  };
  const auto note_all = [&]<class Op>() { (note(Op::name, ways), ...); };
  (note_all.template operator()<Ops>(), ...);
}

}  // namespace laws
