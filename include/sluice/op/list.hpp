// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// All operations as lists of types. Layer: op.

#include <sluice/op/cancel.hpp>
#include <sluice/op/directory.hpp>
#include <sluice/op/event.hpp>
#include <sluice/op/file.hpp>
#include <sluice/op/message.hpp>
#include <sluice/op/net.hpp>
#include <sluice/op/pipe.hpp>
#include <sluice/op/poll.hpp>
#include <sluice/op/process.hpp>
#include <sluice/op/signal.hpp>
#include <sluice/op/time.hpp>
#include <sluice/op/tty.hpp>

#include <boost/hana/fwd/type.hpp>
#include <boost/hana/tuple.hpp>
#include <boost/hana/type.hpp>

namespace sluice::inline v0::op {

/// \cond
namespace lists {

template <class... Ops>
struct list {};

template <class... First, class... Second>
constexpr auto tuple_of(list<First...>, list<Second...>) {
  return boost::hana::tuple_t<First..., Second...>;
}

using portable_ops = list<nop, read, write, readv, writev, fsync, open_at, truncate, allocate, advise, copy_range, close_file,
                          close_directory, rename_at, unlink_at, mkdir_at, symlink_at, link_at, stat_at, read_directory, pipe, socket, bind,
                          listen, accept, connect, recv, send, recv_msg, send_msg, shutdown, close_socket, getsockname, setsockopt,
                          getsockopt, poll_once, timeout, link_timeout, cancel, cancel_handle, cancel_all, wait_event, notify_event,
                          spawn_process, child_exit, close_process, open_signals, wait_signal, read_tty>;
using linux_ops = list<splice, tee>;

}  // namespace lists
/// \endcond

/// Every operation that each full backend serves, as a `boost::hana::tuple` of types.
inline constexpr auto portable = lists::tuple_of(lists::portable_ops{}, lists::list<>{});

/// Operations that only Linux has; elsewhere a sentence says so.
inline constexpr auto linux_only = lists::tuple_of(lists::linux_ops{}, lists::list<>{});

/// Every operation, those of one platform included.
inline constexpr auto all = lists::tuple_of(lists::portable_ops{}, lists::linux_ops{});

}  // namespace sluice::inline v0::op
