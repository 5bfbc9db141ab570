// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What the descriptors of a random test of chains hold, and what an operation on them comes to: a small model of pipes, sockets and files.

#include <support/oracle/plan.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <vector>

namespace oracle {

/// What can be read at one end.
struct lane {
  std::string bytes;
  std::vector<std::size_t> messages;  ///< their sizes, where they are kept apart
  std::size_t offset = 0;             ///< of the first byte in its page; of a pipe with one page
};

struct thing_state {
  sort what = sort::pipe;
  lane in[2];
  bool open[2] = {true, true};
  bool gone[2] = {};        ///< and its peer sees that
  bool no_reading[2] = {};  ///< shut down
  bool no_sending[2] = {};
  bool reset[2] = {};  ///< the peer was closed with something unread: told once
  std::size_t position = 0;
  bool was_cut = false;  ///< the message that was received last
};

/// What one attempt came to.
struct attempted {
  bool blocks = false;
  int result = 0;
};

/// The state of all things, for one chain.
class things {
 public:
  explicit things(const plan& p, const outcome* seen) {
    for (std::size_t i = 0; i < p.things.size(); ++i) {
      const auto& t = p.things[i];
      thing_state made;
      made.what = t.what;
      for (int e = 0; e < 2; ++e) {
        made.in[e].bytes.assign(t.before[e], 'p');
        if (t.what == sort::datagrams && t.before[e] != 0) made.in[e].messages.push_back(t.before[e]);
      }
      if (t.what == sort::choked_pair) made.in[1].bytes.assign(seen != nullptr ? seen->choked[i] : 1, 'p');
      if (t.what == sort::file || t.what == sort::lonely) made.open[1] = false;
      all_.push_back(std::move(made));
    }
  }

  [[nodiscard]] auto operator[](int index) const -> const thing_state& { return all_[static_cast<std::size_t>(index)]; }

  void feed(int on, int end, std::size_t size) {
    auto& t = all_[static_cast<std::size_t>(on)];
    if (t.open[end] && t.open[1 - end] && !t.no_reading[end] && !t.no_sending[1 - end]) put(t, end, size, 'f');
  }
  /// What was read from there was not.
  void give_back(int on, int end, const std::string& text) { all_[static_cast<std::size_t>(on)].in[end].bytes.insert(0, text); }
  void drain(int on, int end) {
    auto& l = all_[static_cast<std::size_t>(on)].in[end];
    l = {};
  }
  void close(int on, int end) {
    auto& t = all_[static_cast<std::size_t>(on)];
    t.open[end] = false;
  }
  /// What its peer sees of that.
  void let_go(int on, int end) {
    auto& t = all_[static_cast<std::size_t>(on)];
    t.gone[end] = true;
    const bool is_pair = t.what == sort::pair || t.what == sort::choked_pair;
    if (is_pair && !t.in[end].bytes.empty()) t.reset[1 - end] = true;
  }

  /// Whether the last message that was received did not fit.
  [[nodiscard]] auto was_cut(int on) const -> bool { return on >= 0 && (*this)[on].what == sort::datagrams && (*this)[on].was_cut; }

  /// What can be read at an end, as a world tells it.
  [[nodiscard]] auto left(int on, int end) const -> std::string {
    const auto& t = (*this)[on];
    if (!t.open[end] || t.what == sort::lonely) return {};
    if (t.what == sort::file) return t.in[0].bytes + "@" + std::to_string(t.position);
    return t.in[end].bytes;
  }

  /// Tries an operation; `text` gets what it reads, `seen` is what the real one gave where only the system knows. `holds`: it has the file,
  /// whatever became of the number.
  auto attempt(const member& m, std::size_t index, std::string& text, int seen, bool holds = false) -> attempted {
    if (m.what == verb::nop) return {};
    if (m.on < 0 || (!holds && !(*this)[m.on].open[m.end])) return {.result = -EBADF};
    auto& t = all_[static_cast<std::size_t>(m.on)];
    const bool is_pipe = t.what == sort::pipe || t.what == sort::full_pipe;
    switch (m.what) {
      case verb::shutdown: return shut(t, m, is_pipe);
      case verb::fsync: return {.result = t.what == sort::file ? 0 : -EINVAL};
      case verb::close: close(m.on, m.end); return {};
      case verb::poll: return {.blocks = !readable(t, m.end, is_pipe), .result = 1};
      default: break;
    }
    const bool reads = m.what == verb::read || m.what == verb::recv;
    const bool socket_only = m.what == verb::recv || m.what == verb::send;
    if (socket_only && (is_pipe || t.what == sort::file)) return {.result = -ENOTSOCK};
    if (is_pipe && reads != (m.end == 0)) return {.result = -EBADF};
    if (t.what == sort::lonely) return {.result = !reads ? -EPIPE : t.no_reading[0] ? 0 : -ENOTCONN};
    const auto letter = static_cast<char>('A' + index % 26);
    const auto outcome = t.what == sort::file ? on_file(t, m, text, letter)
                         : reads              ? take(t, m, is_pipe, text)
                                              : give(t, m, is_pipe, letter, seen);
    if (outcome.blocks && m.at_once) return {.result = -EAGAIN};
    return outcome;
  }

