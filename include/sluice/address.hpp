// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Addresses of sockets, and their text. Base vocabulary.

#include <sluice/result.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace sluice::inline v0 {

/// A short text that lies where it stands; what address types are printed into. Ends with a zero byte that is not counted.
template <std::size_t Capacity>
class fixed_text {
 public:
  /// Empty.
  constexpr fixed_text() noexcept = default;
  /// The characters.
  [[nodiscard]] constexpr auto view() const noexcept -> std::string_view { return {characters_.data(), size_}; }
  /// The characters, wherever a view is asked for. The view ends with this object.
  constexpr operator std::string_view() const noexcept { return view(); }  // NOLINT(google-explicit-constructor)
  /// The characters for a C interface.
  [[nodiscard]] constexpr auto c_str() const noexcept -> const char* { return characters_.data(); }
  /// How many characters there are.
  [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return size_; }
  /// Adds one character; what does not fit is dropped.
  constexpr void append(char one) noexcept {
    if (size_ < Capacity) characters_[size_++] = one;
  }
  /// Adds characters; what does not fit is dropped.
  constexpr void append(std::string_view more) noexcept {
    for (const char one : more) append(one);
  }
  /// Adds a number, in a base of 2 to 16, without leading zeros.
  constexpr void append_number(std::uint32_t value, std::uint32_t base = 10) noexcept {
    std::array<char, 32> digits{};
    std::size_t count = 0;
    do {
      digits[count++] = "0123456789abcdef"[value % base];
      value /= base;
    } while (value != 0);
    while (count != 0) append(digits[--count]);
  }
  /// Whether the characters are the same.
  friend constexpr auto operator==(const fixed_text& left, std::string_view right) noexcept -> bool { return left.view() == right; }

 private:
  std::array<char, Capacity + 1> characters_{};
  std::size_t size_ = 0;
};

namespace detail {

/// Reads one address family's text from the front of a view.
class address_reader {
 public:
  explicit constexpr address_reader(std::string_view text) noexcept : rest_{text} {}

  [[nodiscard]] constexpr auto rest() const noexcept -> std::string_view { return rest_; }
  [[nodiscard]] constexpr auto at_end() const noexcept -> bool { return rest_.empty(); }

  constexpr auto skip(char wanted) noexcept -> bool {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // A number of at most `digits` digits and not above `highest`. Nothing is taken where there is none.
  constexpr auto number(std::uint32_t& value, std::uint32_t base, std::size_t digits, std::uint32_t highest) noexcept -> bool {
    std::uint64_t sum = 0;
    std::size_t count = 0;
    while (count < rest_.size()) {
      const std::uint32_t digit = digit_of(rest_[count]);
      if (digit >= base) break;
      sum = sum * base + digit;
      if (++count > digits || sum > highest) return false;
    }
    if (count == 0) return false;
    rest_.remove_prefix(count);
    value = static_cast<std::uint32_t>(sum);
    return true;
  }

  // Four numbers with dots between, none with a leading zero.
  constexpr auto v4(std::uint8_t* bytes) noexcept -> bool {
    for (int i = 0; i < 4; ++i) {
      if (i != 0 && !skip('.')) return false;
      const bool zero = !rest_.empty() && rest_.front() == '0';
      const std::size_t before = rest_.size();
      std::uint32_t value = 0;
      if (!number(value, 10, 3, 255)) return false;
      if (zero && before - rest_.size() != 1) return false;
      bytes[i] = static_cast<std::uint8_t>(value);
    }
    return true;
  }

  // Groups of hexadecimal digits with colons between; a run of zero groups may be left out once, the last two groups may be an IPv4
  // address.
  constexpr auto v6(std::array<std::uint8_t, 16>& bytes) noexcept -> bool {
    constexpr std::size_t none = 17;
    std::size_t filled = 0;
    std::size_t gap = none;
    if (skip(':')) {
      if (!skip(':')) return false;
      gap = 0;
    }
    while (filled < 16 && !(at_end() || rest_.front() == '%')) {
      if (filled != 0 && gap != filled && !skip(':')) return false;
      if (filled != 0 && gap != filled && skip(':')) {
        if (gap != none) return false;
        gap = filled;
        continue;
      }
      const std::size_t dot = rest_.find_first_not_of("0123456789");
      if (filled <= 12 && dot != std::string_view::npos && rest_[dot] == '.') {
        if (!v4(bytes.data() + filled)) return false;
        filled += 4;
        break;
      }
      std::uint32_t group = 0;
      if (!number(group, 16, 4, 0xffff)) return false;
      bytes[filled++] = static_cast<std::uint8_t>(group >> 8);
      bytes[filled++] = static_cast<std::uint8_t>(group & 0xff);
    }
    if (gap == none) return filled == 16;
    if (filled == 16) return false;
    const std::size_t moved = filled - gap;
    for (std::size_t i = 1; i <= moved; ++i) {
      bytes[16 - i] = bytes[filled - i];
      bytes[filled - i] = 0;
    }
    return true;
  }

 private:
  static constexpr auto digit_of(char c) noexcept -> std::uint32_t {
    if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<std::uint32_t>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return static_cast<std::uint32_t>(c - 'A') + 10;
    return 99;
  }

  std::string_view rest_;
};

inline auto invalid_address() noexcept -> std::unexpected<std::error_code> { return failure(std::errc::invalid_argument); }

}  // namespace detail

/// Addresses of the Internet protocols.
namespace ip {

/// The bytes of an IPv4 address, the first printed first.
using v4_bytes = std::array<std::uint8_t, 4>;
/// The bytes of an IPv6 address, the first printed first.
using v6_bytes = std::array<std::uint8_t, 16>;
/// Text of the longest address, with its scope.
using address_text = fixed_text<56>;
/// Text of the longest endpoint.
using endpoint_text = fixed_text<64>;

/// An IPv4 or IPv6 address; the latter may name the network interface on which it is valid.
class address {
 public:
  /// The IPv4 address 0.0.0.0.
  constexpr address() noexcept = default;
  /// An IPv4 address.
  constexpr address(v4_bytes bytes) noexcept : bytes_{bytes[0], bytes[1], bytes[2], bytes[3]} {}  // NOLINT(google-explicit-constructor)
  /// An IPv6 address; `scope` is the number of a network interface, 0 for none.
  constexpr address(v6_bytes bytes, std::uint32_t scope = 0) noexcept  // NOLINT(google-explicit-constructor)
      : bytes_{bytes}, scope_{scope}, six_{true} {}

