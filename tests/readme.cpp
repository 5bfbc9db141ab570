// SPDX-License-Identifier: MIT
/// @file
/// The README's table of operations and backends is what the types say.

#include <sluice/sluice.hpp>

#include <boost/hana/for_each.hpp>
#include <boost/test/unit_test.hpp>
#include <liburing.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace {

constexpr std::string_view begin_mark = "<!-- matrix: begin";
constexpr std::string_view end_mark = "<!-- matrix: end -->";

/// The kernel that an opcode came with.
auto since(std::uint8_t opcode) -> std::string {
  namespace codes = sluice::detail::uring::opcode;
  switch (opcode) {
    case codes::waitid: return "6.7";
    case codes::ftruncate: return "6.9";
    case codes::bind:
    case codes::listen: return "6.11";
    case codes::pipe: return "6.16";
    default: return "?";
  }
}

template <class Op>
auto by_ring() -> std::string {
  if (!sluice::backend::supports<sluice::backend::io_uring<>, Op>) return "–";
  if (sluice::detail::uring::always_plain<Op>) return "plain call";
  constexpr auto opcode = sluice::detail::uring::opcode_of<Op>;
  if (sluice::detail::gives_many<Op> && opcode != IORING_OP_TIMEOUT) return "yes, multishot";
  if (opcode < sluice::detail::uring::opcode::first_newer) return "yes";
  return (sluice::detail::uring::has_older_entry<Op> ? "yes; by polling before Linux " : "yes; a plain call before Linux ") + since(opcode);
}

template <class Op>
auto by_readiness() -> std::string {
  using sluice::detail::readiness::served;
  switch (sluice::detail::readiness::calls<Op>::how) {
    case served::nowhere: return "–";
    case served::at_once: return "plain call";
    case served::reading: return "when it can be read";
    case served::writing: return "when it can be written";
    case served::threaded: return "on a thread";
    case served::itself: return "yes";
  }
  return {};
}

auto matrix() -> std::string {
  std::ostringstream out;
  out << "| operation | `backend::io_uring` | `backend::epoll`, `backend::poll` |\n|---|---|---|\n";
  boost::hana::for_each(sluice::op::all, [&](auto type) {
    using op = typename decltype(type)::type;
    static_assert(sluice::backend::epoll<>::supports<op> == sluice::backend::poll<>::supports<op>);
    out << "| `" << op::name << "` | " << by_ring<op>() << " | " << by_readiness<op>() << " |\n";
  });
  return out.str();
}

auto readme_path() -> std::filesystem::path { return std::filesystem::path{__FILE__}.parent_path().parent_path() / "README.md"; }

auto slurp(const std::filesystem::path& path) -> std::string {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(readme)

BOOST_AUTO_TEST_CASE(the_matrix_of_operations_is_what_the_types_say) {
  std::string text = slurp(readme_path());
  const auto begin = text.find(begin_mark);
  const auto end = text.find(end_mark);
  BOOST_REQUIRE(begin != std::string::npos);
  BOOST_REQUIRE(end != std::string::npos);
  const auto first = text.find('\n', begin) + 1;
  const std::string now = matrix();
  if (std::getenv("SLUICE_WRITE_README") != nullptr) {
    text.replace(first, end - first, now);
    std::ofstream{readme_path(), std::ios::binary} << text;
  }
  BOOST_TEST(slurp(readme_path()).substr(first, now.size()) == now, "run this test once with SLUICE_WRITE_README=1");
}

BOOST_AUTO_TEST_SUITE_END()
