// SPDX-License-Identifier: MIT
// A short deadline, a close that may come at any moment and a chain of eight: more orders of what races than were tried, and the one in
// which the close was first lay behind the last of them. Orders that begin like one that is refuted already need no look.
#include <support/oracle/relation.hpp>

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(regression)

BOOST_AUTO_TEST_CASE(orders_were_too_many) {
  using oracle::deed, oracle::moment, oracle::rules, oracle::sort, oracle::span, oracle::tie, oracle::verb;
  const oracle::plan p{.things = {{.what = sort::lonely}, {.what = sort::pair}},
                       .members = {{.what = verb::shutdown, .on = 1, .end = 1, .bound = span::tiny, .micros = 20, .link = tie::hard},
                                   {.what = verb::recv, .on = 1, .end = 1, .size = 36, .link = tie::hard},
                                   {.what = verb::close, .on = 0, .link = tie::soft},
                                   {.what = verb::read, .on = 1, .end = 1, .size = 24, .link = tie::hard},
                                   {.what = verb::link_timeout, .time = span::never, .link = tie::hard},
                                   {.what = verb::read, .on = 1, .size = 36, .link = tie::hard},
                                   {.what = verb::recv, .on = 1, .end = 1, .size = 19, .all = true, .link = tie::soft},
                                   {.what = verb::link_timeout, .time = span::never}},
                       .events = {{.what = deed::close_handle, .when = moment::queued, .on = 1, .end = 1}}};
  const auto came_to = [](int last) {
    return oracle::outcome{.results = {-EBADF, -EBADF, 0, -EBADF, -ECANCELED, 0, last, -ECANCELED},
                           .read = std::vector<std::string>(8),
                           .left = std::vector<std::string>(4),
                           .open = {0, 0, 1, 0},
                           .choked = {},
                           .fault = ""};
  };
  std::string why;
  BOOST_TEST(oracle::explains(p, rules::kernel, true, came_to(-EBADF), why), why);
  // A closed descriptor never gives the end of a stream.
  BOOST_TEST(!oracle::explains(p, rules::kernel, true, came_to(0), why));
}

BOOST_AUTO_TEST_SUITE_END()
