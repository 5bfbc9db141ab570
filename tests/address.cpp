// SPDX-License-Identifier: MIT
#include <sluice/address.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include <arpa/inet.h>

namespace {

namespace ip = sluice::ip;
using sluice::socket_address;
using sluice::unix_path;

auto round_trip(std::string_view text) -> std::string {
  const auto address = ip::address::parse(text);
  return address ? std::string{address->text().view()} : "refused: " + std::string{text};
}

auto v6(std::array<std::uint16_t, 8> groups) -> ip::address {
  ip::v6_bytes bytes{};
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
    bytes[2 * i + 1] = static_cast<std::uint8_t>(groups[i] & 0xff);
  }
  return bytes;
}

auto system_text(const ip::address& address) -> std::string {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.is_v4()) {
    const auto bytes = address.to_v4();
    inet_ntop(AF_INET, bytes.data(), text, sizeof text);
  } else {
    inet_ntop(AF_INET6, address.to_v6().data(), text, sizeof text);
  }
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(address)

BOOST_AUTO_TEST_CASE(constants_name_the_well_known_addresses) {
  static_assert(ip::any.is_v4() && ip::loopback.is_v4() && ip::any_v6.is_v6() && ip::loopback_v6.is_v6());
  static_assert(ip::address{} == ip::any);
  constexpr ip::endpoint everywhere{ip::any, 4000};
  static_assert(everywhere.port == 4000 && everywhere.address == ip::any);
  BOOST_TEST(ip::any.text().view() == "0.0.0.0");
  BOOST_TEST(ip::loopback.text().view() == "127.0.0.1");
  BOOST_TEST(ip::any_v6.text().view() == "::");
  BOOST_TEST(ip::loopback_v6.text().view() == "::1");
}

BOOST_AUTO_TEST_CASE(addresses_are_values) {
  static_assert(std::is_trivially_copyable_v<ip::address> && std::is_trivially_copyable_v<ip::endpoint>);
  static_assert(ip::any != ip::any_v6);
  static_assert(ip::any < ip::loopback && ip::loopback < ip::any_v6);
  const ip::address linked{ip::v6_bytes{0xfe, 0x80}, 2};
  BOOST_TEST((linked != ip::address{ip::v6_bytes{0xfe, 0x80}}));
  BOOST_TEST((linked < ip::address{ip::v6_bytes{0xfe, 0x80}, 3}));
  BOOST_TEST(linked.scope() == 2U);
  BOOST_TEST((ip::endpoint{ip::loopback, 80} < ip::endpoint{ip::loopback, 81}));
}

BOOST_AUTO_TEST_CASE(text_can_be_read_when_the_program_is_compiled) {
  static_assert(ip::address::parse("192.0.2.1").value() == ip::address{ip::v4_bytes{192, 0, 2, 1}});
  static_assert(ip::address::parse("::1").value() == ip::loopback_v6);
  static_assert(ip::endpoint::parse("[::1]:80")->port == 80);
  static_assert(ip::loopback.text() == "127.0.0.1");
  BOOST_TEST(true);
}

BOOST_AUTO_TEST_CASE(v6_text_is_the_recommended_one) {
  BOOST_TEST(round_trip("2001:0DB8:0:0:0:0:0:0001") == "2001:db8::1");
  BOOST_TEST(round_trip("2001:db8:0:1:1:1:1:1") == "2001:db8:0:1:1:1:1:1");  // one zero group is not left out
  BOOST_TEST(round_trip("2001:0:0:1:0:0:0:1") == "2001:0:0:1::1");           // the longest run is
  BOOST_TEST(round_trip("2001:db8:0:0:1:0:0:1") == "2001:db8::1:0:0:1");     // the first of two
  BOOST_TEST(round_trip("0:0:0:0:0:0:0:0") == "::");
  BOOST_TEST(round_trip("1:0:0:0:0:0:0:0") == "1::");
  BOOST_TEST(round_trip("0:0:1:0:0:0:0:0") == "0:0:1::");
  BOOST_TEST(round_trip("::ffff:192.0.2.128") == "::ffff:192.0.2.128");
  BOOST_TEST(round_trip("::ffff:c000:280") == "::ffff:192.0.2.128");
  BOOST_TEST(round_trip("64:ff9b::192.0.2.33") == "64:ff9b::c000:221");
  BOOST_TEST(round_trip("1:2:3:4:5:6:7:8") == "1:2:3:4:5:6:7:8");
  BOOST_TEST(round_trip("1:2:3:4:5:6:7::") == "1:2:3:4:5:6:7:0");
  BOOST_TEST(round_trip("::2:3:4:5:6:7:8") == "0:2:3:4:5:6:7:8");
}

