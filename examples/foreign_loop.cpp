// SPDX-License-Identifier: MIT
// foreign_loop [--port N] [--clients N]: tasks inside a loop of libuv, and handles of libuv beside them. support/uv_driver.hpp is the
// recipe.
//
// Tasks echo what clients send to a port, take naps, and hear of each tick of a timer of libuv through a channel. A server of libuv's own
// tells on another port how far both sides have come. All of it is one thread, so they share what they know without a lock. It ends after
// so many clients, or on SIGTERM and SIGINT: with the last task the driver has ended, and then the rest is closed, too.

#include "support/number.hpp"
#include "support/uv_driver.hpp"
#include "support/uv_reply.hpp"
#include <sluice/sluice.hpp>

#include <uv.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <getopt.h>

namespace {

namespace ip = sluice::ip;
using namespace std::chrono_literals;

struct app : sluice::config<> {};  // every default
using coro = sluice::coro_of<app>;
using number = std::uint64_t;

// What both sides use.
struct meeting {
  number naps = 0;
  number heard = 0;
  number clients = 0;
  number bytes = 0;
  number ticked = 0;
  coro::channel<number> ticks{8};
};

// ---- The side of the tasks.

void echo(coro::tcp_stream peer, meeting& both) {
  std::array<std::byte, 4096> buffer;
  while (const auto got = peer.read_some(buffer)) {
    if (*got == 0 || !peer.write_all(std::span{buffer}.first(*got))) break;
    both.bytes += *got;
  }
  ++both.clients;
}

void be_tasks(coro::tcp_listener listener, number clients, meeting& both) {
  coro::scope others;
  others.spawn([&] {
    while (coro::sleep(20ms)) ++both.naps;
  });
  others.spawn([&] {
    while (const auto tick = both.ticks.receive()) both.heard = *tick;
  });
  coro::scope peers{{.on_failure = sluice::on_failure::keep}};
  for (number i = 0; clients == 0 || i != clients; ++i) {
    auto peer = listener.accept();
    if (!peer) break;
    peers.spawn(echo, std::move(*peer), std::ref(both));
  }
  (void)peers.join();
  others.cancel();
}

// ---- The side of libuv.

template <class Handle>
auto as_handle(Handle& one) -> ::uv_handle_t* {
  return reinterpret_cast<::uv_handle_t*>(&one);
}
class uv_side {
 public:
  uv_side(::uv_loop_t& loop, coro::scheduler& home, meeting& both) : loop_{loop}, home_{home}, both_{both}, driver_{loop, home} {}

  // What goes wrong is left to `why`: the loop has to close what there is in any case.
  void start() {
    if (const auto started = try_start(); !started) stop(started.error());
  }
  void stop(std::error_code why) {
    why_ = why;
    if (server_.data != nullptr) ::uv_close(as_handle(server_), nullptr);
    if (timer_.data != nullptr) ::uv_close(as_handle(timer_), nullptr);
    for (auto& one : signals_)
      if (one.data != nullptr) ::uv_close(as_handle(one), nullptr);
  }

  [[nodiscard]] auto port() const -> unsigned {
    ::sockaddr_in where{};
    int size = sizeof(where);
    ::uv_tcp_getsockname(&server_, reinterpret_cast<::sockaddr*>(&where), &size);
    return ntohs(where.sin_port);
  }
  [[nodiscard]] auto text() const -> std::string {
    std::string out;
    const std::pair<const char*, number> all[] = {{"naps ", both_.naps},        {" ticks ", both_.ticked}, {" heard ", both_.heard},
                                                  {" clients ", both_.clients}, {" bytes ", both_.bytes},  {" turns ", driver_.turns()}};
    for (const auto& [name, value] : all) out.append(name).append(std::to_string(value));
    return out + "\n";
  }
  [[nodiscard]] auto why() const noexcept -> std::error_code { return why_; }

 private:
  static auto of(auto* handle) -> uv_side& { return *static_cast<uv_side*>(handle->data); }

