// SPDX-License-Identifier: MIT
// Copies whose way the system refuses, at the start or in the middle: the rest goes another way, and not one byte is lost or doubled.
#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include <fcntl.h>
#include <io/copy_sides.hpp>
#include <io/fixture.hpp>
#include <sys/mman.h>
#include <sys/stat.h>

using sluice::open_flags;

namespace {

/// Moves and copies ranges so many times, then refuses by an error; counts what it did.
struct moody_os : sluice::os::linux_ {
  static inline int error = EINVAL;
  static inline int moves_left = 0;
  static inline int moved = 0;
  static inline int ranges_left = 0;
  static inline int ranges = 0;
  static inline bool has_pipes = true;
  static inline std::size_t most = std::size_t{1} << 20U;
  static inline bool refuses_sockets_only = false;

  static auto splice(int from, ::off64_t* offset, int to, ::off64_t* to_offset, std::size_t bytes, unsigned flags) noexcept -> ssize_t {
    const bool counts = !refuses_sockets_only || file_type(to) == S_IFSOCK;
    if (counts && moves_left == 0) return -error;
    const auto outcome = linux_::splice(from, offset, to, to_offset, std::min(bytes, most), flags);
    if (outcome > 0) {
      ++moved;
      if (counts) --moves_left;
    }
    return outcome;
  }
  static auto copy_file_range(int from, ::off64_t* offset, int to, ::off64_t* to_offset, std::size_t bytes) noexcept -> ssize_t {
    if (ranges_left == 0) return error == 0 ? 0 : -error;
    --ranges_left;
    ++ranges;
    return linux_::copy_file_range(from, offset, to, to_offset, std::min(bytes, most));
  }
  static auto pipe2(int* ends, int flags) noexcept -> int { return has_pipes ? linux_::pipe2(ends, flags) : -EMFILE; }

