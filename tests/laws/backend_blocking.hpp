// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of backends: calls that block, and calls that nothing interrupts. Rules of sections 2, 4, 6, 9 and 10.

#include <laws/backend.hpp>
#include <support/held_file.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <termios.h>

namespace laws::backend {

/// Says why what follows is not looked at here. True: it can be.
inline auto can_hold_files() -> bool {
  if (support::held_file::possible()) return true;
  BOOST_TEST_MESSAGE("not looked at: this process may not use userfaultfd(2), by which calls are made to wait");
  return false;
}

/// What the process prints to its standard error stream meanwhile.
template <class F>
auto error_output_of(F&& f) -> std::string {
  const auto file = support::temporary_file();
  std::fflush(stderr);
  const support::descriptor before{::dup(2)};
  ::dup2(file.get(), 2);
  std::forward<F>(f)();
  std::fflush(stderr);
  ::dup2(before.get(), 2);
  std::string text(4096, '\0');
  const auto got = ::pread(file.get(), text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

template <class Config>
void a_deadline_over_what_nothing_interrupts_leaves_its_result() {
  if (!can_hold_files()) return;
  covers("4.h", "6.1");
  session<Config> s;
  // One after the other: a ring with few entries has few threads, and what waits for one of those can be taken back.
  {
    support::held_file held;
    auto chain = s.call(op::soft(op::allocate{.file = held.file(), .length = 50'000}), op::link_timeout{.after = 400ms});
    s.ring.start(chain);
    s.poll(sluice::wait::none);
    held.await_callers();
    s.linger(450ms);
    BOOST_TEST(!chain.template get<0>().is_done());
    held.release();
    s.finish(chain);
    const auto [head, deadline] = chain.results();
    succeeded(head);
    failed(deadline, sluice::errc::timed_out);
  }
  {
    support::held_file held;
    typename session<Config>::template operation<op::timed<op::allocate>> timed{
        op::timed(op::allocate{.file = held.file(), .length = 50'000}, 400ms)};
    s.ring.start(timed);
    s.poll(sluice::wait::none);
    held.await_callers();
    s.linger(450ms);
    BOOST_TEST(!timed.is_done());
    held.release();
    s.finish(timed);
    succeeded(timed.result());
  }
  {
    support::held_file held;
    typename session<Config>::template operation<op::allocate> alone{op::allocate{.file = held.file(), .length = 50'000}};
    s.ring.start(alone);
    s.poll(sluice::wait::none);
    held.await_callers();
    const auto asked = s.run_alone(op::cancel{.operation = &alone});
    // The thread that takes entries by itself does not look among those that run them.
    if (!asked && !(Config::submits_later && asked.error() == sluice::errc::not_found)) failed(asked, sluice::errc::in_progress);
    s.linger(5ms);
    BOOST_TEST(!alone.is_done());
    held.release();
    s.finish(alone);
    succeeded(alone.result());
  }
}

template <class Config>
void a_file_that_blocks_does_not_block_the_loop() {
  covers("10.1");
  session<Config> s;
  const auto pair = support::socket_pair();
  support::buffer<> buffer;
  const auto goes_on = [&] {
    const auto [sent, got] = s.run(op::send{.socket = pair.near.socket(), .buffer = bytes_of("x")},
                                   op::recv{.socket = pair.far.socket(), .buffer = buffer.span()});
    gave(sent, 1U);
    gave(got, 1U);
    succeeded(s.run_alone(op::timeout{.after = 500us}));
  };
  const auto other = support::temporary_file("0123456789");
  if (can_hold_files()) {
    support::held_file held;
    typename session<Config>::template operation<op::write> write{
        op::write{.file = held.file(), .buffer = bytes_of("abc"), .offset = 100'000}};
    typename session<Config>::template operation<op::truncate> truncate{op::truncate{.file = held.file(), .length = 200'000}};
    typename session<Config>::template operation<op::allocate> allocate{op::allocate{.file = held.file(), .length = 300'000}};
    s.ring.start(write);
    s.ring.start(allocate);
    // As a plain call, where the kernel has no opcode, a change of the length would wait here.
    bool lengthens = true;
    for (const auto& one : s.ring.report())
      if (one.operation == op::truncate::name) lengthens = one.how != sluice::service::call;
    if (lengthens) s.ring.start(truncate);
    for (int i = 0; i < 5; ++i) goes_on();
    BOOST_TEST(!write.is_done());
    BOOST_TEST(!allocate.is_done());
    gave(s.run_alone(op::read{.file = other.file(), .buffer = buffer.span(4), .offset = 2}), 4U);
    held.release();
    s.finish(write, allocate);
    gave(write.result(), 3U);
    succeeded(allocate.result());
    if (lengthens) {
      s.finish(truncate);
      succeeded(truncate.result());
    }
  }
  // More at once than there are threads, each for itself.
  std::vector<std::unique_ptr<typename session<Config>::template operation<op::read>>> reads;
  std::vector<support::buffer<1>> bytes(40);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    reads.push_back(std::make_unique<typename session<Config>::template operation<op::read>>(
        op::read{.file = other.file(), .buffer = bytes[i].span(), .offset = i % 10}));
    s.ring.start(*reads.back());
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (!reads[i]->is_done()) s.finish(*reads[i]);
    gave(reads[i]->result(), 1U);
    BOOST_TEST(bytes[i].text(1) == std::to_string(i % 10));
  }
}

template <class Config>
void work_that_no_thread_has_begun_is_taken_back_and_the_rest_is_awaited() {
  covers("2.1");
  if (!can_hold_files()) return;
  covers("6.5");
  session<Config> s;
  support::held_file held;
  std::vector<std::unique_ptr<typename session<Config>::template operation<op::allocate>>> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(
        std::make_unique<typename session<Config>::template operation<op::allocate>>(op::allocate{.file = held.file(), .length = 10'000}));
    s.ring.start(*all.back());
  }
  s.poll(sluice::wait::none);
  held.await_callers(Config::keeps_files ? 1 : 8);
  for (const auto& one : all) BOOST_TEST(!one->is_done());
  for (const auto& one : all) s.ring.cancel(*one);
  s.linger(10ms);
  std::size_t taken_back = 0;
  for (const auto& one : all) {
    if (!one->is_done()) continue;
    canceled(one->result());
    ++taken_back;
  }
  BOOST_TEST(taken_back < all.size());  // some are in the call, and those are waited for
  if (!Config::keeps_files) BOOST_TEST(taken_back == all.size() - 8);
  held.release();
  for (const auto& one : all) s.finish(*one);
  std::size_t made = 0;
  for (const auto& one : all) {
    if (one->result())
      ++made;
    else
      canceled(one->result());
  }
  BOOST_TEST(made <= all.size() - taken_back);
  if (!Config::keeps_files) BOOST_TEST(made == 8U);
}

template <class Config>
void the_end_of_a_ring_awaits_what_nothing_interrupts_and_names_it() {
  if (!can_hold_files()) return;
  covers("9.3", "9.1");
  support::held_file held;
  std::optional<session<Config>> s{std::in_place};
  typename session<Config>::template operation<op::allocate> one{op::allocate{.file = held.file(), .length = 50'000}};
  s->ring.start(one);
  s->poll(sluice::wait::none);
  held.await_callers();
  BOOST_TEST(!one.is_done());
  const auto begin = std::chrono::steady_clock::now();
  std::thread later{[&] {
    std::this_thread::sleep_for(1200ms);
    held.release();
  }};
  const auto said = error_output_of([&] { s.reset(); });
  BOOST_TEST((std::chrono::steady_clock::now() - begin >= 1100ms));
  later.join();
  BOOST_TEST(one.is_done());
  succeeded(one.result());
  // A ring of the kernel's has no threads of ours.
  if (!Config::keeps_files) {
    BOOST_TEST(said.find("nothing interrupts: allocate\n") != std::string::npos, said);
    BOOST_TEST(said.find("allocate") == said.rfind("allocate"));
  }
}

template <class Config>
void the_position_of_a_file_is_used_and_moved() {
  covers("10.2");
  session<Config> s;
  const auto file = support::temporary_file("0123456789");
  const auto position = [&] { return ::lseek(file.get(), 0, SEEK_CUR); };
  support::buffer<4> first;
  support::buffer<4> second;
  gave(s.run_alone(op::read{.file = file.file(), .buffer = first.span(3)}), 3U);
  BOOST_TEST(first.text(3) == "012");
  BOOST_TEST(position() == 3);
  // A place that is named neither uses it nor moves it.
  gave(s.run_alone(op::read{.file = file.file(), .buffer = first.span(2), .offset = 8}), 2U);
  gave(s.run_alone(op::write{.file = file.file(), .buffer = bytes_of("9"), .offset = 9}), 1U);
  BOOST_TEST(position() == 3);
  const auto [a, b] =
      s.run(op::soft(op::read{.file = file.file(), .buffer = first.span(2)}), op::read{.file = file.file(), .buffer = second.span(2)});
  gave(a, 2U);
  gave(b, 2U);
  BOOST_TEST(first.text(2) + second.text(2) == "3456");
  gave(s.run_alone(op::write{.file = file.file(), .buffer = bytes_of("xy")}), 2U);
  BOOST_TEST(position() == 9);
  const sluice::mutable_buffer in[] = {first.span(1), second.span(1)};
  gave(s.run_alone(op::readv{.file = file.file(), .buffers = in}), 1U);
  BOOST_TEST(position() == 10);
  const sluice::const_buffer out[] = {bytes_of("ab"), bytes_of("c")};
  gave(s.run_alone(op::writev{.file = file.file(), .buffers = out}), 3U);
  BOOST_TEST(position() == 13);
  gave(s.run_alone(op::read{.file = file.file(), .buffer = first.span()}), 0U);
  BOOST_TEST(position() == 13);
}

template <class Config>
void flags_of_an_open_file_description_are_left_as_they_are() {
  covers("10.3");
  session<Config> s;
  for (const int flag : {0, O_NONBLOCK}) {
    const auto pair = support::socket_pair();
    const auto pipe = support::pipe_pair();
    const support::listener server;
    const auto file = support::temporary_file("abc");
    const support::descriptor client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const int given[] = {pair.near.get(), pair.far.get(), pipe.near.get(), pipe.far.get(), server.socket.get(), file.get(), client.get()};
    int before[std::size(given)];
    for (std::size_t i = 0; i < std::size(given); ++i) {
      ::fcntl(given[i], F_SETFL, ::fcntl(given[i], F_GETFL) | flag);
      before[i] = ::fcntl(given[i], F_GETFL);
    }
    const auto unchanged = [&] {
      for (std::size_t i = 0; i < std::size(given); ++i) BOOST_TEST(::fcntl(given[i], F_GETFL) == before[i], "descriptor " << i);
    };
    support::buffer<> buffers[4];
    typename session<Config>::template operation<op::recv> recv{op::recv{.socket = pair.near.socket(), .buffer = buffers[0].span()}};
    typename session<Config>::template operation<op::read> read{op::read{.file = pipe.near.file(), .buffer = buffers[1].span()}};
    typename session<Config>::template operation<op::accept> accept{op::accept{.socket = server.socket.socket()}};
    s.ring.start(recv);
    s.ring.start(read);
    s.ring.start(accept);
    for (int i = 0; i < 3; ++i) {
      s.poll(sluice::wait::none);
      unchanged();
    }
    // They wait, whatever the flag says: it is not theirs.
    BOOST_TEST(!recv.is_done());
    BOOST_TEST(!read.is_done());
    BOOST_TEST(!accept.is_done());
    gave(s.run_alone(op::send{.socket = pair.far.socket(), .buffer = bytes_of("x")}), 1U);
    gave(s.run_alone(op::write{.file = pipe.far.file(), .buffer = bytes_of("yz")}), 2U);
    gave(s.run_alone(op::read{.file = file.file(), .buffer = buffers[2].span(), .offset = 0}), 3U);
    succeeded(s.run_alone(op::connect{.socket = client.socket(), .address = sluice::ip::endpoint{sluice::ip::loopback, server.port}}));
    unchanged();
    s.finish(recv, read, accept);
    gave(recv.result(), 1U);
    gave(read.result(), 2U);
    BOOST_TEST_REQUIRE(accept.result().has_value());
    ::close(accept.result()->socket.native());
    unchanged();
  }
}

template <class Config>
void the_operations_of_a_span_are_not_linked() {
  covers("4.6");
  session<Config> s;
  using reads = typename session<Config>::template operation<op::read>;
  support::buffer<> buffer;
  const auto file = support::temporary_file("abc");
  std::array<reads, 3> all{reads{op::read{.file = sluice::file_handle{7777}, .buffer = buffer.span()}},
                           reads{op::read{.file = file.file(), .buffer = buffer.span(), .offset = 0}},
                           reads{op::read{.file = file.file(), .buffer = buffer.span(), .offset = 1}}};
  s.ring.start(std::span<reads>{all});
  for (auto& one : all)
    if (!one.is_done()) s.finish(one);
  failed(all[0].result(), std::errc::bad_file_descriptor);
  gave(all[1].result(), 3U);  // short, and that cuts nothing
  gave(all[2].result(), 2U);
}

}  // namespace laws::backend

// clang-format off
#define LAWS_OF_BACKEND_BLOCKING(models)                                      \
  LAW_OF_BACKENDS(a_deadline_over_what_nothing_interrupts_leaves_its_result, models) \
  LAW_OF_BACKENDS(a_file_that_blocks_does_not_block_the_loop, models)         \
  LAW_OF_BACKENDS(work_that_no_thread_has_begun_is_taken_back_and_the_rest_is_awaited, models) \
  LAW_OF_BACKENDS(the_end_of_a_ring_awaits_what_nothing_interrupts_and_names_it, models) \
  LAW_OF_BACKENDS(the_position_of_a_file_is_used_and_moved, models)           \
  LAW_OF_BACKENDS(flags_of_an_open_file_description_are_left_as_they_are, models) \
  LAW_OF_BACKENDS(the_operations_of_a_span_are_not_linked, models)
// clang-format on
