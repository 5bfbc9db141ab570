// SPDX-License-Identifier: MIT
#include <sluice/concept/poller.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <string_view>

namespace {

using sluice::interval;
using sluice::poller_policy;
using sluice::result;

struct some_os {};

struct good_set {
  auto arm(int, std::uint32_t&, std::uint32_t) noexcept -> int { return 0; }
  void disarm(int, std::uint32_t&, std::uint32_t) noexcept {}
  auto prove(int, std::uint32_t&) noexcept -> int { return 0; }
  void forget(std::uint32_t&) noexcept {}
  auto wait(interval, auto&&) noexcept -> int { return 0; }
  auto handle() noexcept -> result<int> { return -1; }
  void close() noexcept {}
};

/// A poller whose set is changed by `Change`.
template <class Change>
struct with {
  static constexpr std::string_view name = "good";
  static constexpr bool edge = true;
  struct opened {};
  template <class Os>
  static auto open() noexcept -> result<opened> {
    return opened{};
  }
  template <class Os, std::uint32_t>
  struct set : Change {
    explicit set(opened) noexcept {}
  };
};
static_assert(poller_policy<with<good_set>, some_os>);

struct arms_without_error : good_set {
  void arm(int, std::uint32_t&, std::uint32_t) noexcept {}
};
struct arms_and_throws : good_set {
  auto arm(int, std::uint32_t&, std::uint32_t) -> int { return 0; }
};
struct without_disarm : good_set {
  void disarm() = delete;
};
struct without_prove : good_set {
  void prove() = delete;
};
struct without_forget : good_set {
  void forget() = delete;
};
struct waits_without_error : good_set {
  void wait(interval, auto&&) noexcept {}
};
struct without_wait : good_set {
  void wait() = delete;
};
struct handle_without_error : good_set {
  auto handle() noexcept -> int { return -1; }
};
struct without_close : good_set {
  void close(int) = delete;
};
static_assert(!poller_policy<with<arms_without_error>, some_os>);
static_assert(!poller_policy<with<arms_and_throws>, some_os>);
static_assert(!poller_policy<with<without_disarm>, some_os>);
static_assert(!poller_policy<with<without_prove>, some_os>);
static_assert(!poller_policy<with<without_forget>, some_os>);
static_assert(!poller_policy<with<waits_without_error>, some_os>);
static_assert(!poller_policy<with<without_wait>, some_os>);
static_assert(!poller_policy<with<handle_without_error>, some_os>);
static_assert(!poller_policy<with<without_close>, some_os>);

struct without_a_name : with<good_set> {
  static constexpr int name = 0;
};
struct of_no_kind : with<good_set> {
  struct edge {};
};
struct that_opens_without_error : with<good_set> {
  template <class Os>
  static auto open() noexcept -> opened {
    return {};
  }
};
static_assert(!poller_policy<without_a_name, some_os>);
static_assert(!poller_policy<of_no_kind, some_os>);
static_assert(!poller_policy<that_opens_without_error, some_os>);
static_assert(!poller_policy<int, some_os>);

}  // namespace

BOOST_AUTO_TEST_SUITE(concept_)
BOOST_AUTO_TEST_SUITE(poller)

BOOST_AUTO_TEST_CASE(both_directions_are_those_of_reading_and_writing) {
  BOOST_TEST(sluice::readiness_bits::both == (sluice::readiness_bits::in | sluice::readiness_bits::out));
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
