// SPDX-License-Identifier: MIT
// The example job_pool, asked to end at one turn of its scheduler after the other, while its jobs run on threads.
#define main main_of_example
#include "../../examples/job_pool.cpp"
#undef main

#include <support/example.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <fstream>

BOOST_AUTO_TEST_SUITE(ended_job_pool, *needs::ring())

BOOST_AUTO_TEST_CASE(nothing_is_left_whenever_it_is_asked_to_end) {
  std::string folder = (std::filesystem::temp_directory_path() / "sluice.XXXXXX").string();
  BOOST_REQUIRE(::mkdtemp(folder.data()) != nullptr);
  std::vector<std::string> names;
  for (const std::size_t bytes : {0U, 100U, 300'000U, 1'000'000U}) {
    names.push_back(folder + "/" + std::to_string(bytes));
    std::ofstream{names.back()} << std::string(bytes, 'x');
  }
  std::vector<char*> arguments;
  for (auto& name : names) arguments.push_back(name.data());
  example::ask_to_end_at_each_turn<coro>([&] { return hashing{arguments, 2}.run(); }, [](bool /*whole*/) { return true; });
  std::filesystem::remove_all(folder);
}

BOOST_AUTO_TEST_SUITE_END()
