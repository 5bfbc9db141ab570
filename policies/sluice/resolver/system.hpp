// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The resolver of the C library. Layer: policy.

#include <sluice/concept/resolver.hpp>
#include <sluice/fwd.hpp>
#include <sluice/os/linux.hpp>
#include <sluice/result.hpp>

#include <cstdint>
#include <string_view>

#if defined(__linux__)

namespace sluice::inline v0::resolver {

/// Asks as every other program of the system does, by whatever the machine is set up for: files, name servers, directories. It blocks, so
/// it is asked on threads of the blocking policy, of which each holds one question.
/// \src getaddrinfo(3), nsswitch.conf(5)
template <class Os = os::linux_>
struct system {
  static constexpr auto kind = policy_kind::resolver;  ///< found as the resolver policy of a config
  static constexpr std::string_view name = "system";   ///< the file's name

  /// The addresses of a host, each with the port.
  /// \errors `errc::no_such_host`, `errc::resolver_failed`, `not_enough_memory`, those of the system  \allocates the answer
  [[nodiscard]] static auto look_up(const char* host, std::uint16_t port) noexcept -> result<host_addresses> {
    return Os::look_up_host(host, port);
  }
};

static_assert(resolver_policy<system<>>);

}  // namespace sluice::inline v0::resolver

#endif
