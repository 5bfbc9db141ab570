// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What a test case may need from the machine. A case that names a need is skipped, its reason printed and counted,
/// where the machine does not meet it: `BOOST_AUTO_TEST_CASE(reads_a_file, *needs::ring())`.

#include <boost/test/unit_test.hpp>
#include <liburing.h>

#include <string>

#include <unistd.h>

namespace needs {

/// The case runs only if `met`; `reason` says what is missing.
inline auto that(bool met, std::string reason) -> boost::unit_test::precondition {
  return boost::unit_test::precondition([met, reason](boost::unit_test::test_unit_id) {
    boost::test_tools::assertion_result result{met};
    result.message() << reason;
    return result;
  });
}

/// Zero, or minus the error with which the kernel refuses this process an io_uring.
inline auto refusal_of_a_ring() -> int {
  static const int refused = [] {
    io_uring probe{};
    const int error = io_uring_queue_init(1, &probe, 0);
    if (error == 0) { io_uring_queue_exit(&probe); }
    return error;
  }();
  return refused;
}
inline auto has_ring() -> bool { return refusal_of_a_ring() == 0; }

/// A kernel that gives this process an io_uring; containers often refuse one.
inline auto ring() -> boost::unit_test::precondition {
  return that(has_ring(), "io_uring_setup is refused here, errno " + std::to_string(-refusal_of_a_ring()));
}

/// A process with the rights of root.
inline auto root() -> boost::unit_test::precondition { return that(geteuid() == 0, "not run as root"); }

}  // namespace needs