  /// Reads "192.0.2.1", "2001:db8::1" or "fe80::1%3". A scope is a number: a name would have to be asked of the system.
  /// \errors invalid_argument \src RFC 4291 section 2.2; IPv4 takes four decimal numbers without leading zeros, as inet_pton(3)
  [[nodiscard]] static constexpr auto parse(std::string_view text) noexcept -> result<address> {
    detail::address_reader reader{text};
    if (text.find(':') == std::string_view::npos) {
      v4_bytes bytes{};
      if (!reader.v4(bytes.data()) || !reader.at_end()) return detail::invalid_address();
      return address{bytes};
    }
    v6_bytes bytes{};
    std::uint32_t scope = 0;
    if (!reader.v6(bytes)) return detail::invalid_address();
    if (reader.skip('%') && !reader.number(scope, 10, 10, 0xffff'ffffU)) return detail::invalid_address();
    if (!reader.at_end()) return detail::invalid_address();
    return address{bytes, scope};
  }

  /// Whether it is an IPv4 address.
  [[nodiscard]] constexpr auto is_v4() const noexcept -> bool { return !six_; }
  /// Whether it is an IPv6 address.
  [[nodiscard]] constexpr auto is_v6() const noexcept -> bool { return six_; }
  /// The bytes of an IPv4 address.
  [[nodiscard]] constexpr auto to_v4() const noexcept -> v4_bytes { return {bytes_[0], bytes_[1], bytes_[2], bytes_[3]}; }
  /// The bytes of an IPv6 address.
  [[nodiscard]] constexpr auto to_v6() const noexcept -> const v6_bytes& { return bytes_; }
  /// The number of the network interface that the address belongs to, 0 where it names none.
  [[nodiscard]] constexpr auto scope() const noexcept -> std::uint32_t { return scope_; }

  /// Its text, which `parse` reads back.
  /// \src RFC 5952; an IPv4-mapped address is printed as "::ffff:192.0.2.1"
  [[nodiscard]] constexpr auto text() const noexcept -> address_text {
    address_text out;
    if (!six_) {
      print_v4(out, 0);
      return out;
    }
    const auto [gap, length] = longest_zero_run();
    const bool mapped = gap == 0 && length == 5 && group(5) == 0xffff;
    const std::size_t groups = mapped ? 6 : 8;
    for (std::size_t i = 0; i < groups;) {
      if (i == gap && length > 1) {
        out.append("::");
        i += length;
        continue;
      }
      if (i != 0 && !(length > 1 && i == gap + length)) out.append(':');
      out.append_number(group(i), 16);
      ++i;
    }
    if (mapped) {
      out.append(':');
      print_v4(out, 12);
    }
    if (scope_ != 0) {
      out.append('%');
      out.append_number(scope_);
    }
    return out;
  }

  /// Whether family, bytes and scope are the same.
  friend constexpr auto operator==(const address&, const address&) noexcept -> bool = default;
  /// IPv4 before IPv6, then by bytes, then by scope.
  friend constexpr auto operator<=>(const address& left, const address& right) noexcept -> std::strong_ordering {
    if (left.six_ != right.six_) return left.six_ ? std::strong_ordering::greater : std::strong_ordering::less;
    for (std::size_t i = 0; i < 16; ++i)
      if (left.bytes_[i] != right.bytes_[i]) return left.bytes_[i] <=> right.bytes_[i];
    return left.scope_ <=> right.scope_;
  }

 private:
  struct run {
    std::size_t first;
    std::size_t length;
  };

  [[nodiscard]] constexpr auto group(std::size_t i) const noexcept -> std::uint32_t {
    return static_cast<std::uint32_t>(bytes_[2 * i] << 8 | bytes_[2 * i + 1]);
  }
  [[nodiscard]] constexpr auto longest_zero_run() const noexcept -> run {
    run best{0, 0};
    for (std::size_t i = 0; i < 8; ++i) {
      std::size_t length = 0;
      while (i + length < 8 && group(i + length) == 0) ++length;
      if (length > best.length) best = {i, length};
      i += length;
    }
    return best;
  }
  constexpr void print_v4(address_text& out, std::size_t first) const noexcept {
    for (std::size_t i = 0; i < 4; ++i) {
      if (i != 0) out.append('.');
      out.append_number(bytes_[first + i]);
    }
  }

  v6_bytes bytes_{};  // the first four for IPv4, the rest then zero
  std::uint32_t scope_ = 0;
  bool six_ = false;
};

inline constexpr address any{};                             ///< every IPv4 address of this machine: 0.0.0.0
inline constexpr address any_v6{v6_bytes{}};                ///< every IPv6 address of this machine: ::
inline constexpr address loopback{v4_bytes{127, 0, 0, 1}};  ///< this machine alone: 127.0.0.1
inline constexpr address loopback_v6{v6_bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};  ///< this machine alone: ::1

/// An address and a port of TCP or UDP.
struct endpoint {
  ip::address address;     ///< where
  std::uint16_t port = 0;  ///< which port; 0 lets the system choose where one is bound

  /// Reads "127.0.0.1:80", "[::1]:80" or "[fe80::1%3]:80".
  /// \errors invalid_argument
  [[nodiscard]] static constexpr auto parse(std::string_view text) noexcept -> result<endpoint> {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return detail::invalid_address();
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto parsed = ip::address::parse(host);
    if (!parsed || parsed->is_v6() != bracketed) return detail::invalid_address();
    detail::address_reader reader{text.substr(colon + 1)};
    std::uint32_t port = 0;
    if (!reader.number(port, 10, 5, 65535) || !reader.at_end()) return detail::invalid_address();
    return endpoint{*parsed, static_cast<std::uint16_t>(port)};
  }

  /// Its text, which `parse` reads back.
  [[nodiscard]] constexpr auto text() const noexcept -> endpoint_text {
    endpoint_text out;
    if (address.is_v6()) out.append('[');
    out.append(address.text());
    if (address.is_v6()) out.append(']');
    out.append(':');
    out.append_number(port);
    return out;
  }

  /// By address, then by port.
  friend constexpr auto operator<=>(const endpoint&, const endpoint&) noexcept = default;
};

}  // namespace ip

/// The name of a local socket: a path, or on Linux an abstract name, which lies in no file system and ends with its last socket.
class unix_path {
 public:
  /// The bytes that a system takes.
  static constexpr std::size_t capacity = 108;
  /// Text of the longest one.
  using text_type = fixed_text<capacity>;

