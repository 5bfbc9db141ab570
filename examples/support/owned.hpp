// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A handle with an owner. The library's handles are numbers that own nothing.

#include <sluice/handle.hpp>
#include <sluice/op/directory.hpp>
#include <sluice/op/file.hpp>
#include <sluice/op/net.hpp>

#include <type_traits>
#include <utility>

namespace support {

/// Closes what it holds. The close is an operation like any other, except that it always runs: also in a task that was asked to end, and
/// for the arguments of a task that never began.
template <class Coro, class Handle>
class owned {
 public:
  explicit owned(Handle handle) noexcept : handle_{handle} {}
  owned(owned&& other) noexcept : handle_{other.release()} {}
  owned(const owned&) = delete;
  auto operator=(const owned&) -> owned& = delete;
  auto operator=(owned&& other) noexcept -> owned& {
    if (this != &other) {
      close();
      handle_ = other.release();
    }
    return *this;
  }
  ~owned() { close(); }

  /// What operations take.
  [[nodiscard]] auto get() const noexcept -> Handle { return handle_; }
  /// Gives it up; the caller closes.
  [[nodiscard]] auto release() noexcept -> Handle { return std::exchange(handle_, {}); }
  /// Closes it now.
  void close() noexcept {
    if (!handle_) return;
    if constexpr (std::is_same_v<Handle, sluice::socket_handle>)
      (void)Coro::io(sluice::op::close_socket{.socket = release()});
    else if constexpr (std::is_same_v<Handle, sluice::directory_handle>)
      (void)Coro::io(sluice::op::close_directory{.directory = release()});
    else
      (void)Coro::io(sluice::op::close_file{.file = release()});
  }

 private:
  Handle handle_;
};

template <class Coro>
using owned_socket = owned<Coro, sluice::socket_handle>;
template <class Coro>
using owned_file = owned<Coro, sluice::file_handle>;
template <class Coro>
using owned_directory = owned<Coro, sluice::directory_handle>;

}  // namespace support
