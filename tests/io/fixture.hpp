// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What the tests of files, directories, pipes and what copies between them share.

#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ios>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>
#include <io/configs.hpp>

namespace fixture {

/// The text in the bytes.
inline auto text_of(std::span<const std::byte> bytes) -> std::string_view {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// So many bytes that repeat nothing soon, different for each seed.
inline auto noise(std::size_t count, std::uint32_t seed = 1) -> std::string {
  std::string all(count, '\0');
  std::uint64_t state = 0x9e3779b97f4a7c15U + seed;
  for (auto& one : all) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    one = static_cast<char>(state >> 32U);
  }
  return all;
}

/// A directory that is gone, with all in it, at the end.
class scratch_folder {
 public:
  explicit scratch_folder(const char* where = nullptr)
      : path_{(where != nullptr ? std::filesystem::path{where} : std::filesystem::temp_directory_path()) / "sluice-io-XXXXXX"} {
    std::string name = path_.string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no directory for the test"};
    path_ = name;
  }
  scratch_folder(const scratch_folder&) = delete;
  auto operator=(const scratch_folder&) -> scratch_folder& = delete;
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  /// The path of something in it.
  [[nodiscard]] auto operator/(std::string_view name) const -> std::string { return (path_ / name).string(); }
  [[nodiscard]] auto path() const -> std::string { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// Makes a file.
inline void put(const std::string& path, std::string_view content) {
  std::ofstream out{path, std::ios::binary | std::ios::trunc};
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  BOOST_REQUIRE(out.flush().good());
}
/// What is in a file.
inline auto content_of(const std::string& path) -> std::string {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

}  // namespace fixture

/// A case that runs once with the default config and once over epoll; `coro` names its tasks.
#define CASE_OF_EACH_CONFIG(name)                                                         \
  template <class Config>                                                                 \
  struct name##_body {                                                                    \
    using coro = sluice::coro_of<Config>;                                                 \
    static constexpr auto& as_root = fixture::as_root<coro>;                              \
    static void run();                                                                    \
  };                                                                                      \
  BOOST_AUTO_TEST_CASE(name, *needs::ring()) { name##_body<objects::completing>::run(); } \
  BOOST_AUTO_TEST_CASE(name##_by_epoll) { name##_body<objects::readiness>::run(); }       \
  template <class Config>                                                                 \
  void name##_body<Config>::run()
