// SPDX-License-Identifier: MIT
// Terminals: as they were whatever ends a program, and waited for by nobody but the task that reads or writes.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

namespace {

using namespace std::chrono_literals;
using fixture::as_root;
using fixture::bytes_of;

struct by_ring : sluice::config<fixture::counted_stacks> {};
struct by_epoll : sluice::config<fixture::counted_stacks, sluice::backend::epoll<>> {};
using configs = std::tuple<by_ring, by_epoll>;

/// A terminal, and the end where its user sits.
struct desk {
  desk() : user{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)} {
    ::grantpt(user);
    ::unlockpt(user);
    path = ::ptsname(user);
    // Somebody has it open all the time: else its modes go with the last who closes it.
    keeper = ::open(path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  }
  desk(const desk&) = delete;
  auto operator=(const desk&) -> desk& = delete;
  ~desk() {
    leave();
    ::close(keeper);
  }
  void leave() {
    if (user >= 0) ::close(std::exchange(user, -1));
  }
  void type(std::string_view text) const { BOOST_TEST(::write(user, text.data(), text.size()) == static_cast<::ssize_t>(text.size())); }
  /// What is on the screen; waits a little for more.
  [[nodiscard]] auto seen() const -> std::string {
    std::string all;
    ::pollfd ready{.fd = user, .events = POLLIN, .revents = 0};
    while (::poll(&ready, 1, 50) == 1) {
      std::array<char, 4096> some{};
      const auto got = ::read(user, some.data(), some.size());
      if (got <= 0) break;
      all.append(some.data(), static_cast<std::size_t>(got));
    }
    return all;
  }
  [[nodiscard]] auto is_raw() const -> bool {
    ::termios mode{};
    ::tcgetattr(keeper, &mode);
    return (mode.c_lflag & static_cast<::tcflag_t>(ICANON | ECHO)) == 0;
  }
  [[nodiscard]] auto flag(tcflag_t(::termios::* of), tcflag_t bit) const -> bool {
    ::termios mode{};
    ::tcgetattr(keeper, &mode);
    return (mode.*of & bit) != 0;
  }

  int user;
  int keeper = -1;
  std::string path;
};

template <class Tty>
auto read_text(Tty& tty) -> std::string {
  std::array<std::byte, 256> buffer;
  const auto got = tty.read_some(buffer);
  BOOST_TEST(got.has_value());
  return {reinterpret_cast<const char*>(buffer.data()), got.value_or(0)};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(terminals, *needs::ring())

BOOST_AUTO_TEST_CASE_TEMPLATE(lines_are_read_whole_and_keys_at_once, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    const desk place;
    auto tty = coro::tty::open(place.path).value();
    BOOST_TEST(tty.is_terminal());
    auto reads = coro::spawn([&] { BOOST_TEST(read_text(tty) == "line\n"); });
    coro::yield();
    place.type("li");
    BOOST_TEST(coro::sleep(20ms).has_value());
    place.type("ne\r");
    BOOST_TEST(reads.join().has_value());
    BOOST_TEST(place.seen() == "line\r\n");
    {
      const auto raw = tty.raw().value();
      BOOST_TEST(place.is_raw());
      auto key = coro::spawn([&] { BOOST_TEST(read_text(tty) == "\x03"); });
      coro::yield();
      place.type("\x03");
      BOOST_TEST(key.join().has_value());
      BOOST_TEST(place.seen() == "");
      BOOST_TEST(tty.write_all("a\nb").has_value());
      BOOST_TEST(place.seen() == "a\r\nb");
    }
    BOOST_TEST(!place.is_raw());
    std::string line;
    place.type("more\r");
    BOOST_TEST(tty.read_until(line, "\n").value() == 5U);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_raw_terminal_keeps_what_it_is_told_to, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    const desk place;
    auto tty = coro::tty::open(place.path).value();
    {
      const auto raw = tty.raw({.keep_signals = true, .keep_output = false}).value();
      BOOST_TEST(place.flag(&::termios::c_lflag, ISIG));
      BOOST_TEST(!place.flag(&::termios::c_oflag, OPOST));
      const auto inner = tty.raw().value();
      BOOST_TEST(!place.flag(&::termios::c_lflag, ISIG));
    }
    BOOST_TEST(place.flag(&::termios::c_oflag, OPOST));
    BOOST_TEST(!place.is_raw());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_terminal_is_as_it_was_whatever_ends_who_made_it_raw, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    const desk place;
    try {
      auto tty = coro::tty::open(place.path).value();
      const auto raw = tty.raw().value();
      BOOST_TEST(place.is_raw());
      throw std::runtime_error{"thrown"};
    } catch (const std::runtime_error&) { BOOST_TEST(!place.is_raw()); }

    bool begun = false;
    auto task = coro::spawn([&] {
      auto tty = coro::tty::open(place.path).value();
      const auto raw = tty.raw().value();
      begun = true;
      std::array<std::byte, 8> buffer;
      BOOST_TEST((tty.read_some(buffer).error() == std::errc::operation_canceled));
      BOOST_TEST(place.is_raw());
    });
    fixture::run_others_until<coro>([&] { return begun; });
    BOOST_TEST(place.is_raw());
    task.request_cancel();
    BOOST_TEST(task.join().has_value());
    BOOST_TEST(!place.is_raw());

    // The terminal's own descriptor may be closed first, and another file have its number.
    auto tty = coro::tty::open(place.path).value();
    auto raw = tty.raw().value();
    const int number = tty.handle().native();
    BOOST_TEST(tty.close().has_value());
    const int other = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    BOOST_TEST(other == number);
    auto moved = std::move(raw);
    BOOST_TEST(raw.restore().has_value());
    BOOST_TEST(place.is_raw());
    BOOST_TEST(moved.restore().has_value());
    BOOST_TEST(!place.is_raw());
    BOOST_TEST(moved.restore().has_value());
    ::close(other);
  });
}

