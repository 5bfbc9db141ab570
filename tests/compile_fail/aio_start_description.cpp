// SPDX-License-Identifier: MIT
// expect: [sluice.aio.start]
#include <sluice/sluice.hpp>

#include <memory>
#include <span>
#include <string>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
using aio = sluice::aio_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;

void f(aio::ring& ring) { ring.start(op::nop{}); }
