// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// All operations as lists of types. Layer: op.

#include <sluice/op/cancel.hpp>
#include <sluice/op/event.hpp>
#include <sluice/op/file.hpp>
#include <sluice/op/net.hpp>
#include <sluice/op/time.hpp>

#include <boost/hana/fwd/type.hpp>
#include <boost/hana/tuple.hpp>
#include <boost/hana/type.hpp>

namespace sluice::inline v0::op {

/// Every operation that each full backend serves, as a `boost::hana::tuple` of types.
inline constexpr auto portable = boost::hana::tuple_t<nop, read, write, readv, writev, fsync, open_at, close_file, socket, bind, listen,
                                                      accept, connect, recv, send, shutdown, close_socket, getsockname, setsockopt,
                                                      getsockopt, timeout, link_timeout, cancel, wait_event, notify_event>;

/// Every operation, those of one platform included.
inline constexpr auto all = portable;

}  // namespace sluice::inline v0::op
