// SPDX-License-Identifier: MIT
// expect: [sluice.address.unix_path]
#include <sluice/sluice.hpp>

#include <string>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
auto listen_at(const std::string& path) { return coro::unix_listener::bind(path); }
