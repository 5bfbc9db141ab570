// SPDX-License-Identifier: MIT
// A connect that a thread is in ends by a shutdown of its socket. Where the connection came about just then, that shut it down, and the
// connect had succeeded: the next write was to a broken pipe.
#include <sluice/backend/epoll.hpp>
#include <sluice/backend/poll.hpp>
#include <sluice/sluice.hpp>
#include <support/descriptors.hpp>
#include <support/scripted_os.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

namespace op = sluice::op;
namespace backend = sluice::backend;
using namespace std::chrono_literals;
using support::script;

template <class Backend>
struct app : sluice::config<Backend> {};
using models = std::tuple<app<backend::epoll<{}, support::scripted_os>>, app<backend::poll<{}, support::scripted_os>>>;

}  // namespace

BOOST_AUTO_TEST_SUITE(regression)

BOOST_AUTO_TEST_CASE_TEMPLATE(connection_that_was_shut_down_counted_as_success, config, models) {
  using coro = sluice::coro_of<config>;
  const support::script_fixture clean;
  // It has room for one, and that is taken.
  ::sockaddr_un where{};
  where.sun_family = AF_UNIX;
  const std::string name = "sluice-shut-" + std::to_string(::getpid());
  name.copy(where.sun_path + 1, name.size());
  const auto length = static_cast<::socklen_t>(offsetof(::sockaddr_un, sun_path) + 1 + name.size());
  const auto* const address = reinterpret_cast<const ::sockaddr*>(&where);
  const auto make = [] { return support::descriptor{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)}; };
  const auto listener = make();
  const auto first = make();
  const auto client = make();
  BOOST_REQUIRE(
      (::bind(listener.get(), address, length) == 0 && ::listen(listener.get(), 0) == 0 && ::connect(first.get(), address, length) == 0));

  const auto outcome = coro::run([&] {
    auto connect =
        coro::spawn([&] { return coro::io(op::connect{.socket = client.socket(), .address = sluice::unix_path::abstract(name).value()}); });
    // Until a thread is in the call.
    while (script::calls("connect") == 0) (void)coro::sleep(1ms);
    // There is room now, and the connection comes about before the shutdown.
    bool has_room = false;
    script::always("shutdown", [&](const support::system_call&) {
      if (!std::exchange(has_room, true)) {
        ::close(::accept(listener.get(), nullptr, nullptr));
        BOOST_TEST(support::readable(listener.get(), 5000));
      }
      return script::answer{};
    });
    connect.request_cancel();
    const auto connected = connect.join();
    BOOST_TEST(script::calls("shutdown") != 0U);
    BOOST_TEST((!connected && connected.error() == std::errc::operation_canceled));
  });
  BOOST_TEST(outcome.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
