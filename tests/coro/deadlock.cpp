// SPDX-License-Identifier: MIT
// Tasks that wait for each other: found, told in a table, and ended.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <latch>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <coro/fixture.hpp>

struct app : sluice::config<fixture::counted_stacks> {};
using coro = sluice::coro_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;
using sluice::errc;

namespace {

auto lines_of(const std::string& text) -> std::vector<std::string> {
  std::vector<std::string> lines;
  std::istringstream stream{text};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Tasks of which each joins the one that `next` names; -1 joins nobody and waits for all the others to be made.
struct graph {
  std::vector<int> next;
  std::vector<coro::task<void>> tasks;

  auto run() -> sluice::result<void> {
    auto home = coro::scheduler::make();
    home->spawn({.name = "maker"}, [this] {
      tasks.resize(next.size());
      for (std::size_t i = 0; i < next.size(); ++i)
        tasks[i] = coro::spawn({.name = "t" + std::to_string(i)}, [this, i] {
          if (next[i] >= 0) (void)tasks[static_cast<std::size_t>(next[i])].join();
        });
    });
    const auto outcome = home->run();
    tasks.clear();
    return outcome;
  }
};

/// A task that holds something of each kind, and then waits for what another one holds, or for its end.
struct member {
  enum class wait : std::uint8_t { lock, write, read, end };

  /// Its life: `begin` opens when all hold what is theirs.
  void live(coro::latch& begin) {
    const auto mine = lock.lock();
    const auto mine_too = shared.lock();
    (void)begin.arrive_and_wait();
    if (how == wait::lock) (void)other->lock.lock_cancellable();
    if (how == wait::write) (void)other->shared.lock_cancellable();
    if (how == wait::read) (void)other->shared.lock_shared_cancellable();
    if (how == wait::end) (void)other->task.join();
  }

  coro::mutex lock;
  coro::shared_mutex shared;
  coro::task<void> task;
  member* other = nullptr;
  wait how = wait::lock;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(deadlock, *needs::ring())

BOOST_AUTO_TEST_CASE(two_that_join_each_other_are_told_exactly) {
  graph two{.next = {1, 0}, .tasks = {}};
  sluice::result<void> outcome;
  const auto said = lines_of(fixture::error_output_of([&] { outcome = two.run(); }));
  BOOST_TEST((outcome.error() == errc::deadlock));
  BOOST_REQUIRE(said.size() == 4U);
  BOOST_TEST(said[0] == "sluice: deadlock: every task waits and nothing can wake one (2)");
  const auto begins = [](const std::string& line, const std::string& start) { return line.starts_with(start); };
  BOOST_TEST(begins(said[1], "  #2 \"t0\" waits for the end of #3 \"t1\", spawned at "));
  BOOST_TEST(begins(said[2], "  #3 \"t1\" waits for the end of #2 \"t0\", spawned at "));
  BOOST_TEST(said[1].find("deadlock.cpp:") != std::string::npos);
  BOOST_TEST(said[3] == "  cycle: #2 \"t0\" -> #3 \"t1\" -> #2 \"t0\"");
  BOOST_TEST(fixture::counted_stacks::out == 0);
}

BOOST_AUTO_TEST_CASE(a_thousand_cycles_of_known_shape_are_all_named) {
  std::uint32_t seed = 1;
  const auto random = [&seed](std::uint32_t below) {
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8U) % below;
  };
  for (int round = 0; round < 1000; ++round) {
    // One cycle, and tails that lead into it or end by themselves; a task is joined by one other at most.
    const std::size_t length = 2 + random(6);
    const std::size_t tail = random(4);
    const std::size_t free = random(4);
    graph made;
    for (std::size_t i = 0; i < length; ++i) made.next.push_back(static_cast<int>((i + 1) % length));
    for (std::size_t i = 0; i < tail; ++i) made.next.push_back(i + 1 < tail ? static_cast<int>(length + i + 1) : -1);
    for (std::size_t i = 0; i < free; ++i) made.next.push_back(-1);
    sluice::result<void> outcome;
    const auto said = lines_of(fixture::error_output_of([&] { outcome = made.run(); }));
    BOOST_REQUIRE((outcome.error() == errc::deadlock));
    BOOST_REQUIRE(said.size() == length + 2);
    std::string cycle = "  cycle: ";
    for (std::size_t i = 0; i < length; ++i) cycle += "#" + std::to_string(i + 2) + " \"t" + std::to_string(i) + "\" -> ";
    cycle += "#2 \"t0\"";
    BOOST_REQUIRE(said.back() == cycle);
    BOOST_REQUIRE(fixture::counted_stacks::out == 0);
  }
}

BOOST_AUTO_TEST_CASE(the_cycles_of_ten_thousand_tasks_are_all_named_whatever_they_wait_for) {
  // The thread sanitizer has room for some 8,000 fibers.
  const std::size_t count = sluice::detail::thread_sanitizer ? 2'000 : 10'000;
  std::mt19937 random{42};
  std::deque<member> members(count);
  std::multiset<std::string> expected;
  const auto name = [](std::size_t i) { return "#" + std::to_string(i + 2) + " \"m" + std::to_string(i) + "\""; };
  for (std::size_t first = 0; first != count;) {
    const auto length = std::min(count - first, std::size_t{2} + random() % 8);
    std::string cycle = "  cycle: ";
    for (std::size_t i = 0; i != length; ++i) {
      members[first + i].other = &members[first + (i + 1) % length];
      members[first + i].how = static_cast<member::wait>(random() % 4);
      cycle += name(first + i) + " -> ";
    }
    // One alone waits for what it holds itself.
    if (length == 1) members[first].how = member::wait::lock;
    expected.insert(cycle + name(first));
    first += length;
  }
  sluice::result<void> outcome;
  const auto said = lines_of(fixture::error_output_of([&] {
    auto home = coro::scheduler::make();
    home->spawn([&] {
      coro::latch begin{count + 1};
      for (std::size_t i = 0; i != count; ++i)
        members[i].task = coro::spawn({.name = "m" + std::to_string(i)}, [&, i] { members[i].live(begin); });
      (void)begin.arrive_and_wait();
    });
    outcome = home->run();
    for (auto& one : members) one.task = {};
  }));
  BOOST_TEST((outcome.error() == errc::deadlock));
  std::multiset<std::string> named;
  for (const auto& line : said)
    if (line.starts_with("  cycle: ")) named.insert(line);
  BOOST_TEST(said.size() == 1 + count + expected.size());
  BOOST_TEST((named == expected));
  BOOST_TEST(fixture::counted_stacks::out == 0);
}

BOOST_AUTO_TEST_CASE(those_that_wait_for_a_cycle_are_in_the_table_and_not_in_the_cycle) {
  graph made{.next = {1, 2, 1}, .tasks = {}};  // t0 waits for t1, which waits for t2, which would join t1
  sluice::result<void> outcome;
  const auto said = fixture::error_output_of([&] { outcome = made.run(); });
  // t1 is joined by t0 already, so t2's join is refused and all end.
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(said.empty());
}

BOOST_AUTO_TEST_CASE(a_scope_that_waits_for_a_child_that_waits_for_its_parent_is_a_cycle) {
  sluice::result<void> outcome;
  const auto said = fixture::error_output_of([&] {
    outcome = coro::run([] {
      auto parent = std::make_shared<coro::task<void>>();
      *parent = coro::spawn({.name = "parent"}, [parent] {
        coro::scope s;
        s.spawn({.name = "ends"}, [] {});
        s.spawn({.name = "child"}, [parent] { BOOST_TEST((parent->join().error() == errc::deadlock)); });
        s.spawn({.name = "ends, too"}, [] {});
        (void)s.join();
      });
      (void)coro::sleep(1ms);
    });
  });
  BOOST_TEST(!outcome.has_value());
  BOOST_TEST(said.find("\"parent\" waits for the children of a scope of #4 \"child\"") != std::string::npos);
  BOOST_TEST(said.find("cycle: #2 \"parent\" -> #4 \"child\" -> #2 \"parent\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_root_task_in_one_gives_deadlock_whatever_it_returns) {
  sluice::result<int> outcome;
  (void)fixture::error_output_of([&] {
    outcome = coro::run([] {
      auto second = std::make_shared<coro::task<int>>();
      auto first = std::make_shared<coro::task<int>>();
      *first = coro::spawn([second] { return second->join().error() == errc::deadlock ? 1 : 2; });
      *second = coro::spawn([first] { return first->join().error() == errc::deadlock ? 1 : 2; });
      return 1;
    });
  });
  BOOST_TEST((outcome.error() == errc::deadlock));
  BOOST_TEST(fixture::counted_stacks::out == 0);
}

BOOST_AUTO_TEST_CASE(is_never_told_of_a_program_that_can_go_on) {
  const auto said = fixture::error_output_of([] {
    for (int round = 0; round < 200; ++round) {
      const auto outcome = coro::run([round] {
        coro::scope s;
        const fixture::socket_pair pair;
        s.spawn([&] {
          std::array<std::byte, 8> buffer{};
          (void)coro::io(op::recv{.socket = pair.left, .buffer = buffer});
        });
        s.spawn([&] {
          if (round % 2 == 0) (void)coro::sleep(100us);
          (void)coro::io(op::send{.socket = pair.right, .buffer = fixture::bytes_of("x")});
        });
        s.spawn([] { (void)coro::spawn([] { return coro::spawn([] { coro::yield(); }).join(); }).join(); });
        (void)s.join();
        coro::spawn([] { (void)coro::io(op::nop{}); }).detach();
      });
      BOOST_TEST(outcome.has_value());
    }
  });
  BOOST_TEST(said.empty());
}

BOOST_AUTO_TEST_CASE(a_report_can_be_had_at_any_time) {
  const fixture::scratch_file out;
  const fixture::socket_pair pair;
  auto home = coro::scheduler::make();
  home->spawn({.name = "reader"}, [&] {
    std::array<std::byte, 8> buffer{};
    (void)coro::io(op::recv{.socket = pair.left, .buffer = buffer});
  });
  home->spawn({.name = "sleeper"}, [] { (void)coro::sleep(10s); });
  home->spawn({.name = "reporter"}, [&] { home->report(out.stream); });
  home->spawn({.name = "fresh"}, [] {});
  (void)home->poll();
  std::fflush(out.stream);
  const auto said = out.text();
  BOOST_TEST(said.find("sluice: tasks (4)\n") == 0U);
  BOOST_TEST(said.find("#1 \"reader\" waits for recv on " + std::to_string(pair.left.native()) + ", spawned at") != std::string::npos);
  BOOST_TEST(said.find("#2 \"sleeper\" waits for sleep") != std::string::npos);
  BOOST_TEST(said.find("#3 \"reporter\" runs") != std::string::npos);
  BOOST_TEST(said.find("#4 \"fresh\" is ready") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(tables_of_several_schedulers_come_one_after_the_other) {
  const fixture::scratch_file out;
  constexpr std::size_t tasks = 5;
  constexpr std::size_t tables = 200;
  BOOST_REQUIRE(std::setvbuf(out.stream, nullptr, _IONBF, 0) == 0);
  std::latch both{2};
  const auto print = [&](const char* name) {
    auto home = coro::scheduler::make();
    for (std::size_t i = 0; i != tasks; ++i) home->spawn({.name = name}, [] { (void)coro::sleep(10s); });
    (void)home->poll();
    both.arrive_and_wait();
    for (std::size_t i = 0; i != tables; ++i) home->report(out.stream, name);
  };
  std::thread other{print, "left"};
  print("right");
  other.join();
  std::fflush(out.stream);
  const auto lines = lines_of(out.text());
  BOOST_REQUIRE(lines.size() == 2 * tables * (1 + tasks));
  std::size_t torn = 0;
  std::string name;
  for (std::size_t i = 0; i != lines.size(); ++i) {
    const std::size_t row = i % (1 + tasks);
    if (row == 0) name = lines[i].starts_with("sluice: left") ? "left" : "right";
    const auto whole =
        row == 0 ? "sluice: " + name + " (5)" : "  #" + std::to_string(row) + " \"" + name + "\" waits for sleep, spawned at ";
    if (!lines[i].starts_with(whole)) ++torn;
  }
  BOOST_TEST(torn == 0U);
}

BOOST_AUTO_TEST_CASE(a_handle_joined_outside_that_can_never_end_is_told_so) {
  auto home = coro::scheduler::make();
  coro::task<void> a;
  coro::task<void> b;
  home->spawn([&] {
    a = coro::spawn([&] { (void)b.join(); });
    b = coro::spawn([&] { (void)coro::shield([&] { return a.join(); }); });
  });
  while (home->poll().value() > 2) {}
  (void)home->poll();
  coro::task<void> c;
  home->spawn([&] { c = coro::spawn([&] { (void)coro::io(op::nop{}); }); });
  BOOST_TEST(home->poll().has_value());
  BOOST_TEST(c.join().has_value());
  coro::task<void> alone;
  home->spawn([&] {
    alone = coro::spawn([&] {
      coro::scope s;
      s.spawn([&] { (void)alone.join(); });
      (void)coro::shield([&] { return s.join(); });
    });
  });
  (void)home->poll();
  (void)home->poll();
  (void)home->poll();
  BOOST_TEST(!alone.done());
  // Its child joins it already, so there is a second refusal to tell apart: this one cannot be waited for.
  BOOST_TEST((alone.join().error() == errc::in_progress));
  (void)fixture::error_output_of([&] { BOOST_TEST((home->run().error() == errc::deadlock)); });
}

BOOST_AUTO_TEST_SUITE_END()
