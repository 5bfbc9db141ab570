// SPDX-License-Identifier: MIT
// expect: [sluice.coro.channel]
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {
    coro::remote_channel<void> signals{1};
    (void)signals.send();
    return signals.receive();
  });
}
