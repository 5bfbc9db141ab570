// SPDX-License-Identifier: MIT
// The main() of every test program. The master suite is named after the test's path, which ctest passes in SLUICE_TEST.
#define BOOST_TEST_ALTERNATIVE_INIT_API
#define BOOST_TEST_NO_MAIN
#include <boost/test/unit_test.hpp>

#include <cstdlib>

static auto name_master_suite() -> bool {
  if (const char* name = std::getenv("SLUICE_TEST")) { boost::unit_test::framework::master_test_suite().p_name.value = name; }
  return true;
}

auto main(int argc, char** argv) -> int { return boost::unit_test::unit_test_main(name_master_suite, argc, argv); }
