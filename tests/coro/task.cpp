// SPDX-License-Identifier: MIT
// The handle of a task: joined, detached, moved, destroyed; names and numbers.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>

struct app : sluice::config<fixture::counted_stacks> {};
using coro = sluice::coro_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;

namespace {

constexpr auto& as_root = fixture::as_root<coro>;

}  // namespace

BOOST_AUTO_TEST_SUITE(task, *needs::ring())

BOOST_AUTO_TEST_CASE(joins_to_its_value) {
  as_root([] {
    coro::task<int> t = coro::spawn({.name = "sum", .stack_bytes = 512 * 1024}, [](int x, int y) { return x + y; }, 40, 2);
    BOOST_TEST(t.joinable());
    BOOST_TEST(!t.done());
    const auto v = t.join();
    static_assert(std::is_same_v<decltype(v), const sluice::result<int>>);
    BOOST_TEST(v.value() == 42);
    BOOST_TEST(!t.joinable());
  });
}

BOOST_AUTO_TEST_CASE(joins_to_its_error_or_its_exception) {
  as_root([] {
    auto failed = coro::spawn([]() -> sluice::result<std::string> { return std::unexpected{std::make_error_code(std::errc::no_link)}; });
    BOOST_TEST((failed.join().error() == std::errc::no_link));
    auto threw = coro::spawn([]() -> int { throw std::runtime_error{"in a task"}; });
    BOOST_CHECK_THROW((void)threw.join(), std::runtime_error);
    BOOST_TEST(!threw.joinable());
  });
}

BOOST_AUTO_TEST_CASE(runs_when_the_spawner_waits) {
  as_root([] {
    bool ran = false;
    auto t = coro::spawn([&] { ran = true; });
    BOOST_TEST(!ran);
    coro::yield();
    BOOST_TEST(ran);
    BOOST_TEST(t.done());
    BOOST_TEST(t.join().has_value());
  });
}

BOOST_AUTO_TEST_CASE(an_unfinished_one_is_cancelled_and_awaited_by_its_destructor) {
  as_root([] {
    bool ended = false;
    {
      auto t = coro::spawn([&] {
        BOOST_TEST((coro::sleep(10s).error() == std::errc::operation_canceled));
        (void)coro::shield([] { return coro::sleep(2ms); });
        ended = true;
      });
      coro::yield();
    }
    BOOST_TEST(ended);
  });
}

BOOST_AUTO_TEST_CASE(a_result_that_nobody_takes_is_destroyed) {
  auto watched = std::make_shared<int>(0);
  as_root([&] {
    {
      auto t = coro::spawn([watched] { return watched; });
      coro::yield();
      BOOST_TEST(watched.use_count() == 2);
    }
    BOOST_TEST(watched.use_count() == 1);
    coro::spawn([watched] { return watched; }).detach();
    coro::yield();
    BOOST_TEST(watched.use_count() == 1);
  });
}

BOOST_AUTO_TEST_CASE(a_detached_one_goes_on_by_itself) {
  bool ended = false;
  as_root([&] {
    auto t = coro::spawn([&] {
      (void)coro::sleep(2ms);
      ended = true;
    });
    std::move(t).detach();
    BOOST_TEST(!t.joinable());
    auto done = coro::spawn([] {});
    coro::yield();
    std::move(done).detach();
    coro::task<int>{}.detach();
  });
  BOOST_TEST(ended);
}

BOOST_AUTO_TEST_CASE(moves_and_assigns) {
  as_root([] {
    auto a = coro::spawn([] { return 1; });
    const auto id = a.id();
    auto b = std::move(a);
    BOOST_TEST(!a.joinable());
    BOOST_TEST(a.id() == 0U);
    BOOST_TEST(b.id() == id);
    bool cancelled = false;
    auto c = coro::spawn([&] {
      cancelled = !coro::sleep(10s).has_value();
      return 2;
    });
    coro::yield();
    c = std::move(b);
    BOOST_TEST(cancelled);
    BOOST_TEST(c.join().value() == 1);
    auto& self = c;
    c = std::move(self);
    coro::task<int> empty;
    c = std::move(empty);
    BOOST_TEST(!c.joinable());
  });
}

