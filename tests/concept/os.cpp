// SPDX-License-Identifier: MIT
#include <sluice/concept/os.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <string_view>

namespace {

using sluice::clock_kind;
using sluice::os_policy;
using sluice::result;
using sluice::time_point;

struct good {
  static auto now(clock_kind) noexcept -> time_point { return {}; }
  static auto page_bytes() noexcept -> std::size_t { return 4096; }
  static auto map(std::size_t) noexcept -> result<std::byte*> { return nullptr; }
  static void unmap(std::byte*, std::size_t) noexcept {}
};
static_assert(os_policy<good>);

struct without_a_clock : good {
  void now() = delete;
};
struct without_page_bytes : good {
  void page_bytes() = delete;
};
struct page_bytes_that_throws : good {
  static auto page_bytes() -> std::size_t { return 4096; }
};
struct page_bytes_by_text : good {
  static auto page_bytes() noexcept -> std::string_view { return "4096"; }
};
struct without_map : good {
  void map() = delete;
};
struct map_that_throws : good {
  static auto map(std::size_t) -> result<std::byte*> { return nullptr; }
};
struct map_without_error : good {
  static auto map(std::size_t) noexcept -> std::byte* { return nullptr; }
};
struct without_unmap : good {
  void unmap() = delete;
};
static_assert(!os_policy<without_a_clock>);
static_assert(!os_policy<without_page_bytes>);
static_assert(!os_policy<page_bytes_that_throws>);
static_assert(!os_policy<page_bytes_by_text>);
static_assert(!os_policy<without_map>);
static_assert(!os_policy<map_that_throws>);
static_assert(!os_policy<map_without_error>);
static_assert(!os_policy<without_unmap>);
static_assert(!os_policy<int>);

// A test's own Os: the real one, but for the call that is to fail.
struct out_of_memory : good {
  static auto map(std::size_t) noexcept -> result<std::byte*> {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
};
static_assert(os_policy<out_of_memory>);

}  // namespace

BOOST_AUTO_TEST_SUITE(concept_)
BOOST_AUTO_TEST_SUITE(os)

BOOST_AUTO_TEST_CASE(a_test_can_replace_one_call) {
  BOOST_TEST(!out_of_memory::map(1));
  BOOST_TEST(out_of_memory::page_bytes() == good::page_bytes());
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
