// SPDX-License-Identifier: MIT
#include <sluice/concept/backend.hpp>

#include <boost/test/unit_test.hpp>

#include <string_view>
#include <type_traits>

namespace {

namespace aio = sluice::aio;
using sluice::backend_policy;
using sluice::policy_kind;
using sluice::poll_report;
using sluice::poll_request;
using sluice::result;
using sluice::ring_options;
using sluice::started;

struct good {
  static constexpr auto kind = policy_kind::backend;
  static constexpr std::string_view name = "good";
  struct os {};
  struct entry {};
  template <class Op>
  struct scratch {};
  template <class Op>
  static constexpr bool supports = true;

  struct opened {};
  explicit good(opened) noexcept {}
  static auto open(ring_options) noexcept -> result<opened> { return opened{}; }
  auto in_child() noexcept -> bool { return false; }
  auto start(aio::record&, const auto&, auto&, bool, auto) noexcept -> started { return started::done; }
  auto prepare_entry(entry&, aio::record&, const auto&, auto&) noexcept -> int { return 0; }
  auto push(aio::record&, entry&, auto) noexcept -> started { return started::pending; }
  auto start_close(aio::record&, auto) noexcept -> started { return started::done; }
  void cancel(aio::record&, auto) noexcept {}
  void cancel_all(auto) noexcept {}
  auto poll(poll_request, auto&&, auto) noexcept -> result<poll_report> { return poll_report{}; }
  auto pending() noexcept -> bool { return false; }
  void wake() noexcept {}
  auto native_handle() noexcept -> result<int> { return -1; }
};
static_assert(backend_policy<good>);

struct an_operation {
  using result_type = void;
};
struct another_operation {
  using result_type = void;
};
struct no_operation {};
struct picky : good {
  using good::good;
  template <class Op>
  static constexpr bool supports = !std::is_same_v<Op, another_operation>;
};
static_assert(sluice::backend::supports<picky, an_operation>);
static_assert(!sluice::backend::supports<picky, another_operation>);
static_assert(!sluice::backend::supports<picky, no_operation>);
struct unchanged : good {
  using good::good;
};
static_assert(backend_policy<unchanged>);

struct of_another_kind : good {
  using good::good;
  static constexpr auto kind = policy_kind::trace;
};
struct of_no_kind : good {
  using good::good;
  static constexpr int kind = 0;
};
struct without_a_name : good {
  using good::good;
  static constexpr int name = 0;
};
struct that_is_not_made_from_what_was_opened : good {
  that_is_not_made_from_what_was_opened() : good{opened{}} {}
};
// A name can be hidden from a concept only by making it private.
struct without_opened : good {
  using good::good;

 private:
  using opened = int;
};
struct without_an_os : good {
  using good::good;

 private:
  using os = int;
};
struct without_an_entry : good {
  using good::good;

 private:
  using entry = int;
};
struct without_scratch : good {
  using good::good;

