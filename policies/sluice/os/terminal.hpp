// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Terminals: how they are opened, how large they are, and how they treat what is typed. Layer: os.

#include <sluice/handle.hpp>
#include <sluice/op/tty.hpp>

#if defined(__linux__)

#include <cerrno>
#include <csignal>
#include <cstdio>

#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace sluice::inline v0::os {

/// What a terminal can be asked, one static function a question. Each that opens something gives its number, the others zero, or minus the
/// error number. Nothing here waits.
/// \src termios(3), ioctl_tty(2)
struct terminal {
  using mode = ::termios;  ///< how it treats what is typed and what is printed

  /// Opens a terminal for reading and writing, in a description that never blocks, without making it the one that controls the process.
  /// \errors those of open(2); those of tcgetattr(3), ENOTTY for what is none
  static auto open(const char* path) noexcept -> int {
    const int made = open_as(path, O_RDWR);
    if (made < 0) return made;
    if (const int failed = check(made); failed < 0) {
      (void)::close(made);
      return failed;
    }
    return made;
  }
  /// Opens the terminal behind a descriptor once more, in a description of its own that never blocks. Where that is not allowed, or it is
  /// the other end of one, which can be opened but once, it is a duplicate, of the same description.
  /// \errors those of tcgetattr(3), ENOTTY for what is none; those of fcntl(2)
  static auto open_again(file_handle from) noexcept -> int {
    if (const int failed = check(from.native()); failed < 0) return failed;
    unsigned number = 0;
    const bool is_other_end = ::ioctl(from.native(), TIOCGPTN, &number) == 0;
    if (!is_other_end) {
      char path[32];
      (void)std::snprintf(path, sizeof(path), "/proc/self/fd/%d", from.native());
      for (const int access : {O_RDWR, O_RDONLY, O_WRONLY})
        if (const int made = open_as(path, access); made >= 0) return made;
    }
    return duplicate(from);
  }
  /// The same description, under another number. \errors those of fcntl(2)
  static auto duplicate(file_handle from) noexcept -> int {
    const int made = ::fcntl(from.native(), F_DUPFD_CLOEXEC, 3);
    return made < 0 ? -errno : made;
  }
  /// How large it is. \errors those of ioctl(2)
  static auto size_of(file_handle file, terminal_size& size) noexcept -> int {
    ::winsize told{};
    if (::ioctl(file.native(), TIOCGWINSZ, &told) < 0) return -errno;
    size = {.columns = told.ws_col, .rows = told.ws_row};
    return 0;
  }
  /// Its mode. \errors those of tcgetattr(3)
  static auto mode_of(file_handle file, mode& found) noexcept -> int { return ::tcgetattr(file.native(), &found) < 0 ? -errno : 0; }
  /// Changes its mode at once. One that belongs to the programs in front does not stop one in the background for it: who gives a terminal
  /// back may have gone there.
  /// \errors those of tcsetattr(3)
  static auto set_mode(file_handle file, const mode& wanted) noexcept -> int {
    ::sigset_t stops;
    ::sigset_t before;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTTOU);
    (void)::pthread_sigmask(SIG_BLOCK, &stops, &before);
    int outcome = 0;
    do {  // NOLINT(cppcoreguidelines-avoid-do-while)
      outcome = ::tcsetattr(file.native(), TCSANOW, &wanted) < 0 ? errno : 0;
    } while (outcome == EINTR);
    (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return -outcome;
  }
  /// A mode in which each byte that is typed is read at once and nothing is made of it; optionally without signals by keys, and without
  /// anything being made of what is printed.
  static auto raw(mode from, bool keep_signals, bool keep_output) noexcept -> mode {
    from.c_iflag &= ~static_cast<::tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    from.c_lflag &= ~static_cast<::tcflag_t>(ECHO | ECHONL | ICANON | IEXTEN);
    if (!keep_signals) from.c_lflag &= ~static_cast<::tcflag_t>(ISIG);
    if (!keep_output) from.c_oflag &= ~static_cast<::tcflag_t>(OPOST);
    from.c_cflag &= ~static_cast<::tcflag_t>(CSIZE | PARENB);
    from.c_cflag |= CS8;
    from.c_cc[VMIN] = 1;
    from.c_cc[VTIME] = 0;
    return from;
  }

 private:
  static auto check(int descriptor) noexcept -> int {
    mode found{};
    return mode_of(file_handle{descriptor}, found);
  }
  static auto open_as(const char* path, int access) noexcept -> int {
    int made = -1;
    do {  // NOLINT(cppcoreguidelines-avoid-do-while)
      made = ::open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    } while (made < 0 && errno == EINTR);
    return made < 0 ? -errno : made;
  }
};

}  // namespace sluice::inline v0::os

#endif
