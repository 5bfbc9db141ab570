// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Tasks for one config, under short names. Layer: coro.

#include <sluice/aio/facade.hpp>
#include <sluice/concept/callable.hpp>
#include <sluice/coro/blocking.hpp>
#include <sluice/coro/channel.hpp>
#include <sluice/coro/deadline.hpp>
#include <sluice/coro/io.hpp>
#include <sluice/coro/last_resort.hpp>
#include <sluice/coro/main.hpp>
#include <sluice/coro/objects.hpp>
#include <sluice/coro/post.hpp>
#include <sluice/coro/remote_channel.hpp>
#include <sluice/coro/remote_event.hpp>
#include <sluice/coro/remote_mutex.hpp>
#include <sluice/coro/run.hpp>
#include <sluice/coro/runtime.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/coro/scope.hpp>
#include <sluice/coro/select.hpp>
#include <sluice/coro/stop.hpp>
#include <sluice/coro/stream.hpp>
#include <sluice/coro/structure.hpp>
#include <sluice/coro/sync.hpp>
#include <sluice/coro/task.hpp>

#include <cstdint>
#include <source_location>
#include <span>
#include <stop_token>
#include <string_view>
#include <utility>

namespace sluice::inline v0 {

/// Tasks for a config: `using coro = sluice::coro_of<app>;`. Everything here is used on the thread of the scheduler that runs the calling
/// task.
template <class Config>
struct coro_of {
  using config = detail::sound<Config>;       ///< as given; the defaults in place of one with a mistake, which is then said once
  using scheduler = coro::scheduler<config>;  ///< to embed one; `run` and `main` make their own
  using scope = coro::basic_scope<config>;    ///< owns tasks, and ends after them
  /// Owns one task.
  template <class T>
  using task = coro::basic_task<config, T>;

  /// Runs `f(args...)` as the root task of a new scheduler until all tasks have ended. R(f).
  template <class F, class... Args>
  static auto run(F&& f, Args&&... args) {
    if constexpr (detail::check_task<F, Args...>())
      return coro::run<config>(std::forward<F>(f), std::forward<Args>(args)...);
    else
      return result<void>{};
  }
  /// Runs `f` as a whole program; gives its exit code.
  template <class F>
  static auto main(F&& f) -> int {
    if constexpr (detail::check_task<F>())
      return coro::main<config>(coro::main_options{}, std::forward<F>(f));
    else
      return 1;
  }
  /// As above, with options.
  template <class F>
  static auto main(const coro::main_options& options, F&& f) -> int {
    if constexpr (detail::check_task<F>())
      return coro::main<config>(options, std::forward<F>(f));
    else
      return 1;
  }

  /// Starts the operations in one submission and waits for all of them: `result<T>`, or a tuple of results for several. Outside a task it
  /// blocks the thread.
  /// \errors those of the operations; `operation_canceled` once the task was asked to end
  template <class... Ops>
  [[gnu::always_inline]] static auto io(Ops&&... ops) noexcept -> typename aio::outcome_of<std::remove_cvref_t<Ops>...>::type {
    if constexpr (aio::check_call<typename scheduler::backend_type, std::remove_cvref_t<Ops>...>())
      return coro::task_io<config>::io(std::forward<Ops>(ops)...);
    else
      __builtin_unreachable();  // the mistake was said; nothing else is to be said about it
  }
  /// Starts a batch whose size is known at run time, unlinked, and waits for all; the results stay in the operations. These do not move: a
  /// vector of them is made at once, `std::vector<aio::operation<op::read>> reads(wanted.begin(), wanted.end())` of `op::read`s.
  template <class Operation, std::size_t Extent>
  static void io(std::span<Operation, Extent> batch) noexcept {
    if constexpr (aio::check_batch<typename scheduler::backend_type, Operation>()) {
      const std::span<Operation> all{batch};
      if (auto* const home = current_task_home()) [[likely]]
        coro::task_io<config>::io(*home, all);
      else
        aio::run_batch<config>(all);
    }
  }

