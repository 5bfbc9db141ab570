// SPDX-License-Identifier: MIT
// `io`: operations one by one, in batches, linked, bounded, as a span; in a task and outside.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <vector>

#include <coro/fixture.hpp>

using coro = sluice::coro_of<fixture::app>;
using aio = sluice::aio_of<fixture::app>;
namespace op = sluice::op;
using namespace std::chrono_literals;
using fixture::bytes_of;

/// Runs the body as a task, then outside of any.
template <class F>
void in_a_task_and_outside(F f) {
  BOOST_TEST_CONTEXT("in a task") { BOOST_TEST(coro::run(f).has_value()); }
  BOOST_TEST_CONTEXT("outside a task") { f(); }
}

BOOST_AUTO_TEST_SUITE(io, *needs::ring())

BOOST_AUTO_TEST_CASE(one_operation_gives_its_result) {
  in_a_task_and_outside([] {
    const fixture::scratch_file file;
    const auto written = coro::io(op::write{.file = file.handle, .buffer = bytes_of("hello"), .offset = 0});
    static_assert(std::is_same_v<decltype(written), const sluice::result<std::size_t>>);
    BOOST_TEST(written.value() == 5U);
    std::array<std::byte, 16> buffer{};
    const auto n = coro::io(op::read{.file = file.handle, .buffer = buffer, .offset = 0});
    BOOST_TEST(n.value() == 5U);
    BOOST_TEST((std::string_view{reinterpret_cast<const char*>(buffer.data()), 5} == "hello"));
    BOOST_TEST(coro::io(op::read{.file = file.handle, .buffer = buffer, .offset = 5}).value() == 0U);
  });
}

BOOST_AUTO_TEST_CASE(an_error_of_the_system_is_the_result) {
  in_a_task_and_outside([] {
    std::array<std::byte, 16> buffer{};
    const auto n = coro::io(op::read{.file = sluice::file_handle{-1}, .buffer = buffer});
    BOOST_TEST((n.error() == std::errc::bad_file_descriptor));
    BOOST_TEST((coro::io(op::open_at{.path = "/no/such/file"}).error() == std::errc::no_such_file_or_directory));
  });
}

BOOST_AUTO_TEST_CASE(a_batch_gives_a_tuple) {
  in_a_task_and_outside([] {
    const fixture::scratch_file file;
    const auto [a, b, c] = coro::io(op::write{.file = file.handle, .buffer = bytes_of("abc"), .offset = 0},
                                    op::write{.file = file.handle, .buffer = bytes_of("defg"), .offset = 3}, op::nop{});
    BOOST_TEST(a.value() == 3U);
    BOOST_TEST(b.value() == 4U);
    BOOST_TEST(c.has_value());
    BOOST_TEST(file.text() == "abcdefg");
  });
}

BOOST_AUTO_TEST_CASE(linked_operations_run_one_after_the_other) {
  in_a_task_and_outside([] {
    const fixture::scratch_file file;
    const auto [c, d] =
        coro::io(op::soft(op::write{.file = file.handle, .buffer = bytes_of("xyz"), .offset = 0}), op::fsync{.file = file.handle});
    BOOST_TEST(c.value() == 3U);
    BOOST_TEST(d.has_value());
  });
}

BOOST_AUTO_TEST_CASE(a_failure_behind_a_soft_link_cancels_the_rest_but_never_a_close) {
  in_a_task_and_outside([] {
    fixture::socket_pair pair;
    std::array<std::byte, 8> buffer{};
    const auto [bad, skipped, closed] = coro::io(op::soft(op::read{.file = sluice::file_handle{-1}, .buffer = buffer}), op::soft(op::nop{}),
                                                 op::close_socket{.socket = std::exchange(pair.left, {})});
    BOOST_TEST((bad.error() == std::errc::bad_file_descriptor));
    BOOST_TEST((skipped.error() == std::errc::operation_canceled));
    BOOST_TEST(closed.has_value());
    char end = 'x';
    BOOST_TEST(::recv(pair.right.native(), &end, 1, MSG_DONTWAIT) == 0);
  });
}

BOOST_AUTO_TEST_CASE(a_hard_link_goes_on_after_a_failure) {
  in_a_task_and_outside([] {
    std::array<std::byte, 8> buffer{};
    const auto [bad, next] = coro::io(op::hard(op::read{.file = sluice::file_handle{-1}, .buffer = buffer}), op::nop{});
    BOOST_TEST(!bad.has_value());
    BOOST_TEST(next.has_value());
  });
}

BOOST_AUTO_TEST_CASE(a_timed_operation_is_done_or_times_out) {
  in_a_task_and_outside([] {
    const fixture::socket_pair pair;
    std::array<std::byte, 8> buffer{};
    const fixture::stopwatch watch;
    const auto late = coro::io(op::timed(op::recv{.socket = pair.left, .buffer = buffer}, 20ms));
    BOOST_TEST((late.error() == sluice::errc::timed_out));
    BOOST_TEST((late.error() == std::errc::timed_out));
    BOOST_TEST((watch.passed() >= 20ms));
    (void)coro::io(op::send{.socket = pair.right, .buffer = bytes_of("now")});
    BOOST_TEST(coro::io(op::timed(op::recv{.socket = pair.left, .buffer = buffer}, 5s)).value() == 3U);
  });
}

