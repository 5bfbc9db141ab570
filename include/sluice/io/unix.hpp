// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Connections between processes of one machine, and where they are accepted. Layer: io.

#include <sluice/address.hpp>
#include <sluice/buffer.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/coro/structure.hpp>
#include <sluice/io/acceptor.hpp>
#include <sluice/io/socket.hpp>
#include <sluice/op/directory.hpp>
#include <sluice/op/message.hpp>
#include <sluice/op/net.hpp>
#include <sluice/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

namespace sluice::inline v0::io {

/// How a local socket listens.
struct unix_listen_options {
  int backlog = 4096;           ///< connections that may wait to be accepted; the system caps it
  bool replace_stale = false;   ///< takes the place of a socket file that nobody has bound any more, as a crash leaves one
  bool remove_at_close = true;  ///< the socket file goes with the listener
};

/// What came with descriptors.
struct received_handles {
  std::size_t bytes = 0;    ///< of the data; 0 at the end of the stream
  std::size_t handles = 0;  ///< that came and are owned now
  bool truncated = false;   ///< there were more, for which the span, or the process, had no room; they are closed
};

/// One end of a connection within the machine. It carries bytes, and descriptors beside them. \src unix(7)
template <class Config>
class basic_unix_stream : public basic_connection<Config, basic_unix_stream<Config>> {
 public:
  using os = typename coro::scheduler<Config>::os;         ///< where system calls go
  using owned_handle = basic_object<Config, file_handle>;  ///< a descriptor that was received, whatever it stands for

  using basic_connection<Config, basic_unix_stream>::basic_connection;

  /// Connects to a listener.
  /// \errors those of socket(2) and connect(2): `connection_refused` where nobody listens, `no_such_file_or_directory`;
  /// `operation_canceled`
  [[nodiscard]] static auto connect(const unix_path& where) noexcept -> result<basic_unix_stream> {
    const auto made = basic_unix_stream::perform(op::socket{.domain = socket_domain::local});
    if (!made) return std::unexpected{made.error()};
    basic_unix_stream stream{*made};
    if (const auto connected = basic_unix_stream::perform(op::connect{.socket = *made, .address = where}); !connected)
      return std::unexpected{connected.error()};
    return stream;
  }
  /// Both ends of a new connection. Never waits. \errors those of socketpair(2)  \src socketpair(2)
  [[nodiscard]] static auto pair() noexcept -> result<std::pair<basic_unix_stream, basic_unix_stream>> {
    int both[2];
    if (const int failed = os::stream_pair(both); failed < 0) return system_error(-failed);
    return std::pair{basic_unix_stream{socket_handle{both[0]}}, basic_unix_stream{socket_handle{both[1]}}};
  }

  /// Sends descriptors with data, all of it, of which there is at least one byte: descriptors travel beside bytes, never alone. They stay
  /// open here; the peer gets descriptors of its own.
  /// \errors `invalid_argument` for no data or more than 253 descriptors; `bad_file_descriptor` if one of them is none; those of
  /// `write_all`, some of the data may have been sent then, and the descriptors with it  \src sendmsg(2), unix(7)
  auto send_handles(std::span<const any_handle> handles, std::span<const std::byte> data) noexcept -> result<void> {
    using message_type = typename os::handle_message;
    if (data.empty() || handles.size() > message_type::most) return failure(std::errc::invalid_argument);
    message_type beside;
    const const_buffer all{data};
    // Only once: a rest that is sent by the same call would take them along again.
    const auto put =
        basic_unix_stream::perform(op::send_msg{.socket = this->handle(), .buffers = {&all, 1}, .control = beside.pack(handles)});
    if (!put) return std::unexpected{put.error()};
    return this->write_all(data.subspan(*put));
  }
  /// Receives data and the descriptors that came with it, close-on-exec, into owners: `coro::tcp_stream{socket_handle{number}}` makes
  /// another one of it, with `number` from `release().native()`. What an owner had is closed when it gets one. Those that do not fit are
  /// closed, which the result says; nothing of the data is lost by that. Descriptors that arrive at a read without them are closed by the
  /// system.
  /// \units bytes  \errors `invalid_argument` for no room for data; those of recvmsg(2); `operation_canceled`  \src recvmsg(2), unix(7)
  [[nodiscard]] auto receive_handles(std::span<owned_handle> into, std::span<std::byte> data) noexcept -> result<received_handles> {
    if (data.empty()) return failure(std::errc::invalid_argument);
    typename os::handle_message beside;
    const mutable_buffer all{data};
    const auto got = basic_unix_stream::perform(op::recv_msg{.socket = this->handle(), .buffers = {&all, 1}, .control = beside.room()});
    if (!got) return std::unexpected{got.error()};
    received_handles came{.bytes = got->bytes, .truncated = (got->flags & message_flags::control_truncated) != message_flags::none};
    beside.each(got->control_bytes, [&](any_handle one) noexcept {
      owned_handle owner{file_handle{one.native()}};
      if (came.handles != into.size())
        into[came.handles++] = std::move(owner);
      else
        came.truncated = true;
    });
    return came;
  }

  /// Who made the other end of the connection, as the system knows it. Never waits.
  /// \errors those of getsockopt(2)  \os Linux  \src unix(7)
  [[nodiscard]] auto peer() const noexcept -> result<peer_credentials> {
    peer_credentials found;
    if (const int failed = os::credentials_of_peer(this->handle(), found); failed < 0) return system_error(-failed);
    return found;
  }
};

/// A local socket that connections are accepted from. \src unix(7)
template <class Config>
class basic_unix_listener : public basic_socket<Config> {
 public:
  using os = typename coro::scheduler<Config>::os;  ///< where system calls go
  using stream_type = basic_unix_stream<Config>;    ///< what it accepts