 private:
  static constexpr std::size_t page = 4096;

  static void put(thing_state& t, int end, std::size_t size, char letter) {
    auto& l = t.in[end];
    if (l.bytes.empty()) l.offset = 0;
    l.bytes.append(size, letter);
    if (t.what == sort::datagrams) l.messages.push_back(size);
  }

  static auto ended(const thing_state& t, int end, bool is_pipe) -> bool {
    if (t.what == sort::datagrams) return false;
    return t.gone[1 - end] || (!is_pipe && (t.no_reading[end] || t.no_sending[1 - end]));
  }

  static auto readable(const thing_state& t, int end, bool is_pipe) -> bool {
    if (t.what == sort::file || t.what == sort::lonely) return true;
    return !t.in[end].bytes.empty() || t.reset[end] || ended(t, end, is_pipe);
  }

  static auto shut(thing_state& t, const member& m, bool is_pipe) -> attempted {
    if (is_pipe || t.what == sort::file) return {.result = -ENOTSOCK};
    // It fails where nothing is connected, but is not without effect.
    if (m.how != 1) t.no_reading[m.end] = true;
    if (m.how != 0) t.no_sending[m.end] = true;
    return {.result = t.what == sort::lonely ? -ENOTCONN : 0};
  }

  static auto on_file(thing_state& t, const member& m, std::string& text, char letter) -> attempted {
    auto& bytes = t.in[0].bytes;
    const std::size_t at = m.at_start ? 0 : t.position;
    std::size_t count = m.size;
    if (m.what == verb::read) {
      count = at < bytes.size() ? std::min(count, bytes.size() - at) : 0;
      text = bytes.substr(std::min(at, bytes.size()), count);
    } else {
      if (bytes.size() < at + count) bytes.resize(at + count, '\0');
      bytes.replace(at, count, count, letter);
    }
    if (!m.at_start) t.position += count;
    return {.result = static_cast<int>(count)};
  }

  /// Keeps what it gets in `text`, also if it goes on waiting for the rest.
  static auto take(thing_state& t, const member& m, bool is_pipe, std::string& text) -> attempted {
    auto& l = t.in[m.end];
    if (t.what == sort::datagrams) {
      if (l.messages.empty()) return {.blocks = true};
      const std::size_t size = l.messages.front();
      text = l.bytes.substr(0, std::min<std::size_t>(size, m.size));
      t.was_cut = size > m.size;
      l.bytes.erase(0, size);
      l.messages.erase(l.messages.begin());
      return {.result = static_cast<int>(text.size())};
    }
    const std::size_t count = std::min<std::size_t>(m.size - text.size(), l.bytes.size());
    text += l.bytes.substr(0, count);
    l.bytes.erase(0, count);
    l.offset += count;
    if (text.size() == m.size || (!text.empty() && !m.all)) return {.result = static_cast<int>(text.size())};
    if (t.reset[m.end]) {
      t.reset[m.end] = false;
      return {.result = text.empty() ? -ECONNRESET : static_cast<int>(text.size())};
    }
    if (ended(t, m.end, is_pipe)) return {.result = static_cast<int>(text.size())};
    return {.blocks = true};
  }

  static auto give(thing_state& t, const member& m, bool is_pipe, char letter, int seen) -> attempted {
    const int there = 1 - m.end;
    if (t.gone[there] || (!is_pipe && (t.no_sending[m.end] || t.no_reading[there]))) return {.result = -EPIPE};
    auto& l = t.in[there];
    std::size_t count = m.size;
    if (t.what == sort::full_pipe) {
      // One page: it takes more only behind what is in it, and only what fits.
      const std::size_t room = l.bytes.empty() ? page : page - l.offset - l.bytes.size();
      if (!l.bytes.empty() && count % page != count) return {.blocks = true};
      if (count > room && !l.bytes.empty()) return {.blocks = true};
      count = std::min(count, room);
    } else if (t.what == sort::choked_pair && m.end == 0 && l.bytes.find('p') != std::string::npos) {
      return {.blocks = true};
    } else if (count > big) {
      count = seen > 0 && static_cast<std::size_t>(seen) < count ? static_cast<std::size_t>(seen) : count / 2;
    }
    put(t, there, count, letter);
    return {.result = static_cast<int>(count)};
  }

 public:
  static constexpr std::size_t big = 300'000;  ///< more than a socket takes at once

 private:
  std::vector<thing_state> all_;
};

}  // namespace oracle
