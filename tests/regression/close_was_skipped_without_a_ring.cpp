// SPDX-License-Identifier: MIT
// A blocking call of several operations takes a ring, and where none could be made its closes were refused with the rest: a program that
// had run out of descriptors kept those that it was about to give back. A close is never skipped.
#include <sluice/sluice.hpp>
#include <support/descriptors.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cerrno>
#include <system_error>
#include <tuple>

#include <fcntl.h>

namespace {

namespace op = sluice::op;

struct exhausted_os : sluice::os::linux_ {
  static auto uring_queue_init(unsigned, ::io_uring*, ::io_uring_params*) noexcept -> int { return -EMFILE; }
  static auto eventfd(unsigned, int) noexcept -> int { return -EMFILE; }
};
template <class Backend>
struct app : sluice::config<Backend> {};
using models = std::tuple<app<sluice::backend::io_uring<{}, exhausted_os>>, app<sluice::backend::epoll<{}, exhausted_os>>>;

}  // namespace

BOOST_AUTO_TEST_SUITE(regression)

BOOST_AUTO_TEST_CASE_TEMPLATE(close_was_skipped_without_a_ring, config, models) {
  using aio = sluice::aio_of<config>;
  auto pair = support::socket_pair();
  auto file = support::temporary_file("abc");
  const auto near = pair.near.release();
  const auto number = file.release();
  const auto [failed, first, second] = aio::run(op::soft(op::nop{}), op::soft(op::close_socket{.socket = sluice::socket_handle{near}}),
                                                op::close_file{.file = sluice::file_handle{number}});
  BOOST_TEST((failed.error() == sluice::errc::ring_descriptors));
  BOOST_TEST(first.has_value());
  BOOST_TEST(second.has_value());
  BOOST_TEST(!support::is_open(near));
  BOOST_TEST(!support::is_open(number));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(batch_of_closes_was_skipped_without_a_ring, config, models) {
  auto pair = support::socket_pair();
  using close = typename sluice::aio_of<config>::template operation<op::close_socket>;
  const std::array<int, 2> numbers{pair.near.release(), pair.far.release()};
  std::array<close, 3> all{close{op::close_socket{.socket = sluice::socket_handle{numbers[0]}}},
                           close{op::close_socket{.socket = sluice::socket_handle{numbers[1]}}}, close{op::close_socket{}}};
  sluice::aio::run_batch<config, op::close_socket>(all);
  BOOST_TEST(all[0].result().has_value());
  BOOST_TEST(all[1].result().has_value());
  BOOST_TEST((all[2].result().error() == std::errc::bad_file_descriptor));
  for (const int number : numbers) BOOST_TEST(!support::is_open(number));
}

BOOST_AUTO_TEST_SUITE_END()
