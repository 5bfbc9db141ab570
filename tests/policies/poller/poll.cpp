// SPDX-License-Identifier: MIT
// The array that poll(2) is given: numbers that nobody waits for are hidden in it, shown again and taken out.
#include <sluice/os/linux.hpp>
#include <sluice/poller/poll.hpp>
#include <support/descriptors.hpp>
#include <support/scripted_os.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <vector>

#include <unistd.h>

namespace {

namespace bits = sluice::readiness_bits;
using sluice::interval;
template <std::uint32_t Events>
using set_of = sluice::poller::poll::set<support::scripted_os, Events>;
using set = set_of<1024>;

/// Descriptors that can always be written.
struct many {
  support::ends pair = support::socket_pair();
  std::vector<support::descriptor> all;
  std::uint32_t place = 0;

  explicit many(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) all.emplace_back(::dup(pair.near.get()));
  }
};

auto reported(set& watched) -> std::map<int, std::uint32_t> {
  std::map<int, std::uint32_t> seen;
  const int count = watched.wait(interval{}, [&](int number, std::uint32_t ready) noexcept { seen[number] |= ready; });
  BOOST_TEST(count == static_cast<int>(seen.size()));
  return seen;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(poller)
BOOST_AUTO_TEST_SUITE(poll)

BOOST_AUTO_TEST_CASE(only_what_somebody_waits_for_is_reported) {
  many some{300};
  set watched{{}};
  for (const auto& one : some.all) BOOST_TEST(watched.arm(one.get(), some.place, bits::out) == 0);
  BOOST_TEST(reported(watched).size() == 300U);
  // Less than half, then more, then all of them, then some again.
  for (const std::size_t hidden : {100U, 200U, 300U, 20U}) {
    for (std::size_t i = 0; i < hidden; ++i) watched.disarm(some.all[i].get(), some.place, bits::out);
    for (int again = 0; again < 2; ++again) {
      const auto seen = reported(watched);
      BOOST_TEST(seen.size() == 300 - hidden);
      for (std::size_t i = 0; i < 300; ++i) BOOST_TEST(seen.contains(some.all[i].get()) == (i >= hidden));
    }
    for (std::size_t i = 0; i < hidden; ++i) BOOST_TEST(watched.arm(some.all[i].get(), some.place, bits::out) == 0);
  }
  BOOST_TEST(reported(watched).size() == 300U);
}

BOOST_AUTO_TEST_CASE(directions_are_told_apart) {
  many some{1};
  set watched{{}};
  const int number = some.all.front().get();
  BOOST_TEST(watched.arm(number, some.place, bits::in) == 0);
  BOOST_TEST(reported(watched).empty());
  BOOST_TEST(watched.arm(number, some.place, bits::out) == 0);
  BOOST_TEST(reported(watched)[number] == bits::out);
  watched.disarm(number, some.place, bits::in);
  BOOST_TEST(reported(watched)[number] == bits::out);
  watched.disarm(number, some.place, bits::out);
  watched.disarm(number, some.place, bits::out);  // nobody waits any more
  BOOST_TEST(reported(watched).empty());
  BOOST_TEST(watched.arm(number, some.place, bits::both) == 0);
  BOOST_TEST(reported(watched)[number] == bits::out);
}

BOOST_AUTO_TEST_CASE(what_is_seen_may_change_what_is_watched) {
  many some{200};
  set watched{{}};
  for (std::size_t i = 0; i < 100; ++i) BOOST_TEST(watched.arm(some.all[i].get(), some.place, bits::out) == 0);
  std::vector<int> seen;
  watched.wait(interval{}, [&](int number, std::uint32_t) noexcept {
    seen.push_back(number);
    const auto here = std::find_if(some.all.begin(), some.all.end(), [&](const auto& one) { return one.get() == number; });
    const auto index = static_cast<std::size_t>(here - some.all.begin());
    watched.disarm(number, some.place, bits::out);
    if (index % 2 == 0) watched.disarm(some.all[(index + 1) % 100].get(), some.place, bits::out);  // one that is not seen then
    (void)watched.arm(some.all[100 + index].get(), some.place, bits::out);                         // the array grows
  });
  BOOST_TEST(seen.size() == 50U);
  BOOST_TEST(reported(watched).size() == 50U);
  for (const int number : seen) BOOST_TEST(watched.arm(number, some.place, bits::out) == 0);
  BOOST_TEST(reported(watched).size() == 100U);
}

BOOST_AUTO_TEST_CASE(more_than_are_asked_for_come_with_the_next_waits_and_no_call) {
  many some{100};
  set_of<16> watched{{}};
  for (const auto& one : some.all) BOOST_TEST(watched.arm(one.get(), some.place, bits::out) == 0);
  support::script::clear();
  std::map<int, int> seen;
  const auto wait = [&] { return watched.wait(interval{}, [&](int number, std::uint32_t) noexcept { ++seen[number]; }); };
  for (int i = 0; i < 6; ++i) BOOST_TEST(wait() == 16);
  BOOST_TEST(seen.size() == 96U);
  BOOST_TEST(support::script::calls("poll") == 1U);
  // One of the rest is not waited for any more, and new ones are; what was reported was true when the system was asked.
  std::size_t hidden = 0;
  for (const auto& one : some.all) {
    if (seen.contains(one.get()) || hidden == 1) continue;
    watched.disarm(one.get(), some.place, bits::out);
    ++hidden;
  }
  BOOST_TEST(wait() == 3);
  BOOST_TEST(seen.size() == 99U);
  BOOST_TEST(support::script::calls("poll") == 1U);
  // With nobody left of the rest the system is asked.
  for (int i = 0; i < 6; ++i) BOOST_TEST(wait() == 16);
  BOOST_TEST(support::script::calls("poll") == 2U);
  for (const auto& one : some.all) watched.disarm(one.get(), some.place, bits::out);
  BOOST_TEST(wait() == 0);
  BOOST_TEST(support::script::calls("poll") == 3U);
  support::script::clear();
}

BOOST_AUTO_TEST_CASE(numbers_that_nobody_has_waited_for_can_be_disarmed) {
  set watched{{}};
  std::uint32_t place = 0;
  for (const int number : {0, 63, 64, 1'000'000}) watched.disarm(number, place, bits::both);
  BOOST_TEST(reported(watched).empty());
}

BOOST_AUTO_TEST_CASE(a_refusal_of_so_many_is_answered_by_giving_fewer) {
  many some{40};
  set watched{{}};
  for (const auto& one : some.all) BOOST_TEST(watched.arm(one.get(), some.place, bits::out) == 0);
  for (std::size_t i = 0; i < 30; ++i) watched.disarm(some.all[i].get(), some.place, bits::out);
  support::script::clear();
  support::script::next("poll", {-EINVAL});
  BOOST_TEST(reported(watched).size() == 10U);
  BOOST_TEST(support::script::calls("poll") == 2U);
  support::script::clear();
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