  using buffer_group = coro::basic_buffer_group<config>;  ///< buffers for `op::recv_many`

  /// Items from task to task.
  template <class T>
  using channel = coro::basic_channel<config, T>;
  /// Runs `f(args...)`, which may block, on another thread while the task waits. R(f).
  template <class F, class... Args>
  static auto blocking(F&& f, Args&&... args) {
    if constexpr (coro::check_blocking<F, Args...>())
      return coro::blocking<config>(std::forward<F>(f), std::forward<Args>(args)...);
    else
      return result<void>{};
  }

  using runtime = coro::basic_runtime<config>;  ///< several schedulers, one a thread

  /// Items between all tasks and threads.
  template <class T>
  using remote_channel = coro::basic_remote_channel<config, T>;
  using remote_event = coro::basic_remote_event<config>;    ///< happened or not, for all tasks and threads
  using remote_mutex = coro::basic_remote_mutex<config>;    ///< one of all tasks and threads at a time
  using remote_scheduler = coro::remote_scheduler<config>;  ///< a scheduler as other threads know it
  /// The scheduler that runs the calling task, for other threads; names nothing outside of one. \allocates at the first call in a scheduler
  [[nodiscard]] static auto here() noexcept -> remote_scheduler {
    auto* const home = detail::current<config>;
    return home == nullptr ? remote_scheduler{} : remote_scheduler{home->shared_inbox()};
  }

  /// Waits for the first of several: items of channels, operations, times.
  template <class... Arms>
  static auto select(Arms&&... arms) noexcept {
    static_assert(sizeof...(Arms) != 0, "[sluice.coro.select] a select without arms never ends; give it at least one");
    if constexpr (sizeof...(Arms) != 0 && (coro::check_arm<typename scheduler::backend_type, std::remove_cvref_t<Arms>>() && ...))
      return coro::select<config>(std::forward<Arms>(arms)...);
    else
      return coro::selection<>{std::error_code{}};
  }
  /// An arm of a `select` that wins when nothing else does for so long.
  [[nodiscard]] static auto after(interval span) noexcept -> coro::after_arm {
    return {span == interval::max() ? time_point::never() : scheduler::ring_type::now() + span};
  }
  /// The same until a point of the steady clock.
  [[nodiscard]] static auto at(coro::deadline until) noexcept -> coro::after_arm { return {until.when}; }

  using mutex = coro::basic_mutex<config>;                            ///< one task at a time
  using shared_mutex = coro::basic_shared_mutex<config>;              ///< one writer, or many readers
  using condition_variable = coro::basic_condition_variable<config>;  ///< waits under a mutex for something to become true
  using semaphore = coro::basic_semaphore<config>;                    ///< permits, taken and given back
  using event = coro::basic_event<config>;                            ///< happened or not
  using latch = coro::basic_latch<config>;                            ///< opens once
  using barrier = coro::basic_barrier<config>;                        ///< tasks wait for each other, again and again
  using once = coro::basic_once<config>;                              ///< done by whoever comes first

  // What programs hold; each is defined by a header of its own in sluice/io/, and all of them by sluice.hpp.
  using tcp_stream = io::basic_tcp_stream<config>;        ///< one end of a TCP connection: sluice/io/tcp.hpp
  using tcp_listener = io::basic_tcp_listener<config>;    ///< accepts TCP connections: sluice/io/tcp.hpp
  using resolver = io::basic_resolver<config>;            ///< finds the addresses of hosts: sluice/io/resolver.hpp
  using process = io::basic_process<config>;              ///< a program that was started: sluice/io/process.hpp
  using signal_set = io::basic_signal_set<config>;        ///< signals to wait for: sluice/io/signals.hpp
  using tty = io::basic_tty<config>;                      ///< a terminal: sluice/io/tty.hpp
  using udp_socket = io::basic_udp_socket<config>;        ///< sends and receives datagrams: sluice/io/udp.hpp
  using unix_stream = io::basic_unix_stream<config>;      ///< one end of a connection within the machine: sluice/io/unix.hpp
  using unix_listener = io::basic_unix_listener<config>;  ///< accepts those: sluice/io/unix.hpp
  using file = io::basic_file<config>;                    ///< an open file: sluice/io/file.hpp
  using directory = io::basic_directory<config>;          ///< an open directory: sluice/io/directory.hpp
  using pipe = io::basic_pipe<config>;                    ///< both ends of a pipe: sluice/io/pipe.hpp
  using pipe_reader = io::basic_pipe_reader<config>;      ///< the end of a pipe that is read: sluice/io/pipe.hpp
  using pipe_writer = io::basic_pipe_writer<config>;      ///< the end of a pipe that is written: sluice/io/pipe.hpp

