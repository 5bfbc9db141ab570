// SPDX-License-Identifier: MIT
// io_uring does not move a file's position after a transfer past the page cache, nor after a write whose rest had no room. Whoever read on
// got the same bytes again, without an end, and whoever wrote on wrote over what was there: a full disk lost data, and nothing said so.
#include <sluice/sluice.hpp>
#include <support/descriptors.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>

#include <coro/fixture.hpp>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace op = sluice::op;
namespace backend = sluice::backend;
using namespace std::chrono_literals;
using flags = sluice::open_flags;

namespace {

struct two_entries : sluice::config<backend::io_uring<{.entries = 2}>, fixture::roomy> {};
struct with_fallback : sluice::config<backend::with_fallback<backend::io_uring<>, backend::epoll<>>, fixture::roomy> {};
struct by_epoll : sluice::config<backend::epoll<>, fixture::roomy> {};

constexpr std::size_t block = 4096;
constexpr std::size_t room = 10'000;

/// Files of this process hold so many bytes, as if their device were full then.
class small_files {
 public:
  small_files() : before_{std::signal(SIGXFSZ, SIG_IGN)} {
    BOOST_REQUIRE(::getrlimit(RLIMIT_FSIZE, &old_) == 0);
    set(room);
  }
  ~small_files() {
    set(old_.rlim_cur);
    std::signal(SIGXFSZ, before_);
  }
  small_files(const small_files&) = delete;
  auto operator=(const small_files&) -> small_files& = delete;

 private:
  void set(::rlim_t most) const {
    const ::rlimit limit{.rlim_cur = most, .rlim_max = old_.rlim_max};
    BOOST_REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  void (*before_)(int);
  ::rlimit old_{};
};

template <class Coro>
auto made(const support::temporary_folder& folder, flags more = flags::truncate) -> typename Coro::file {
  auto file = Coro::file::open((folder / "file").c_str(), flags::read | flags::write | flags::create | more);
  BOOST_TEST_REQUIRE(file.has_value());
  return std::move(*file);
}
template <class File>
auto position(const File& file) -> ::off_t {
  return ::lseek(file.handle().native(), 0, SEEK_CUR);
}

template <class Config>
void after_a_write_cut_short() {
  using coro = sluice::coro_of<Config>;
  using operation = typename sluice::aio_of<Config>::template operation<op::write>;
  const support::temporary_folder folder;
  const small_files limit;
  const std::string text(2 * room, 'x');
  const auto bytes = std::as_bytes(std::span{text});
  const sluice::const_buffer pieces[] = {bytes.first(room / 2), bytes.subspan(room / 2)};
  const auto outcome = coro::run([&] {
    const auto each = [&](auto write) {
      auto file = made<coro>(folder);
      BOOST_TEST(write(file).value_or(0) == room);
      BOOST_TEST(position(file) == static_cast<::off_t>(room));
      BOOST_TEST((write(file).error() == std::errc::file_too_large));
      BOOST_TEST(position(file) == static_cast<::off_t>(room));
    };
    each([&](auto& file) { return coro::io(op::write{.file = file.handle(), .buffer = bytes}); });
    each([&](auto& file) { return coro::io(op::writev{.file = file.handle(), .buffers = pieces}); });
    each([&](auto& file) { return coro::io(op::timed(op::write{.file = file.handle(), .buffer = bytes}, 60s)); });
    each([&](auto& file) { return std::get<1>(coro::io(op::nop{}, op::write{.file = file.handle(), .buffer = bytes})); });
    each([&](auto& file) {
      const auto [written, after] = coro::io(op::soft(op::write{.file = file.handle(), .buffer = bytes}), op::nop{});
      BOOST_TEST((after.error() == std::errc::operation_canceled));
      return written;
    });
    each([&](auto& file) {
      operation batch[]{op::write{.file = file.handle(), .buffer = bytes}};
      coro::io(std::span{batch});
      return batch[0].result();
    });
    auto file = made<coro>(folder);
    BOOST_TEST((file.write_all(bytes).error() == std::errc::file_too_large));
    BOOST_TEST(file.size().value_or(0) == room);
  });
  BOOST_TEST(outcome.has_value());
}

template <class Config>
void past_the_page_cache() {
  using coro = sluice::coro_of<Config>;
  const support::temporary_folder folder;
  const std::unique_ptr<void, void (*)(void*)> memory{std::aligned_alloc(block, block), &std::free};
  const std::span<std::byte> buffer{static_cast<std::byte*>(memory.get()), block};
  const auto outcome = coro::run([&] {
    {
      auto file = made<coro>(folder);
      for (const char letter : {'a', 'b', 'c'}) BOOST_TEST(file.write_all(std::string(block, letter)).has_value());
      BOOST_TEST(file.sync().has_value());
    }
    auto opened = coro::file::open((folder / "file").c_str(), flags::read | flags::write | flags::direct);
    if (!opened) return;  // a file system that keeps all in memory
    auto& file = *opened;
    for (const char letter : {'a', 'b', 'c'}) {
      BOOST_TEST(file.read_some(buffer).value_or(0) == block);
      BOOST_TEST(static_cast<char>(buffer[0]) == letter);
    }
    BOOST_TEST(file.read_some(buffer).value_or(1) == 0U);
    BOOST_TEST(file.write_all(buffer).has_value());
    BOOST_TEST(file.write_all(buffer).has_value());
    BOOST_TEST(file.size().value_or(0) == 5 * block);
    BOOST_TEST(position(file) == static_cast<::off_t>(5 * block));
  });
  BOOST_TEST(outcome.has_value());
}

// What it costs to look is no reason for a completion to be overlooked.
template <class Config>
void many_at_once_on_pipes_and_files() {
  using coro = sluice::coro_of<Config>;
  constexpr int count = 50;
  const support::temporary_folder folder;
  const auto outcome = coro::run([&] {
    auto file = made<coro>(folder, flags::append | flags::truncate);
    auto pipe = coro::pipe::make();
    BOOST_TEST_REQUIRE(pipe.has_value());
    int ended = 0;
    {
      typename coro::scope all;
      for (int i = 0; i < count; ++i) {
        all.spawn([&] {
          std::array<std::byte, 1> one;
          ended += pipe->reader.read_some(one).value_or(0) == 1 ? 1 : 0;
        });
        all.spawn([&] { return file.write_all("0123456789"); });
        all.spawn([&] { return pipe->writer.write_all("x"); });
      }
      BOOST_TEST(all.join().has_value());
    }
    BOOST_TEST(ended == count);
    BOOST_TEST(file.size().value_or(0) == 10U * count);
    BOOST_TEST(coro::io(op::read{.file = file.handle(), .buffer = {}, .offset = 0}).has_value());
  });
  BOOST_TEST(outcome.has_value());
}

template <class Config>
void all_of_it() {
  after_a_write_cut_short<Config>();
  past_the_page_cache<Config>();
  many_at_once_on_pipes_and_files<Config>();
}

}  // namespace

BOOST_AUTO_TEST_CASE(position_stayed_where_it_was, *needs::ring()) { all_of_it<fixture::app>(); }
BOOST_AUTO_TEST_CASE(position_with_two_entries, *needs::ring()) { all_of_it<two_entries>(); }
BOOST_AUTO_TEST_CASE(position_with_a_fallback, *needs::ring()) { all_of_it<with_fallback>(); }
BOOST_AUTO_TEST_CASE(position_by_epoll) { all_of_it<by_epoll>(); }
