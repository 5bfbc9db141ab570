// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Terminals. Layer: io.

#include <sluice/c_path.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/interval.hpp>
#include <sluice/io/byte_stream.hpp>
#include <sluice/io/object.hpp>
#include <sluice/op/file.hpp>
#include <sluice/op/poll.hpp>
#include <sluice/op/time.hpp>
#include <sluice/op/tty.hpp>
#include <sluice/result.hpp>

#include <cstddef>
#include <span>
#include <system_error>
#include <utility>

namespace sluice::inline v0::io {

/// What a terminal goes on doing while it is raw.
struct raw_options {
  bool keep_signals = false;  ///< keys such as ^C and ^Z are signals, and are not read
  bool keep_output = true;    ///< the end of a line that is printed begins the next one
};

/// Keeps a terminal raw while it lives: each key is read at once, as it is, and not shown. At its end, whatever brings that, the terminal
/// is as it was. Several of them on one terminal end in the opposite order.
template <class Config>
class basic_raw_mode {
 public:
  using os = typename coro::scheduler<Config>::os;  ///< where system calls go

  /// Of no terminal.
  constexpr basic_raw_mode() noexcept = default;
  /// Takes over; the other restores nothing then.
  basic_raw_mode(basic_raw_mode&&) noexcept = default;
  /// Restores what it has, then takes over.
  auto operator=(basic_raw_mode&& other) noexcept -> basic_raw_mode& {
    if (this != &other) {
      (void)restore();
      terminal_ = std::move(other.terminal_);
      before_ = other.before_;
    }
    return *this;
  }
  basic_raw_mode(const basic_raw_mode&) = delete;
  auto operator=(const basic_raw_mode&) -> basic_raw_mode& = delete;
  ~basic_raw_mode() { (void)restore(); }

  /// Makes a terminal raw; see `basic_tty::raw`.
  [[nodiscard]] static auto make(file_handle terminal, const raw_options& options) noexcept -> result<basic_raw_mode> {
    basic_raw_mode made;
    if (const int failed = os::terminal::mode_of(terminal, made.before_); failed < 0) return system_error(-failed);
    const int own = os::terminal::duplicate(terminal);
    if (own < 0) return system_error(-own);
    made.terminal_ = basic_object<Config, file_handle>{file_handle{own}};
    const auto wanted = os::terminal::raw(made.before_, options.keep_signals, options.keep_output);
    if (const int failed = os::terminal::set_mode(made.terminal_.handle(), wanted); failed < 0) return system_error(-failed);
    return made;
  }
  /// Gives the terminal its mode back now. Nothing the second time. \errors those of tcsetattr(3), `io_error` for a terminal that is gone
  auto restore() noexcept -> result<void> {
    if (!terminal_) return {};
    const int failed = os::terminal::set_mode(terminal_.handle(), before_);
    (void)terminal_.close();
    if (failed < 0) return system_error(-failed);
    return {};
  }

 private:
  // A descriptor of its own: the one of whoever made it may be closed, and another file have its number.
  basic_object<Config, file_handle> terminal_;
  typename os::terminal::mode before_{};
};

/// A terminal. One task may read while another one writes; a wait for either stops nothing but its task.
/// \src termios(3), tty(4)
template <class Config>
class basic_tty : public basic_object<Config, file_handle>, public reading<basic_tty<Config>>, public writing<basic_tty<Config>> {
 public:
  using os = typename coro::scheduler<Config>::os;  ///< where system calls go
  using raw_mode = basic_raw_mode<Config>;          ///< what `raw` gives

  using basic_object<Config, file_handle>::basic_object;

  /// Opens a terminal, the one that controls the process by default. Never waits.
  /// \errors those of open(2), `no_such_device_or_address` where none controls it; `inappropriate_io_control_operation` for another file
  [[nodiscard]] static auto open(c_path path = "/dev/tty") noexcept -> result<basic_tty> { return owned(os::terminal::open(path.c_str())); }
  /// The terminal behind a descriptor, which stays as it is: it is opened once more, so that nothing that is done here changes how it
  /// behaves for others, who often share it. Where the system does not allow that, it is a duplicate, and behaves as they have it.
  /// \errors `inappropriate_io_control_operation` if it is no terminal; `bad_file_descriptor`; those of fcntl(2)
  [[nodiscard]] static auto open(file_handle of) noexcept -> result<basic_tty> { return owned(os::terminal::open_again(of)); }
  /// The same for the standard input. \errors as above, where that is a file or a pipe for one
  [[nodiscard]] static auto standard_input() noexcept -> result<basic_tty> { return open(file_handle{0}); }
  /// The same for the standard output. \errors as above
  [[nodiscard]] static auto standard_output() noexcept -> result<basic_tty> { return open(file_handle{1}); }

  /// Whether it is a terminal that is still there.
  [[nodiscard]] auto is_terminal() const noexcept -> bool {
    typename os::terminal::mode unasked;
    return os::terminal::mode_of(this->handle(), unasked) == 0;
  }
  /// How large it is; zeros where nobody has said. \errors those of ioctl(2)
  [[nodiscard]] auto size() const noexcept -> result<terminal_size> {
    terminal_size found;
    if (const int failed = os::terminal::size_of(this->handle(), found); failed < 0) return system_error(-failed);
    return found;
  }
  /// Makes it raw until the end of what this gives, which may outlive this object. A program that a signal asks to end leaves it as it was
  /// if that lives in a task, as all of those come to their ends.
  /// \errors those of tcgetattr(3), tcsetattr(3) and fcntl(2)
  [[nodiscard]] auto raw(const raw_options& options = {}) noexcept -> result<raw_mode> { return raw_mode::make(this->handle(), options); }

  /// Reads what was typed, at most `buffer.size()` bytes: keys while it is raw, else whole lines. Result: bytes, 0 at the end.
  /// \units bytes  \errors those of read(2), `io_error` when it is gone; `operation_canceled`
  [[nodiscard]] auto read_some(std::span<std::byte> buffer) noexcept -> result<std::size_t> {
    return when_ready(op::read_tty{.file = this->handle(), .buffer = buffer}, poll_events::readable);
  }
  /// Writes at most `buffer.size()` bytes, as many as it has room for. One that was stopped, by ^S for one, is waited for until the task is
  /// asked to end.
  /// \units bytes  \errors those of write(2), `io_error` when it is gone; `operation_canceled`
  [[nodiscard]] auto write_some(std::span<const std::byte> buffer) noexcept -> result<std::size_t> {
    return when_ready(op::write{.file = this->handle(), .buffer = buffer}, poll_events::writable);
  }

 private:
  static auto owned(int made) noexcept -> result<basic_tty> {
    if (made < 0) return system_error(-made);
    return basic_tty{file_handle{made}};
  }

  // Some backends leave it to the user to wait for what never blocks.
  template <class Op>
  auto when_ready(const Op& one, poll_events events) const noexcept -> result<std::size_t> {
    constexpr auto pause = interval::nanoseconds(10'000'000);
    for (bool was_ready = false;; was_ready = true) {
      const auto outcome = basic_tty::perform(one);
      if (outcome || outcome.error() != std::errc::resource_unavailable_try_again) return outcome;
      // Room for one byte is room, but not for the end of a line, which takes two.
      if (was_ready) {
        if (const auto paused = basic_tty::perform(op::timeout{.after = pause}); !paused) return std::unexpected{paused.error()};
      }
      const auto ready = basic_tty::perform(op::poll_once{.handle = this->handle(), .events = events});
      if (!ready) return std::unexpected{ready.error()};
    }
  }
};

}  // namespace sluice::inline v0::io