  /// Copies all that is to be had from one object to another, or so many bytes at most: by the system wherever it can, through a buffer
  /// otherwise. Both may be types of a program's own, `io::byte_source` and `io::byte_sink`. Nothing behind the limit is taken, and neither
  /// is closed. Result: bytes copied.
  ///
  /// Another task that closes one of them ends it with an error, at the latest when there is more to copy. Where a backend
  /// copies on threads, the task that copies is to end before `to` is closed: a thread may be about to write to it. After an error as many
  /// bytes as are copied at a time may be gone from `from` and not have come to `to`. Data of a file that are on their way to a socket may
  /// still change with the file. Defined by sluice/io/copy.hpp.
  /// \units bytes  \errors those of reading `from` and of writing `to`; `not_enough_memory`; `operation_canceled`
  /// \allocates a buffer of 64 KiB at most where the system does not copy  \src copy_file_range(2), splice(2)
  template <class From, class To>
  static auto copy(From&& from, To&& to, std::uint64_t limit = ~std::uint64_t{0}) noexcept -> result<std::uint64_t> {
    return io::copy<config>(from, to, limit);
  }

  /// Starts an operation that gives one item after the other: `auto peers = coro::stream(op::accept_many{...});`, then
  /// `while (auto peer = peers.next())`, and `peers.end()` tells why there are no more.
  template <class Op>
  [[nodiscard]] static auto stream(const Op& op) noexcept {
    if constexpr (aio::check_stream<typename scheduler::backend_type, Op>())
      return coro::basic_stream<config, Op>{op};
    else
      return nullptr;  // the mistake was said; nothing else is to be said about it
  }

  /// Starts a task; the handle owns it.
  template <class F, class... Args>
    requires(!coro::chooses_options<std::remove_cvref_t<F>>)
  static auto spawn(F&& f, Args&&... args) {
    return spawn_with(spawn_options{.where = std::source_location{}}, std::forward<F>(f), std::forward<Args>(args)...);
  }
  /// As above, with a name or a stack size.
  template <class F, class... Args>
  static auto spawn(const spawn_options& options, F&& f, Args&&... args) {
    return spawn_with(options, std::forward<F>(f), std::forward<Args>(args)...);
  }

  /// As above, with a stack of another size: `coro::spawn(sluice::stack_bytes<256 * 1024>, f)`. \units bytes
  template <std::size_t Bytes, class F, class... Args>
  static auto spawn(stack_bytes_t<Bytes> size, F&& f, Args&&... args) {
    return spawn_with(coro::options_of<config>(size), std::forward<F>(f), std::forward<Args>(args)...);
  }

