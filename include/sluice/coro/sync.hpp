// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// How the tasks of one scheduler wait for each other. Layer: coro.

#include <sluice/coro/barrier.hpp>
#include <sluice/coro/condition_variable.hpp>
#include <sluice/coro/event.hpp>
#include <sluice/coro/latch.hpp>
#include <sluice/coro/mutex.hpp>
#include <sluice/coro/once.hpp>
#include <sluice/coro/semaphore.hpp>
#include <sluice/coro/shared_mutex.hpp>
