// SPDX-License-Identifier: MIT
/// @file
/// Comes after all other programs of a run and looks at what they say that they covered: each rule of the specification where it has to be
/// checked, and of each operation its work, its cancel and its failure on every model of every backend.

#include <laws/rules.hpp>
#include <sluice/op/list.hpp>
#include <support/coverage.hpp>
#include <support/held_file.hpp>
#include <support/needs.hpp>

#include <boost/hana/for_each.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

using laws::where;

/// A config on which laws are run, and the program that does it: presets leave some out.
struct model {
  std::string name;
  std::string program;
  bool needs_ring = false;
};
const std::vector<model> backends = {
    {.name = "models__deferred", .program = "policies/backend/io_uring", .needs_ring = true},
    {.name = "models__cooperative", .program = "policies/backend/io_uring_cooperative", .needs_ring = true},
    {.name = "models__polled_submission", .program = "policies/backend/io_uring_polled_submission", .needs_ring = true},
    {.name = "models__plain", .program = "policies/backend/io_uring_plain", .needs_ring = true},
    {.name = "models__two_entries", .program = "policies/backend/io_uring_two_entries", .needs_ring = true},
    {.name = "models__epoll", .program = "policies/backend/epoll"},
    {.name = "models__poll", .program = "policies/backend/poll"},
    {.name = "models__app", .program = "policies/backend/with_fallback", .needs_ring = true},
};
const std::vector<model> tasks = {
    {.name = "models__tasks_by_ring", .program = "coro/laws", .needs_ring = true},
    {.name = "models__tasks_by_epoll", .program = "coro/laws"},
    {.name = "models__tasks_by_poll", .program = "coro/laws"},
};

