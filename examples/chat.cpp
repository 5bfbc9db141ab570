// SPDX-License-Identifier: MIT
// chat [--port N] [--queue N]: people talk by lines of text over TCP, `nc 127.0.0.1 PORT` for one. The first line is a name; each one after
// it goes to all others. Port 0, the default, takes any free one.
//
// Nobody waits for anybody: a line that is said goes into a queue of each listener, and a task of each sends what is in there. Where a
// queue is full, after N lines (100) beyond what the system holds, its owner reads too slowly and is dropped, which the others are told.

#include "support/drain.hpp"
#include "support/limits.hpp"
#include "support/number.hpp"
#include <sluice/sluice.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <getopt.h>

namespace {

namespace ip = sluice::ip;
using namespace std::chrono_literals;

struct app : sluice::config<> {};  // every default
using coro = sluice::coro_of<app>;
using line = std::shared_ptr<const std::string>;

constexpr std::size_t most_bytes = 1024;  // of a line
constexpr std::size_t most_of_name = 32;

// Who is in the room. It lives where its connection is served.
struct member {
  explicit member(std::size_t queue) : lines{queue} {}

  coro::channel<line> lines;  // what it has yet to be told
  coro::scope reading;
  coro::scope writing;
  bool too_slow = false;

  // It goes at once: what it has not taken yet is not worth a wait.
  void drop() {
    too_slow = true;
    reading.cancel();
    writing.cancel();
  }
};

class room {
 public:
  explicit room(std::size_t queue) : queue_{queue} {}

  [[nodiscard]] auto queue() const noexcept -> std::size_t { return queue_; }
  [[nodiscard]] auto has(const std::string& name) const -> bool { return members_.contains(name); }
  [[nodiscard]] auto size() const noexcept -> std::size_t { return members_.size(); }
  void enter(const std::string& name, member& who) { members_.emplace(name, &who); }
  void leave(const std::string& name) { members_.erase(name); }

  // All share the one text. Nothing here waits, so all hear all lines in one order, and nobody comes or goes in between.
  void tell(std::string text, const member* but = nullptr) {
    const auto one = std::make_shared<const std::string>(std::move(text) + '\n');
    for (auto& [name, who] : members_)
      if (who != but && !who->too_slow && !who->lines.try_send(one)) who->drop();
  }

 private:
  std::size_t queue_;
  std::map<std::string, member*> members_;
};

// One client: what was received and not used yet, and what it may not do.
class client {
 public:
  client(coro::tcp_stream& peer, room& where) : peer_{peer}, room_{where} {}

  void serve() {
    const auto name = coro::with_timeout(60s, [&] { return take_name(); });
    if (name && !name->empty()) talk(*name);
    if (!refusal_.empty()) (void)coro::with_timeout(1s, [&] { return peer_.write_all("! " + std::string{refusal_} + "\n"); });
  }

 private:
  // The next one that is whole, without its end. None: there are no more, or it is refused.
  auto next_line() -> std::optional<std::string> {
    const auto length = peer_.read_until(text_, "\n", most_bytes);
    if (!length) {
      if (length.error() == std::errc::message_size) refusal_ = "a line has at most 1023 bytes";
      return std::nullopt;
    }
    std::string one = text_.substr(0, *length - 1);
    text_.erase(0, *length);
    if (one.ends_with('\r')) one.pop_back();
    return one;
  }

  auto take_name() -> std::string {
    auto name = next_line().value_or("");
    if (!refusal_.empty()) return {};
    for (const char each : name)
      if (static_cast<unsigned char>(each) <= ' ' || each == '\x7f') refusal_ = "a name is one word";
    if (name.empty()) refusal_ = "a name is needed";
    if (name.size() > most_of_name) refusal_ = "a name has at most 32 bytes";
    if (room_.has(name)) refusal_ = "this name is taken";
    return refusal_.empty() ? name : "";
  }

  void talk(const std::string& name) {
    member me{room_.queue()};
    room_.tell("* " + name + " has joined");
    (void)me.lines.try_send(
        std::make_shared<const std::string>("* hello " + name + ", others here: " + std::to_string(room_.size()) + "\n"));
    room_.enter(name, me);
    me.writing.spawn([&] { send_lines(me); });
    me.reading.spawn([&] { hear(name, me); });
    (void)me.reading.join();  // also ended by whoever ends this task, or drops it
    room_.leave(name);

    const bool ending = coro::this_task::cancelled();
    if (me.too_slow) return room_.tell("* " + name + " was dropped: it reads too slowly");
    if (!ending) room_.tell("* " + name + " has left");
    if (ending) (void)me.lines.try_send(std::make_shared<const std::string>("* goodbye\n"));
    me.lines.close();
    coro::shield([&] { (void)coro::with_timeout(1s, [&] { return me.writing.join(); }); });
  }

  void hear(const std::string& name, const member& me) {
    while (const auto said = next_line()) {
      if (!said->empty()) room_.tell(name + ": " + *said, &me);
      coro::yield();  // one who says much at once gives those a turn who have to send it
    }
  }

  // All that there is goes out together.
  void send_lines(member& me) {
    while (const auto first = me.lines.receive()) {
      std::string some = **first;
      while (const auto next = me.lines.try_receive()) some += **next;
      if (!peer_.write_all(some)) return me.reading.cancel();
    }
  }

  coro::tcp_stream& peer_;
  room& room_;
  std::string text_;
  std::string_view refusal_;
};

void converse(coro::tcp_stream peer, room& where) {
  client{peer, where}.serve();
  coro::shield([&] { support::drain<coro>(peer, 500ms); });
}

auto serve(std::uint16_t port, std::size_t queue) -> sluice::result<void> {
  auto listener = coro::tcp_listener::bind({ip::loopback, port});
  if (!listener) return std::unexpected{listener.error()};
  const auto where = listener->local();
  if (!where) return std::unexpected{where.error()};
  std::printf("listening on %s\n", where->text().c_str());
  std::fflush(stdout);

  room here{queue};
  coro::scope clients{{.on_failure = sluice::on_failure::keep}};
  while (auto peer = listener->accept()) clients.spawn(converse, std::move(*peer), std::ref(here));
  return listener->close();
}

}  // namespace

int main(int argc, char** argv) {
  static constexpr ::option known[] = {{"port", 1, nullptr, 'p'}, {"queue", 1, nullptr, 'q'}, {}};
  std::optional<std::uint16_t> port = 0;
  std::optional<std::uint16_t> queue = 100;
  bool sound = true;
  for (int one = 0; (one = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    if (one == 'p')
      port = support::number<std::uint16_t>(optarg);
    else if (one == 'q')
      queue = support::number<std::uint16_t>(optarg);
    else
      sound = false;
  }
  if (!sound || optind != argc || !port || queue.value_or(0) == 0) {
    std::fprintf(stderr, "usage: chat [--port N] [--queue N]\n");
    return 2;
  }
  support::raise_descriptor_limit();
  return coro::main([&] { return serve(*port, *queue); });
}
