// SPDX-License-Identifier: MIT
// An accept that waited for a thread was asked to end, and taken back. Those in line behind it had not been tried, because one at a time
// has a thread; nobody tried them then either, and what they waited for had been reported before. So they waited beside a client that was
// there, and whoever came later stood in line behind them.
#include <sluice/backend/epoll.hpp>
#include <sluice/backend/poll.hpp>
#include <sluice/sluice.hpp>
#include <support/descriptors.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>
#include <tuple>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

namespace op = sluice::op;
namespace backend = sluice::backend;
using namespace std::chrono_literals;

template <class Backend>
struct app : sluice::config<Backend> {};
// One thread, and nothing is asked for anew while the test runs.
using models =
    std::tuple<app<backend::epoll<{.pool = {.threads = 1}, .recheck = 1h}>>, app<backend::poll<{.pool = {.threads = 1}, .recheck = 1h}>>>;

}  // namespace

BOOST_AUTO_TEST_SUITE(regression)

BOOST_AUTO_TEST_CASE_TEMPLATE(line_stood_still_behind_what_was_taken_back, config, models) {
  using coro = sluice::coro_of<config>;
  const std::string fifo = (std::filesystem::temp_directory_path() / ("sluice-line-" + std::to_string(::getpid()))).string();
  BOOST_REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const support::listener listener;
  const auto outcome = coro::run([&] {
    const auto take = [&] { return coro::io(op::accept{.socket = listener.socket.socket()}); };
    auto holds_the_thread = coro::spawn([&] { return coro::io(op::open_at{.path = fifo}); });
    auto first = coro::spawn(take);
    auto second = coro::spawn(take);
    coro::yield();
    const auto client = listener.client();
    // The first one gets its turn, and no thread.
    (void)coro::sleep(5ms);
    first.request_cancel();
    const auto taken_back = first.join();
    BOOST_TEST((!taken_back && taken_back.error() == std::errc::operation_canceled));
    const support::descriptor other{::open(fifo.c_str(), O_WRONLY | O_CLOEXEC)};
    const auto opened = holds_the_thread.join();
    BOOST_TEST_REQUIRE(opened.has_value());
    const auto accepted = coro::with_timeout(5s, [&] { return second.join(); });
    BOOST_TEST_REQUIRE(accepted.has_value(), "it stood still");
    ::close(opened->native());
    ::close(accepted->socket.native());
  });
  ::unlink(fifo.c_str());
  BOOST_TEST(outcome.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
