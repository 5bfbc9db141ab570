// SPDX-License-Identifier: MIT
#include <sluice/os/sockaddr.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

namespace ip = sluice::ip;
using sluice::socket_address;
using sluice::unix_path;
using sluice::os::decode;
using sluice::os::encode;

constexpr auto path_begins = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path));

auto round_trip(const socket_address& address) -> socket_address {
  sockaddr_storage storage;
  std::memset(&storage, 0x5a, sizeof storage);
  const socklen_t length = encode(address, storage);
  return decode(storage, length);
}

// What the system says of a socket that was bound to the address.
auto bound(int family, const socket_address& address) -> socket_address {
  const int socket = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_storage storage{};
  const socklen_t length = encode(address, storage);
  socket_address seen;
  if (socket >= 0 && ::bind(socket, reinterpret_cast<const sockaddr*>(&storage), length) == 0) {
    socklen_t seen_length = sizeof storage;
    storage = {};
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &seen_length);
    seen = decode(storage, seen_length);
  }
  ::close(socket);
  return seen;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(os)
BOOST_AUTO_TEST_SUITE(sockaddr_)

BOOST_AUTO_TEST_CASE(a_v4_endpoint_is_laid_out_as_the_system_wants_it) {
  sockaddr_storage storage;
  std::memset(&storage, 0x5a, sizeof storage);
  BOOST_TEST(encode(ip::endpoint{ip::address{ip::v4_bytes{192, 0, 2, 1}}, 8080}, storage) == sizeof(sockaddr_in));
  sockaddr_in four;
  std::memcpy(&four, &storage, sizeof four);
  BOOST_TEST(four.sin_family == AF_INET);
  BOOST_TEST(ntohs(four.sin_port) == 8080);
  BOOST_TEST(ntohl(four.sin_addr.s_addr) == 0xc0000201U);
}

BOOST_AUTO_TEST_CASE(a_v6_endpoint_is_laid_out_as_the_system_wants_it) {
  sockaddr_storage storage;
  std::memset(&storage, 0x5a, sizeof storage);
  BOOST_TEST(encode(ip::endpoint{ip::address::parse("2001:db8::1%7").value(), 443}, storage) == sizeof(sockaddr_in6));
  sockaddr_in6 six;
  std::memcpy(&six, &storage, sizeof six);
  in6_addr expected;
  inet_pton(AF_INET6, "2001:db8::1", &expected);
  BOOST_TEST(six.sin6_family == AF_INET6);
  BOOST_TEST(ntohs(six.sin6_port) == 443);
  BOOST_TEST(six.sin6_scope_id == 7U);
  BOOST_TEST(six.sin6_flowinfo == 0U);
  BOOST_TEST(std::memcmp(&six.sin6_addr, &expected, sizeof expected) == 0);
}

BOOST_AUTO_TEST_CASE(a_path_ends_with_a_zero_byte_where_there_is_room) {
  sockaddr_storage storage;
  BOOST_TEST(encode(unix_path{"/run/x"}, storage) == path_begins + 7);
  BOOST_TEST(std::string{reinterpret_cast<const char*>(&storage) + path_begins} == "/run/x");
  BOOST_TEST(encode(*unix_path::make(std::string(107, 'x')), storage) == path_begins + 108);
  BOOST_TEST(encode(*unix_path::from_bytes(std::string(108, 'x')), storage) == path_begins + 108);
}

BOOST_AUTO_TEST_CASE(an_abstract_name_is_as_long_as_it_says) {
  sockaddr_storage storage;
  BOOST_TEST(encode(*unix_path::abstract("abc"), storage) == path_begins + 4);
  BOOST_TEST((std::string_view{reinterpret_cast<const char*>(&storage) + path_begins, 4} == std::string_view{"\0abc", 4}));
}

BOOST_AUTO_TEST_CASE(nowhere_has_no_length) {
  sockaddr_storage storage{};
  BOOST_TEST(encode(socket_address{}, storage) == 0U);
  BOOST_TEST(!decode(storage, 0));
}

BOOST_AUTO_TEST_CASE(what_is_encoded_is_decoded_to_itself) {
  for (const std::string_view text : {"0.0.0.0:0", "255.255.255.255:65535", "[::]:0", "[::1]:1", "[fe80::1%3]:80"}) {
    const socket_address address = ip::endpoint::parse(text).value();
    BOOST_TEST((round_trip(address) == address), text);
  }
  for (const auto& path : {unix_path{"x"}, *unix_path::make(std::string(107, 'x')), *unix_path::from_bytes(std::string(108, 'x')),
                           *unix_path::abstract(""), *unix_path::abstract({"a\0b", 3}), *unix_path::abstract(std::string(107, 'x'))}) {
    BOOST_TEST((round_trip(path) == socket_address{path}), path.text().view());
  }
}

BOOST_AUTO_TEST_CASE(an_unnamed_socket_is_nowhere) {
  sockaddr_storage storage{};
  storage.ss_family = AF_UNIX;
  BOOST_TEST(!decode(storage, path_begins));
  BOOST_TEST(!decode(storage, sizeof(sa_family_t)));
}

BOOST_AUTO_TEST_CASE(a_path_is_cut_at_its_zero_byte_and_at_the_storage_s_end) {
  sockaddr_storage storage{};
  (void)encode(unix_path{"/run/x"}, storage);
  BOOST_TEST((decode(storage, path_begins + 108) == socket_address{unix_path{"/run/x"}}));
  const std::string longest(108, 'x');
  (void)encode(*unix_path::from_bytes(longest), storage);
  BOOST_TEST(decode(storage, path_begins + 109).as_unix()->name() == longest);
  BOOST_TEST(decode(storage, 4000).as_unix()->name() == longest);
}

BOOST_AUTO_TEST_CASE(too_short_and_foreign_addresses_are_nowhere) {
  sockaddr_storage storage{};
  (void)encode(ip::endpoint{ip::loopback, 1}, storage);
  BOOST_TEST(!decode(storage, sizeof(sockaddr_in) - 1));
  (void)encode(ip::endpoint{ip::loopback_v6, 1}, storage);
  BOOST_TEST(!decode(storage, sizeof(sockaddr_in6) - 1));
  BOOST_TEST(!decode(storage, 1));
  storage.ss_family = AF_PACKET;
  BOOST_TEST(!decode(storage, sizeof storage));
}

BOOST_AUTO_TEST_CASE(the_system_understands_a_v4_endpoint) {
  const auto where = bound(AF_INET, ip::endpoint{ip::loopback, 0}).as_ip();
  BOOST_REQUIRE(where.has_value());
  BOOST_TEST((where->address == ip::loopback));
  BOOST_TEST(where->port != 0);
}

BOOST_AUTO_TEST_CASE(the_system_understands_an_abstract_name) {
  const auto name = unix_path::abstract("sluice-test-" + std::to_string(::getpid())).value();
  BOOST_TEST((bound(AF_UNIX, name) == socket_address{name}));
}

BOOST_AUTO_TEST_CASE(the_system_understands_a_path) {
  const std::string path = "/tmp/sluice-test-" + std::to_string(::getpid());
  const auto local = unix_path::make(path).value();
  const auto seen = bound(AF_UNIX, local);
  ::unlink(path.c_str());
  BOOST_TEST((seen == socket_address{local}));
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