BOOST_AUTO_TEST_CASE(a_scope_is_kept) {
  BOOST_TEST(round_trip("fe80::1%3") == "fe80::1%3");
  BOOST_TEST(round_trip("fe80::1%4294967295") == "fe80::1%4294967295");
  BOOST_TEST(round_trip("fe80::%0") == "fe80::");
  BOOST_TEST((ip::address::parse("fe80::1%3")->scope() == 3U));
  for (const std::string_view wrong : {"fe80::1%", "fe80::1%eth0", "fe80::1%4294967296", "fe80::1%3%4", "127.0.0.1%3", "%3"}) {
    BOOST_TEST(!ip::address::parse(wrong), wrong);
  }
}

BOOST_AUTO_TEST_CASE(the_longest_text_fits) {
  const ip::address longest{v6({0xffff, 0x1111, 0x2222, 0x3333, 0x4444, 0x5555, 0x6666, 0xffff}).to_v6(), 0xffff'ffffU};
  BOOST_TEST(longest.text().view() == "ffff:1111:2222:3333:4444:5555:6666:ffff%4294967295");
  BOOST_TEST((ip::endpoint{longest, 65535}.text().view() == "[ffff:1111:2222:3333:4444:5555:6666:ffff%4294967295]:65535"));
  BOOST_TEST(std::strlen(longest.text().c_str()) == longest.text().size());
}

BOOST_AUTO_TEST_CASE(what_is_no_address_is_refused) {
  for (const std::string_view wrong : {"",
                                       " ",
                                       "1",
                                       "1.2.3",
                                       "1.2.3.4.5",
                                       "1.2.3.256",
                                       "1.2.3.-4",
                                       "01.2.3.4",
                                       "1.2.3.04",
                                       "1..3.4",
                                       "1.2.3.4 ",
                                       " 1.2.3.4",
                                       "1.2.3.4x",
                                       "1.2.3.0x4",
                                       "1,2,3,4",
                                       ":",
                                       ":::",
                                       "1:2:3:4:5:6:7",
                                       "1::2::3",
                                       "12345::",
                                       "g::",
                                       "1:2:3:4:5:6:7:8:9",
                                       "1:2:3:4:5:6:7:8::",
                                       "::1:2:3:4:5:6:7:8",
                                       "1:",
                                       ":1",
                                       "1:2:3:4:5:6:7:",
                                       "::1.2.3",
                                       "::1.2.3.4.5",
                                       "1.2.3.4::",
                                       "::1.2.3.4:5",
                                       "1:2:3:4:5:6:7:1.2.3.4",
                                       "::ffff:1.2.3.256",
                                       "[::1]",
                                       "::1/64",
                                       "localhost"}) {
    const auto parsed = ip::address::parse(wrong);
    BOOST_TEST_CONTEXT("'" << wrong << "'") {
      BOOST_REQUIRE(!parsed);
      BOOST_TEST((parsed.error() == std::errc::invalid_argument));
    }
  }
}

BOOST_AUTO_TEST_CASE(printed_addresses_agree_with_the_system) {
  std::mt19937 random{11};
  const auto low_bits = [&] { return static_cast<std::uint16_t>(random() >> (random() % 16 + 16)); };
  for (int i = 0; i < 50'000; ++i) {
    std::array<std::uint16_t, 8> groups{};
    for (auto& group : groups) group = random() % 2 == 0 ? std::uint16_t{0} : low_bits();
    if (random() % 8 == 0) groups = {0, 0, 0, 0, 0, 0xffff, groups[6], groups[7]};
    const ip::address six = v6(groups);
    const std::string text{six.text().view()};
    const auto again = ip::address::parse(text);
    if (!again || *again != six) BOOST_FAIL(text << " is not read back");
    // The system still prints the abandoned form ::a.b.c.d with dots.
    const bool compatible = std::string_view{text}.starts_with("::") && groups[5] == 0 && groups[6] != 0;
    if (!compatible && text != system_text(six)) BOOST_FAIL(text << " and " << system_text(six));
    const ip::address four{ip::v4_bytes{six.to_v6()[12], six.to_v6()[13], six.to_v6()[14], six.to_v6()[15]}};
    if (four.text() != system_text(four)) BOOST_FAIL(four.text().view() << " and " << system_text(four));
  }
}

BOOST_AUTO_TEST_CASE(mutilated_text_is_read_as_the_system_reads_it) {
  constexpr std::string_view seeds[] = {"2001:db8::1",          "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8", "fe80:0:0:1::", "::",
                                        "1:2:3:4:5:6:10.0.0.1", "127.0.0.1",        "255.255.255.0",   "10.20.30.40",  "0::0:0"};
  constexpr std::string_view alphabet = "0123456789abcdefABCDEF::::....g x";
  std::mt19937 random{12};
  std::size_t accepted = 0;
  for (int i = 0; i < 300'000; ++i) {
    std::string text{seeds[random() % std::size(seeds)]};
    for (auto changes = random() % 5; changes > 0 && !text.empty(); --changes) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0: text.erase(at, 1); break;
        case 1: text.insert(at, 1, alphabet[random() % alphabet.size()]); break;
        case 2: text[at] = alphabet[random() % alphabet.size()]; break;
        default: text.insert(at, text.substr(random() % text.size(), random() % 5)); break;
      }
    }
    std::array<std::uint8_t, 16> bytes{};
    const bool four = inet_pton(AF_INET, text.c_str(), bytes.data()) == 1;
    const bool six = !four && inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
    const auto parsed = ip::address::parse(text);
    if (parsed.has_value() != (four || six)) BOOST_FAIL("'" << text << "' is read differently");
    if (!parsed) continue;
    ++accepted;
    if (parsed->is_v4() != four) BOOST_FAIL("'" << text << "' is of another family");
    if (four && std::memcmp(parsed->to_v4().data(), bytes.data(), 4) != 0) BOOST_FAIL("'" << text << "'");
    if (six && parsed->to_v6() != bytes) BOOST_FAIL("'" << text << "' is another address");
  }
  BOOST_TEST(accepted > 50'000U);
}

