// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The addresses of a host, as the system's own resolver knows them. Layer: os.

#include <sluice/address.hpp>
#include <sluice/concept/resolver.hpp>
#include <sluice/os/sockaddr.hpp>
#include <sluice/result.hpp>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>
#include <system_error>

#if __has_include(<netdb.h>) && !defined(_WIN32)

#include <netdb.h>

namespace sluice::inline v0::os {

/// Looks a host up, which blocks: in files, then at the name servers that the system is set up for. The addresses come in the order in
/// which they should be tried, each with the port.
/// \errors `errc::no_such_host`, `errc::resolver_failed`, `not_enough_memory`, `too_many_files_open`, those of the system  \src
/// getaddrinfo(3), RFC 6724
inline auto look_up_host(const char* host, std::uint16_t port) noexcept -> result<host_addresses> {
  ::addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ::addrinfo* first = nullptr;
  errno = 0;
  if (const int failed = ::getaddrinfo(host, nullptr, &hints, &first); failed != 0) {
    // Where it could not open what it looks into, it may say that there is no such host, or that nobody answers.
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) return system_error(errno);
    switch (failed) {
      case EAI_SYSTEM: return system_error(errno);
      case EAI_MEMORY: return system_error(ENOMEM);
      case EAI_NONAME:
#if defined(EAI_NODATA)
      case EAI_NODATA:
#endif
        return std::unexpected{make_error_code(errc::no_such_host)};
      default: return std::unexpected{make_error_code(errc::resolver_failed)};
    }
  }
  struct list_owner {
    ::addrinfo* list;
    ~list_owner() { ::freeaddrinfo(list); }
  } const owner{first};
  try {
    host_addresses found;
    for (const auto* one = first; one != nullptr; one = one->ai_next) {
      ::sockaddr_storage storage{};
      if (one->ai_addrlen > sizeof(storage)) continue;
      std::memcpy(&storage, one->ai_addr, one->ai_addrlen);
      if (auto where = decode(storage, one->ai_addrlen).as_ip()) {
        where->port = port;
        found.push_back(*where);
      }
    }
    if (found.empty()) return std::unexpected{make_error_code(errc::no_such_host)};
    return found;
  } catch (const std::bad_alloc&) { return system_error(ENOMEM); }
}

}  // namespace sluice::inline v0::os

#endif
