// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Runs a piece of a test in a forked child: what it says, how it ended.

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace support {

/// How a child ended.
struct child_end {
  int code = -1;     ///< exit code, -1 after a signal
  int signal = 0;    ///< signal that ended it, 0 for none
  std::string said;  ///< what it wrote through `say` or to the standard error stream
};

/// Writes a text that the parent finds in `child_end::said`.
inline void say(const std::string& text) {
  if (::write(2, text.data(), text.size()) < 0) ::_exit(99);
}

/// Runs `body() -> int` in a child, whose exit code it gives.
template <class Body>
auto in_child(Body&& body) -> child_end {
  int channel[2];
  BOOST_REQUIRE(::pipe2(channel, O_CLOEXEC) == 0);
  const auto child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(channel[1], 2);
    const ::rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::alarm(60);
    ::_exit(body());
  }
  ::close(channel[1]);
  child_end end;
  char text[512];
  for (;;) {
    const auto got = ::read(channel[0], text, sizeof(text));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    end.said.append(text, static_cast<std::size_t>(got));
  }
  ::close(channel[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (WIFEXITED(status)) end.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  return end;
}

}  // namespace support
