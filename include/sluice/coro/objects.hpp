// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Names of what the layer io defines, so that `coro_of` can give them short ones without including it. Layer: coro.

#include <sluice/result.hpp>

#include <cstdint>

namespace sluice::inline v0::io {

/// \cond
template <class Config>
class basic_tcp_stream;
template <class Config>
class basic_tcp_listener;
template <class Config>
class basic_resolver;
template <class Config>
class basic_process;
template <class Config>
class basic_signal_set;
template <class Config>
class basic_tty;
template <class Config>
class basic_udp_socket;
template <class Config>
class basic_unix_stream;
template <class Config>
class basic_unix_listener;
template <class Config>
class basic_file;
template <class Config>
class basic_directory;
template <class Config>
class basic_pipe_reader;
template <class Config>
class basic_pipe_writer;
template <class Config>
struct basic_pipe;
template <class Config, class From, class To>
auto copy(From& from, To& to, std::uint64_t limit) noexcept -> result<std::uint64_t>;
/// \endcond

}  // namespace sluice::inline v0::io
