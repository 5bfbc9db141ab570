// SPDX-License-Identifier: MIT
// The kernel syncs a file on a thread of its own, and that thread begins what is linked behind it, too: after the result of the sync could
// be seen. A close that came in between left the read without a file. The relation of the random chains took that for a fault, and so it
// did where that thread, on a busy machine, had not seen yet what had come for a receive that waits for all of it when that was ended, and
// where a write to a file had gone to such a thread.
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

BOOST_AUTO_TEST_CASE(late_begin_behind_a_file_was_not_foreseen) {
  const auto plan_of = [](oracle::sort first) {
    return oracle::plan{
        .things = {{.what = first}, {.what = oracle::sort::choked_pair}},
        .members = {{.what = verb::write, .on = 0, .size = 30, .link = tie::soft}, {.what = verb::send, .on = 1, .size = 1}},
        .events = {{.what = deed::close_handle, .when = moment::settled, .on = 1}},
        .drains = true};
  };
  const std::string written = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@30";
  const auto came = [&](int sent) {
    return oracle::outcome{.results = {30, sent},
                           .read = {"", ""},
                           .left = {written, "", "", std::string(4096, 'p')},
                           .open = {1, 0, 0, 1},
                           .choked = {0, 4096},
                           .fault = ""};
  };
  std::string why;
  BOOST_TEST(oracle::explains(plan_of(oracle::sort::file), rules::kernel, false, came(-ECANCELED), why), why);
  BOOST_TEST(oracle::explains(plan_of(oracle::sort::file), rules::kernel, false, came(-EBADF), why), why);
  BOOST_TEST(!oracle::explains(plan_of(oracle::sort::file), rules::library, false, came(-EBADF), why));
}

BOOST_AUTO_TEST_CASE(late_sight_was_not_foreseen) {
  const auto plan_of = [](verb first) {
    return oracle::plan{
        .things = {{.what = oracle::sort::pair, .before = {16, 0}}},
        .members = {{.what = first, .on = 0, .how = 1, .link = tie::hard}, {.what = verb::recv, .on = 0, .size = 31, .all = true}},
        .events = {{.what = deed::feed, .when = moment::settled, .on = 0, .size = 11},
                   {.what = deed::cancel_member, .when = moment::settled, .on = 1}},
        .drains = true};
  };
  const std::string early(16, 'p');
  const std::string late(11, 'f');
  const auto came = [](const std::string& read, const std::string& left) {
    return oracle::outcome{
        .results = {0, static_cast<int>(read.size())}, .read = {"", read}, .left = {left, ""}, .open = {1, 1}, .choked = {}, .fault = ""};
  };
  std::string why;
  BOOST_TEST(oracle::explains(plan_of(verb::shutdown), rules::kernel, false, came(early + late, ""), why), why);
  BOOST_TEST(oracle::explains(plan_of(verb::shutdown), rules::kernel, false, came(early, late), why), why);
  BOOST_TEST(!oracle::explains(plan_of(verb::shutdown), rules::library, false, came(early, late), why));
  BOOST_TEST(!oracle::explains(plan_of(verb::nop), rules::kernel, false, came(early, late), why));
}

BOOST_AUTO_TEST_SUITE_END()