BOOST_AUTO_TEST_CASE(moved_while_it_runs_it_still_ends) {
  as_root([] {
    std::optional<coro::task<int>> inner{coro::spawn([] {
      (void)coro::sleep(2ms);
      return 5;
    })};
    coro::yield();
    coro::task<int> outer = std::move(*inner);
    inner.reset();
    BOOST_TEST(outer.join().value() == 5);
  });
}

BOOST_AUTO_TEST_CASE(an_empty_one_joins_to_invalid_argument) {
  coro::task<int> t;
  BOOST_TEST((t.join().error() == std::errc::invalid_argument));
  BOOST_TEST(t.done());
  t.request_cancel();
}

BOOST_AUTO_TEST_CASE(joined_twice_the_second_time_is_an_error) {
  as_root([] {
    auto t = coro::spawn([] { return 1; });
    BOOST_TEST(t.join().value() == 1);
    BOOST_TEST((t.join().error() == std::errc::invalid_argument));
  });
}

BOOST_AUTO_TEST_CASE(joined_by_itself_is_a_deadlock_that_is_refused) {
  as_root([] {
    coro::task<void> self;
    std::error_code code;
    self = coro::spawn([&] { code = self.join().error(); });
    coro::yield();
    BOOST_TEST((code == sluice::errc::deadlock));
    BOOST_TEST(self.join().has_value());
  });
}

BOOST_AUTO_TEST_CASE(joined_from_two_tasks_the_second_is_refused) {
  as_root([] {
    auto t = coro::spawn([] {
      (void)coro::sleep(5ms);
      return 1;
    });
    auto first = coro::spawn([&] { return t.join(); });
    auto second = coro::spawn([&] { return t.join(); });
    BOOST_TEST((second.join().error() == sluice::errc::in_progress));
    BOOST_TEST(first.join().value() == 1);
  });
}

BOOST_AUTO_TEST_CASE(destroyed_by_its_own_task_is_let_go) {
  auto holder = std::make_shared<coro::task<void>>();
  bool ended = false;
  as_root([&] {
    *holder = coro::spawn([&ended, holder]() mutable {
      *holder = coro::task<void>{};
      BOOST_TEST(coro::this_task::cancelled());
      BOOST_TEST((coro::sleep(1ms).error() == std::errc::operation_canceled));
      ended = true;
    });
    coro::yield();
  });
  BOOST_TEST(ended);
}

BOOST_AUTO_TEST_CASE(the_last_one_may_end_with_nothing_ready) {
  as_root([] {
    coro::spawn([] { (void)coro::sleep(3ms); }).detach();
    coro::spawn([] { (void)coro::io(op::timeout{.after = 6ms}); }).detach();
  });
}

BOOST_AUTO_TEST_CASE(outside_a_scheduler_it_cannot_be_spawned) {
  bool called = false;
  auto t = coro::spawn([&] { called = true; });
  BOOST_TEST(t.joinable());
  BOOST_TEST((t.join().error() == std::errc::operation_not_permitted));
  BOOST_TEST(!called);
}

BOOST_AUTO_TEST_CASE(a_stack_that_cannot_be_had_is_what_it_joins_to) {
  as_root([] {
    bool called = false;
    auto t = coro::spawn({.stack_bytes = std::size_t{1} << 60U}, [&] { called = true; });
    BOOST_TEST((t.join().error() == std::errc::not_enough_memory));
    BOOST_TEST(!called);
  });
}

BOOST_AUTO_TEST_CASE(a_callable_that_throws_when_copied_leaves_nothing_behind) {
  struct grumpy {
    grumpy() = default;
    grumpy(const grumpy&) { throw std::runtime_error{"no copies"}; }
    void operator()() const {}
  };
  as_root([] {
    const grumpy one;
    const int before = fixture::counted_stacks::out;
    BOOST_CHECK_THROW(coro::spawn(one).detach(), std::runtime_error);
    BOOST_TEST(fixture::counted_stacks::out == before);
    coro::scope scope;
    BOOST_CHECK_THROW(scope.spawn(one), std::runtime_error);
    BOOST_TEST(scope.size() == 0U);
  });
}