  /// A path that is known when the program is compiled, as `unix_listener::bind("/run/x")` gives one.
  template <std::size_t N>
    requires(N >= 2 && N <= capacity)
  consteval unix_path(const char (&path)[N]) noexcept  // NOLINT(google-explicit-constructor)
      : unix_path{std::string_view{path, N - 1}, 0} {}
  /// One that is known only at run time may be too long, so it is made by `make`. This says so.
  template <class Text>
    requires(std::is_convertible_v<const Text&, std::string_view> && !std::is_array_v<Text>)
  unix_path(const Text& /*path*/) noexcept {  // NOLINT(google-explicit-constructor)
    static_assert(sizeof(Text) == 0,
                  "[sluice.address.unix_path] a path that is known only at run time may be too long: unix_path::make(path) "
                  "gives one, or says so");
  }

  /// A path. It is not looked at: it may name nothing yet.
  /// \errors invalid_argument for an empty path or one with a zero byte; filename_too_long beyond 107 bytes
  [[nodiscard]] static constexpr auto make(std::string_view path) noexcept -> result<unix_path> {
    if (path.empty() || path.find('\0') != std::string_view::npos) return detail::invalid_address();
    if (path.size() >= capacity) return failure(std::errc::filename_too_long);
    return unix_path{path, 0};
  }
  /// An abstract name, which may hold any byte.
  /// \errors filename_too_long beyond 107 bytes \os Linux \src unix(7)
  [[nodiscard]] static constexpr auto abstract(std::string_view name) noexcept -> result<unix_path> {
    if (name.size() >= capacity) return failure(std::errc::filename_too_long);
    return unix_path{name, 1};
  }
  /// From the bytes as the system keeps them: a path without its closing zero byte, or a zero byte and an abstract name.
  /// \errors invalid_argument for no byte; filename_too_long beyond `capacity`
  [[nodiscard]] static constexpr auto from_bytes(std::string_view bytes) noexcept -> result<unix_path> {
    if (bytes.empty()) return detail::invalid_address();
    if (bytes.size() > capacity) return failure(std::errc::filename_too_long);
    return unix_path{bytes, 0};
  }

