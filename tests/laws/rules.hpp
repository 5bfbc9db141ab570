// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The rules of include/sluice/SEMANTICS.md as data: each number once, and where a run of all tests must have checked it. The rows of the
/// table of links are 4.a to 4.i.

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace laws {

/// Where a rule is to be checked.
enum class where : std::uint8_t {
  backends,   ///< on every model of every backend
  tasks,      ///< in tasks over io_uring, epoll and poll
  once,       ///< by any case
  no_copies,  ///< by any case, once there are laws of sends without a copy
  compiler,   ///< by a program in tests/compile_fail
};

/// One rule.
struct rule {
  std::string_view number;
  where checked;
};

inline constexpr rule rules[] = {
    {"1.1", where::backends},  {"1.2", where::backends},   {"1.3", where::backends},  {"1.4", where::backends},  {"1.5", where::backends},
    {"2.1", where::backends},  {"2.2", where::backends},   {"2.3", where::backends},  {"3.1", where::backends},  {"3.2", where::backends},
    {"3.3", where::backends},  {"3.4", where::backends},   {"3.5", where::backends},  {"4.a", where::backends},  {"4.b", where::backends},
    {"4.c", where::backends},  {"4.d", where::backends},   {"4.e", where::backends},  {"4.f", where::backends},  {"4.g", where::backends},
    {"4.h", where::backends},  {"4.i", where::backends},   {"4.1", where::compiler},  {"4.2", where::backends},  {"4.3", where::backends},
    {"4.4", where::backends},  {"4.5", where::backends},   {"4.6", where::backends},  {"5.1", where::backends},  {"5.2", where::backends},
    {"6.1", where::backends},  {"6.2", where::backends},   {"6.3", where::tasks},     {"6.4", where::tasks},     {"6.5", where::once},
    {"6.6", where::tasks},     {"6.7", where::tasks},      {"7.1", where::backends},  {"7.2", where::backends},  {"7.3", where::backends},
    {"7.4", where::once},      {"8.1", where::backends},   {"8.2", where::backends},  {"8.3", where::backends},  {"8.4", where::backends},
    {"9.1", where::backends},  {"9.2", where::tasks},      {"9.3", where::backends},  {"10.1", where::backends}, {"10.2", where::backends},
    {"10.3", where::backends}, {"10.4", where::backends},  {"10.5", where::backends}, {"10.6", where::backends}, {"11.1", where::backends},
    {"11.2", where::backends}, {"11.3", where::no_copies}, {"12.1", where::backends}, {"12.2", where::backends},
};

/// Whether there is such a rule.
constexpr auto is_rule(std::string_view number) noexcept -> bool {
  return std::ranges::any_of(rules, [&](const rule& one) { return one.number == number; });
}

}  // namespace laws
