// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What a random test of linked operations does: descriptors, chains on them, and what happens meanwhile. Plain data that can be copied,
/// compared, made smaller and told.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace oracle {

/// What an operation of a chain is.
enum class verb : std::uint8_t { nop, read, write, recv, send, timeout, link_timeout, shutdown, fsync, close, poll };

/// What operations work on. Each has two ends, a file but one.
enum class sort : std::uint8_t {
  pipe,         ///< end 0 is read, end 1 is written
  full_pipe,    ///< the same with room for one page, which is full
  pair,         ///< two stream sockets
  choked_pair,  ///< the same; what end 0 can send is used up
  datagrams,    ///< two sockets that keep messages apart
  file,         ///< a regular file
  lonely,       ///< a stream socket that is not connected
};

/// How long something waits.
enum class span : std::uint8_t { none, tiny, never };

/// As in calls: how an operation hangs on the next.
enum class tie : std::uint8_t { none, soft, hard };

struct thing {
  sort what = sort::pipe;
  std::uint16_t before[2] = {};  ///< bytes that can be read at each end from the start; of a file, its size
};

struct member {
  verb what = verb::nop;
  int on = -1;               ///< a thing, -1 for none: then an operation that needs one gets a number that no file has
  int end = 0;               ///< of it
  std::uint32_t size = 0;    ///< bytes
  bool all = false;          ///< the whole of it
  bool at_once = false;      ///< an error instead of a wait
  bool at_start = false;     ///< at the first byte of a file instead of its position
  std::uint8_t how = 0;      ///< which half is shut down
  span time = span::none;    ///< of a timeout
  span bound = span::none;   ///< of `op::timed` around it
  std::uint16_t micros = 0;  ///< a tiny time, of either
  tie link = tie::none;
};

/// What happens beside the operations.
enum class deed : std::uint8_t {
  feed,           ///< bytes arrive that can be read at an end
  drain,          ///< all that can be read at an end is taken
  hang_up,        ///< an end that no operation names is closed
  cancel_member,  ///< one is asked to end
  cancel_call,    ///< all are
  cancel_handle,  ///< all that run on an end are
  close_handle,   ///< an end is closed through the ring
};

/// When it happens.
enum class moment : std::uint8_t {
  queued,     ///< when the call was started, before anything reaches the system
  submitted,  ///< right after the first poll
  settled,    ///< when nothing goes on by itself any more
  rushed,     ///< right after the event before it
};

struct event {
  deed what = deed::feed;
  moment when = moment::settled;
  int on = 0;  ///< a thing, or a member
  int end = 0;
  std::uint32_t size = 0;
};

struct plan {
  std::vector<thing> things;
  std::vector<member> members;  ///< of one call, in order
  std::vector<event> events;
  bool drains = false;  ///< what is left over is ended by `ring::drain`, not by a cancel of the call
};

[[nodiscard]] inline auto is_strike(deed what) noexcept -> bool { return what >= deed::cancel_member; }

/// One past the last member of the chain that begins at `first`.
[[nodiscard]] inline auto chain_end(const plan& p, std::size_t first) noexcept -> std::size_t {
  while (p.members[first].link != tie::none) ++first;
  return first + 1;
}

inline auto name_of(sort what) -> const char* {
  constexpr const char* names[] = {"pipe", "full pipe", "pair", "choked pair", "datagrams", "file", "lonely socket"};
  return names[static_cast<int>(what)];
}
inline auto name_of(verb what) -> const char* {
  constexpr const char* names[] = {"nop",          "read",     "write", "recv",  "send",     "timeout",
                                   "link_timeout", "shutdown", "fsync", "close", "poll_once"};
  return names[static_cast<int>(what)];
}