auto lines_of(const std::filesystem::path& path) -> std::vector<std::string> {
  std::vector<std::string> all;
  std::ifstream in{path};
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

auto environment(const char* name) -> std::string {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// What the programs of the last run left.
struct records {
  std::vector<std::string> programs;                                         ///< those that there are
  std::set<std::string> silent;                                              ///< those of them that left none
  std::map<std::string, std::map<std::string, std::set<std::string>>> seen;  ///< kind, then thing, to the models that it was seen on

  records() {
    const std::filesystem::path folder = environment("SLUICE_RECORDS");
    for (const auto& program : lines_of(environment("SLUICE_PROGRAMS"))) {
      if (program == "coverage" || program.empty()) continue;
      programs.push_back(program);
      std::string name = program;
      for (auto& letter : name)
        if (letter == '/') letter = '.';
      if (!std::filesystem::exists(folder / name)) silent.insert(program);
      for (const auto& line : lines_of(folder / name)) {
        std::istringstream parts{line};
        std::string kind;
        std::string thing;
        std::string test;
        std::getline(parts, kind, '\t');
        std::getline(parts, thing, '\t');
        std::getline(parts, test);
        seen[kind][thing].insert(model_of(test));
      }
    }
  }

  /// Whether a thing was seen on a model; an empty name stands for any.
  [[nodiscard]] auto has(const std::string& kind, const std::string& thing, const std::string& on = {}) const -> bool {
    const auto things = seen.find(kind);
    if (things == seen.end()) return false;
    const auto found = things->second.find(thing);
    return found != things->second.end() && (on.empty() || found->second.contains(on));
  }
  [[nodiscard]] auto is_built(const std::string& program) const -> bool {
    return std::find(programs.begin(), programs.end(), program) != programs.end();
  }

 private:
  /// The type that a case was instantiated with.
  static auto model_of(const std::string& test) -> std::string {
    const auto begin = test.find('<');
    return begin == std::string::npos ? "" : test.substr(begin + 1, test.rfind('>') - begin - 1);
  }
};

auto all() -> const records& {
  static const records made;
  return made;
}

/// Those of the models that this build and this machine have.
auto present(const std::vector<model>& of) -> std::vector<std::string> {
  std::vector<std::string> names;
  for (const auto& one : of)
    if (all().is_built(one.program) && (!one.needs_ring || needs::has_ring())) names.push_back(one.name);
  return names;
}

/// On which of the models a thing was not seen, in words.
auto missing_on(const std::string& kind, const std::string& thing, const std::vector<std::string>& models) -> std::string {
  std::string text;
  for (const auto& one : models)
    if (!all().has(kind, thing, one)) text += " " + one;
  return text;
}

auto source_folder() -> std::filesystem::path { return std::filesystem::path{__FILE__}.parent_path(); }

/// The rules that programs which must not compile are there for.
auto rules_of_the_compiler() -> std::set<std::string> {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator{source_folder() / "compile_fail"})
    for (const auto& line : lines_of(entry.path()))
      if (line.starts_with("// rule: ")) found.insert(line.substr(9));
  return found;
}

#if __has_include(<laws/backend_no_copies.hpp>)
constexpr bool has_no_copies = true;
#else
constexpr bool has_no_copies = false;
#endif

/// Whether a rule can be checked only where calls can be made to wait.
auto needs_held_files(std::string_view number) -> bool { return number == "4.h" || number == "6.5" || number == "9.3"; }

/// Why a rule counts as not covered; empty if it is.
auto lacking(const laws::rule& one) -> std::string {
  const std::string number{one.number};
  if (needs_held_files(number) && !support::held_file::possible()) {
    BOOST_TEST_MESSAGE("rule " << number << " is not looked at: this process may not use userfaultfd(2)");
    return {};
  }
  const auto wanted = [&](const std::vector<std::string>& models) {
    const auto text = missing_on("rule", number, models);
    return text.empty() ? "" : "not checked on" + text;
  };
  switch (one.checked) {
    case where::backends: return wanted(present(backends));
    case where::tasks: return wanted(present(tasks));
    case where::compiler: return rules_of_the_compiler().contains(number) ? "" : "no program in tests/compile_fail is there for it";
    case where::no_copies:
      if (!has_no_copies) return {};
      [[fallthrough]];
    case where::once: return all().has("rule", number) ? "" : "not checked";
  }
  return {};
}

/// The number of the rule that a line of the specification begins with, as `**1.2**` or `| 4.a |`; empty where it begins with none.
auto number_of(const std::string& line) -> std::string {
  for (const auto& [before, after] : {std::pair{"**", "**"}, std::pair{"| ", " |"}}) {
    if (!line.starts_with(before)) continue;
    const auto end = line.find(after, 2);
    if (end == std::string::npos) continue;
    const auto number = line.substr(2, end - 2);
    const auto dot = number.find('.');
    const bool is_number = dot != std::string::npos && dot > 0 && dot + 1 < number.size() &&
                           number.find_first_not_of("0123456789") == dot &&
                           number.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz", dot + 1) == std::string::npos;
    if (is_number) return number;
  }
  return {};
}

auto has_records() -> boost::unit_test::precondition {
  return needs::that(!environment("SLUICE_RECORDS").empty(), "not run by ctest, which says where the other programs left their records");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(coverage)

BOOST_AUTO_TEST_CASE(every_program_left_a_record, *has_records()) {
  for (const auto& one : all().silent) BOOST_TEST(false, one << " did not run to its end");
  BOOST_TEST(!all().programs.empty());
}

BOOST_AUTO_TEST_CASE(every_rule_is_checked_wherever_it_holds, *has_records()) {
  std::size_t covered = 0;
  std::size_t count = 0;
  for (const auto& one : laws::rules) {
    if (one.checked == where::no_copies && !has_no_copies) continue;
    ++count;
    const auto why = lacking(one);
    if (why.empty()) ++covered;
    BOOST_TEST(why.empty(), "rule " << one.number << ": " << why);
  }
  std::printf("rules covered: %zu of %zu, %s\n", covered, count, covered == count ? "all of them" : "not all of them");
}

BOOST_AUTO_TEST_CASE(every_operation_works_is_cancelled_and_fails_on_every_backend, *has_records()) {
  std::size_t count = 0;
  std::size_t complete = 0;
  const auto models = present(backends);
  boost::hana::for_each(sluice::op::all, [&](auto type) {
    using operation = typename decltype(type)::type;
    ++count;
    std::string why;
    for (const auto way : {support::exercise::real, support::exercise::cancel, support::exercise::failure}) {
      const std::string named{support::name_of(way)};
      const auto missing = missing_on("operation", std::string{operation::name} + " " + named, models);
      if (!missing.empty()) why += " " + named + ", not on" + missing + ";";
    }
    if (why.empty()) ++complete;
    BOOST_TEST(why.empty(), operation::name << ":" << why);
  });
  std::printf("operations with all three cases on every backend: %zu of %zu\n", complete, count);
}

BOOST_AUTO_TEST_CASE(the_table_has_the_rules_of_the_specification_and_no_others) {
  std::multiset<std::string> written;
  for (const auto& line : lines_of(source_folder().parent_path() / "include" / "sluice" / "SEMANTICS.md"))
    if (const auto number = number_of(line); !number.empty()) written.insert(number);
  std::multiset<std::string> listed;
  for (const auto& one : laws::rules) listed.emplace(one.number);
  for (const auto& one : listed) {
    BOOST_TEST(listed.count(one) == 1U, one);
    BOOST_TEST(written.count(one) == 1U, one << " in include/sluice/SEMANTICS.md");
  }
  for (const auto& one : written) BOOST_TEST(listed.contains(one), one << " in tests/laws/rules.hpp");
}

BOOST_AUTO_TEST_CASE(programs_that_must_not_compile_name_rules_that_there_are) {
  for (const auto& one : rules_of_the_compiler()) BOOST_TEST(laws::is_rule(one), one);
}

BOOST_AUTO_TEST_SUITE_END()
