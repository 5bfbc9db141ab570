// SPDX-License-Identifier: MIT
/// @file
/// Views of memory for scattering and gathering, and what becomes one by itself.

#include <sluice/buffer.hpp>
#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace {

struct app : sluice::config<> {};
using aio = sluice::aio_of<app>;

}  // namespace

BOOST_AUTO_TEST_SUITE(buffer)

BOOST_AUTO_TEST_CASE(spans_arrays_and_containers_become_views_of_their_bytes) {
  std::array<std::byte, 4> four{};
  std::vector<std::byte> nine(9);
  std::byte plain[3] = {};
  const std::array<sluice::mutable_buffer, 4> all{four, nine, plain, std::span{four}.first(2)};
  BOOST_TEST(all[0].data == four.data());
  BOOST_TEST(all[0].size == 4U);
  BOOST_TEST(all[1].data == nine.data());
  BOOST_TEST(all[1].size == 9U);
  BOOST_TEST(all[2].size == 3U);
  BOOST_TEST(all[3].size == 2U);
}

BOOST_AUTO_TEST_CASE(what_is_only_sent_may_be_constant) {
  const std::array<std::byte, 4> four{};
  std::vector<std::byte> nine(9);
  const std::array<sluice::const_buffer, 3> all{four, nine, std::span{nine}};
  BOOST_TEST(all[0].data == four.data());
  BOOST_TEST(all[1].size == 9U);
  BOOST_TEST(all[2].data == nine.data());
  static_assert(!std::is_constructible_v<sluice::mutable_buffer, const std::array<std::byte, 4>&>);
  static_assert(!std::is_constructible_v<sluice::const_buffer, const std::string&>);
  static_assert(std::is_trivially_copyable_v<sluice::const_buffer> && std::is_standard_layout_v<sluice::mutable_buffer>);
}

BOOST_AUTO_TEST_CASE(arrays_are_gathered_as_they_are) {
  sluice::file_handle ends[2];
  const auto made = aio::run(sluice::op::pipe{});
  BOOST_REQUIRE(made.has_value());
  ends[0] = made->read;
  ends[1] = made->write;
  const std::array<std::byte, 2> head{std::byte{1}, std::byte{2}};
  const std::vector<std::byte> tail(3, std::byte{9});
  const std::array<sluice::const_buffer, 2> parts{head, tail};
  BOOST_TEST(aio::run(sluice::op::writev{.file = ends[1], .buffers = parts}).value() == 5U);
  std::array<std::byte, 5> got{};
  const std::array<sluice::mutable_buffer, 2> rooms{std::span{got}.first(1), std::span{got}.last(4)};
  BOOST_TEST(aio::run(sluice::op::readv{.file = ends[0], .buffers = rooms}).value() == 5U);
  BOOST_TEST((got[0] == std::byte{1} && got[1] == std::byte{2} && got[4] == std::byte{9}));
  for (const auto end : ends) BOOST_TEST(aio::run(sluice::op::close_file{.file = end}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
