// SPDX-License-Identifier: MIT
// The contract of resolver policies, by models that meet it and models that miss one thing each.
#include <sluice/concept/resolver.hpp>
#include <sluice/resolver/system.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <string_view>

using sluice::host_addresses;
using sluice::policy_kind;
using sluice::resolver_policy;
using sluice::result;

namespace {

struct named {
  static constexpr auto kind = policy_kind::resolver;
  static constexpr std::string_view name = "mine";
};
struct blocks : named {
  static auto look_up(const char*, std::uint16_t) noexcept -> result<host_addresses> { return host_addresses{}; }
};
static_assert(resolver_policy<blocks>);
static_assert(sluice::blocking_resolver<blocks>);
static_assert(!sluice::driven_resolver<blocks>);
static_assert(resolver_policy<sluice::resolver::system<>>);

struct whole_question {
  auto begin(const char*, std::uint16_t) noexcept -> result<void> { return {}; }
  [[nodiscard]] auto done() const noexcept -> bool { return true; }
  [[nodiscard]] auto handle() const noexcept -> sluice::any_handle { return {}; }
  auto patience() noexcept -> sluice::interval { return {}; }
  void go_on() noexcept {}
  auto answer() noexcept -> result<host_addresses> { return host_addresses{}; }
};
struct driven : named {
  using question = whole_question;
};
static_assert(resolver_policy<driven>);
static_assert(sluice::driven_resolver<driven>);
static_assert(!sluice::blocking_resolver<driven>);

struct of_another_kind : blocks {
  static constexpr auto kind = policy_kind::stack;
};
struct without_a_name {
  static constexpr auto kind = policy_kind::resolver;
  static auto look_up(const char*, std::uint16_t) noexcept -> result<host_addresses>;
};
struct look_up_that_throws : named {
  static auto look_up(const char*, std::uint16_t) -> result<host_addresses>;
};
struct look_up_without_error : named {
  static auto look_up(const char*, std::uint16_t) noexcept -> host_addresses;
};
struct look_up_of_an_object : named {
  auto look_up(const char*, std::uint16_t) noexcept -> result<host_addresses>;
};
static_assert(!resolver_policy<named>);
static_assert(!resolver_policy<of_another_kind>);
static_assert(!resolver_policy<without_a_name>);
static_assert(!resolver_policy<look_up_that_throws>);
static_assert(!resolver_policy<look_up_without_error>);
static_assert(!resolver_policy<look_up_of_an_object>);
static_assert(!resolver_policy<int>);

template <class Question>
struct asks : named {
  using question = Question;
};
struct begin_without_error : whole_question {
  void begin(const char*, std::uint16_t) noexcept {}
};
struct done_that_throws : whole_question {
  [[nodiscard]] auto done() const -> bool { return true; }
};
struct handle_of_another_type : whole_question {
  [[nodiscard]] auto handle() const noexcept -> int { return 0; }
};
struct patience_in_numbers : whole_question {
  auto patience() noexcept -> long { return 0; }
};
struct go_on_that_throws : whole_question {
  void go_on() {}
};
struct answer_without_error : whole_question {
  auto answer() noexcept -> host_addresses { return {}; }
};
struct made_of_something : whole_question {
  explicit made_of_something(int) {}
};
static_assert(!resolver_policy<asks<begin_without_error>>);
static_assert(!resolver_policy<asks<done_that_throws>>);
static_assert(!resolver_policy<asks<handle_of_another_type>>);
static_assert(!resolver_policy<asks<patience_in_numbers>>);
static_assert(!resolver_policy<asks<go_on_that_throws>>);
static_assert(!resolver_policy<asks<answer_without_error>>);
static_assert(!resolver_policy<asks<made_of_something>>);

}  // namespace

BOOST_AUTO_TEST_SUITE(concept_)
BOOST_AUTO_TEST_CASE(resolver) { BOOST_TEST(resolver_policy<blocks>); }
BOOST_AUTO_TEST_SUITE_END()
