// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What local sockets have that others have not: pairs, descriptors beside the data, and a peer that the system vouches for. Layer: os.

#include <sluice/handle.hpp>
#include <sluice/op/net.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>

#include <sys/socket.h>

namespace sluice::inline v0::os {

/// Two stream sockets that are connected to each other, close-on-exec. Zero, or minus the error number.  \src socketpair(2)
inline auto stream_pair(int* both) noexcept -> int { return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) < 0 ? -errno : 0; }

/// Who was at the other end when the connection was made. Zero, or minus the error number of getsockopt(2).  \src unix(7)
inline auto credentials_of_peer(socket_handle socket, peer_credentials& peer) noexcept -> int {
  ::ucred told{};
  ::socklen_t length = sizeof(told);
  if (::getsockopt(socket.native(), SOL_SOCKET, SO_PEERCRED, &told, &length) < 0) return -errno;
  peer = {.process = told.pid, .user = told.uid, .group = told.gid};
  return 0;
}

/// Room for the control data of one message that carries descriptors, as many as the system lets one have.
/// \src unix(7), cmsg(3)
class handle_message {
 public:
  /// The most that one message carries.
  static constexpr std::size_t most = 253;

  handle_message() noexcept = default;
  handle_message(const handle_message&) = delete;
  auto operator=(const handle_message&) -> handle_message& = delete;

  /// The control data for these, of which there are at most `most`: nothing for none. It lies here.
  [[nodiscard]] auto pack(std::span<const any_handle> handles) noexcept -> std::span<const std::byte> {
    if (handles.empty()) return {};
    ::cmsghdr head{};
    head.cmsg_level = SOL_SOCKET;
    head.cmsg_type = SCM_RIGHTS;
    head.cmsg_len = CMSG_LEN(handles.size() * sizeof(int));
    std::memcpy(bytes_, &head, sizeof(head));
    for (std::size_t i = 0; i != handles.size(); ++i) {
      const int number = handles[i].native();
      std::memcpy(bytes_ + CMSG_LEN(0) + i * sizeof(int), &number, sizeof(number));
    }
    return {bytes_, CMSG_SPACE(handles.size() * sizeof(int))};
  }
  /// Where control data is received.
  [[nodiscard]] auto room() noexcept -> std::span<std::byte> { return {bytes_, sizeof(bytes_)}; }
  /// Calls `take` with each descriptor in so many bytes of received control data; each has an owner from then on.
  template <class Take>
  void each(std::size_t received, Take&& take) const noexcept {
    for (std::size_t at = 0; at < received && received - at >= sizeof(::cmsghdr);) {
      ::cmsghdr head;
      std::memcpy(&head, bytes_ + at, sizeof(head));
      // No length that the system gives leads out of what it has given.
      if (head.cmsg_len < CMSG_LEN(0) || head.cmsg_len > received - at) return;
      if (head.cmsg_level == SOL_SOCKET && head.cmsg_type == SCM_RIGHTS) {
        const std::size_t count = (head.cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i != count; ++i) {
          int number = -1;
          std::memcpy(&number, bytes_ + at + CMSG_LEN(0) + i * sizeof(int), sizeof(number));
          take(any_handle{file_handle{number}});
        }
      }
      at += CMSG_ALIGN(head.cmsg_len);
    }
  }

 private:
  // Besides the descriptors, what the owner of a socket may have asked for: the sender's credentials.
  alignas(::cmsghdr) std::byte bytes_[CMSG_SPACE(most * sizeof(int)) + CMSG_SPACE(sizeof(::ucred))];
};

}  // namespace sluice::inline v0::os

#endif
