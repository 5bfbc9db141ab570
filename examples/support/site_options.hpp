// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The command line of a server for static files.

#include "http_connection.hpp"
#include "number.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

#include <getopt.h>

namespace support {

/// What a command line asks for.
struct site_options {
  support::site site;
  const char* root = nullptr;
  std::uint16_t port = 0;
  std::size_t threads = 0;  ///< 0: as many as there are processors

  /// Reads a command line; none if it makes no sense.
  static auto read(int argc, char** argv) -> std::optional<site_options> {
    static constexpr ::option known[] = {{"root", 1, nullptr, 'r'},  {"port", 1, nullptr, 'p'},    {"idle", 1, nullptr, 'i'},
                                         {"limit", 1, nullptr, 'l'}, {"threads", 1, nullptr, 't'}, {}};
    site_options made;
    std::optional<std::uint16_t> port = 0;
    std::optional<std::uint16_t> threads = 0;
    std::optional<std::uint32_t> idle = 30;
    std::optional<std::uint32_t> limit = 300;
    for (int one = 0; (one = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
      switch (one) {
        case 'r': made.root = optarg; break;
        case 'p': port = number<std::uint16_t>(optarg); break;
        case 'i': idle = number<std::uint32_t>(optarg); break;
        case 'l': limit = number<std::uint32_t>(optarg); break;
        case 't': threads = number<std::uint16_t>(optarg); break;
        default: return std::nullopt;
      }
    }
    if (made.root == nullptr || optind != argc || !port || !idle || !limit || !threads) return std::nullopt;
    made.port = *port;
    made.threads = *threads;
    made.site.idle = std::chrono::seconds{*idle};
    made.site.limit = std::chrono::seconds{*limit};
    return made;
  }
};

}  // namespace support
