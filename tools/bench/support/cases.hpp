// SPDX-License-Identifier: MIT
#pragma once
/// @file What an in-process benchmark program runs and prints: its cases, each timed over a number of operations.

#include <bench/support/arguments.hpp>
#include <bench/support/clock.hpp>

#include <cstdint>
#include <cstdio>
#include <string_view>

namespace bench {

/// Prints one figure as one JSON line, which `run` collects.
inline void report(std::string_view bench, std::string_view name, std::string_view subject, std::string_view metric, std::string_view unit,
                   double value) {
  auto print = [](const char* key, std::string_view text, const char* after) {
    std::printf("\"%s\": \"%.*s\"%s", key, static_cast<int>(text.size()), text.data(), after);
  };
  std::putchar('{');
  print("bench", bench, ", ");
  print("case", name, ", ");
  print("subject", subject, ", ");
  print("metric", metric, ", ");
  print("unit", unit, ", ");
  std::printf("\"value\": %.6g}\n", value);
  std::fflush(stdout);
}

/// How the figure of a case is told.
enum class figure { nanoseconds_each, processor_nanoseconds_each, per_second };

/// The cases of one program. Options: `--case NAME` runs that one only; `--ops N` sets the operations of each;
/// `--percent N` scales the operations each case would do by itself.
class cases {
 public:
  cases(int argc, char** argv, std::string_view bench, std::string_view subject, figure told)
      : given_{argc, argv, {"--case", "--ops", "--percent"}}, bench_{bench}, subject_{subject}, told_{told} {}

  /// Times `body(ops)` after `body(warm_up)`. `ops` is what the case does when nothing else is asked for, rounded up to a
  /// multiple of `unit`; the warm-up is always the same, so that two runs differ by their operations alone.
  template <class Body>
  void run(std::string_view name, std::uint64_t ops, std::uint64_t unit, std::uint64_t warm_up, Body&& body) {
    auto only = given_.text("--case", {});
    if (!only.empty() && only != name) return;
    if (warm_up != 0) body(warm_up);
    auto wanted = given_.number("--ops", ops * given_.number("--percent", 100) / 100);
    wanted = (wanted + unit - 1) / unit * unit;
    if (wanted == 0) wanted = unit;
    auto user = user_time();
    auto busy = processor_time();
    auto start = now();
    body(wanted);
    auto spent = static_cast<double>(now() - start);
    auto each = static_cast<double>(wanted);
    if (told_ == figure::nanoseconds_each) {
      report(bench_, name, subject_, "time", "ns", spent / each);
    } else if (told_ == figure::processor_nanoseconds_each) {
      report(bench_, name, subject_, "cpu", "ns", static_cast<double>(processor_time() - busy) / each);
    } else {
      report(bench_, name, subject_, "rate", "1/s", each * 1e9 / spent);
      report(bench_, name, subject_, "user", "ns", static_cast<double>(user_time() - user) / each);
    }
  }

 private:
  arguments given_;
  std::string_view bench_;
  std::string_view subject_;
  figure told_;
};

}  // namespace bench
