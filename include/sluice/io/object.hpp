// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A handle with an owner: what all objects that users hold are made of. Layer: io.

#include <sluice/coro/io.hpp>
#include <sluice/handle.hpp>
#include <sluice/op/directory.hpp>
#include <sluice/op/file.hpp>
#include <sluice/op/net.hpp>
#include <sluice/op/process.hpp>
#include <sluice/result.hpp>

#include <system_error>
#include <utility>

namespace sluice::inline v0::io {

/// \cond
constexpr auto closing(file_handle handle) noexcept { return op::close_file{.file = handle}; }
constexpr auto closing(socket_handle handle) noexcept { return op::close_socket{.socket = handle}; }
constexpr auto closing(directory_handle handle) noexcept { return op::close_directory{.directory = handle}; }
constexpr auto closing(process_handle handle) noexcept { return op::close_process{.process = handle}; }

inline auto closed_already() noexcept -> std::unexpected<std::error_code> { return failure(std::errc::bad_file_descriptor); }
/// \endcond

/// Owns a handle and closes it at its end. Closing first cancels what this scheduler has in flight on the handle and waits for it, and is
/// neither skipped nor cancelled itself: it happens in a task that was asked to end, too.
///
/// It moves, and what is in flight stays with the handle. A call that takes several operations, as `write_all` may, looks at the object
/// before each: it ends with `bad_file_descriptor` if that was closed or moved from meanwhile, and the object has to be there until then.
/// It is used on the thread of the scheduler whose operations it is for.
template <class Config, class Handle>
class basic_object {
 public:
  using config = Config;       ///< whose operations it makes
  using handle_type = Handle;  ///< what it owns

  /// Owns nothing.
  constexpr basic_object() noexcept = default;
  /// Takes over a handle.
  explicit constexpr basic_object(Handle handle) noexcept : handle_{handle} {}
  /// Takes over; the other owns nothing then.
  constexpr basic_object(basic_object&& other) noexcept : handle_{other.release()} {}
  /// Closes what it has, then takes over.
  auto operator=(basic_object&& other) noexcept -> basic_object& {
    if (this != &other) {
      // While one is closed another task may have put the next one here.
      while (handle_) (void)close();
      handle_ = other.release();
    }
    return *this;
  }
  basic_object(const basic_object&) = delete;
  auto operator=(const basic_object&) -> basic_object& = delete;
  ~basic_object() { (void)close(); }

  /// What operations take; still owned here.
  [[nodiscard]] constexpr auto handle() const noexcept -> Handle { return handle_; }
  /// Whether it owns something.
  [[nodiscard]] explicit constexpr operator bool() const noexcept { return static_cast<bool>(handle_); }
  /// Gives the handle up; whoever takes it closes it.
  [[nodiscard]] constexpr auto release() noexcept -> Handle { return std::exchange(handle_, Handle{}); }
  /// Closes now, and says what came of it: the handle is gone in any case. Nothing where it owns nothing.
  /// \errors those of close(2)
  auto close() noexcept -> result<void> {
    if (!handle_) return {};
    return perform(closing(release()));
  }

 protected:
  /// One operation, for the running task, or for the thread outside of one.
  template <class Op>
  [[gnu::always_inline]] static auto perform(Op&& one) noexcept {
    return coro::task_io<Config>::io(std::forward<Op>(one));
  }

 private:
  Handle handle_;
};

}  // namespace sluice::inline v0::io