BOOST_AUTO_TEST_CASE(endpoints_are_read_and_printed) {
  BOOST_TEST((ip::endpoint::parse("127.0.0.1:80").value() == ip::endpoint{ip::loopback, 80}));
  BOOST_TEST((ip::endpoint::parse("[::1]:80").value() == ip::endpoint{ip::loopback_v6, 80}));
  BOOST_TEST((ip::endpoint::parse("0.0.0.0:0").value() == ip::endpoint{}));
  BOOST_TEST((ip::endpoint::parse("[fe80::1%3]:65535")->address.scope() == 3U));
  for (const std::string_view text : {"127.0.0.1:80", "[::1]:80", "[fe80::1%3]:65535"}) {
    BOOST_TEST(ip::endpoint::parse(text)->text().view() == text);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_endpoint_is_refused) {
  for (const std::string_view wrong :
       {"", ":", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1:8x", "127.0.0.1: 8",
        "::1:80", "[::1]", "[::1]80", "[::1:80", "::1]:80", "[127.0.0.1]:80", "[]:80", "127.0.0.1:100000"}) {
    const auto parsed = ip::endpoint::parse(wrong);
    BOOST_TEST_CONTEXT("'" << wrong << "'") {
      BOOST_REQUIRE(!parsed);
      BOOST_TEST((parsed.error() == std::errc::invalid_argument));
    }
  }
}

BOOST_AUTO_TEST_CASE(fixed_text_drops_what_does_not_fit) {
  sluice::fixed_text<4> text;
  text.append("ab");
  text.append_number(255, 16);
  text.append("more");
  BOOST_TEST(text.view() == "abff");
  BOOST_TEST(std::strlen(text.c_str()) == 4U);
  sluice::fixed_text<40> number;
  number.append_number(0);
  number.append_number(0xffff'ffffU, 2);
  BOOST_TEST(number.view() == "0" + std::string(32, '1'));
}

BOOST_AUTO_TEST_CASE(a_path_is_kept_as_it_is) {
  constexpr unix_path constant = "/run/x.sock";
  static_assert(constant == "/run/x.sock" && constant != "/run/y.sock");
  static_assert(constant.name() == "/run/x.sock" && !constant.is_abstract());
  const auto made = unix_path::make("/run/x.sock");
  BOOST_REQUIRE(made.has_value());
  BOOST_TEST((*made == constant));
  BOOST_TEST(made->text().view() == "/run/x.sock");
  BOOST_TEST(made->bytes() == "/run/x.sock");
}

BOOST_AUTO_TEST_CASE(a_path_that_no_system_takes_is_refused) {
  BOOST_TEST(unix_path::make(std::string(107, 'x')).has_value());
  BOOST_TEST((unix_path::make(std::string(108, 'x')).error() == std::errc::filename_too_long));
  BOOST_TEST((unix_path::make("").error() == std::errc::invalid_argument));
  BOOST_TEST((unix_path::make({"a\0b", 3}).error() == std::errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(an_abstract_name_may_hold_any_byte) {
  const auto name = unix_path::abstract({"a\0b", 3});
  BOOST_REQUIRE(name.has_value());
  BOOST_TEST(name->is_abstract());
  BOOST_TEST((name->name() == std::string_view{"a\0b", 3}));
  BOOST_TEST((name->bytes() == std::string_view{"\0a\0b", 4}));
  BOOST_TEST(name->text().view() == "@a@b");
  BOOST_TEST((*name != *unix_path::abstract("a")));
  BOOST_TEST((*name != *unix_path::make("a")));
  BOOST_TEST(unix_path::abstract(std::string(107, 'x'))->bytes().size() == 108U);
  BOOST_TEST((unix_path::abstract(std::string(108, 'x')).error() == std::errc::filename_too_long));
}

BOOST_AUTO_TEST_CASE(the_bytes_of_the_system_become_a_path) {
  BOOST_TEST((unix_path::from_bytes("/x").value() == unix_path{"/x"}));
  BOOST_TEST((unix_path::from_bytes({"\0x", 2}).value() == *unix_path::abstract("x")));
  BOOST_TEST(unix_path::from_bytes(std::string(108, 'x')).has_value());
  BOOST_TEST((unix_path::from_bytes(std::string(109, 'x')).error() == std::errc::filename_too_long));
  BOOST_TEST((unix_path::from_bytes("").error() == std::errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(a_socket_address_is_one_of_three) {
  static_assert(std::is_trivially_copyable_v<socket_address>);
  constexpr socket_address nowhere;
  static_assert(!nowhere && !nowhere.as_ip() && !nowhere.as_unix());
  constexpr socket_address here = ip::endpoint{ip::loopback, 80};
  static_assert(here && here.as_ip()->port == 80 && !here.as_unix());
  constexpr socket_address local = unix_path{"/run/x"};
  static_assert(local && !local.as_ip() && local.as_unix()->name() == "/run/x");
  BOOST_TEST(nowhere.text().view() == "");
  BOOST_TEST(here.text().view() == "127.0.0.1:80");
  BOOST_TEST(local.text().view() == "/run/x");
}

BOOST_AUTO_TEST_CASE(socket_addresses_compare_by_kind_and_value) {
  const socket_address nowhere;
  const socket_address here = ip::endpoint{ip::loopback, 80};
  const socket_address local = unix_path{"/run/x"};
  socket_address copy = local;
  BOOST_TEST((nowhere == socket_address{}));
  BOOST_TEST((copy == local));
  copy = here;
  BOOST_TEST((copy == here));
  BOOST_TEST((copy != local));
  BOOST_TEST((here != socket_address{ip::endpoint{ip::loopback, 81}}));
  BOOST_TEST((nowhere != here));
}

BOOST_AUTO_TEST_SUITE_END()
