// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Runs tasks on one thread: whoever must wait goes straight to the next one that can run. Layer: coro.

#include <sluice/aio/call.hpp>
#include <sluice/aio/ring.hpp>
#include <sluice/concept/callable.hpp>
#include <sluice/concept/context.hpp>
#include <sluice/concept/stack.hpp>
#include <sluice/concept/stuck.hpp>
#include <sluice/concept/trace.hpp>
#include <sluice/config.hpp>
#include <sluice/coro/attachment.hpp>
#include <sluice/coro/body.hpp>
#include <sluice/coro/current.hpp>
#include <sluice/coro/frame.hpp>
#include <sluice/coro/housing.hpp>
#include <sluice/coro/inbox.hpp>
#include <sluice/coro/ready_queue.hpp>
#include <sluice/coro/report.hpp>
#include <sluice/coro/switching.hpp>
#include <sluice/coro/waits.hpp>
#include <sluice/result.hpp>
#include <sluice/wait.hpp>

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::coro {

class court;

/// A scheduler of tasks, with the ring that they share. It belongs to the thread that made it; immovable.
///
/// There is no stack of its own: the caller of `run` or `poll` is a task like any other, called the root, and the loop runs on the stack of
/// whichever task has to wait while no other can run.
/// \errors `make`: what the backend's `open` gives, `errc::shadow_stack`  \allocates stacks by the stack policy; after warm-up nothing
template <class Config>
class scheduler {
 public:
  using ring_type = aio::ring<Config>;                           ///< the core below
  using context_type = policy_of<Config, policy_kind::context>;  ///< how stacks are left
  using stack_type = policy_of<Config, policy_kind::stack>;      ///< where stacks come from
  using trace_type = policy_of<Config, policy_kind::trace>;      ///< what is observed
  using stuck_type = policy_of<Config, policy_kind::stuck>;      ///< what becomes of tasks that do not end
  using backend_type = typename ring_type::backend_type;         ///< how operations reach the system
  using fiber_type = fiber<Config>;                              ///< a task, as every switch sees it
  using frame_type = frame<Config>;                              ///< the rest of it
  using os = typename ring_type::os;                             ///< where system calls go

  /// Makes a scheduler for this thread.
  [[nodiscard, gnu::cold]] static auto make(const ring_options& options = {}) noexcept -> result<scheduler> {
    if (!context_type::supported()) return failure(errc::shadow_stack);
    const auto opened = backend_type::open(options);
    if (!opened) return std::unexpected{opened.error()};
    return result<scheduler>{std::in_place, *opened};
  }

  /// \cond
  explicit scheduler(const typename backend_type::opened& parts) noexcept : ring_{parts} {
    root_.cold = &root_frame_;
    root_frame_.hot = &root_;
    root_frame_.home = this;
    root_frame_.id = 0;
    root_.cancelled =
        true;  // what makes its yields and waits as slow as those of the few that were asked to end, so that one test tells both
    context_type::attach(root_.context, root_storage_.data());
    ring_.expect_wakes(false);
  }
  /// \endcond
  scheduler(const scheduler&) = delete;
  auto operator=(const scheduler&) -> scheduler& = delete;

  /// Asks all tasks to end, newest first, and runs them to their end. A task that keeps waiting although its waits are refused, or that
  /// outlives the grace time of the config's stuck policy, is named and, by `stuck::abandon`, abandoned: never resumed, its destructors not
  /// run. Handles that outlive the scheduler are empty afterwards.
  [[gnu::cold]] ~scheduler();

  /// Starts a task that the scheduler owns, and that nobody joins: of an exception of it the same is true as of a detached task's.
  /// \errors `not_enough_memory` for its stack, from the `run` or `poll` that is under way, or else from the next one
  template <class F, class... Args>
    requires(!chooses_options<std::remove_cvref_t<F>>)
  auto spawn(F&& f, Args&&... args) -> void {
    spawn(spawn_options{.where = std::source_location{}}, std::forward<F>(f), std::forward<Args>(args)...);
  }
  /// As above, with options.
  template <class F, class... Args>
  auto spawn(const spawn_options& options, F&& f, Args&&... args) -> void {
    if constexpr (sluice::detail::check_task<F, Args...>())
      if (create(options, std::forward<F>(f), std::forward<Args>(args)...) == nullptr) note_failure(why_none());
  }

  /// As above, with a stack of another size. \units bytes
  template <std::size_t Bytes, class F, class... Args>
  auto spawn(stack_bytes_t<Bytes> size, F&& f, Args&&... args) -> void {
    spawn(options_of<Config>(size), std::forward<F>(f), std::forward<Args>(args)...);
  }

  /// Runs until no task is left. \errors `errc::deadlock`, after all were cancelled; `errc::already_running` inside a task; what ends the
  /// ring; what kept a task from being spawned
  [[gnu::noinline, gnu::cold]] auto run() -> result<void>;

  /// One turn inside a foreign loop: completions, then every task that is ready now, then what they submit. Sleeps only if no task is
  /// ready. How many tasks are left. \errors as `run`
  auto poll(wait how = wait::none) -> result<std::size_t>;

  /// Asks all tasks to end, newest first.
  [[gnu::noinline, gnu::cold]] void cancel_all() noexcept;

  /// Tasks that have not ended.
  [[nodiscard]] auto live() const noexcept -> std::size_t { return live_; }
  /// Whether a task beside the running one could run now.
  [[nodiscard]] auto has_ready() const noexcept -> bool { return !ready_.empty(); }
  /// A descriptor that polls readable when what tasks wait for wants `poll` to be called.
  /// \errors as the ring's: `errc::no_handle` on a backend that has none, as `backend::poll`; those of eventfd(2) and io_uring_register(2)
  [[nodiscard]] auto native_handle() noexcept -> result<int> { return ring_.native_handle(); }
  /// When `poll` should be called at the latest, to be asked after each turn: now if a task is ready or a turn has left something to do,
  /// else at the next timer; `time_point::never()` for none.
  [[nodiscard]] auto next_deadline() const noexcept -> time_point { return ready_.empty() ? ring_.next_deadline() : ring_type::now(); }
  /// The ring below.
  [[nodiscard]] auto ring() noexcept -> ring_type& {
    ring_.expect_wakes(true);
    return ring_;
  }
  /// A policy of this scheduler.
  template <policy_kind Kind>
  [[nodiscard]] auto policy() noexcept -> auto& {
    if constexpr (Kind == policy_kind::stack)
      return housing_.stacks();
    else if constexpr (Kind == policy_kind::trace)
      return ring_.trace();
    else if constexpr (Kind == policy_kind::backend)
      return ring().backend();
    else
      static_assert(Kind == policy_kind::stack,
                    "[sluice.scheduler.policy] only backend, stack and trace have an instance that can be reached; ask for one of those");
  }
  /// Prints every task, what it waits for and where it was spawned.
  void report(std::FILE* out, const char* headline = "tasks") noexcept { print_report<Config>(*this, out, headline); }
  /// Prints how much of their stacks tasks have used at most, a line for each place where some were spawned with options: of those that
  /// live, and with `stack::painted` of those that have ended. \allocates one table while it runs; without memory it prints nothing
  void report_stacks(std::FILE* out) noexcept;

  // ---------------------------------------------------------------------------------------------------------------------
  // What tasks and scopes are made of; the facade is `coro_of`.
  /// \cond

  // Makes a task that is ready to run; nobody owns it yet. Null where that does not go, for the reason that `why_none` gives then.
  template <class F, class... Args>
  auto create(const spawn_options& options, F&& f, Args&&... args) -> body<Config, F, Args...>* {
    using made = body<Config, F, Args...>;
    check_thread();
    const auto room = housing_.make_room(sizeof(made), alignof(made), options.stack_bytes);
    if (room.hot == nullptr) [[unlikely]]
      return nullptr;
    struct give_back {
      housing<Config, os>& home;
      const placement<Config>* room;
      ~give_back() {
        if (room != nullptr) home.unmake_room(*room);
      }
    } guard{housing_, &room};
    auto* const task = ::new (reinterpret_cast<void*>(room.frame)) made(std::forward<F>(f), std::forward<Args>(args)...);
    guard.room = nullptr;
    task->home = this;
    task->id = ++last_id_;
    housing_.settle(*task, room, options);
    note_no_wait(*room.hot);
    ++live_;
    watch().hook(event::task_spawned{task->id, task->name()});
    context_type::prepare(room.hot->context, room.usable, &made::enter, static_cast<void*>(task));
    push(*room.hot);
    watch().hook(event::task_ready{task->id});
    return task;
  }

  // The same for the task that a program begins with.
  template <class F, class... Args>
  [[gnu::noinline, gnu::cold]] auto create_first(F&& f, Args&&... args) -> body<Config, F, Args...>* {
    return create(spawn_options{.name = "root", .where = std::source_location{}}, std::forward<F>(f), std::forward<Args>(args)...);
  }

  [[nodiscard]] auto why_none() const noexcept -> const std::error_code& { return housing_.refusal(); }

  // What the ring tells: it is its own sink, so that nothing has to be carried along. Defined in completions.hpp.
  [[gnu::always_inline]] void operator()(aio::record& one) noexcept;
  // The same for many one after the other, as long as nothing has to be called for them. Where the next one is noted is carried along.
  [[gnu::always_inline]] auto begin_gathering() noexcept -> fiber_type**;
  [[gnu::always_inline]] void end_gathering(fiber_type** end) noexcept;
  // One that its task waits for alone.
  [[gnu::always_inline]] void gather_sole(fiber_type**& end, aio::record& one) noexcept;
  // Another; `complete` finishes the operation first. False: something has to be called, and nothing was done.
  template <class Complete>
  [[gnu::always_inline]] auto gather(fiber_type**& end, aio::record& one, Complete&& complete) noexcept -> bool;
  void operator()(aio::timer& one) noexcept;
  void woken() noexcept;

  // What was attached under a key, or null; and attaching something, which is ended after the last task.
  [[nodiscard]] auto attached(const void* key) const noexcept -> attachment* {
    attachment* one = attachments_;
    while (one != nullptr && one->key != key) one = one->next;
    return one;
  }
  void attach(attachment& one) noexcept { one.next = std::exchange(attachments_, &one); }
  // So many more of its tasks wait for what comes through the inbox.
  void expect_remote(int by) noexcept { remote_waits_ += static_cast<std::size_t>(by); }
  // And so many for the end of others that are judged together with it.
  void expect_end(int by) noexcept { end_waits_ += static_cast<std::size_t>(by); }
  // Whether it is stuck is asked of a court, whose members hold so many references to its inbox.
  void judged_by(court& judges, inbox& box, std::uint32_t references) noexcept;
  // Whether the calling thread may use it.
  [[nodiscard]] auto is_here() const noexcept -> bool { return ring_.is_here(); }
  void check_thread() const noexcept {
    assert(is_here() &&
           "[sluice.coro.foreign] a scheduler and its tasks are used by the thread that made it; from another one use post, spawn_on or "
           "task::remote");
  }
  // The ring, for those who do not show it to others.
  [[nodiscard]] auto own_ring() noexcept -> ring_type& { return ring_; }

  // The running task, and whether it is one.
  [[nodiscard]] auto self() noexcept -> fiber_type& { return *running_; }
  [[nodiscard]] auto in_task() const noexcept -> bool { return running_ != &root_; }

  [[gnu::always_inline]] void make_ready(fiber_type& task) noexcept {
    note_ready(task);
    push(task);
  }
  [[gnu::always_inline]] void note_ready(fiber_type& task) noexcept {
    task.state = fiber_state::ready;
    watch().hook(event::task_ready{task.cold->id});
  }

  // Leaves the running task until it is made ready. What leaves a task for the next one is defined in turns.hpp.
  [[gnu::always_inline]] void park(waiting& w) noexcept { park(*running_, w); }
  // The same where it is rare.
  void park_rarely(waiting& w) noexcept;
  // The same for what other tasks end, while the ring may have nothing to do.
  [[gnu::always_inline]] void park_among_tasks(waiting& w) noexcept { park<true>(*running_, w); }
  template <bool AmongTasks = false>
  [[gnu::always_inline]] void park(fiber_type& me, waiting& w) noexcept;

  [[gnu::always_inline]] void yield() noexcept;

  // Who was asked to end yields more slowly, and the root, which cannot.
  [[gnu::noinline, gnu::cold]] void yield_cancelled() noexcept;

  // The same out of line, for where it is rare: the ring has its turn, should one be due.
  [[gnu::noinline, gnu::cold]] void give_way() noexcept;

  // Goes on with whoever is next, until the running task is.
  [[gnu::noinline, gnu::cold]] void leave() noexcept;

  // Whether the running task was asked to end, as far as shields let that through.
  [[nodiscard]] auto cancelled(const fiber_type& task) const noexcept -> bool {
    if (!task.cancelled) [[likely]]
      return false;
    for (const cancel_scope* scope = task.cold->scopes(); scope != nullptr; scope = scope->outer) {
      if (scope->cancelled) return true;
      if (scope->shielded) return false;
    }
    return false;
  }

  // Something that the running task should not have asked for any more. At the end of a scheduler the patience with that ends, too.
  void count_refusal() noexcept;
  // Whether a task for which another one waits that was asked to end has come into being since all were. Who goes on making such, and waits
  // for each, refuses its end although no wait is refused.
  [[nodiscard]] auto came_late(const frame_type& child) const noexcept -> bool { return (ending_ || deadlocked_) && !child.base.cancelled; }
  // Asks a task to end because the running one waits for it, which is counted then.
  void recall(frame_type& child) noexcept;

  // A wait of the running task was refused or cut short because the task was asked to end.
  [[gnu::noinline, gnu::cold]] void note_refusal() noexcept;

  // The request to end reached the running task, or through it a task that it waited for.
  void note_cut() noexcept;

  [[gnu::noinline, gnu::cold]] void request_cancel(frame_type& task) noexcept;

  // Some scope of the task was asked to end: cuts short what it waits for.
  [[gnu::noinline, gnu::cold]] void interrupt(frame_type& task) noexcept;

  // A call was done at once. A task that never waits lets the others run now and then.
  [[gnu::always_inline]] void note_inline() noexcept {
    if (++inline_streak_ >= most_inline) [[unlikely]]
      give_way();
  }

  // Leaves the running task until then. \errors `operation_canceled`; `not_enough_memory`
  auto sleep_until(time_point deadline) noexcept -> result<void>;

  // A deadline for a scope of the running task.
  struct scope_deadline {
    aio::timer timer;
    cancel_scope* scope = nullptr;
    frame_type* task = nullptr;
  };
  // Its time is over.
  [[gnu::noinline, gnu::cold]] void end_scope(const scope_deadline& limit) noexcept;
  auto arm(scope_deadline& one, time_point when) noexcept -> result<void> {
    one.timer.deadline = when;
    one.timer.tag = timer_ends_scope;
    one.timer.owner = &one;
    return ring_.arm(one.timer);
  }

  // Gives a finished task's memory back; see `housing`. The ring may have its turn on the stack of one, which leaves on its own then.
  [[gnu::always_inline]] void release(frame_type& task) noexcept {
    if (task.hot == polling_) [[unlikely]]
      task.handle = nullptr;
    else
      housing_.release(task);
  }

  // The same by code that is there anyhow, where it is rare.
  [[gnu::cold]] void release_rarely(frame_type& task) noexcept;

  // What the end of a handle comes to, whatever the type of the result; the handle is empty afterwards.
  [[gnu::noinline, gnu::cold]] void end_handle(frame_type*& handle) noexcept;

  // Waits until the task of a handle has ended, where a join is not as usual. An error: it cannot be waited for here, or never will end.
  [[gnu::noinline, gnu::cold]] auto await_end(frame_type*& handle, bool cancellable) noexcept -> result<void>;

  // A task has thrown, and handles that. Whoever may join it gets the exception; where nobody may, it is told, and ends the program unless
  // the task was asked to end.
  [[gnu::noinline, gnu::cold]] void take_exception(ended_frame<Config>& task) noexcept;

  // Throws what the task of a handle has thrown; the task and the handle go before.
  [[noreturn, gnu::noinline, gnu::cold]] void rethrow(frame_type*& handle);

  // The task that the running one joins never will end.
  [[gnu::noinline, gnu::cold]] auto given_up() noexcept -> std::unexpected<std::error_code>;

  // The task that was joined was cut short: perhaps because the running one was asked to end.
  [[gnu::noinline, gnu::cold]] void note_cut_below() noexcept;

  // Runs turns until `done(what)`: for a handle that is joined by code that is no task. An error if it never will be. Only in a scheduler
  // that is polled are there tasks while none of them runs; others do not contain the code.
  using is_done = auto (*)(const void*) noexcept -> bool;
  auto drive(is_done done, const void* what) noexcept -> result<void> {
    return driver_ == nullptr ? failure(errc::deadlock) : (this->*driver_)(done, what);
  }

  // What a signal handler may ask for, as bits of a word.
  static constexpr unsigned wish_end = 1;
  static constexpr unsigned wish_report = 2;
  void wish(std::atomic<unsigned>& wishes, unsigned bit) noexcept {
    wishes.fetch_or(bit, std::memory_order_relaxed);
    ring_.wake();
  }
  void watch_wishes(std::atomic<unsigned>* wishes, frame_type** target) noexcept;

  // How other threads reach this scheduler; made when first asked for. Null where there is no memory for it.
  auto shared_inbox() noexcept -> inbox*;
  void cancel_slot(std::uint32_t slot, std::uint32_t generation) noexcept;

  template <class F>
  void each_task(F&& f) noexcept {
    std::uint32_t slot = 0;
    while (fiber_type* const task = housing_.next(slot)) f(*task);
  }
  [[nodiscard]] auto stack_of_running() const noexcept -> const frame_type* { return running_ == &root_ ? nullptr : running_->cold; }

  static constexpr std::uint8_t timer_wakes = 1;
  static constexpr std::uint8_t timer_ends_scope = 2;
  static constexpr std::uint8_t timer_counts = 3;  // is one of several that the task waits for
  static constexpr std::uint8_t timer_ends_grace = 4;
  /// \endcond

 private:
  template <class C, class F, class... Args>
  friend class body;

  static constexpr std::uint32_t most_inline = 32;
  static constexpr std::size_t most_cached = 4096;  // tasks whose hot parts and ends of stacks a core's own caches hold
  static constexpr std::uint32_t most_refusals = stuck_type::refusals;
  static constexpr bool has_grace = sluice::has_grace<stuck_type>;

  // Makes this the thread's scheduler while it runs.
  struct entry_guard;

  // What the ring tells is dealt with on the stack of a task that waits already, or has ended, and cannot wait for anything else; and stop
  // callbacks are called in the middle of a cancel, when no task may end. While this lives nobody counts as running: what is called waits
  // as outside of tasks, if it does.
  class [[nodiscard]] interlude {
   public:
    explicit interlude(scheduler& home) noexcept : home_{home}, running_{std::exchange(home.running_, &home.root_)}, outer_{home.polling_} {
      if (running_ != &home.root_) home.polling_ = running_;
    }
    interlude(const interlude&) = delete;
    auto operator=(const interlude&) -> interlude& = delete;
    ~interlude() {
      home_.running_ = running_;
      home_.polling_ = outer_;
    }

   private:
    scheduler& home_;
    fiber_type* running_;
    fiber_type* outer_;
  };

  [[nodiscard]] auto watch() noexcept -> observer<trace_type> { return ring_.watch(); }

  [[gnu::always_inline]] void push(fiber_type& task) noexcept { ready_.push(task); }

  /// The next task to run. Under `poll` there always is one: the root is in the queue.
  [[gnu::always_inline]] auto take() noexcept -> fiber_type*;

  /// A tick is over, and where the ring is quiet the next one begins.
  [[gnu::always_inline]] auto take_quietly() noexcept -> fiber_type*;

  /// The queue has run as it stood: a tick is over, and the ring has its turn. Under `poll` that comes when the root goes on.
  [[gnu::noinline]] auto take_in_turn() noexcept -> fiber_type*;

  /// Whether another thread may still send something.
  [[nodiscard]] auto is_reachable() const noexcept -> bool { return inbox_ != nullptr && (remote_waits_ != 0 || inbox_->is_shared()); }

  /// Nothing is in flight and no timer is armed: what completes without the kernel may still wake a task, else none will ever run.
  [[gnu::noinline, gnu::cold]] void without_hope() noexcept;
  void ask_court() noexcept;

  /// Lets the root look at what the tasks cannot do: its stack has room to print, theirs may not.
  void call_root() noexcept {
    if (looping_ && root_.state == fiber_state::parked) make_ready(root_);
  }

  /// What the root was called for. Whether there are tasks to go on with.
  [[gnu::cold]] auto attend() noexcept -> bool;

  /// Polls. Where the ring is lost, `ring_lost_` and `status_` say so, and no task can go on.
  void poll_ring(bool sleeps) noexcept { poll_rest(sleeps, simple_poll::refused, 0); }

  /// The same after a poll in the simple way that was not enough.
  [[gnu::noinline]] void poll_rest(bool sleeps, simple_poll so_far, std::uint32_t taken) noexcept;

  [[gnu::noinline, gnu::cold]] void lost(std::error_code why) noexcept;

  [[gnu::noinline, gnu::cold]] void listen() noexcept;

  // All tasks were asked to end, and have so long for that.
  struct grace_time {
    aio::timer timer;
    bool over = false;
  };
  struct no_grace_time {};
  void begin_grace() noexcept;
  void note_end_of_grace() noexcept;
  /// Timers that no task waits for.
  [[nodiscard]] auto own_timers() const noexcept -> std::size_t {
    if constexpr (has_grace)
      return grace_.timer.armed ? 1 : 0;
    else
      return 0;
  }
  /// A task goes on, or begins: what it waited for is no more.
  [[gnu::always_inline]] static void note_no_wait([[maybe_unused]] fiber_type& task) noexcept {
    if constexpr (has_grace) task.wait = nullptr;
  }

  /// No task has any more time.
  [[gnu::noinline, gnu::cold]] void give_up_all() noexcept;

  /// Tasks are left, none is ready and nothing can make one so.
  [[gnu::cold]] void stuck() noexcept;

  [[gnu::noinline, gnu::cold]] void abandon_all() noexcept;

  [[gnu::noinline, gnu::cold]] void lose(fiber_type& task) noexcept;

  void tell_lost() noexcept;

  /// What `run` and `poll` have to tell: what ended the tasks, or else what kept one from being made.
  [[gnu::noinline, gnu::cold]] auto take_failure() noexcept -> std::unexpected<std::error_code>;

  /// The running task is never resumed; what it owns stays as it is.
  [[noreturn]] void abandon(fiber_type& me) noexcept;

  template <bool AmongTasks>
  [[gnu::always_inline]] void resume_next(fiber_type& me, waiting& w) noexcept;

  [[gnu::always_inline]] void go_on(const fiber_type& me) noexcept;
  [[gnu::always_inline]] void switch_to(fiber_type& from, fiber_type& to) noexcept;

  /// First thing in a task.
  void arrived(frame_type& me) noexcept { switching_.arrived(me); }

  /// Last thing in a task, on its own stack. Inlined for the processor's sake: it would predict that the call of this is returned from, and
  /// then every return of the fiber that goes on would go wrong.
  template <class Body>
  [[noreturn, gnu::always_inline]] inline void finish(Body& me) noexcept;

  [[gnu::noinline, gnu::cold]] auto drive_on(is_done done, const void* what) noexcept -> result<void>;

  void note_failure(std::error_code code) noexcept {
    if (!spawn_status_) spawn_status_ = code;
  }

  ready_queue<Config> ready_{root_};
  switching<Config> switching_;
  fiber_type* running_ = &root_;  // not beside the queue's tail, for the reason that parts its head and its tail
  std::size_t live_ = 0;
  std::uint64_t last_id_ = 0;
  std::uint32_t inline_streak_ = 0;
  bool looping_ = false;
  bool ending_ = false;
  bool deadlocked_ = false;
  bool ring_lost_ = false;
  bool stuck_ = false;
  bool report_wanted_ = false;
  bool interrupting_ = false;
  fiber_type* polling_ = nullptr;  // during an interlude, whose stack it is on
  fiber_type* untold_ = nullptr;
  frame_type* first_to_interrupt_ = nullptr;
  frame_type** last_to_interrupt_ = &first_to_interrupt_;
  std::error_code status_;
  std::error_code spawn_status_;
  std::atomic<unsigned>* wishes_ = nullptr;
  frame_type** wish_target_ = nullptr;
  inbox* inbox_ = nullptr;
  std::size_t remote_waits_ = 0;
  std::size_t end_waits_ = 0;
  attachment* attachments_ = nullptr;
  court* court_ = nullptr;
  [[no_unique_address]] std::conditional_t<has_grace, grace_time, no_grace_time> grace_;
  void (scheduler::*ask_)() noexcept = nullptr;     // the court; only programs with one contain it
  void (scheduler::*listen_)() noexcept = nullptr;  // whatever comes from outside wakes the ring; set with the first way in
  auto (scheduler::*driver_)(is_done, const void*) noexcept -> result<void> = nullptr;
  fiber_type root_;
  frame_type root_frame_;
  alignas(16) std::array<std::byte, context_type::storage_bytes == 0 ? 1 : context_type::storage_bytes> root_storage_{};
  housing<Config, os> housing_;
  ring_type ring_;
};

}  // namespace sluice::inline v0::coro
