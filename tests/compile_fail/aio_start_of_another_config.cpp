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

struct other : sluice::config<sluice::backend::epoll<>> {};

void f(aio::ring& ring, sluice::aio_of<other>::operation<op::nop>& one) { ring.start(one); }
