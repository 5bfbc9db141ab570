// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A bar on a terminal that shows how far a program has come with its files.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include <sys/ioctl.h>
#include <unistd.h>

namespace support {

/// How far it has come.
struct progress {
  std::uint64_t bytes = 0;
  std::uint64_t total = 0;
  std::size_t files = 0;
  std::size_t failed = 0;
};

/// Draws it on standard error, in place of what was drawn before.
inline void draw(const progress& so_far, std::chrono::duration<double> spent) {
  ::winsize window{};
  const std::size_t columns = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 ? window.ws_col : 80;
  const double part = so_far.total == 0 ? 1.0 : std::min(1.0, static_cast<double>(so_far.bytes) / static_cast<double>(so_far.total));
  constexpr double mega = 1'000'000.0;
  char text[96];
  const int used = std::snprintf(text, sizeof(text), " %3.0f %%  %zu files  %.1f of %.1f MB  %.0f MB/s", part * 100.0, so_far.files,
                                 static_cast<double>(so_far.bytes) / mega, static_cast<double>(so_far.total) / mega,
                                 static_cast<double>(so_far.bytes) / mega / std::max(spent.count(), 0.001));
  const std::size_t taken = static_cast<std::size_t>(used) + 3;
  const std::size_t room = columns > taken ? std::min<std::size_t>(columns - taken, 40) : 0;
  const auto filled = static_cast<std::size_t>(part * static_cast<double>(room));
  std::fprintf(stderr, "\r[%s%s]%s", std::string(filled, '#').c_str(), std::string(room - filled, ' ').c_str(), text);
}

/// Draws what `now` gives until the task is asked to end, and a last time then.
template <class Coro, class Now>
void show_progress(Now now) {
  const auto begun = std::chrono::steady_clock::now();
  const auto spent = [&] { return std::chrono::steady_clock::now() - begun; };
  do draw(now(), spent());
  while (Coro::sleep(std::chrono::milliseconds{100}));
  draw(now(), spent());
  std::fputc('\n', stderr);
}

}  // namespace support
