// SPDX-License-Identifier: MIT
#include <sluice/os/fork_sentinel.hpp>
#include <sluice/os/linux.hpp>
#include <support/child.hpp>

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <cstddef>
#include <tuple>

namespace {

using sluice::os::fork_sentinel;
using linux_os = sluice::os::linux_;

/// Counts what is mapped.
template <int Which>
struct counting : linux_os {
  static inline std::size_t mapped = 0;
  static auto map(std::size_t bytes) noexcept -> sluice::result<std::byte*> {
    ++mapped;
    return linux_os::map(bytes);
  }
};
struct usual : counting<0> {};
/// The program's own data cannot be wiped.
struct unwipeable : counting<1> {
  static auto advise(std::byte* memory, std::size_t bytes, int advice) noexcept -> sluice::result<void> {
    if (mapped == 0) return sluice::system_error(EINVAL);
    return linux_os::advise(memory, bytes, advice);
  }
};
/// Pages are larger than ours.
struct large_pages : counting<2> {
  static auto page_bytes() noexcept -> std::size_t { return 65536; }
};
/// And there is no memory.
struct no_memory : large_pages {
  static auto map(std::size_t) noexcept -> sluice::result<std::byte*> { return sluice::system_error(ENOMEM); }
};
using models = std::tuple<usual, unwipeable, large_pages>;

/// What `f` says in a forked child.
template <class F>
auto in_fork(F&& f) -> bool {
  return support::in_child([&] { return f() ? 0 : 1; }).code == 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(os)
BOOST_AUTO_TEST_SUITE(fork_sentinel_)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_child_is_told_from_the_process_that_remembered, os, models) {
  fork_sentinel<os> sentinel;
  BOOST_TEST(!sentinel.in_child());
  BOOST_TEST_REQUIRE(sentinel.remember());
  BOOST_TEST(!sentinel.in_child());
  BOOST_TEST(in_fork([&] { return sentinel.in_child(); }));
  // What the child remembers is its own, and its child's parent is not that.
  BOOST_TEST(in_fork([&] {
    fork_sentinel<os> own;
    return own.remember() && !own.in_child() && sentinel.in_child() && in_fork([&] { return own.in_child() && sentinel.in_child(); });
  }));
  BOOST_TEST(!sentinel.in_child());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(one_page_serves_all_of_a_process, os, models) {
  fork_sentinel<os> first;
  fork_sentinel<os> second;
  BOOST_TEST_REQUIRE(first.remember());
  BOOST_TEST_REQUIRE(second.remember());
  BOOST_TEST(os::mapped <= 1U);
  BOOST_TEST(in_fork([&] { return first.in_child() && second.in_child(); }));
}

BOOST_AUTO_TEST_CASE(the_programs_own_page_needs_no_mapping) {
  fork_sentinel<usual> sentinel;
  BOOST_TEST_REQUIRE(sentinel.remember());
  BOOST_TEST(usual::mapped == 0U);
}

BOOST_AUTO_TEST_CASE(without_memory_nothing_is_remembered) {
  fork_sentinel<no_memory> sentinel;
  BOOST_TEST(!sentinel.remember());
  BOOST_TEST(!sentinel.in_child());
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
