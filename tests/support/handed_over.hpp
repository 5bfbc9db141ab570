// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A descriptor that goes with data through a local socket.

#include <array>
#include <cstddef>
#include <cstring>

#include <sys/socket.h>

namespace support {

/// Control data that hands a descriptor over.
struct handed_over {
  alignas(::cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> bytes{};

  explicit handed_over(int descriptor) {
    ::msghdr message{};
    message.msg_control = bytes.data();
    message.msg_controllen = bytes.size();
    ::cmsghdr* const head = CMSG_FIRSTHDR(&message);
    *head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    std::memcpy(CMSG_DATA(head), &descriptor, sizeof(descriptor));
  }
};

}  // namespace support