inline auto describe(const member& m) -> std::string {
  std::string text = m.link == tie::soft ? "soft " : m.link == tie::hard ? "hard " : "last ";
  const auto time = [&](span how) { return how == span::never ? std::string{"never"} : std::to_string(m.micros) + "us"; };
  if (m.bound != span::none) text += "timed(" + time(m.bound) + ") ";
  text += name_of(m.what);
  if (m.time != span::none) return text + " " + time(m.time);
  if (m.what == verb::nop) return text;
  text += m.on < 0 ? " bad number" : " " + std::to_string(m.on) + (m.end == 0 ? "a" : "b");
  if (m.what == verb::shutdown) return text + (m.how == 0 ? " receive" : m.how == 1 ? " send" : " both");
  if (m.size != 0) text += " " + std::to_string(m.size);
  if (m.all) text += " wait_all";
  if (m.at_once) text += " dont_wait";
  if (m.at_start) text += " at 0";
  return text;
}

inline auto describe(const event& e) -> std::string {
  constexpr const char* deeds[] = {"feed", "drain", "hang up", "cancel member", "cancel the call", "cancel_handle", "close"};
  constexpr const char* moments[] = {"queued", "submitted", "settled", "at once"};
  std::string text = std::string{"when "} + moments[static_cast<int>(e.when)] + ": " + deeds[static_cast<int>(e.what)];
  if (e.what == deed::cancel_member) return text + " " + std::to_string(e.on);
  if (e.what != deed::cancel_call) text += " " + std::to_string(e.on) + (e.end == 0 ? "a" : "b");
  if (e.size != 0) text += " " + std::to_string(e.size);
  return text;
}

/// A plan for people to read.
inline auto describe(const plan& p) -> std::string {
  std::string text;
  for (std::size_t i = 0; i < p.things.size(); ++i)
    text += "  thing " + std::to_string(i) + ": " + name_of(p.things[i].what) + ", readable " + std::to_string(p.things[i].before[0]) +
            " and " + std::to_string(p.things[i].before[1]) + "\n";
  for (std::size_t i = 0; i < p.members.size(); ++i) text += "  member " + std::to_string(i) + ": " + describe(p.members[i]) + "\n";
  for (const auto& e : p.events) text += "  " + describe(e) + "\n";
  return text + (p.drains ? "  at the end: drain\n" : "  at the end: cancel the call\n");
}

/// What came of one member. Errors are negative; `timed_out` is an error of the library's.
inline constexpr int timed_out = -100'000;
inline constexpr int unknown = -100'001;

struct outcome {
  std::vector<int> results;         ///< of each member
  std::vector<std::string> read;    ///< what each has read
  std::vector<std::string> left;    ///< what can be read at each end afterwards, two a thing; of a file, its bytes and its position
  std::vector<char> open;           ///< whether each end is open, two a thing
  std::vector<std::size_t> choked;  ///< how much a choked pair took at the start, by thing
  std::string fault;                ///< what went wrong on the way
};

inline auto describe_result(int result) -> std::string {
  return result == timed_out ? "timed_out" : result == unknown ? "?" : result == -125 ? "canceled" : std::to_string(result);
}

inline auto shortened(const std::string& text) -> std::string {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t n = i;
    while (n < text.size() && text[n] == text[i]) ++n;
    out += std::to_string(n - i) + text[i];
    i = n;
  }
  return out.empty() ? "nothing" : out;
}

inline auto describe(const outcome& o) -> std::string {
  std::string text = "   ";
  for (std::size_t i = 0; i < o.results.size(); ++i) {
    text += " " + describe_result(o.results[i]);
    if (i < o.read.size() && !o.read[i].empty()) text += "(" + shortened(o.read[i]) + ")";
  }
  text += "; left:";
  for (std::size_t i = 0; i < o.left.size(); ++i)
    if (i < o.open.size()) text += o.open[i] != 0 ? " " + shortened(o.left[i]) : " closed";
  if (!o.fault.empty()) text += "; FAULT: " + o.fault;
  return text;
}

}  // namespace oracle
