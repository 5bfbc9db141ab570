// SPDX-License-Identifier: MIT
#include <sluice/interval.hpp>
#include <sluice/os/linux_memory.hpp>
#include <sluice/os/memcheck.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <system_error>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using sluice::clock_kind;
using sluice::result;
using sluice::system_error;
using sluice::os::linux_memory;

namespace {

struct script : linux_memory {
  static inline int advice_error = 0, protect_error = 0, advised = 0, protected_ = 0;
  static inline std::atomic<guard_support> known{guard_support::unknown};
  static auto advise(std::byte*, std::size_t, int) noexcept -> result<void> {
    ++advised;
    return advice_error != 0 ? result<void>{system_error(advice_error)} : result<void>{};
  }
  static auto protect_none(std::byte*, std::size_t) noexcept -> result<void> {
    ++protected_;
    return protect_error != 0 ? result<void>{system_error(protect_error)} : result<void>{};
  }
  static auto install() noexcept -> result<void> { return guard_install<script>(nullptr, 0, known); }
  static void reset(int error) {
    advice_error = error;
    protect_error = advised = protected_ = 0;
    known = guard_support::unknown;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(os)
BOOST_AUTO_TEST_SUITE(linux_memory_)

BOOST_AUTO_TEST_CASE(clocks_are_the_ones_of_chrono) {
  const auto steady = std::chrono::steady_clock::now().time_since_epoch();
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto near = [](sluice::time_point point, auto since_epoch) {
    return (point - sluice::time_point{sluice::interval{since_epoch}.count}) < sluice::interval{std::chrono::minutes{1}} &&
           point.count >= sluice::interval{since_epoch}.count;
  };
  BOOST_TEST(near(linux_memory::now(clock_kind::steady), steady));
  BOOST_TEST(near(linux_memory::now(clock_kind::wall), wall));
  BOOST_TEST(
      (linux_memory::now(clock_kind::boot) >= linux_memory::now(clock_kind::steady) || linux_memory::now(clock_kind::boot).count > 0));
}

BOOST_AUTO_TEST_CASE(advice_has_the_numbers_of_the_header_where_it_knows_them) {
  BOOST_TEST(linux_memory::advice_give_back == MADV_DONTNEED);
  BOOST_TEST(linux_memory::advice_dont_fork == MADV_DONTFORK);
  BOOST_TEST(linux_memory::advice_no_huge_page == MADV_NOHUGEPAGE);
  BOOST_TEST(linux_memory::advice_wipe_on_fork == MADV_WIPEONFORK);
#if defined(MADV_GUARD_INSTALL)
  BOOST_TEST(linux_memory::advice_guard_install == MADV_GUARD_INSTALL);
  BOOST_TEST(linux_memory::advice_guard_remove == MADV_GUARD_REMOVE);
#endif
}

BOOST_AUTO_TEST_CASE(mapped_memory_is_zero_and_not_resident) {
  const std::size_t page = linux_memory::page_bytes();
  BOOST_TEST(page == static_cast<std::size_t>(::getpagesize()));
  auto* const memory = linux_memory::map(4 * page).value();
  std::array<unsigned char, 4> pages{};
  BOOST_TEST(linux_memory::resident(memory, 4 * page, pages.data()).has_value());
  for (const auto state : pages) BOOST_TEST((state & 1U) == 0U);
  BOOST_TEST((memory[2 * page] == std::byte{0}));
  memory[page] = std::byte{1};
  BOOST_TEST(linux_memory::resident(memory, 4 * page, pages.data()).has_value());
  BOOST_TEST((pages[1] & 1U) == 1U);
  BOOST_TEST((pages[3] & 1U) == 0U);
  BOOST_TEST(linux_memory::unmap(memory, 4 * page).has_value());
}

BOOST_AUTO_TEST_CASE(given_back_memory_is_zero_again) {
  const std::size_t page = linux_memory::page_bytes();
  auto* const memory = linux_memory::map(page).value();
  memory[5] = std::byte{5};
  BOOST_TEST(linux_memory::advise(memory, page, linux_memory::advice_give_back).has_value());
  BOOST_TEST((memory[5] == std::byte{0}));
  BOOST_TEST(linux_memory::unmap(memory, page).has_value());
}

BOOST_AUTO_TEST_CASE(errors_carry_the_number_of_the_system) {
  const auto mapped = linux_memory::map(std::size_t{1} << 60U);
  BOOST_TEST_REQUIRE(!mapped.has_value());
  BOOST_TEST((mapped.error() == std::error_code{ENOMEM, std::system_category()}));
  BOOST_TEST((mapped.error() == std::errc::not_enough_memory));
  const auto unmapped = linux_memory::unmap(reinterpret_cast<std::byte*>(1), 1);
  BOOST_TEST_REQUIRE(!unmapped.has_value());
  BOOST_TEST((unmapped.error() == std::errc::invalid_argument));
  auto* const page = linux_memory::map(linux_memory::page_bytes()).value();
  const auto advised = linux_memory::advise(page, linux_memory::page_bytes(), 12345);
  BOOST_TEST_REQUIRE(!advised.has_value());
  BOOST_TEST((advised.error() == std::errc::invalid_argument));
  const auto guarded = linux_memory::protect_none(page + 1, 1);
  BOOST_TEST_REQUIRE(!guarded.has_value());
  BOOST_TEST(linux_memory::unmap(page, linux_memory::page_bytes()).has_value());
}

BOOST_AUTO_TEST_CASE(a_wiped_page_is_zero_in_a_child) {
  const std::size_t bytes = linux_memory::page_bytes();
  auto* const page = linux_memory::map(bytes).value();
  page[0] = std::byte{9};
  BOOST_TEST(linux_memory::advise(page, bytes, linux_memory::advice_wipe_on_fork).has_value());
  const ::pid_t child = ::fork();
  if (child == 0) ::_exit(static_cast<int>(page[0]));
  int status = -1;
  ::waitpid(child, &status, 0);
  BOOST_TEST(WIFEXITED(status));
  BOOST_TEST(WEXITSTATUS(status) == 0);
  BOOST_TEST((page[0] == std::byte{9}));
  BOOST_TEST(linux_memory::unmap(page, bytes).has_value());
}

BOOST_AUTO_TEST_CASE(a_kernel_with_guards_is_asked_for_each) {
  script::reset(0);
  BOOST_TEST(script::install().has_value());
  BOOST_TEST(script::install().has_value());
  BOOST_TEST(script::advised == 2);
  BOOST_TEST(script::protected_ == 0);
  BOOST_TEST((script::known == linux_memory::guard_support::advice));
}

BOOST_AUTO_TEST_CASE(a_kernel_without_guards_is_asked_once) {
  script::reset(EINVAL);
  BOOST_TEST(script::install().has_value());
  BOOST_TEST(script::install().has_value());
  BOOST_TEST(script::advised == 1);
  BOOST_TEST(script::protected_ == 2);
  script::protect_error = ENOMEM;
  const auto full = script::install();
  BOOST_TEST_REQUIRE(!full.has_value());
  BOOST_TEST((full.error() == std::errc::not_enough_memory));
}

BOOST_AUTO_TEST_CASE(one_refusal_does_not_make_a_kernel_old) {
  script::reset(0);
  BOOST_TEST(script::install().has_value());
  script::advice_error = EINVAL;  // locked memory, say
  BOOST_TEST(script::install().has_value());
  script::advice_error = 0;
  BOOST_TEST(script::install().has_value());
  BOOST_TEST(script::advised == 3);
  BOOST_TEST(script::protected_ == 1);
}

BOOST_AUTO_TEST_CASE(other_errors_of_a_guard_are_reported) {
  for (const int error : {ENOMEM, EAGAIN, EPERM}) {
    script::reset(error);
    const auto failed = script::install();
    BOOST_TEST_REQUIRE(!failed.has_value());
    BOOST_TEST((failed.error() == std::error_code{error, std::system_category()}));
    BOOST_TEST(script::protected_ == 0);
    BOOST_TEST((script::known == linux_memory::guard_support::unknown));
  }
}

#if __has_include(<valgrind/memcheck.h>)
BOOST_AUTO_TEST_CASE(hooks_do_nothing_outside_valgrind) {
  using checked = sluice::os::memcheck<linux_memory>;
  BOOST_TEST(!linux_memory::tracks_stacks);
  BOOST_TEST(checked::tracks_stacks);
  std::array<std::byte, 64> memory{};
  const unsigned number = checked::stack_mapped(memory.data(), memory.size());
  checked::memory_written(memory.data(), memory.size());
  checked::stack_unmapped(number);
  linux_memory::stack_unmapped(linux_memory::stack_mapped(memory.data(), memory.size()));
}
#endif

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
