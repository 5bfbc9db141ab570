// SPDX-License-Identifier: MIT
// A kernel that says of opcodes that it does not have them: one by one, and all that are newer than the oldest one supported.
#include <laws/backend_files.hpp>
#include <laws/backend_messages.hpp>
#include <laws/backend_processes.hpp>
#include <laws/backend_results.hpp>
#include <sluice/backend/io_uring.hpp>
#include <sluice/native.hpp>

#include <boost/test/unit_test.hpp>
#include <liburing.h>

#include <cstdint>
#include <cstring>
#include <tuple>

namespace {

namespace op = sluice::op;
namespace opcode = sluice::detail::uring::opcode;
using laws::backend::session;
using laws::backend::succeeded;

/// Takes opcodes out of what the kernel says that it has, and counts the plain calls that are made instead.
struct older_os : sluice::os::linux_ {
  using real = sluice::os::linux_;
  static inline std::uint64_t denied = ~std::uint64_t{0};
  static inline unsigned calls[64] = {};

  static auto uring_register(unsigned descriptor, unsigned what, const void* argument, unsigned count) noexcept -> int {
    const int outcome = real::uring_register(descriptor, what, argument, count);
    if (what != IORING_REGISTER_PROBE || outcome < 0) return outcome;
    auto* const rows = static_cast<std::byte*>(const_cast<void*>(argument)) + sizeof(::io_uring_probe);
    for (unsigned i = 0; i < count; ++i) {
      ::io_uring_probe_op row;
      std::memcpy(&row, rows + i * sizeof(row), sizeof(row));
      if ((denied >> i & 1U) != 0) row.flags = 0;
      std::memcpy(rows + i * sizeof(row), &row, sizeof(row));
    }
    return outcome;
  }
  static auto ftruncate(int descriptor, ::off_t length) noexcept -> int {
    ++calls[opcode::ftruncate];
    return real::ftruncate(descriptor, length);
  }
  static auto bind(int descriptor, const ::sockaddr* address, ::socklen_t length) noexcept -> int {
    ++calls[opcode::bind];
    return real::bind(descriptor, address, length);
  }
  static auto listen(int descriptor, int backlog) noexcept -> int {
    ++calls[opcode::listen];
    return real::listen(descriptor, backlog);
  }
  static auto pipe2(int* ends, int flags) noexcept -> int {
    ++calls[opcode::pipe];
    return real::pipe2(ends, flags);
  }
  static auto waitid(::idtype_t type, ::id_t id, ::siginfo_t* info, int options) noexcept -> int {
    ++calls[opcode::waitid];
    return real::waitid(type, id, info, options);
  }
};

struct older : sluice::config<sluice::backend::io_uring<{}, older_os>, sluice::trace::counters>, laws::backend::facts<> {};
// Never by a plain call where there is an entry.
struct strict : sluice::config<sluice::backend::io_uring<{.inline_try = sluice::inline_try::never}, older_os>, sluice::trace::counters>,
                laws::backend::facts<> {};

/// One of each operation that has a newer opcode, alone and in a chain.
void run_each() {
  session<strict> s;
  const auto file = support::temporary_file("abc");
  succeeded(s.run_alone(op::truncate{.file = file.file(), .length = 1}));
  BOOST_TEST(::lseek(file.get(), 0, SEEK_END) == 1);
  const auto [cut, after] = s.run(op::soft(op::truncate{.file = file.file(), .length = 2}), op::nop{});
  succeeded(cut);
  succeeded(after);
  BOOST_TEST(::lseek(file.get(), 0, SEEK_END) == 2);

  const support::descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const auto [bound, heard] = s.run(op::soft(op::bind{.socket = socket.socket(), .address = sluice::ip::endpoint{sluice::ip::loopback, 0}}),
                                    op::listen{.socket = socket.socket()});
  succeeded(bound);
  succeeded(heard);

  const auto one = s.run_alone(op::pipe{});
  const auto [two, next] = s.run(op::soft(op::pipe{}), op::nop{});
  succeeded(next);
  for (const auto& ends : {one, two}) {
    BOOST_TEST_REQUIRE(ends.has_value());
    const support::descriptor read{ends->read.native()};
    const support::descriptor write{ends->write.native()};
    support::put(write, "x");
    BOOST_TEST(support::take(read) == "x");
  }

  const laws::backend::shell child{s, "exit 5"};
  BOOST_TEST(child.end(s).code == 5);
  const laws::backend::shell other{s, "exit 6"};
  const auto [status, closed] =
      s.run(op::soft(op::child_exit{.process = other.child.process}), op::close_process{.process = other.child.process});
  BOOST_TEST_REQUIRE(status.has_value());
  BOOST_TEST(status->code == 6);
  succeeded(closed);
}

auto kernel_has(std::uint8_t code) -> bool {
  ::io_uring ring;
  BOOST_REQUIRE(::io_uring_queue_init(2, &ring, 0) == 0);
  const bool has = (sluice::detail::uring::known_opcodes<sluice::os::linux_>(static_cast<unsigned>(ring.ring_fd)) >> code & 1U) != 0;
  ::io_uring_queue_exit(&ring);
  return has;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_AUTO_TEST_SUITE(io_uring_older_kernel)

BOOST_AUTO_TEST_CASE(what_the_kernel_lacks_is_done_in_another_way_one_by_one) {
  for (const auto missing : {opcode::waitid, opcode::ftruncate, opcode::bind, opcode::listen, opcode::pipe}) {
    BOOST_TEST_CONTEXT("without opcode " << int{missing}) {
      older_os::denied = std::uint64_t{1} << missing;
      std::memset(older_os::calls, 0, sizeof(older_os::calls));
      run_each();
      for (const auto code : {opcode::waitid, opcode::ftruncate, opcode::bind, opcode::listen, opcode::pipe})
        BOOST_TEST((older_os::calls[code] != 0) == (code == missing || !kernel_has(code)), "opcode " << int{code});
    }
  }
  older_os::denied = ~std::uint64_t{0};
  run_each();
}

/// Whoever takes a child's status in between takes it from the wait, which then says so.
BOOST_AUTO_TEST_CASE(a_child_whose_status_is_gone_is_an_error_where_its_handle_is_polled) {
  older_os::denied = ~std::uint64_t{0};
  session<older> s;
  const laws::backend::shell child{s, "exec sleep 60"};
  session<older>::operation<op::child_exit> wait{op::child_exit{.process = child.child.process}};
  s.ring.start(wait);
  s.poll(sluice::wait::none);
  BOOST_REQUIRE(::kill(child.child.id, SIGKILL) == 0);
  BOOST_REQUIRE(::waitpid(child.child.id, nullptr, 0) == child.child.id);
  s.finish(wait);
  laws::backend::failed(wait.result(), std::errc::no_child_process);
  laws::backend::failed(wait.result(), std::errc::no_child_process);
  succeeded(s.run_alone(op::close_process{.process = child.child.process}));
}

using model = std::tuple<older>;
LAWS_OF_BACKEND_RESULTS(model)
LAWS_OF_BACKEND_FILES(model)
LAWS_OF_BACKEND_MESSAGES(model)
LAWS_OF_BACKEND_PROCESSES(model)

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