BOOST_AUTO_TEST_CASE(a_link_timeout_bounds_the_operation_before_it) {
  in_a_task_and_outside([] {
    const fixture::socket_pair pair;
    std::array<std::byte, 8> buffer{};
    const auto [received, limit] = coro::io(op::soft(op::recv{.socket = pair.left, .buffer = buffer}), op::link_timeout{.after = 10ms});
    BOOST_TEST((received.error() == std::errc::operation_canceled));
    BOOST_TEST((limit.error() == sluice::errc::timed_out));
  });
}

BOOST_AUTO_TEST_CASE(a_span_of_operations_is_one_batch) {
  in_a_task_and_outside([] {
    const fixture::scratch_file file;
    (void)coro::io(op::write{.file = file.handle, .buffer = bytes_of("0123456789"), .offset = 0});
    std::array<std::array<std::byte, 2>, 5> buffers{};
    std::array<aio::operation<op::read>, 5> reads{
        op::read{.file = file.handle, .buffer = buffers[0], .offset = 0}, op::read{.file = file.handle, .buffer = buffers[1], .offset = 2},
        op::read{.file = file.handle, .buffer = buffers[2], .offset = 4}, op::read{.file = file.handle, .buffer = buffers[3], .offset = 6},
        op::read{.file = file.handle, .buffer = buffers[4], .offset = 100}};
    coro::io(std::span{reads});
    for (int i = 0; i < 4; ++i) BOOST_TEST(reads[static_cast<std::size_t>(i)].result().value() == 2U);
    BOOST_TEST(reads[4].result().value() == 0U);
    BOOST_TEST(static_cast<char>(buffers[3][1]) == '7');
    coro::io(std::span{reads}.first(2));
    BOOST_TEST(reads[1].result().value() == 2U);
    coro::io(std::span<aio::operation<op::read>>{});
  });
}

BOOST_AUTO_TEST_CASE(a_batch_is_made_from_as_many_descriptions_as_there_are) {
  in_a_task_and_outside([] {
    const fixture::scratch_file file;
    constexpr std::size_t count = 1000;  // more than the queue has entries
    std::vector<std::byte> bytes(count);
    (void)coro::io(op::write{.file = file.handle, .buffer = bytes_of("0123456789"), .offset = 0});
    std::vector<op::read> wanted;
    for (std::size_t i = 0; i < count; ++i)
      wanted.push_back({.file = file.handle, .buffer = std::span{bytes}.subspan(i, 1), .offset = i % 10});
    std::vector<aio::operation<op::read>> reads(wanted.begin(), wanted.end());
    coro::io(std::span{reads});
    for (std::size_t i = 0; i < count; ++i) {
      BOOST_REQUIRE(reads[i].result().value() == 1U);
      BOOST_REQUIRE(static_cast<char>(bytes[i]) == static_cast<char>('0' + i % 10));
    }
  });
}

BOOST_AUTO_TEST_CASE(the_same_operation_runs_without_a_scheduler) {
  const auto file = aio::run(op::open_at{.path = "/dev/null", .flags = sluice::open_flags::read});
  BOOST_REQUIRE(file.has_value());
  BOOST_TEST(aio::run(op::close_file{.file = *file}).has_value());
}

BOOST_AUTO_TEST_CASE(tasks_that_start_operations_in_one_tick_share_one_submission) {
  struct counting : sluice::config<fixture::roomy, sluice::trace::counters> {};
  using counted = sluice::coro_of<counting>;
  auto home = counted::scheduler::make();
  for (int i = 0; i < 20; ++i) home->spawn([] { (void)counted::io(op::nop{}, op::nop{}); });
  BOOST_TEST(home->run().has_value());
  const auto counts = home->policy<sluice::policy_kind::trace>().snapshot();
  BOOST_TEST(counts.submissions == 40U);
  BOOST_TEST(counts.submitted == 1U);
  BOOST_TEST(counts.op_queued == 40U);
  BOOST_TEST(counts.op_completed == 40U);
}

BOOST_AUTO_TEST_CASE(more_operations_than_the_ring_holds_are_all_done) {
  struct tiny : sluice::config<fixture::roomy, sluice::backend::io_uring<{.entries = 4, .completions = 8}>> {};
  using small = sluice::coro_of<tiny>;
  int done = 0;
  const auto outcome = small::run([&] {
    small::scope tasks;
    for (int i = 0; i < 500; ++i)
      tasks.spawn([&] {
        const auto [a, b, c] = small::io(op::nop{}, op::nop{}, op::nop{});
        if (a && b && c) ++done;
      });
    return tasks.join();
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(done == 500);
}

BOOST_AUTO_TEST_SUITE_END()