  /// The bytes as the system keeps them; an abstract name begins with a zero byte.
  [[nodiscard]] constexpr auto bytes() const noexcept -> std::string_view { return {bytes_.data(), size_}; }
  /// Whether it is an abstract name.
  [[nodiscard]] constexpr auto is_abstract() const noexcept -> bool { return bytes_[0] == '\0'; }
  /// The path, or the abstract name without its zero byte.
  [[nodiscard]] constexpr auto name() const noexcept -> std::string_view { return bytes().substr(is_abstract() ? 1 : 0); }
  /// For people: the path, or "@" and the abstract name with "@" for each zero byte.
  [[nodiscard]] constexpr auto text() const noexcept -> text_type {
    text_type out;
    for (const char one : bytes()) out.append(one == '\0' ? '@' : one);
    return out;
  }

  /// Whether all bytes are the same.
  friend constexpr auto operator==(const unix_path& left, const unix_path& right) noexcept -> bool { return left.bytes() == right.bytes(); }

 private:
  constexpr unix_path(std::string_view text, std::size_t first) noexcept : size_{static_cast<std::uint8_t>(first + text.size())} {
    for (std::size_t i = 0; i < text.size(); ++i) bytes_[first + i] = text[i];
  }

  std::array<char, capacity> bytes_{};
  std::uint8_t size_ = 0;
};

/// Where a socket is: nowhere, at an IP endpoint, or at a local path. A plain value; `os/` turns it into what the system takes.
class socket_address {
 public:
  /// Text of the longest one.
  using text_type = unix_path::text_type;

  /// Nowhere: an unnamed socket, or no address given.
  constexpr socket_address() noexcept : none_{} {}
  /// At an endpoint.
  constexpr socket_address(ip::endpoint where) noexcept : ip_{where}, kind_{kind::ip} {}  // NOLINT(google-explicit-constructor)
  /// At a path or abstract name.
  constexpr socket_address(const unix_path& where) noexcept : unix_{where}, kind_{kind::local} {}  // NOLINT(google-explicit-constructor)

  /// Whether it is somewhere.
  [[nodiscard]] explicit constexpr operator bool() const noexcept { return kind_ != kind::none; }
  /// The endpoint, where it is one.
  [[nodiscard]] constexpr auto as_ip() const noexcept -> std::optional<ip::endpoint> {
    if (kind_ != kind::ip) return std::nullopt;
    return ip_;
  }
  /// The path or abstract name, where it is one.
  [[nodiscard]] constexpr auto as_unix() const noexcept -> std::optional<unix_path> {
    if (kind_ != kind::local) return std::nullopt;
    return unix_;
  }
  /// For people; empty where it is nowhere.
  [[nodiscard]] constexpr auto text() const noexcept -> text_type {
    if (kind_ == kind::local) return unix_.text();
    text_type out;
    if (kind_ == kind::ip) out.append(ip_.text());
    return out;
  }

  /// Whether both are the same kind and equal.
  friend constexpr auto operator==(const socket_address& left, const socket_address& right) noexcept -> bool {
    if (left.kind_ != right.kind_) return false;
    if (left.kind_ == kind::ip) return left.ip_ == right.ip_;
    return left.kind_ == kind::none || left.unix_ == right.unix_;
  }

 private:
  enum class kind : std::uint8_t { none, ip, local };
  struct nothing {};

  union {
    nothing none_;
    ip::endpoint ip_;
    unix_path unix_;
  };
  kind kind_ = kind::none;
};

}  // namespace sluice::inline v0
