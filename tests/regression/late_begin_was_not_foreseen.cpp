// SPDX-License-Identifier: MIT
// The kernel syncs a file on a thread of its own, and that thread begins what is linked behind it, too: after the result of the sync could
// be seen. A close that came in between left the read without a file. The relation of the random chains took that for a fault.
#include <support/oracle/relation.hpp>

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <string>

namespace {

using oracle::deed, oracle::moment, oracle::rules, oracle::tie, oracle::verb;

auto synced_then_read(verb first) -> oracle::plan {
  return {.things = {{.what = oracle::sort::pipe}},
          .members = {{.what = first, .on = 0, .link = tie::hard}, {.what = verb::read, .on = 0, .size = 35}},
          .events = {{.what = deed::close_handle, .when = moment::settled, .on = 0}},
          .drains = true};
}

auto came_to(int first, int second) -> oracle::outcome {
  return {.results = {first, second}, .read = {"", ""}, .left = {"", ""}, .open = {0, 1}, .choked = {}, .fault = ""};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(regression)

BOOST_AUTO_TEST_CASE(late_begin_was_not_foreseen) {
  const auto p = synced_then_read(verb::fsync);
  std::string why;
  BOOST_TEST(oracle::explains(p, rules::kernel, false, came_to(-EINVAL, -ECANCELED), why), why);
  BOOST_TEST(oracle::explains(p, rules::kernel, false, came_to(-EINVAL, -EBADF), why), why);
  // The library promises more: a close ends what is linked behind.
  BOOST_TEST(!oracle::explains(p, rules::library, false, came_to(-EINVAL, -EBADF), why));
  // What follows a member that the kernel serves at once has begun.
  BOOST_TEST(!oracle::explains(synced_then_read(verb::nop), rules::kernel, false, came_to(0, -EBADF), why));
}

BOOST_AUTO_TEST_SUITE_END()
