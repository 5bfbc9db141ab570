// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What is copied from and to in the tests of `copy`: each kind with a task that feeds it, or one that looks at what came.

#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <io/fixture.hpp>

namespace sides {

using sluice::open_flags;

/// A folder for files that live as long as the program.
inline auto folder() -> const fixture::scratch_folder& {
  static const fixture::scratch_folder made;
  return made;
}

/// A connection over the loopback: who connected, and who was connected to.
template <class Coro>
auto connected() {
  auto listener = Coro::tcp_listener::bind({sluice::ip::loopback, 0}).value();
  auto peer = Coro::spawn([&] { return listener.accept(); });
  auto one = Coro::tcp_stream::connect(listener.local().value()).value();
  return std::pair{std::move(one), peer.join().value()};
}

/// What gives a text, of a type that the library knows nothing of.
struct own_source {
  std::string text;
  std::size_t at = 0;
  auto read_some(std::span<std::byte> into) noexcept -> sluice::result<std::size_t> {
    const auto count = std::min({into.size(), text.size() - at, std::size_t{10'000}});
    std::ranges::copy(fixture::bytes_of(text).subspan(at, count), into.begin());
    at += count;
    return count;
  }
};
/// What keeps what it takes.
struct own_sink {
  std::string text;
  auto write_some(std::span<const std::byte> bytes) noexcept -> sluice::result<std::size_t> {
    const auto count = std::min(bytes.size(), std::size_t{7000});
    text += fixture::text_of(bytes.first(count));
    return count;
  }
};

/// Sources: `object` is copied from, `feed` writes a text into it from a task of the scope and ends it.
template <class Coro>
struct from_file {
  typename Coro::file object;
  explicit from_file(std::string_view text, auto&) {
    fixture::put(folder() / "from", text);
    object = Coro::file::open(folder() / "from").value();
  }
  auto rest() -> std::string { return sluice_rest(object); }
  static auto sluice_rest(auto& from) -> std::string {
    std::string all;
    std::array<std::byte, 4096> some{};
    while (const auto count = from.read_some(some).value_or(0)) all += fixture::text_of(std::span{some}.first(count));
    return all;
  }
};
template <class Coro>
struct from_pipe {
  typename Coro::pipe_reader object;
  explicit from_pipe(std::string_view text, auto& scope) {
    auto both = Coro::pipe::make().value();
    object = std::move(both.reader);
    scope.spawn([text, to = std::move(both.writer)]() mutable { (void)to.write_all(text); });
  }
  auto rest() -> std::string { return from_file<Coro>::sluice_rest(object); }
};
template <class Coro>
struct from_tcp {
  typename Coro::tcp_stream object;
  explicit from_tcp(std::string_view text, auto& scope) {
    auto [mine, peer] = connected<Coro>();
    object = std::move(mine);
    scope.spawn([text, to = std::move(peer)]() mutable { (void)to.write_all(text); });
  }
  auto rest() -> std::string { return from_file<Coro>::sluice_rest(object); }
};
template <class Coro>
struct from_unix {
  typename Coro::unix_stream object;
  explicit from_unix(std::string_view text, auto& scope) {
    auto both = Coro::unix_stream::pair().value();
    object = std::move(both.first);
    scope.spawn([text, to = std::move(both.second)]() mutable { (void)to.write_all(text); });
  }
  auto rest() -> std::string { return from_file<Coro>::sluice_rest(object); }
};
template <class Coro>
struct from_own {
  own_source object;
  explicit from_own(std::string_view text, auto&) : object{.text = std::string{text}} {}
  auto rest() -> std::string { return object.text.substr(object.at); }
};

/// Sinks: `object` is copied to; `taken` ends it and gives what came.
template <class Coro>
struct to_file {
  typename Coro::file object = Coro::file::open(folder() / "to", open_flags::write | open_flags::create | open_flags::truncate).value();
  explicit to_file(auto&) {}
  auto taken() -> std::string {
    (void)object.close();
    return fixture::content_of(folder() / "to");
  }
};
template <class Coro, class Object>
struct drained {
  Object object;
  std::string text;
  std::optional<typename Coro::template task<void>> reader;
  void drain(auto from) {
    reader.emplace(Coro::spawn([this, in = std::move(from)]() mutable {
      std::array<std::byte, 5000> some{};
      while (const auto count = in.read_some(some).value_or(0)) text += fixture::text_of(std::span{some}.first(count));
    }));
  }
  auto taken() -> std::string {
    (void)object.close();
    (void)reader->join();
    return text;
  }
};
template <class Coro>
struct to_pipe : drained<Coro, typename Coro::pipe_writer> {
  explicit to_pipe(auto&) {
    auto both = Coro::pipe::make().value();
    this->object = std::move(both.writer);
    this->drain(std::move(both.reader));
  }
};
template <class Coro>
struct to_tcp : drained<Coro, typename Coro::tcp_stream> {
  explicit to_tcp(auto&) {
    auto [mine, peer] = connected<Coro>();
    this->object = std::move(peer);
    this->drain(std::move(mine));
  }
};
template <class Coro>
struct to_unix : drained<Coro, typename Coro::unix_stream> {
  explicit to_unix(auto&) {
    auto both = Coro::unix_stream::pair().value();
    this->object = std::move(both.first);
    this->drain(std::move(both.second));
  }
};
template <class Coro>
struct to_own {
  own_sink object;
  explicit to_own(auto&) {}
  auto taken() -> std::string { return object.text; }
};

/// Calls `f.template operator()<Source, Sink>()` for each pair.
template <class Coro, class F>
void each_pair(F f) {
  const auto with = [&]<template <class> class Source>() {
    f.template operator()<Source<Coro>, to_file<Coro>>();
    f.template operator()<Source<Coro>, to_pipe<Coro>>();
    f.template operator()<Source<Coro>, to_tcp<Coro>>();
    f.template operator()<Source<Coro>, to_unix<Coro>>();
    f.template operator()<Source<Coro>, to_own<Coro>>();
  };
  with.template operator()<from_file>();
  with.template operator()<from_pipe>();
  with.template operator()<from_tcp>();
  with.template operator()<from_unix>();
  with.template operator()<from_own>();
}

}  // namespace sides