  /// Runs all at once: a tuple of their values, or the first failure, which cancels the others.
  template <class... Fs>
  static auto all(Fs... fs) {
    if constexpr (detail::check_calls_here<Fs...>())
      return coro::all<config>(std::move(fs)...);
    else
      return result<void>{};
  }
  /// Runs all at once: a variant with the first success, which cancels the others. One that succeeds in spite of that is destroyed, and
  /// with it the bytes that it has read: `select` gives what all have got.
  template <class... Fs>
  static auto race(Fs... fs) {
    static_assert(sizeof...(Fs) != 0, "[sluice.coro.race] a race of nothing has no winner; give it at least one callable");
    if constexpr (sizeof...(Fs) != 0 && detail::check_calls_here<Fs...>())
      return coro::race<config>(std::move(fs)...);
    else
      return result<void>{};
  }
  /// Runs `f` here, for at most so long. R(f), or `errc::timed_out`.
  template <class F>
  static auto with_timeout(interval limit, F&& f) {
    return with_deadline(limit == interval::max() ? time_point::never() : scheduler::ring_type::now() + limit, std::forward<F>(f));
  }
  /// Runs `f` here, until a point of the steady clock at most. R(f), or `errc::timed_out`.
  template <class F>
  static auto with_deadline(coro::deadline until, F&& f) {
    if constexpr (detail::check_call_here<F>())
      return coro::with_deadline<config>(until.when, std::forward<F>(f));
    else
      return result<void>{};
  }
  /// Runs `f` here; no request to end reaches it. R(f).
  template <class F>
  static auto shield(F&& f) {
    if constexpr (detail::check_call_here<F>())
      return coro::shield<config>(std::forward<F>(f));
    else
      return result<void>{};
  }

  /// Waits for a time, on the steady clock. Never early. \errors `operation_canceled`
  static auto sleep(interval span) noexcept -> result<void> {
    return sleep_until(span == interval::max() ? time_point::never() : scheduler::ring_type::now() + span);
  }
  /// Waits until a point of the steady clock. \errors `operation_canceled`
  static auto sleep_until(coro::deadline until) noexcept -> result<void> {
    if (auto* const home = current_task_home()) return home->sleep_until(until.when);
    return aio::run<config>(op::timeout{.at = until.when});
  }
  /// Lets every other ready task run first.
  [[gnu::always_inline]] static void yield() noexcept {
    if (auto* const home = detail::current<config>) home->yield();
  }

  /// The task that calls.
  struct this_task {
    /// Whether it was asked to end, shields considered.
    [[nodiscard]] static auto cancelled() noexcept -> bool {
      auto* const home = current_task_home();
      return home != nullptr && home->cancelled(home->self());
    }
    /// Its number, never used twice in a scheduler; 0 outside a task.
    [[nodiscard]] static auto id() noexcept -> std::uint64_t {
      auto* const home = current_task_home();
      return home != nullptr ? home->self().cold->id : 0;
    }
    /// Its name.
    [[nodiscard]] static auto name() noexcept -> std::string_view {
      auto* const home = current_task_home();
      return home != nullptr ? home->self().cold->name() : std::string_view{};
    }
    /// Names it; the first 23 characters are kept.
    static void name(std::string_view text) noexcept {
      if (auto* const home = current_task_home()) home->self().cold->name(text);
    }
    /// A token for foreign code; stop is requested when the task is asked to end. Stop callbacks are called by whoever asks, and as outside
    /// of tasks: they may spawn and tell others, but what waits there stops the thread. \allocates at the first call
    [[nodiscard]] static auto stop_token() -> std::stop_token {
      auto* const home = current_task_home();
      return home != nullptr ? coro::stop_token_of(*home->self().cold) : std::stop_token{};
    }
  };

 private:
  [[gnu::always_inline]] static auto current_task_home() noexcept -> scheduler* {
    auto* const home = detail::current<config>;
    return home != nullptr && home->in_task() ? home : nullptr;
  }

  template <class F, class... Args>
  static auto spawn_with(const spawn_options& options, F&& f, Args&&... args) {
    if constexpr (!detail::check_task<F, Args...>()) {
      return task<void>{};
    } else {
      using outcome_type = result_of_t<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>>;
      using handle = task<typename outcome_type::value_type>;
      auto* const home = detail::current<config>;
      if (home == nullptr) return handle{sluice::detail::system_code(std::errc::operation_not_permitted)};
      auto* const made = home->create(options, std::forward<F>(f), std::forward<Args>(args)...);
      return made != nullptr ? handle{*made} : handle{home->why_none()};
    }
  }
};

}  // namespace sluice::inline v0