BOOST_AUTO_TEST_CASE(large_callables_and_results_fit_or_are_refused) {
  as_root([] {
    // Static: they must not come by way of the root's own stack.
    static const auto large = [bytes = std::array<char, 100'000>{'z'}] { return bytes[0]; };
    auto t = coro::spawn(large);
    BOOST_TEST(t.join().value() == 'z');
    static const auto larger = [bytes = std::array<char, 300'000>{}] { return bytes.size(); };
    auto refused = coro::spawn(larger);
    BOOST_TEST((refused.join().error() == sluice::errc::stack_size));
    auto fits = coro::spawn({.stack_bytes = 400'000}, larger);
    BOOST_TEST(fits.join().value() == 300'000U);
    auto fits_by_type = coro::spawn(sluice::stack_bytes<400'000>, larger);
    BOOST_TEST(fits_by_type.join().value() == 300'000U);
    coro::scope scope;
    int sum = 0;
    scope.spawn(sluice::stack_bytes<512 * 1024>, [&](int more) { sum += more; }, 7);
    BOOST_TEST(scope.join().has_value());
    BOOST_TEST(sum == 7);
  });
}

BOOST_AUTO_TEST_CASE(has_a_name_and_a_number_of_its_own) {
  as_root([] {
    BOOST_TEST(coro::this_task::name() == "root");
    auto a = coro::spawn({.name = "acceptor"}, [] { return std::string{coro::this_task::name()}; });
    auto b = coro::spawn([] {
      coro::this_task::name("a name that is longer than what is kept");
      return std::string{coro::this_task::name()};
    });
    BOOST_TEST(a.id() != b.id());
    BOOST_TEST(a.id() != coro::this_task::id());
    BOOST_TEST(a.join().value() == "acceptor");
    BOOST_TEST(b.join().value() == "a name that is longer t");
  });
  BOOST_TEST(coro::this_task::id() == 0U);
  BOOST_TEST(coro::this_task::name().empty());
  BOOST_TEST(!coro::this_task::cancelled());
  coro::this_task::name("nobody");
}

BOOST_AUTO_TEST_CASE(captures_are_gone_before_anybody_learns_that_it_ended) {
  auto captured = std::make_shared<int>(1);
  as_root([&] {
    auto t = coro::spawn([captured] { return captured.use_count(); });
    BOOST_TEST(t.join().value() == 2);
    BOOST_TEST(captured.use_count() == 1);
  });
}

// Small ones that are copied like bytes are called where a compiler likes; others where they were put.
BOOST_AUTO_TEST_CASE(a_callable_stays_where_it_is_called) {
  struct keeps_its_address {
    int times;
    const keeps_its_address* self = nullptr;
    auto operator()(std::array<int, 2> numbers) && -> int {
      self = this;
      for (; times != 0; --times) {
        coro::yield();
        if (self != this) return -1;
        numbers[1] += numbers[0];
      }
      return numbers[1];
    }
  };
  static_assert(std::is_trivially_copyable_v<keeps_its_address>);
  struct with_a_text : keeps_its_address {
    std::string text = std::string(100, 'x');
    auto operator()(std::array<int, 2> numbers) && -> int {
      const auto where = text.data();
      const int sum = std::move(*static_cast<keeps_its_address*>(this))(numbers);
      return text.data() == where ? sum : -1;
    }
  };
  struct moves_only {
    explicit moves_only(int n) : number{n} {}
    moves_only(const moves_only&) = delete;
    moves_only(moves_only&&) = default;
    auto operator()() const -> int { return number; }
    int number;
  };
  static_assert(std::is_trivially_copyable_v<moves_only>);
  as_root([] {
    const keeps_its_address given{.times = 3};
    auto small = coro::spawn(given, std::array{2, 5});
    auto unique = coro::spawn(moves_only{15});
    auto large = coro::spawn(with_a_text{{.times = 4}}, std::array{2, 5});
    BOOST_TEST(small.join().value() == 11);
    BOOST_TEST(unique.join().value() == 15);
    BOOST_TEST(large.join().value() == 13);
    BOOST_TEST(given.times == 3);
  });
}

BOOST_AUTO_TEST_SUITE_END()
