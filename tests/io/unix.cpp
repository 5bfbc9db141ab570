// SPDX-License-Identifier: MIT
// Local connections: whose file is removed and whose is not, and descriptors that travel without one being lost.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>
#include <sys/resource.h>

namespace {

using namespace std::chrono_literals;
using fixture::as_root;
using fixture::bytes_of;
using fixture::open_descriptors;
using sluice::any_handle;
using sluice::unix_path;

struct by_ring : sluice::config<fixture::counted_stacks> {};
struct by_epoll : sluice::config<fixture::counted_stacks, sluice::backend::epoll<>> {};
using configs = std::tuple<by_ring, by_epoll>;

/// A folder of its own, gone at the end.
struct folder {
  folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sluice-unix-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  folder(const folder&) = delete;
  auto operator=(const folder&) -> folder& = delete;
  ~folder() { std::filesystem::remove_all(path); }
  [[nodiscard]] auto at(const char* name) const -> unix_path { return unix_path::make((path / name).string()).value(); }
  [[nodiscard]] auto has(const char* name) const -> bool { return std::filesystem::exists(path / name); }
  std::filesystem::path path;
};

auto text_of(std::span<const std::byte> bytes) -> std::string { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// Whether two descriptors stand for the same file.
auto same_file(int one, int other) -> bool {
  struct ::stat first{};
  struct ::stat second{};
  return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 && first.st_ino == second.st_ino && first.st_dev == second.st_dev;
}

/// Room for so many descriptors more and not for another one, for as long as it lives.
struct few_descriptors {
  explicit few_descriptors(int more) {
    ::getrlimit(RLIMIT_NOFILE, &before);
    auto limit = before;
    limit.rlim_cur = 0;
    for (; more >= 0; ++limit.rlim_cur)
      if (::fcntl(static_cast<int>(limit.rlim_cur), F_GETFD) < 0 && more-- == 0) break;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  few_descriptors(const few_descriptors&) = delete;
  auto operator=(const few_descriptors&) -> few_descriptors& = delete;
  ~few_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }
  ::rlimit before{};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(local_sockets, *needs::ring())

BOOST_AUTO_TEST_CASE_TEMPLATE(bytes_go_both_ways_through_a_path_and_through_a_name, Config, configs) {
  using coro = sluice::coro_of<Config>;
  const folder home;
  const auto name = unix_path::abstract("sluice-" + home.path.filename().string()).value();
  for (const auto& where : {home.at("socket"), name}) {
    as_root<coro>([&] {
      auto listener = coro::unix_listener::bind(where).value();
      BOOST_TEST((listener.local_address().value().as_unix().value() == where));
      auto serves = coro::spawn([&] {
        auto peer = listener.accept().value();
        std::string line;
        BOOST_TEST(peer.read_until(line, "\n").value() == 6U);
        BOOST_TEST(peer.write_all(line).has_value());
      });
      auto stream = coro::unix_stream::connect(where).value();
      BOOST_TEST(stream.write_all("hello\n").has_value());
      std::array<std::byte, 6> back;
      BOOST_TEST(stream.read_exactly(back).has_value());
      BOOST_TEST(text_of(back) == "hello\n");
      BOOST_TEST(stream.read_some(back).value() == 0U);
      (void)serves.join();
      const auto peer = stream.peer().value();
      BOOST_TEST(peer.process == ::getpid());
      BOOST_TEST(peer.user == ::getuid());
      BOOST_TEST(peer.group == ::getgid());
    });
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_file_goes_with_its_listener_and_with_no_other, Config, configs) {
  using coro = sluice::coro_of<Config>;
  const folder home;
  as_root<coro>([&] {
    {
      auto listener = coro::unix_listener::bind(home.at("a")).value();
      BOOST_TEST(home.has("a"));
      auto moved = std::move(listener);
      BOOST_TEST(listener.close().has_value());
      BOOST_TEST(home.has("a"));
      auto other = coro::unix_listener::bind(home.at("b")).value();
      moved = std::move(other);
      BOOST_TEST(!home.has("a"));
      BOOST_TEST(home.has("b"));
      BOOST_TEST(coro::unix_stream::connect(home.at("b")).has_value());
    }
    BOOST_TEST(!home.has("b"));
    {
      // Whoever was replaced leaves the file of the other.
      auto old = coro::unix_listener::bind(home.at("c")).value();
      std::filesystem::remove(home.path / "c");
      const auto fresh = coro::unix_listener::bind(home.at("c"), {.remove_at_close = false}).value();
      BOOST_TEST(old.close().has_value());
      BOOST_TEST(coro::unix_stream::connect(home.at("c")).has_value());
    }
    BOOST_TEST(home.has("c"));
    {
      auto given_up = coro::unix_listener::bind(home.at("d")).value();
      const typename coro::unix_listener taker{given_up.release()};
      BOOST_TEST(!given_up);
    }
    BOOST_TEST(home.has("d"));
    bool bound = false;
    auto cancelled = coro::spawn([&] {
      const auto listener = coro::unix_listener::bind(home.at("e")).value();
      BOOST_TEST(home.has("e"));
      bound = true;
      BOOST_TEST((coro::sleep(9s).error() == std::errc::operation_canceled));
    });
    fixture::run_others_until<coro>([&] { return bound; });
    cancelled.request_cancel();
    (void)cancelled.join();
    BOOST_TEST(!home.has("e"));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(only_what_nobody_has_bound_is_replaced, Config, configs) {
  using coro = sluice::coro_of<Config>;
  const folder home;
  const auto where = home.at("socket");
  as_root<coro>([&] {
    (void)coro::unix_listener::bind(where, {.remove_at_close = false}).value();
    BOOST_TEST(home.has("socket"));
    BOOST_TEST((coro::unix_stream::connect(where).error() == std::errc::connection_refused));
    BOOST_TEST((coro::unix_listener::bind(where).error() == std::errc::address_in_use));
    auto listener = coro::unix_listener::bind(where, {.replace_stale = true}).value();
    BOOST_TEST((coro::unix_listener::bind(where, {.replace_stale = true}).error() == std::errc::address_in_use));
    // The one that is there has not been disturbed by the question.
    auto client = coro::spawn([&] { BOOST_TEST(coro::unix_stream::connect(where).value().write_all("it is me").has_value()); });
    std::array<std::byte, 8> got;
    BOOST_TEST(listener.accept().value().read_exactly(got).has_value());
    BOOST_TEST(text_of(got) == "it is me");
    (void)client.join();

    std::ofstream{home.path / "file"} << "precious";
    BOOST_TEST((coro::unix_listener::bind(home.at("file"), {.replace_stale = true}).error() == std::errc::address_in_use));
    BOOST_TEST(home.has("file"));
    std::filesystem::create_symlink(home.path / "socket", home.path / "link");
    BOOST_TEST((coro::unix_listener::bind(home.at("link"), {.replace_stale = true}).error() == std::errc::address_in_use));
    BOOST_TEST((coro::unix_listener::bind(home.at("no/such")).error() == std::errc::no_such_file_or_directory));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(descriptors_travel_with_the_data, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto [left, right] = coro::unix_stream::pair().value();
    const fixture::scratch_file file;
    const fixture::socket_pair sockets;
    const std::array<any_handle, 2> sent{file.handle, sockets.left};
    BOOST_TEST(left.send_handles(sent, bytes_of("two")).has_value());
    std::array<typename coro::unix_stream::owned_handle, 4> got;
    std::array<std::byte, 16> data;
    const auto came = right.receive_handles(got, data).value();
    BOOST_TEST(came.bytes == 3U);
    BOOST_TEST(came.handles == 2U);
    BOOST_TEST(!came.truncated);
    BOOST_TEST(text_of(std::span{data}.first(3)) == "two");
    BOOST_TEST(same_file(got[0].handle().native(), file.handle.native()));
    BOOST_TEST(!got[2]);
    BOOST_TEST((::fcntl(got[0].handle().native(), F_GETFD) & FD_CLOEXEC) != 0);
    typename coro::unix_stream passed{sluice::socket_handle{got[1].release().native()}};
    BOOST_TEST(passed.write_all("through").has_value());
    std::array<char, 7> text{};
    BOOST_TEST(::read(sockets.right.native(), text.data(), text.size()) == 7);
    // Data without descriptors is data, and the end is the end.
    BOOST_TEST(left.send_handles({}, bytes_of("none")).has_value());
    BOOST_TEST(right.receive_handles(got, data).value().handles == 0U);
    BOOST_TEST(left.close().has_value());
    const auto end = right.receive_handles(got, data).value();
    BOOST_TEST(end.bytes == 0U);
    BOOST_TEST(end.handles == 0U);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(as_many_as_a_message_holds_arrive_and_one_more_is_refused, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto [left, right] = coro::unix_stream::pair().value();
    const fixture::scratch_file file;
    std::vector<any_handle> sent(254, file.handle);
    BOOST_TEST((left.send_handles(sent, bytes_of("x")).error() == std::errc::invalid_argument));
    sent.pop_back();
    BOOST_TEST(left.send_handles(sent, bytes_of("x")).has_value());
    std::vector<typename coro::unix_stream::owned_handle> got(253);
    std::array<std::byte, 1> data;
    const auto came = right.receive_handles(got, data).value();
    BOOST_TEST(came.handles == 253U);
    BOOST_TEST(!came.truncated);
    for (const auto& one : got) BOOST_TEST(same_file(one.handle().native(), file.handle.native()));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(descriptors_that_do_not_fit_are_closed_and_it_is_said, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto [left, right] = coro::unix_stream::pair().value();
    const fixture::scratch_file file;
    const std::vector<any_handle> sent(5, file.handle);
    std::array<std::byte, 16> data;
    std::array<typename coro::unix_stream::owned_handle, 2> got;
    const int before = open_descriptors();
    BOOST_TEST(left.send_handles(sent, bytes_of("five")).has_value());
    auto came = right.receive_handles(got, data).value();
    BOOST_TEST(came.bytes == 4U);
    BOOST_TEST(came.handles == 2U);
    BOOST_TEST(came.truncated);
    BOOST_TEST(open_descriptors() == before + 2);
    // What the owners had is closed when they get others.
    BOOST_TEST(left.send_handles(sent, bytes_of("five")).has_value());
    came = right.receive_handles(got, data).value();
    BOOST_TEST(came.handles == 2U);
    BOOST_TEST(open_descriptors() == before + 2);
    BOOST_TEST(left.send_handles(sent, bytes_of("five")).has_value());
    came = right.receive_handles({}, data).value();
    BOOST_TEST(came.handles == 0U);
    BOOST_TEST(came.truncated);
    BOOST_TEST(left.send_handles(sent, bytes_of("five")).has_value());
    BOOST_TEST(right.read_some(data).value() == 4U);
    BOOST_TEST(open_descriptors() == before + 2);
    for (auto& one : got) BOOST_TEST(one.close().has_value());
    BOOST_TEST(open_descriptors() == before);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_process_without_room_gets_as_many_as_it_can_have, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto [left, right] = coro::unix_stream::pair().value();
    const fixture::scratch_file file;
    const std::vector<any_handle> sent(5, file.handle);
    BOOST_TEST(left.send_handles(sent, bytes_of("five")).has_value());
    std::array<std::byte, 16> data;
    std::array<typename coro::unix_stream::owned_handle, 8> got;
    sluice::result<sluice::io::received_handles> came;
    {
      const few_descriptors limit{3};
      came = right.receive_handles(got, data);
    }
    BOOST_REQUIRE(came.has_value());
    BOOST_TEST(came->bytes == 4U);
    BOOST_TEST(came->handles == 3U);
    BOOST_TEST(came->truncated);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(descriptors_travel_once_with_data_that_waits_for_room, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto [left, right] = coro::unix_stream::pair().value();
    const fixture::scratch_file file;
    const std::array<any_handle, 1> sent{file.handle};
    const std::vector<std::byte> much(std::size_t{2} * 1024 * 1024, std::byte{7});
    auto sends = coro::spawn([&] {
      BOOST_TEST(left.send_handles(sent, much).has_value());
      BOOST_TEST(left.shutdown().has_value());
    });
    std::size_t bytes = 0;
    std::size_t handles = 0;
    std::vector<std::byte> data(64 * 1024);
    for (;;) {
      std::array<typename coro::unix_stream::owned_handle, 2> got;
      const auto came = right.receive_handles(got, data).value();
      if (came.bytes == 0) break;
      bytes += came.bytes;
      handles += came.handles;
    }
    BOOST_TEST(sends.join().has_value());
    BOOST_TEST(bytes == much.size());
    BOOST_TEST(handles == 1U);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_cancel_leaves_descriptors_where_they_are, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto [left, right] = coro::unix_stream::pair().value();
    const fixture::scratch_file file;
    const std::array<any_handle, 1> sent{file.handle};
    std::array<std::byte, 4> data;
    for (int i = 0; i < 20; ++i) {
      bool arrived = false;
      auto waits = coro::spawn([&] {
        std::array<typename coro::unix_stream::owned_handle, 1> got;
        const auto came = right.receive_handles(got, data);
        arrived = came.has_value();
        if (arrived) BOOST_TEST(came->handles == 1U);
      });
      coro::yield();
      if (i % 2 == 0) BOOST_TEST(left.send_handles(sent, bytes_of("x")).has_value());
      waits.request_cancel();
      (void)waits.join();
      if (i % 2 != 0) BOOST_TEST(left.send_handles(sent, bytes_of("x")).has_value());
      std::array<typename coro::unix_stream::owned_handle, 1> got;
      if (!arrived) BOOST_TEST(right.receive_handles(got, data).value().handles == 1U);
    }
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(misuse_is_an_error_and_sends_nothing, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto [left, right] = coro::unix_stream::pair().value();
    const fixture::scratch_file file;
    const std::array<any_handle, 2> sent{file.handle, any_handle{}};
    std::array<std::byte, 4> data;
    std::array<typename coro::unix_stream::owned_handle, 1> got;
    BOOST_TEST((left.send_handles(sent, bytes_of("x")).error() == std::errc::bad_file_descriptor));
    BOOST_TEST((left.send_handles(std::span{sent}.first(1), {}).error() == std::errc::invalid_argument));
    BOOST_TEST((right.receive_handles(got, {}).error() == std::errc::invalid_argument));
    BOOST_TEST((coro::with_timeout(10ms, [&] { return right.receive_handles(got, data); }).error() == std::errc::timed_out));
    BOOST_TEST(right.close().has_value());
    BOOST_TEST((left.send_handles(std::span{sent}.first(1), bytes_of("x")).error() == std::errc::broken_pipe));
    BOOST_TEST((right.send_handles({}, bytes_of("x")).error() == std::errc::bad_file_descriptor));
    BOOST_TEST((right.receive_handles(got, data).error() == std::errc::bad_file_descriptor));
    BOOST_TEST((right.peer().error() == std::errc::bad_file_descriptor));
    typename coro::unix_listener none;
    BOOST_TEST((none.accept().error() == std::errc::bad_file_descriptor));
    BOOST_TEST(none.close().has_value());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_listener_that_closes_ends_who_waits_for_a_client, Config, configs) {
  using coro = sluice::coro_of<Config>;
  const folder home;
  as_root<coro>([&] {
    auto listener = coro::unix_listener::bind(home.at("socket")).value();
    auto waits = coro::spawn([&] { BOOST_TEST((listener.accept().error() == std::errc::operation_canceled)); });
    coro::yield();
    BOOST_TEST(listener.close().has_value());
    BOOST_TEST(waits.join().has_value());
    BOOST_TEST(!home.has("socket"));
  });
}

BOOST_AUTO_TEST_CASE(a_fork_removes_no_file_of_its_parent) {
  using coro = sluice::coro_of<by_ring>;
  const folder home;
  auto listener = coro::unix_listener::bind(home.at("socket")).value();
  const auto child = fixture::in_child([&] { return listener.close().has_value() ? 0 : 1; });
  BOOST_TEST(fixture::status_of(child) == 0);
  BOOST_TEST(home.has("socket"));
  BOOST_TEST(listener.close().has_value());
  BOOST_TEST(!home.has("socket"));
}

BOOST_AUTO_TEST_SUITE_END()
