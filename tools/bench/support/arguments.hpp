// SPDX-License-Identifier: MIT
#pragma once
/// @file The command line of every benchmark program: `--name value` pairs, unknown names refused.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string_view>

namespace bench {

/// Reads `--name value` pairs; keeps pointers into argv.
class arguments {
 public:
  /// Exits with 2 and one sentence when a name is not in `known` or has no value.
  arguments(int argc, char** argv, std::initializer_list<std::string_view> known) : argc_{argc}, argv_{argv} {
    for (int i = 1; i < argc; i += 2) {
      bool found = false;
      for (auto name : known) found = found || name == argv[i];
      if (found && i + 1 < argc) continue;
      std::fprintf(stderr, "%s: %s %s\n", argv[0], argv[i], found ? "needs a value" : "is not an option; known are:");
      if (!found) {
        for (auto name : known) std::fprintf(stderr, "  %.*s VALUE\n", static_cast<int>(name.size()), name.data());
      }
      std::exit(2);
    }
  }

  /// The text given for `name`, or `otherwise`.
  [[nodiscard]] auto text(std::string_view name, std::string_view otherwise) const noexcept -> std::string_view {
    for (int i = 1; i + 1 < argc_; i += 2) {
      if (name == argv_[i]) return argv_[i + 1];
    }
    return otherwise;
  }

  /// The number given for `name`, or `otherwise`. Exits with 2 when the text is not a number above or equal to zero.
  [[nodiscard]] auto number(std::string_view name, std::uint64_t otherwise) const -> std::uint64_t {
    auto given = text(name, {});
    if (given.empty()) return otherwise;
    char* end = nullptr;
    auto value = std::strtoull(given.data(), &end, 10);
    if (*end == '\0' && given.front() != '-') return value;
    std::fprintf(stderr, "%s: %.*s is not a number\n", argv_[0], static_cast<int>(given.size()), given.data());
    std::exit(2);
  }

 private:
  int argc_;
  char** argv_;
};

}  // namespace bench
