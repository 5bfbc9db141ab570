// SPDX-License-Identifier: MIT
#include <sluice/directory_entries.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using sluice::directory_entries;
using sluice::file_kind;

/// Entries as a system gives them: each padded to eight bytes.
class made_up {
 public:
  auto add(std::string_view name, std::uint8_t kind, std::uint64_t id = 1) -> made_up& {
    const std::size_t length = (19 + name.size() + 1 + 7) / 8 * 8;
    const std::size_t at = bytes_.size();
    bytes_.resize(at + length);
    const auto size = static_cast<std::uint16_t>(length);
    std::memcpy(&bytes_[at], &id, sizeof(id));
    std::memcpy(&bytes_[at + 16], &size, sizeof(size));
    std::memcpy(&bytes_[at + 18], &kind, sizeof(kind));
    std::memcpy(&bytes_[at + 19], name.data(), name.size());
    return *this;
  }
  [[nodiscard]] auto entries() const -> directory_entries { return directory_entries{bytes_}; }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(directory_entries_)

BOOST_AUTO_TEST_CASE(each_entry_has_a_name_a_number_and_a_kind) {
  made_up some;
  some.add("a", 8, 5).add("a name of some length", 4, ~std::uint64_t{0}).add("x", 10);
  auto at = some.entries().begin();
  BOOST_TEST((*at).name == "a");
  BOOST_TEST((*at).id == 5U);
  BOOST_TEST(((*at).kind == file_kind::regular));
  ++at;
  BOOST_TEST((*at).name == "a name of some length");
  BOOST_TEST((*at).name.data()[(*at).name.size()] == '\0');
  BOOST_TEST((*at).id == ~std::uint64_t{0});
  BOOST_TEST(((*at).kind == file_kind::directory));
  at++;
  BOOST_TEST(((*at).kind == file_kind::symbolic_link));
  BOOST_TEST((at != some.entries().end()));
  ++at;
  BOOST_TEST((at == some.entries().end()));
}

BOOST_AUTO_TEST_CASE(the_directory_itself_and_its_parent_are_left_out) {
  made_up some;
  some.add(".", 4).add("..", 4).add("...", 8).add(".", 4).add(".hidden", 8).add("..", 4);
  std::string all;
  for (const auto& one : some.entries()) all += std::string{one.name} + " ";
  BOOST_TEST(all == "... .hidden ");
}

BOOST_AUTO_TEST_CASE(a_part_without_names_is_not_the_end) {
  made_up some;
  some.add(".", 4).add("..", 4);
  BOOST_TEST((some.entries().begin() == some.entries().end()));
  BOOST_TEST(!some.entries().is_end());
  BOOST_TEST(directory_entries{}.is_end());
  BOOST_TEST((directory_entries{}.begin() == directory_entries{}.end()));
}

BOOST_AUTO_TEST_CASE(every_kind_of_file_is_told) {
  const std::pair<std::uint8_t, file_kind> kinds[] = {
      {1, file_kind::pipe},     {2, file_kind::character_device}, {4, file_kind::directory}, {6, file_kind::block_device},
      {8, file_kind::regular},  {10, file_kind::symbolic_link},   {12, file_kind::socket},   {0, file_kind::unknown},
      {14, file_kind::unknown}, {255, file_kind::unknown}};
  for (const auto& [number, kind] : kinds) {
    made_up one;
    one.add("x", number);
    BOOST_TEST(((*one.entries().begin()).kind == kind));
  }
}

BOOST_AUTO_TEST_SUITE_END()