  auto try_start() -> sluice::result<void> {
    for (auto& one : signals_) {
      if (const int refused = ::uv_signal_init(&loop_, &one); refused != 0) return sluice::system_error(-refused);
      one.data = this;
      // Asked to end, the tasks are ready, and go on before the loop sleeps again.
      ::uv_signal_start(&one, [](::uv_signal_t* told, int) { of(told).home_.cancel_all(); }, &one == signals_.data() ? SIGTERM : SIGINT);
    }
    ::uv_timer_init(&loop_, &timer_);
    timer_.data = this;
    ::uv_timer_start(&timer_, [](::uv_timer_t* one) { of(one).tick(); }, 50, 50);
    ::uv_tcp_init(&loop_, &server_);
    server_.data = this;
    ::sockaddr_in where{};
    ::uv_ip4_addr("127.0.0.1", 0, &where);
    int refused = ::uv_tcp_bind(&server_, reinterpret_cast<const ::sockaddr*>(&where), 0);
    if (refused == 0) refused = ::uv_listen(reinterpret_cast<::uv_stream_t*>(&server_), 128, tell);
    if (refused != 0) return sluice::system_error(-refused);
    return driver_.start([](void* self, std::error_code why) { static_cast<uv_side*>(self)->stop(why); }, this);
  }

  static void tell(::uv_stream_t* server, int) { support::uv_reply(*server, of(server).text()); }
  // The task that waits for it is ready then, too.
  void tick() { (void)both_.ticks.try_send(++both_.ticked); }

  ::uv_loop_t& loop_;
  coro::scheduler& home_;
  meeting& both_;
  support::uv_driver<coro::scheduler> driver_;
  ::uv_tcp_t server_{};
  ::uv_timer_t timer_{};
  std::array<::uv_signal_t, 2> signals_{};
  std::error_code why_;
};

auto run(::uv_loop_t& loop, std::uint16_t port, number clients) -> sluice::result<void> {
  meeting both;  // outlives the scheduler, and with it all tasks
  auto home = coro::scheduler::make();
  if (!home) return std::unexpected{home.error()};
  auto listener = coro::tcp_listener::bind({ip::loopback, port});
  if (!listener) return std::unexpected{listener.error()};
  const auto where = listener->local();
  if (!where) return std::unexpected{where.error()};
  home->spawn(be_tasks, std::move(*listener), clients, std::ref(both));

  uv_side beside{loop, *home, both};
  beside.start();
  if (!beside.why()) std::printf("listening on %s\nlibuv listens on 127.0.0.1:%u\n", where->text().c_str(), beside.port());
  std::fflush(stdout);
  ::uv_run(&loop, UV_RUN_DEFAULT);
  if (beside.why()) return std::unexpected{beside.why()};
  std::printf("%s", beside.text().c_str());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  static constexpr ::option known[] = {{"port", 1, nullptr, 'p'}, {"clients", 1, nullptr, 'c'}, {}};
  std::optional<std::uint16_t> port = 0;
  std::optional<std::uint32_t> clients = 0;
  bool sound = true;
  for (int one = 0; (one = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    if (one == 'p')
      port = support::number<std::uint16_t>(optarg);
    else if (one == 'c')
      clients = support::number<std::uint32_t>(optarg);
    else
      sound = false;
  }
  if (!sound || optind != argc || !port || !clients) {
    std::fprintf(stderr, "usage: foreign_loop [--port N] [--clients N]\n");
    return 2;
  }
  ::uv_loop_t loop{};
  const int refused = ::uv_loop_init(&loop);
  const auto outcome = refused == 0 ? run(loop, *port, *clients) : sluice::system_error(-refused);
  if (!outcome) std::fprintf(stderr, "foreign_loop: %s\n", outcome.error().message().c_str());
  // Refused while a handle is left, and none should be.
  const bool closed = refused == 0 && ::uv_loop_close(&loop) == 0;
  return outcome && closed ? 0 : 1;
}