  static void reset() {
    error = EINVAL;
    moves_left = ranges_left = 1'000'000;
    moved = ranges = 0;
    has_pipes = true;
    most = std::size_t{1} << 20U;
    refuses_sockets_only = false;
  }
};

struct moody : sluice::config<sluice::backend::readiness<sluice::poller::epoll, {}, moody_os>, fixture::counted_stacks> {};
using coro = sluice::coro_of<moody>;
constexpr auto& as_root = fixture::as_root<coro>;

/// Copies a text between two sides that never block, so that the system would move it.
template <class Source, class Sink>
void copies_all(const std::string& text) {
  as_root([&] {
    coro::scope feeders;
    Source from{text, feeders};
    Sink to{feeders};
    if constexpr (requires { to.object.set(sluice::socket_option::no_delay); }) {
      const int descriptor = to.object.handle().native();
      ::fcntl(descriptor, F_SETFL, O_RDWR | O_NONBLOCK);
    }
    BOOST_TEST(coro::copy(from.object, to.object).value() == text.size());
    BOOST_TEST((to.taken() == text));
  });
}

const std::string text = fixture::noise(700'001);

}  // namespace

BOOST_AUTO_TEST_SUITE(copies_that_are_refused)

BOOST_AUTO_TEST_CASE(the_system_moves_where_it_can) {
  moody_os::reset();
  copies_all<sides::from_file<coro>, sides::to_file<coro>>(text);
  BOOST_TEST(moody_os::ranges >= 1);
  BOOST_TEST(moody_os::moved == 0);
  const auto moves = [](auto copy, int fewest) {
    moody_os::reset();
    copy(text);
    BOOST_TEST(moody_os::moved >= fewest);
  };
  const int once = static_cast<int>(text.size() / 65536);
  moves(copies_all<sides::from_file<coro>, sides::to_pipe<coro>>, once);
  moves(copies_all<sides::from_pipe<coro>, sides::to_file<coro>>, once);
  moves(copies_all<sides::from_pipe<coro>, sides::to_pipe<coro>>, once);
  moves(copies_all<sides::from_pipe<coro>, sides::to_tcp<coro>>, once);
  moves(copies_all<sides::from_tcp<coro>, sides::to_pipe<coro>>, once);
  moves(copies_all<sides::from_file<coro>, sides::to_tcp<coro>>, 2 * once);
  moves(copies_all<sides::from_tcp<coro>, sides::to_file<coro>>, 2 * once);
  moves(copies_all<sides::from_tcp<coro>, sides::to_tcp<coro>>, 2 * once);
  moves(copies_all<sides::from_unix<coro>, sides::to_unix<coro>>, 2 * once);
}

BOOST_AUTO_TEST_CASE(a_socket_that_blocks_is_not_moved_to_where_a_cancel_could_not_end_it) {
  moody_os::reset();
  as_root([] {
    coro::scope feeders;
    sides::from_file<coro> from{text, feeders};
    sides::to_tcp<coro> to{feeders};
    BOOST_TEST(coro::copy(from.object, to.object).value() == text.size());
    BOOST_TEST((to.taken() == text));
  });
  BOOST_TEST(moody_os::moved == 0);
}

BOOST_AUTO_TEST_CASE(whenever_a_copy_of_ranges_is_refused_the_rest_is_read_and_written) {
  for (const int error : {EXDEV, EINVAL, ENOSYS, EOPNOTSUPP, EPERM, EBADF}) {
    for (const int before : {0, 1, 3}) {
      moody_os::reset();
      moody_os::error = error;
      moody_os::ranges_left = before;
      moody_os::most = 100'000;
      copies_all<sides::from_file<coro>, sides::to_file<coro>>(text);
      BOOST_TEST(moody_os::ranges == before);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_file_that_is_said_to_be_empty_is_read_all_the_same) {
  moody_os::reset();
  moody_os::error = 0;
  moody_os::ranges_left = 0;
  copies_all<sides::from_file<coro>, sides::to_file<coro>>(text);
}

BOOST_AUTO_TEST_CASE(an_error_that_is_none_of_the_way_is_told) {
  for (const int error : {EIO, ENOSPC}) {
    moody_os::reset();
    moody_os::error = error;
    moody_os::ranges_left = 1;
    moody_os::moves_left = 1;
    moody_os::most = 1000;
    as_root([&] {
      coro::scope feeders;
      sides::from_file<coro> from{text, feeders};
      sides::to_file<coro> to{feeders};
      BOOST_TEST(coro::copy(from.object, to.object).error().value() == error);
      BOOST_TEST((to.taken() == text.substr(0, 1000)));
      sides::to_pipe<coro> other{feeders};
      BOOST_TEST(coro::copy(from.object, other.object).error().value() == error);
      BOOST_TEST((other.taken() == text.substr(1000, 1000)));
      BOOST_TEST((from.rest() == text.substr(2000)));
    });
  }
}

BOOST_AUTO_TEST_CASE(whenever_a_move_is_refused_what_is_on_its_way_is_brought_over_first) {
  const auto with = []<class Source, class Sink>(int before) {
    for (const std::size_t most : {5000U, 100'000U}) {
      moody_os::reset();
      moody_os::moves_left = before;
      moody_os::most = most;
      copies_all<Source, Sink>(text);
      BOOST_TEST(moody_os::moved == before);
    }
  };
  // An even number stops before a half that takes, an odd one before the half that gives.
  for (int before = 0; before != 6; ++before) {
    with.operator()<sides::from_file<coro>, sides::to_pipe<coro>>(before);
    with.operator()<sides::from_pipe<coro>, sides::to_file<coro>>(before);
    with.operator()<sides::from_tcp<coro>, sides::to_pipe<coro>>(before);
    with.operator()<sides::from_pipe<coro>, sides::to_tcp<coro>>(before);
    with.operator()<sides::from_file<coro>, sides::to_tcp<coro>>(before);
    with.operator()<sides::from_tcp<coro>, sides::to_file<coro>>(before);
    with.operator()<sides::from_unix<coro>, sides::to_tcp<coro>>(before);
  }
}

BOOST_AUTO_TEST_CASE(short_moves_to_a_socket_that_end_in_a_refusal_lose_nothing) {
  for (int before = 0; before != 4; ++before) {
    moody_os::reset();
    moody_os::refuses_sockets_only = true;
    moody_os::moves_left = before;
    moody_os::most = 9000;
    copies_all<sides::from_file<coro>, sides::to_tcp<coro>>(text);
  }
}

BOOST_AUTO_TEST_CASE(without_a_pipe_bytes_go_through_a_buffer) {
  const auto without_pipes = []<class Source, class Sink>() {
    moody_os::reset();
    moody_os::has_pipes = false;
    copies_all<Source, Sink>(text);
    BOOST_TEST(moody_os::moved == 0);
  };
  without_pipes.operator()<sides::from_file<coro>, sides::to_tcp<coro>>();
  without_pipes.operator()<sides::from_tcp<coro>, sides::to_file<coro>>();
  without_pipes.operator()<sides::from_tcp<coro>, sides::to_tcp<coro>>();
}

// What real systems refuse: other file systems, files that are appended to, and files that are made up while they are read.
CASE_OF_EACH_CONFIG(files_that_the_system_does_not_copy_are_copied_all_the_same) {
  as_root([] {
    fixture::put(sides::folder() / "a", text);
    auto memory = typename coro::file{sluice::file_handle{::memfd_create("other file system", MFD_CLOEXEC)}};
    auto from = coro::file::open(sides::folder() / "a").value();
    BOOST_TEST(coro::copy(from, memory).value() == text.size());
    std::string got(text.size(), '\0');
    BOOST_TEST(memory.read_at(std::as_writable_bytes(std::span{got}), 0).value() == text.size());
    BOOST_TEST((got == text));

    constexpr auto appending = open_flags::write | open_flags::create | open_flags::append;
    fixture::put(sides::folder() / "log", "begun ");
    auto log = coro::file::open(sides::folder() / "log", appending).value();
    from = coro::file::open(sides::folder() / "a").value();
    BOOST_TEST(coro::copy(from, log, 10).value() == 10U);
    auto pipe = coro::pipe::make().value();
    BOOST_TEST(pipe.write_all("by pipe").has_value());
    BOOST_TEST(pipe.close_write().has_value());
    BOOST_TEST(coro::copy(pipe, log).value() == 7U);
    auto local = coro::unix_stream::pair().value();
    BOOST_TEST(local.second.write_all("by socket").has_value());
    BOOST_TEST(local.second.close().has_value());
    BOOST_TEST(coro::copy(local.first, log).value() == 9U);
    BOOST_TEST(fixture::content_of(sides::folder() / "log") == "begun " + text.substr(0, 10) + "by pipeby socket");

    auto made_up = coro::file::open("/proc/self/status").value();
    auto to = coro::file::open(sides::folder() / "status", open_flags::write | open_flags::create | open_flags::truncate).value();
    BOOST_TEST(coro::copy(made_up, to).value() > 0U);
    BOOST_TEST(fixture::content_of(sides::folder() / "status").starts_with("Name:"));
  });
}

BOOST_AUTO_TEST_SUITE_END()