BOOST_AUTO_TEST_CASE(a_signal_that_ends_a_program_leaves_the_terminal_as_it_was) {
  const desk place;
  for (const int number : {SIGTERM, SIGINT}) {
    const auto child = fixture::in_child([&] {
      using coro = sluice::coro_of<fixture::app>;
      return coro::main([&]() -> sluice::result<void> {
        auto tty = coro::tty::open(place.path).value();
        const auto raw = tty.raw().value();
        std::array<std::byte, 8> buffer;
        const auto got = tty.read_some(buffer);
        if (!got) return std::unexpected{got.error()};
        return {};
      });
    });
    for (int i = 0; i < 5000 && !place.is_raw(); ++i) ::usleep(1000);
    BOOST_TEST(place.is_raw());
    ::kill(child, number);
    const int status = fixture::status_of(child);
    BOOST_TEST(WIFEXITED(status));
    BOOST_TEST(!place.is_raw());
  }
}

BOOST_AUTO_TEST_CASE(a_program_in_the_background_gives_the_terminal_back_without_being_stopped) {
  const desk place;
  const auto leader = fixture::in_child([&] {
    ::setsid();
    const int control = ::open(place.path.c_str(), O_RDWR);
    if (::ioctl(control, TIOCSCTTY, 0) != 0) return 1;
    const auto background = ::fork();
    if (background == 0) {
      ::setpgid(0, 0);
      using coro = sluice::coro_of<fixture::app>;
      auto tty = coro::tty::open().value();
      const auto raw = tty.raw();
      ::_exit(raw.has_value() && place.is_raw() ? 0 : 2);
    }
    int status = 0;
    if (::waitpid(background, &status, WUNTRACED) != background) return 3;
    if (WIFSTOPPED(status)) {
      ::kill(background, SIGKILL);
      return 4;
    }
    return WEXITSTATUS(status);
  });
  BOOST_TEST(fixture::status_of(leader) == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_descriptor_of_others_behaves_as_before, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    const desk place;
    auto tty = coro::tty::open(sluice::file_handle{place.keeper}).value();
    BOOST_TEST(tty.handle().native() != place.keeper);
    BOOST_TEST((::fcntl(tty.handle().native(), F_GETFL) & O_NONBLOCK) != 0);
    BOOST_TEST((::fcntl(tty.handle().native(), F_GETFD) & FD_CLOEXEC) != 0);
    BOOST_TEST((::fcntl(place.keeper, F_GETFL) & O_NONBLOCK) == 0);
    BOOST_TEST(tty.write_all("hello").has_value());
    BOOST_TEST(place.seen() == "hello");
    // The user's end is opened but once: another open makes another terminal.
    auto other = coro::tty::open(sluice::file_handle{place.user}).value();
    const auto raw = tty.raw().value();
    BOOST_TEST(other.write_all("typed").has_value());
    BOOST_TEST(read_text(tty) == "typed");
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(its_size_is_what_it_was_told, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    const desk place;
    const auto tty = coro::tty::open(place.path).value();
    BOOST_TEST(tty.size().value().columns == 0);
    const ::winsize told{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    BOOST_TEST(::ioctl(place.user, TIOCSWINSZ, &told) == 0);
    BOOST_TEST(tty.size().value().columns == 80);
    BOOST_TEST(tty.size().value().rows == 24);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_terminal_that_takes_nothing_holds_up_its_writer_alone, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    const desk place;
    auto tty = coro::tty::open(place.path).value();
    const auto raw = tty.raw({.keep_output = false}).value();
    const std::string much(300'000, 'x');
    auto writes = coro::spawn([&] { BOOST_TEST((tty.write_all(much).error() == std::errc::operation_canceled)); });
    for (int i = 0; i < 10; ++i) BOOST_TEST(coro::sleep(2ms).has_value());
    BOOST_TEST(!writes.done());
    writes.request_cancel();
    BOOST_TEST(writes.join().has_value());
    (void)place.seen();
    auto again = coro::spawn([&] { BOOST_TEST(tty.write_all(much).has_value()); });
    std::size_t bytes = 0;
    for (int i = 0; i < 1000 && bytes < much.size(); ++i) {
      BOOST_TEST(coro::sleep(1ms).has_value());
      bytes += place.seen().size();
    }
    BOOST_TEST(bytes == much.size());
    BOOST_TEST(again.join().has_value());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(one_that_is_gone_is_an_error_or_an_end, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    desk place;
    auto tty = coro::tty::open(place.path).value();
    auto raw = std::optional{tty.raw().value()};
    std::array<std::byte, 8> buffer;
    auto reads = coro::spawn([&] {
      const auto got = tty.read_some(buffer);
      BOOST_TEST((got ? *got == 0 : got.error() == std::errc::io_error));
    });
    BOOST_TEST(coro::sleep(10ms).has_value());
    place.leave();
    BOOST_TEST(reads.join().has_value());
    BOOST_TEST((tty.write_some(bytes_of("x")).error() == std::errc::io_error));
    BOOST_TEST((tty.write_all("x").error() == std::errc::io_error));
    BOOST_TEST(!tty.is_terminal());
    BOOST_TEST((raw->restore().error() == std::errc::io_error));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_cancelled_read_leaves_what_is_typed, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    const desk place;
    auto tty = coro::tty::open(place.path).value();
    const auto raw = tty.raw().value();
    for (int i = 0; i < 20; ++i) {
      std::size_t got = 0;
      auto reads = coro::spawn([&] {
        std::array<std::byte, 8> buffer;
        got = tty.read_some(buffer).value_or(0);
      });
      coro::yield();
      if (i % 2 == 0) place.type("k");
      reads.request_cancel();
      (void)reads.join();
      if (i % 2 != 0) place.type("k");
      if (got == 0) BOOST_TEST(read_text(tty) == "k");
    }
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_is_no_terminal_is_refused, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    BOOST_TEST((coro::tty::open("/dev/null").error() == std::errc::inappropriate_io_control_operation));
    BOOST_TEST((coro::tty::open("/no/such").error() == std::errc::no_such_file_or_directory));
    const fixture::scratch_file file;
    BOOST_TEST((coro::tty::open(file.handle).error() == std::errc::inappropriate_io_control_operation));
    BOOST_TEST((coro::tty::open(sluice::file_handle{}).error() == std::errc::bad_file_descriptor));
    typename coro::tty none;
    std::array<std::byte, 8> buffer;
    BOOST_TEST(!none.is_terminal());
    BOOST_TEST((none.size().error() == std::errc::bad_file_descriptor));
    BOOST_TEST((none.raw().error() == std::errc::bad_file_descriptor));
    BOOST_TEST((none.read_some(buffer).error() == std::errc::bad_file_descriptor));
    BOOST_TEST((none.write_some(buffer).error() == std::errc::bad_file_descriptor));
  });
}

BOOST_AUTO_TEST_CASE(the_standard_input_is_opened_again) {
  const desk place;
  const auto child = fixture::in_child([&] {
    ::dup2(place.keeper, 0);
    using coro = sluice::coro_of<fixture::app>;
    const auto tty = coro::tty::standard_input();
    if (!tty || tty->handle().native() == 0) return 1;
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 1);
    return coro::tty::standard_output().has_value() ? 2 : 0;
  });
  BOOST_TEST(fixture::status_of(child) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
