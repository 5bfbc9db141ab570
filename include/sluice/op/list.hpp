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
#include <sluice/op/stream.hpp>
#include <sluice/op/time.hpp>
#include <sluice/op/tty.hpp>

#include <boost/hana/core/when.hpp>
#include <boost/hana/fwd/core/tag_of.hpp>
#include <boost/hana/fwd/unpack.hpp>
#include <boost/hana/size.hpp>  // what is asked of a list without more, and costs nothing here
#include <boost/hana/type.hpp>

#include <utility>

namespace sluice::inline v0::op {

/// \cond
namespace lists {

struct tag {};

// What Hana's own list would be, for algorithms that only go through it; but nothing is made for each operation before one does.
template <class... Ops>
struct list {
  using hana_tag = tag;
};

template <class... First, class... Second>
constexpr auto both(list<First...>, list<Second...>) -> list<First..., Second...> {
  return {};
}

using portable_ops =
    list<nop, read, write, readv, writev, fsync, open_at, truncate, allocate, advise, copy_range, close_file, close_directory, rename_at,
         unlink_at, mkdir_at, symlink_at, link_at, stat_at, read_directory, pipe, socket, bind, listen, accept, connect, recv, send,
         recv_msg, send_msg, shutdown, close_socket, getsockname, setsockopt, getsockopt, poll_once, timeout, link_timeout, cancel,
         cancel_handle, cancel_all, wait_event, notify_event, spawn_process, child_exit, close_process, open_signals, wait_signal, read_tty,
         accept_many, recv_many, poll_many, timer_many>;
using linux_ops = list<splice, tee>;

}  // namespace lists
/// \endcond

/// Every operation that each full backend serves, as types: a Foldable of Boost.Hana, from which `boost::hana::to_tuple` makes a tuple.
inline constexpr lists::portable_ops portable{};

/// Operations that only Linux has; elsewhere a sentence says so.
inline constexpr lists::linux_ops linux_only{};

/// Every operation, those of one platform included.
inline constexpr auto all = lists::both(portable, linux_only);

}  // namespace sluice::inline v0::op

namespace boost::hana {

/// \cond
template <>
struct unpack_impl<sluice::op::lists::tag> {
  template <class... Ops, class F>
  static constexpr auto apply(sluice::op::lists::list<Ops...>, F&& f) -> decltype(auto) {
    return std::forward<F>(f)(type_c<Ops>...);
  }
};
/// \endcond

}  // namespace boost::hana