 private:
  template <class Op>
  using scratch = int;
};
struct that_supports_nothing : good {
  using good::good;
  template <class Op>
  static constexpr bool supports = false;
};
static_assert(!backend_policy<of_another_kind>);
static_assert(!backend_policy<of_no_kind>);
static_assert(!backend_policy<without_a_name>);
static_assert(!backend_policy<that_is_not_made_from_what_was_opened>);
static_assert(!backend_policy<without_opened>);
static_assert(!backend_policy<without_an_os>);
static_assert(!backend_policy<without_an_entry>);
static_assert(!backend_policy<without_scratch>);
static_assert(!backend_policy<that_supports_nothing>);

struct without_open : good {
  using good::good;
  void open() = delete;
};
struct open_without_error : good {
  using good::good;
  static auto open(ring_options) noexcept -> opened { return {}; }
};
struct open_that_throws : good {
  using good::good;
  static auto open(ring_options) -> result<opened> { return opened{}; }
};
struct open_of_an_object : good {
  using good::good;
  auto open(ring_options) noexcept -> result<opened> { return opened{}; }
};
struct without_in_child : good {
  using good::good;
  void in_child(int) = delete;
};
struct in_child_that_throws : good {
  using good::good;
  auto in_child() -> bool { return false; }
};
struct in_child_by_number : good {
  using good::good;
  auto in_child() noexcept -> int { return 0; }
};
struct without_start : good {
  using good::good;
  void start() = delete;
};
struct start_that_throws : good {
  using good::good;
  auto start(aio::record&, const auto&, auto&, bool, auto) -> started { return started::done; }
};
struct start_by_bool : good {
  using good::good;
  auto start(aio::record&, const auto&, auto&, bool, auto) noexcept -> bool { return true; }
};
struct without_prepare_entry : good {
  using good::good;
  void prepare_entry() = delete;
};
struct prepare_entry_that_throws : good {
  using good::good;
  auto prepare_entry(entry&, aio::record&, const auto&, auto&) -> int { return 0; }
};
struct prepare_entry_without_error : good {
  using good::good;
  void prepare_entry(entry&, aio::record&, const auto&, auto&) noexcept {}
};
struct without_push : good {
  using good::good;
  void push() = delete;
};
struct push_that_throws : good {
  using good::good;
  auto push(aio::record&, entry&, auto) -> started { return started::pending; }
};
struct push_by_bool : good {
  using good::good;
  auto push(aio::record&, entry&, auto) noexcept -> bool { return true; }
};
struct without_start_close : good {
  using good::good;
  void start_close() = delete;
};
struct start_close_that_throws : good {
  using good::good;
  auto start_close(aio::record&, auto) -> started { return started::done; }
};
struct start_close_by_bool : good {
  using good::good;
  auto start_close(aio::record&, auto) noexcept -> bool { return true; }
};
static_assert(!backend_policy<without_open>);
static_assert(!backend_policy<open_without_error>);
static_assert(!backend_policy<open_that_throws>);
static_assert(!backend_policy<open_of_an_object>);
static_assert(!backend_policy<without_in_child>);
static_assert(!backend_policy<in_child_that_throws>);
static_assert(!backend_policy<in_child_by_number>);
static_assert(!backend_policy<without_start>);
static_assert(!backend_policy<start_that_throws>);
static_assert(!backend_policy<start_by_bool>);
static_assert(!backend_policy<without_prepare_entry>);
static_assert(!backend_policy<prepare_entry_that_throws>);
static_assert(!backend_policy<prepare_entry_without_error>);
static_assert(!backend_policy<without_push>);
static_assert(!backend_policy<push_that_throws>);
static_assert(!backend_policy<push_by_bool>);
static_assert(!backend_policy<without_start_close>);
static_assert(!backend_policy<start_close_that_throws>);
static_assert(!backend_policy<start_close_by_bool>);

struct without_cancel : good {
  using good::good;
  void cancel() = delete;
};
struct cancel_that_throws : good {
  using good::good;
  void cancel(aio::record&, auto) {}
};
struct cancel_that_may_fail : good {
  using good::good;
  auto cancel(aio::record&, auto) noexcept -> bool { return true; }
};
struct without_cancel_all : good {
  using good::good;
  void cancel_all() = delete;
};
struct cancel_all_that_throws : good {
  using good::good;
  void cancel_all(auto) {}
};
struct cancel_all_that_may_fail : good {
  using good::good;
  auto cancel_all(auto) noexcept -> bool { return true; }
};
struct without_poll : good {
  using good::good;
  void poll() = delete;
};
struct poll_that_throws : good {
  using good::good;
  auto poll(poll_request, auto&&, auto) -> result<poll_report> { return poll_report{}; }
};
struct poll_without_error : good {
  using good::good;
  auto poll(poll_request, auto&&, auto) noexcept -> poll_report { return {}; }
};
struct without_pending : good {
  using good::good;
  void pending(int) = delete;
};
struct pending_by_number : good {
  using good::good;
  auto pending() noexcept -> int { return 0; }
};
struct pending_that_throws : good {
  using good::good;
  auto pending() -> bool { return false; }
};
struct without_wake : good {
  using good::good;
  void wake(int) = delete;
};
struct wake_that_throws : good {
  using good::good;
  void wake() {}
};
struct wake_that_may_fail : good {
  using good::good;
  auto wake() noexcept -> bool { return true; }
};
struct without_native_handle : good {
  using good::good;
  void native_handle(int) = delete;
};
struct native_handle_without_error : good {
  using good::good;
  auto native_handle() noexcept -> int { return -1; }
};
struct native_handle_that_throws : good {
  using good::good;
  auto native_handle() -> result<int> { return -1; }
};
static_assert(!backend_policy<without_cancel>);
static_assert(!backend_policy<cancel_that_throws>);
static_assert(!backend_policy<cancel_that_may_fail>);
static_assert(!backend_policy<without_cancel_all>);
static_assert(!backend_policy<cancel_all_that_may_fail>);
static_assert(!backend_policy<cancel_all_that_throws>);
static_assert(!backend_policy<without_poll>);
static_assert(!backend_policy<poll_that_throws>);
static_assert(!backend_policy<poll_without_error>);
static_assert(!backend_policy<without_pending>);
static_assert(!backend_policy<pending_by_number>);
static_assert(!backend_policy<pending_that_throws>);
static_assert(!backend_policy<without_wake>);
static_assert(!backend_policy<wake_that_throws>);
static_assert(!backend_policy<wake_that_may_fail>);
static_assert(!backend_policy<without_native_handle>);
static_assert(!backend_policy<native_handle_without_error>);
static_assert(!backend_policy<native_handle_that_throws>);
static_assert(!backend_policy<int>);

}  // namespace

BOOST_AUTO_TEST_SUITE(concept_)
BOOST_AUTO_TEST_SUITE(backend)

BOOST_AUTO_TEST_CASE(a_poll_neither_waits_nor_ends_by_time_unless_told) {
  constexpr poll_request request;
  BOOST_TEST(!request.wait);
  BOOST_TEST((request.limit == sluice::interval::max()));
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
