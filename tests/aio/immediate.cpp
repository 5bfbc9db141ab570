// SPDX-License-Identifier: MIT
#include <sluice/aio/facade.hpp>
#include <sluice/native.hpp>
#include <support/descriptors.hpp>
#include <support/scripted_os.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

namespace {

namespace op = sluice::op;
using namespace std::chrono_literals;

struct app : sluice::config<> {};
using facade = sluice::aio_of<app>;
struct refused : sluice::config<sluice::backend::io_uring<{}, support::scripted_os>> {};

/// Made before its thread's ring, hence gone after it.
template <class Config>
struct latecomer {
  using facade = sluice::aio_of<Config>;

  ~latecomer() {
    if (does != nullptr) does();
  }
  void (*does)() = nullptr;

  /// The thread uses its ring, and goes; what comes after that does `what`.
  static void comes_to(void (*what)()) {
    std::thread{[what] {
      static thread_local latecomer late;
      late.does = what;
      BOOST_TEST(facade::run(op::nop{}).has_value());
    }}.join();
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(aio)
BOOST_AUTO_TEST_SUITE(immediate)

BOOST_AUTO_TEST_CASE(one_operation_gives_its_result) {
  const auto file = facade::run(op::open_at{.path = "/dev/null", .flags = sluice::open_flags::write});
  BOOST_TEST_REQUIRE(file.has_value());
  BOOST_TEST(facade::run(op::write{.file = *file, .buffer = support::bytes_of("abc")}).value() == 3U);
  BOOST_TEST(facade::run(op::close_file{.file = *file}).has_value());
  BOOST_TEST((facade::run(op::close_file{.file = *file}).error() == std::errc::bad_file_descriptor));
  const auto begin = std::chrono::steady_clock::now();
  BOOST_TEST(facade::run(op::timeout{.after = 2ms}).has_value());
  BOOST_TEST((std::chrono::steady_clock::now() - begin >= 2ms));
}

BOOST_AUTO_TEST_CASE(several_give_a_tuple_and_may_be_linked) {
  const auto pair = support::socket_pair();
  support::buffer buffer;
  const auto [sent, received] = facade::run(op::send{.socket = pair.near.socket(), .buffer = support::bytes_of("abc")},
                                            op::timed(op::recv{.socket = pair.far.socket(), .buffer = buffer.span()}, 10s));
  BOOST_TEST(sent.value() == 3U);
  BOOST_TEST(received.value() == 3U);
  const auto [first, second] =
      facade::run(op::soft(op::recv{.socket = pair.far.socket(), .buffer = buffer.span()}), op::link_timeout{.after = 1ms});
  BOOST_TEST((first.error() == std::errc::operation_canceled));
  BOOST_TEST((second.error() == sluice::errc::timed_out));
}

BOOST_AUTO_TEST_CASE(each_thread_has_a_ring_of_its_own_that_ends_with_it) {
  (void)facade::run(op::nop{});
  const auto before = support::count_descriptors();
  std::thread{[] { (void)facade::run(op::nop{}); }}.join();
  BOOST_TEST(support::count_descriptors() == before);
}

/// An object of static storage that closes what it owns went through a ring that was no more.
BOOST_AUTO_TEST_CASE(what_goes_later_than_the_ring_of_its_thread_has_one_for_once) {
  const auto before = support::count_descriptors();
  latecomer<app>::comes_to([] {
    const auto pair = support::socket_pair();
    support::buffer buffer;
    BOOST_TEST(
        (facade::run(op::timed(op::recv{.socket = pair.far.socket(), .buffer = buffer.span()}, 1ms)).error() == sluice::errc::timed_out));
    const auto [sent, received] = facade::run(op::send{.socket = pair.near.socket(), .buffer = support::bytes_of("abc")},
                                              op::recv{.socket = pair.far.socket(), .buffer = buffer.span()});
    BOOST_TEST(sent.value() == 3U);
    BOOST_TEST(received.value() == 3U);
    std::array<facade::operation<op::timeout>, 2> batch{op::timeout{.after = 1ms}, op::timeout{.after = 2ms}};
    sluice::aio::run_batch<app, op::timeout>(batch);
    for (const auto& one : batch) BOOST_TEST(one.result().has_value());
  });
  latecomer<refused>::comes_to([] {
    support::script::clear();
    support::script::always("uring_queue_init", [](const support::system_call&) -> support::script::answer { return -EPERM; });
    BOOST_TEST((sluice::aio_of<refused>::run(op::nop{}).error() == sluice::errc::ring_forbidden));
    support::script::clear();
  });
  BOOST_TEST(support::count_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(without_a_ring_each_result_says_why) {
  std::thread{[] {
    support::script::clear();
    support::script::always("uring_queue_init", [](const support::system_call&) -> support::script::answer { return -EPERM; });
    BOOST_TEST((sluice::aio_of<refused>::run(op::nop{}).error() == sluice::errc::ring_forbidden));
    const auto [a, b] = sluice::aio_of<refused>::run(op::nop{}, op::socket{});
    BOOST_TEST((a.error() == sluice::errc::ring_forbidden));
    BOOST_TEST((b.error() == sluice::errc::ring_forbidden));
    support::script::clear();
    BOOST_TEST(sluice::aio_of<refused>::run(op::nop{}).has_value());  // a refusal is not kept
  }}.join();
}

BOOST_AUTO_TEST_CASE(a_batch_of_one_kind_leaves_its_results_in_the_operations) {
  const auto file = support::temporary_file("abcdef");
  std::array<support::buffer<2>, 3> buffers;
  using read = facade::operation<op::read>;
  std::array<read, 3> all{read{op::read{.file = file.file(), .buffer = buffers[0].span(), .offset = 0}},
                          read{op::read{.file = file.file(), .buffer = buffers[1].span(), .offset = 2}},
                          read{op::read{.file = file.file(), .buffer = buffers[2].span(), .offset = 4}}};
  sluice::aio::run_batch<app, op::read>(all);
  for (const auto& one : all) BOOST_TEST(one.result().value() == 2U);
  BOOST_TEST(buffers[0].text(2) + buffers[1].text(2) + buffers[2].text(2) == "abcdef");
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
