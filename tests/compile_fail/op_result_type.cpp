// SPDX-License-Identifier: MIT
// expect: [sluice.op.result_type]
#include <sluice/sluice.hpp>

#include <memory>
#include <span>
#include <string>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
using aio = sluice::aio_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;

namespace mine {
struct greet {
  using result_type = std::string;
};
inline void prepare(io_uring_sqe&, const greet&) {}
}  // namespace mine
void f() { auto text = coro::io(mine::greet{}); }
