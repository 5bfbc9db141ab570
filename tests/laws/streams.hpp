// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What the laws of operations that give many results share.

#include <laws/backend.hpp>
#include <sluice/buffer_group.hpp>
#include <sluice/op/stream.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <sys/socket.h>

namespace laws::backend {

template <class Config, class Op>
using stream_of = typename session<Config>::facade::template stream<Op>;
template <class Config>
using group_of = typename session<Config>::facade::buffer_group;

template <class Config>
auto group_for(session<Config>& s, sluice::buffer_group_options options) -> group_of<Config> {
  auto made = group_of<Config>::make(s.ring, options);
  BOOST_TEST_REQUIRE(made.has_value(), (made.has_value() ? "" : made.error().message()));
  return std::move(*made);
}

inline auto text_of(const sluice::buffer_lease& lease) -> std::string {
  return {reinterpret_cast<const char*>(lease.bytes().data()), lease.bytes().size()};
}

/// All that can be taken now, as text.
template <class Stream>
auto take_text(Stream& stream) -> std::string {
  std::string all;
  while (const auto lease = stream.take()) all += text_of(*lease);
  return all;
}

/// Bytes that tell their place.
inline auto pattern(std::size_t count) -> std::string {
  std::string text(count, '\0');
  for (std::size_t i = 0; i < count; ++i) text[i] = static_cast<char>('a' + i * 7 % 26 + (i / 26) % 3);
  return text;
}

/// Writes as much as there is room for; how much that was.
inline auto put_some(const support::descriptor& end, std::string_view text) -> std::size_t {
  std::size_t done = 0;
  while (done < text.size()) {
    const auto written = ::send(end.get(), text.data() + done, text.size() - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written <= 0) break;
    done += static_cast<std::size_t>(written);
  }
  return done;
}

/// Whether a poll that nothing happens in sleeps for as long as it may.
template <class Config>
auto sleeps(session<Config>& s) -> bool {
  s.linger();
  const auto before = std::chrono::steady_clock::now();
  for (int i = 0; i < 4; ++i) s.poll(sluice::wait::at_most(10ms));
  return std::chrono::steady_clock::now() - before >= 25ms;
}

}  // namespace laws::backend