  /// None.
  constexpr basic_unix_listener() noexcept = default;
  /// Takes over a socket that listens; its file is left alone.
  explicit constexpr basic_unix_listener(socket_handle listens) noexcept : basic_socket<Config>{listens} {}
  /// Takes over; the other owns nothing then.
  basic_unix_listener(basic_unix_listener&& other) noexcept
      : basic_socket<Config>{std::move(other)}, file_{std::exchange(other.file_, std::nullopt)} {}
  /// Closes what it has, then takes over.
  auto operator=(basic_unix_listener&& other) noexcept -> basic_unix_listener& {
    if (this != &other) {
      remove();
      basic_socket<Config>::operator=(std::move(other));
      file_ = std::exchange(other.file_, std::nullopt);
    }
    return *this;
  }
  basic_unix_listener(const basic_unix_listener&) = delete;
  auto operator=(const basic_unix_listener&) -> basic_unix_listener& = delete;
  ~basic_unix_listener() { remove(); }

  /// Listens at a path, where it makes a socket file, or at an abstract name.
  ///
  /// A stale file is one whose socket is gone: it is removed before, if that is wanted, and nothing else ever is. Of two who find the same
  /// one at the same moment, the first may be left with a socket that nobody can find: who must rule that out holds a lock on another file.
  /// \errors those of socket(2), bind(2) and listen(2), `address_in_use` for one; `operation_canceled`
  [[nodiscard]] static auto bind(const unix_path& where, const unix_listen_options& options = {}) noexcept -> result<basic_unix_listener> {
    const auto made = basic_unix_listener::perform(op::socket{.domain = socket_domain::local});
    if (!made) return std::unexpected{made.error()};
    basic_unix_listener listener{*made};
    // Nothing of it waits for anybody, and a file that is made has to be known for it to be removed.
    const auto listens = coro::shield<Config>([&]() noexcept { return listener.take_place(where, options); });
    if (!listens) return std::unexpected{listens.error()};
    return listener;
  }

  /// The next connection; an error only if there will be none. While descriptors or memory are wanting it waits for some to be given back.
  /// \errors `operation_canceled`; `bad_file_descriptor` or `invalid_argument` where it does not listen
  [[nodiscard]] auto accept() noexcept -> result<stream_type> {
    const auto got = accept_next<Config>(*this);
    if (!got) return std::unexpected{got.error()};
    return stream_type{got->socket};
  }
  /// Gives the handle up; whoever takes it closes it, and removes the file.
  [[nodiscard]] auto release() noexcept -> socket_handle {
    file_.reset();
    return basic_socket<Config>::release();
  }
  /// Removes its file and closes, in a task that was asked to end, too. A file that another socket has put in its place is left alone, and
  /// so is every file in a fork of the process that made it.
  /// \errors those of close(2); the handle is gone in any case
  auto close() noexcept -> result<void> {
    remove();
    return basic_socket<Config>::close();
  }

 private:
  struct made_file {
    unix_path path;
    std::uint64_t id;
    std::uint64_t device;
    int maker;  // a fork of this process has the socket, too, and did not make the file
  };

  auto take_place(const unix_path& where, const unix_listen_options& options) noexcept -> result<void> {
    const op::bind bind{.socket = this->handle(), .address = where};
    auto bound = basic_unix_listener::perform(bind);
    if (!bound && bound.error() == std::errc::address_in_use && options.replace_stale && is_stale(where)) {
      (void)basic_unix_listener::perform(op::unlink_at{.path = where.text()});
      bound = basic_unix_listener::perform(bind);
    }
    if (!bound) return bound;
    if (options.remove_at_close && !where.is_abstract()) {
      const auto there = basic_unix_listener::perform(op::stat_at{.path = where.text(), .follow = false});
      if (there) file_ = made_file{.path = where, .id = there->id, .device = there->device, .maker = os::process_id()};
    }
    return basic_unix_listener::perform(op::listen{.socket = this->handle(), .backlog = options.backlog});
  }

  // Whether a socket file has no socket. Asked by one of another kind: a socket that is there refuses it as that, and never sees it.
  static auto is_stale(const unix_path& where) noexcept -> bool {
    if (where.is_abstract()) return false;
    const auto there = basic_unix_listener::perform(op::stat_at{.path = where.text(), .follow = false});
    if (!there || there->kind != file_kind::socket) return false;
    const auto made = basic_unix_listener::perform(op::socket{.domain = socket_domain::local, .type = socket_type::datagram});
    if (!made) return false;
    const basic_socket<Config> asks{*made};
    const auto answer = basic_unix_listener::perform(op::connect{.socket = *made, .address = where});
    return !answer && answer.error() == std::errc::connection_refused;
  }

  void remove() noexcept {
    const auto file = std::exchange(file_, std::nullopt);
    if (!file || file->maker != os::process_id()) return;
    (void)coro::shield<Config>([&]() noexcept -> result<void> {
      const auto path = file->path.text();
      const auto there = basic_unix_listener::perform(op::stat_at{.path = path, .follow = false});
      if (!there || there->id != file->id || there->device != file->device) return {};
      return basic_unix_listener::perform(op::unlink_at{.path = path});
    });
  }

  std::optional<made_file> file_;
};

}  // namespace sluice::inline v0::io
