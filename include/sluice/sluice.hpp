// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Everything portable, the policies that are native here, and those that need nothing but the C library.

#include <sluice/address.hpp>
#include <sluice/aio/facade.hpp>
#include <sluice/backend/epoll.hpp>
#include <sluice/backend/poll.hpp>
#include <sluice/backend/with_fallback.hpp>
#include <sluice/buffer.hpp>
#include <sluice/config.hpp>
#include <sluice/context/ucontext.hpp>
#include <sluice/coro/facade.hpp>
#include <sluice/coro/first_available.hpp>
#include <sluice/handle.hpp>
#include <sluice/interval.hpp>
#include <sluice/native.hpp>
#include <sluice/op/link.hpp>
#include <sluice/op/list.hpp>
#include <sluice/result.hpp>
#include <sluice/stack/external.hpp>
#include <sluice/stack/heap.hpp>
#include <sluice/timers/wheel.hpp>
#include <sluice/trace/base.hpp>
#include <sluice/trace/counters.hpp>
#include <sluice/version.hpp>
#include <sluice/wait.hpp>
