// SPDX-License-Identifier: MIT
// Scopes: children end before their scope does.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>

struct app : sluice::config<fixture::counted_stacks> {};
using coro = sluice::coro_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;
using sluice::on_failure;

namespace {

constexpr auto& as_root = fixture::as_root<coro>;

auto broken() -> sluice::result<void> { return std::unexpected{std::make_error_code(std::errc::no_link)}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(scope, *needs::ring())

BOOST_AUTO_TEST_CASE(join_waits_for_all_children) {
  as_root([] {
    int ended = 0;
    coro::scope s;
    for (int i = 0; i < 5; ++i)
      s.spawn([&ended, i] {
        (void)coro::sleep(std::chrono::milliseconds{i});
        ++ended;
      });
    BOOST_TEST(s.size() == 5U);
    BOOST_TEST(s.join().has_value());
    BOOST_TEST(ended == 5);
    BOOST_TEST(s.size() == 0U);
    BOOST_TEST(s.join().has_value());
  });
}

BOOST_AUTO_TEST_CASE(the_destructor_joins) {
  as_root([] {
    int ended = 0;
    {
      coro::scope s;
      s.spawn([&] {
        BOOST_TEST(coro::sleep(3ms).has_value());
        ++ended;
      });
      s.spawn({.name = "second"}, [&](int by) { ended += by; }, 10);
    }
    BOOST_TEST(ended == 11);
  });
}

BOOST_AUTO_TEST_CASE(the_first_failing_child_cancels_its_siblings) {
  as_root([] {
    bool cancelled = false;
    coro::scope s;
    s.spawn([&] { cancelled = !coro::sleep(10s).has_value(); });
    s.spawn([] {
      (void)coro::sleep(1ms);
      return broken();
    });
    s.spawn([&] { (void)coro::io(op::timeout{.after = 10s}); });
    BOOST_TEST((s.join().error() == std::errc::no_link));
    BOOST_TEST(cancelled);
  });
}

BOOST_AUTO_TEST_CASE(the_first_failing_child_lets_its_siblings_go_on_if_asked_to) {
  as_root([] {
    bool undisturbed = false;
    coro::scope s{{.on_failure = on_failure::keep}};
    s.spawn([&] { undisturbed = coro::sleep(5ms).has_value(); });
    s.spawn([] { return broken(); });
    s.spawn([]() -> sluice::result<int> {
      (void)coro::sleep(1ms);
      return std::unexpected{std::make_error_code(std::errc::io_error)};
    });
    BOOST_TEST((s.join().error() == std::errc::no_link));
    BOOST_TEST(undisturbed);
  });
}

BOOST_AUTO_TEST_CASE(an_exception_of_a_child_is_thrown_again_by_join) {
  as_root([] {
    bool cancelled = false;
    coro::scope s;
    s.spawn([&] { cancelled = !coro::sleep(10s).has_value(); });
    s.spawn([] { throw std::runtime_error{"in a child"}; });
    BOOST_CHECK_THROW((void)s.join(), std::runtime_error);
    BOOST_TEST(cancelled);
    BOOST_TEST(s.join().has_value());
  });
}

BOOST_AUTO_TEST_CASE(an_exception_that_nobody_fetches_is_dropped) {
  as_root([] {
    coro::scope s;
    s.spawn([] { throw std::runtime_error{"in a child"}; });
  });
}

BOOST_AUTO_TEST_CASE(can_be_used_anew_after_join) {
  as_root([] {
    coro::scope s;
    s.spawn([] { return broken(); });
    BOOST_TEST(!s.join().has_value());
    int ran = 0;
    s.spawn([&] { ++ran; });
    BOOST_TEST(s.join().has_value());
    BOOST_TEST(ran == 1);
  });
}

BOOST_AUTO_TEST_CASE(cancel_reaches_all_children_and_those_born_later) {
  as_root([] {
    int cancelled = 0;
    bool born_late = false;
    coro::scope s;
    for (int i = 0; i < 3; ++i)
      s.spawn([&] {
        if (!coro::sleep(10s)) ++cancelled;
      });
    coro::yield();
    s.cancel();
    s.spawn([&] { born_late = true; });
    BOOST_TEST((s.join().error() == std::errc::operation_canceled));
    BOOST_TEST(cancelled == 3);
    BOOST_TEST(!born_late);
  });
}

BOOST_AUTO_TEST_CASE(children_are_cancelled_newest_first) {
  as_root([] {
    std::string order;
    coro::scope s;
    for (const char c : {'a', 'b', 'c'})
      s.spawn([&order, c] {
        (void)coro::sleep(10s);
        order += c;
      });
    coro::yield();
    s.cancel();
    (void)s.join();
    BOOST_TEST(order == "cba");
  });
}

BOOST_AUTO_TEST_CASE(unwinding_cancels_first) {
  as_root([] {
    bool cancelled = false;
    try {
      coro::scope s;
      s.spawn([&] { cancelled = !coro::sleep(10s).has_value(); });
      coro::yield();
      throw 1;
    } catch (int) {}
    BOOST_TEST(cancelled);
  });
}

BOOST_AUTO_TEST_CASE(made_while_unwinding_it_joins_without_cancelling) {
  struct at_end {
    bool& undisturbed;
    ~at_end() {
      coro::scope s;
      s.spawn([this] { undisturbed = coro::sleep(2ms).has_value(); });
    }
  };
  as_root([] {
    bool undisturbed = false;
    try {
      const at_end guard{undisturbed};
      throw 1;
    } catch (int) {}
    BOOST_TEST(undisturbed);
  });
}

BOOST_AUTO_TEST_CASE(a_cancelled_owner_cancels_the_children) {
  as_root([] {
    int begun = 0;
    int cancelled = 0;
    const auto child = [&] {
      ++begun;
      if (!coro::sleep(10s)) ++cancelled;
    };
    auto owner = coro::spawn([&] {
      coro::scope s;
      for (int i = 0; i < 3; ++i) s.spawn(child);
      return s.join();
    });
    fixture::run_others_until<coro>([&] { return begun == 3; });
    owner.request_cancel();
    BOOST_TEST(owner.join().has_value());
    auto by_destructor = coro::spawn([&] {
      coro::scope s;
      s.spawn(child);
      (void)coro::sleep(10s);
    });
    fixture::run_others_until<coro>([&] { return begun == 4; });
    by_destructor.request_cancel();
    (void)by_destructor.join();
    BOOST_TEST(cancelled == 4);
  });
}

BOOST_AUTO_TEST_CASE(scopes_nest) {
  as_root([] {
    int leaves = 0;
    coro::scope outer;
    for (int i = 0; i < 4; ++i)
      outer.spawn([&]() -> sluice::result<void> {
        coro::scope inner;
        for (int j = 0; j < 4; ++j)
          inner.spawn([&] {
            (void)coro::sleep(1ms);
            ++leaves;
          });
        return inner.join();
      });
    BOOST_TEST(outer.join().has_value());
    BOOST_TEST(leaves == 16);
  });
}

BOOST_AUTO_TEST_CASE(a_failure_deep_inside_ends_everything) {
  as_root([] {
    int cancelled = 0;
    coro::scope outer;
    for (int i = 0; i < 3; ++i)
      outer.spawn([&cancelled, i]() -> sluice::result<void> {
        coro::scope inner;
        inner.spawn([&] {
          if (!coro::sleep(10s)) ++cancelled;
        });
        if (i == 2)
          inner.spawn([] {
            (void)coro::sleep(1ms);
            return broken();
          });
        return inner.join();
      });
    BOOST_TEST((outer.join().error() == std::errc::no_link));
    BOOST_TEST(cancelled == 3);
  });
}

BOOST_AUTO_TEST_CASE(a_child_may_spawn_siblings) {
  as_root([] {
    int ran = 0;
    coro::scope s;
    s.spawn([&] {
      ++ran;
      s.spawn([&] {
        ++ran;
        (void)coro::sleep(1ms);
        s.spawn([&] { ++ran; });
      });
    });
    BOOST_TEST(s.join().has_value());
    BOOST_TEST(ran == 3);
  });
}

BOOST_AUTO_TEST_CASE(a_child_that_cannot_be_made_fails_the_scope) {
  as_root([] {
    coro::scope s;
    bool cancelled = false;
    s.spawn([&] { cancelled = !coro::sleep(10s).has_value(); });
    coro::yield();
    s.spawn({.stack_bytes = std::size_t{1} << 60U}, [] {});
    BOOST_TEST((s.join().error() == std::errc::not_enough_memory));
    BOOST_TEST(cancelled);
  });
}

BOOST_AUTO_TEST_CASE(outside_a_task_it_fails) {
  coro::scope s;
  s.spawn([] {});
  BOOST_TEST((s.join().error() == std::errc::operation_not_permitted));
}

BOOST_AUTO_TEST_CASE(destroyed_outside_any_task_it_still_waits) {
  auto home = coro::scheduler::make();
  std::optional<coro::scope> s;
  bool ended = false;
  home->spawn([&] {
    s.emplace();
    s->spawn([&] {
      (void)coro::sleep(3ms);
      ended = true;
    });
  });
  (void)home->poll();
  s.reset();
  BOOST_TEST(ended);
}

BOOST_AUTO_TEST_CASE(thousands_of_children_come_and_go) {
  static constexpr int many = sluice::detail::thread_sanitizer ? 1'000 : 10'000;
  as_root([] {
    int ended = 0;
    coro::scope s{{.on_failure = on_failure::keep}};
    for (int i = 0; i < many; ++i) {
      s.spawn([&] { ++ended; });
      if (i % 16 == 0) coro::yield();
    }
    BOOST_TEST(s.join().has_value());
    BOOST_TEST(ended == many);
  });
}

BOOST_AUTO_TEST_SUITE_END()
