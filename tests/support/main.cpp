// SPDX-License-Identifier: MIT
// The main() of every test program. The master suite is named after the test's path, which ctest passes in SLUICE_TEST.
#define BOOST_TEST_ALTERNATIVE_INIT_API
#define BOOST_TEST_NO_MAIN
#include <support/coverage.hpp>

#include <boost/test/results_collector.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <tuple>

namespace {

namespace unit = boost::unit_test;

/// What cases noted, and who they are.
class coverage : public unit::test_observer {
 public:
  void note(std::string_view kind, std::string_view thing) {
    noted_.emplace(std::string{kind}, std::string{thing}, unit::framework::current_test_case_id());
  }

  /// An earlier run's record is none of this one's, however this one ends.
  void begin() {
    const char* const folder = std::getenv("SLUICE_RECORDS");
    const char* const test = std::getenv("SLUICE_TEST");
    if (folder == nullptr || test == nullptr) return;
    std::string name{test};
    for (auto& letter : name)
      if (letter == '/') letter = '.';
    record_ = std::filesystem::path{folder} / name;
    std::filesystem::create_directories(record_.parent_path());
    std::filesystem::remove(record_);
  }

  /// Behind the framework's own: one of them says that all is well only once it was told that the tests start.
  auto priority() -> int override { return 9; }

  void test_finish() override {
    std::map<std::string, std::set<std::string>> passed;
    std::string lines;
    for (const auto& [kind, thing, id] : noted_) {
      if (!unit::results_collector.results(id).passed()) continue;
      passed[kind].insert(thing);
      lines += kind + "\t" + thing + "\t" + unit::framework::get(id, unit::TUT_CASE).full_name() + "\n";
    }
    if (const auto& seen = passed["rule"]; !seen.empty()) {
      std::printf("rules covered: %zu of %zu:", seen.size(), std::size(laws::rules));
      for (const auto& one : laws::rules)
        if (seen.contains(std::string{one.number})) std::printf(" %s", one.number.data());
      std::printf("\n");
    }
    if (!record_.empty()) std::ofstream{record_} << lines;
  }

 private:
  std::set<std::tuple<std::string, std::string, unit::test_unit_id>> noted_;
  std::filesystem::path record_;
};

coverage covered;

auto prepare() -> bool {
  if (const char* name = std::getenv("SLUICE_TEST")) unit::framework::master_test_suite().p_name.value = name;
  covered.begin();
  unit::framework::register_observer(covered);
  return true;
}

}  // namespace

void support::note_covered(std::string_view kind, std::string_view thing) { covered.note(kind, thing); }

auto main(int argc, char** argv) -> int { return unit::unit_test_main(prepare, argc, argv); }
