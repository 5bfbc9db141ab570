// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Runs tasks on one thread: whoever must wait goes straight to the next one that can run. Layer: coro.

#include <sluice/aio/call.hpp>
#include <sluice/aio/ring.hpp>
#include <sluice/concept/context.hpp>
#include <sluice/concept/stack.hpp>
#include <sluice/concept/trace.hpp>
#include <sluice/config.hpp>
#include <sluice/coro/body.hpp>
#include <sluice/coro/current.hpp>
#include <sluice/coro/frame.hpp>
#include <sluice/coro/inbox.hpp>
#include <sluice/coro/placement.hpp>
#include <sluice/coro/ready_queue.hpp>
#include <sluice/coro/report.hpp>
#include <sluice/coro/slab.hpp>
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

  /// Asks all tasks to end, newest first, and runs them to their end. A task that keeps waiting although its waits are refused is named and
  /// abandoned: never resumed, its destructors not run. Handles that outlive the scheduler are empty afterwards.
  [[gnu::cold]] ~scheduler();

  /// Starts a task that the scheduler owns. \errors `not_enough_memory` for its stack
  template <class F, class... Args>
    requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
  auto spawn(F&& f, Args&&... args) -> void {
    spawn(spawn_options{.where = std::source_location{}}, std::forward<F>(f), std::forward<Args>(args)...);
  }
  /// As above, with options.
  template <class F, class... Args>
    requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
  auto spawn(const spawn_options& options, F&& f, Args&&... args) -> void {
    if (const auto made = create(options, std::forward<F>(f), std::forward<Args>(args)...); !made) note_failure(made.error());
  }

  /// Runs until no task is left. \errors `errc::deadlock`, after all were cancelled; `errc::already_running` inside a task; what ends the
  /// ring; what kept a task from being spawned
  [[gnu::noinline, gnu::cold]] auto run() -> result<void> {
    if (detail::current<Config> != nullptr) return failure(errc::already_running);
    entry_guard guard{*this};
    status_ = std::exchange(spawn_status_, {});
    if (live_ != 0) {
      looping_ = true;
      deadlocked_ = false;
      ring_lost_ = false;
      waiting w{&root_wait};
      do { park(w); } while (attend());
      looping_ = false;
      ready_.clear(root_);
      bury();
    }
    if (status_) return std::unexpected{std::exchange(status_, {})};
    return {};
  }

  /// One turn inside a foreign loop: completions, then every task that is ready now, then what they submit. Sleeps only if no task is
  /// ready. How many tasks are left. \errors as `run`
  auto poll(wait how = wait::none) -> result<std::size_t> {
    if (detail::current<Config> != nullptr) return failure(errc::already_running);
    entry_guard guard{*this};
    driver_ = &scheduler::drive_on;
    const bool sleeps = how.sleeps && ready_.empty();
    if (sleeps && how.limit != interval::max()) ring_.limit(how.limit);
    ring_lost_ = false;
    poll_ring(sleeps);
    if (ring_lost_) return std::unexpected{std::exchange(status_, {})};
    if (!ready_.empty()) {
      make_ready(root_);
      waiting w{&root_wait};
      root_.state = fiber_state::ready;
      resume_next(root_, w);
      bury();
      poll_ring(false);
      if (ring_lost_) return std::unexpected{std::exchange(status_, {})};
    }
    if (status_) return std::unexpected{std::exchange(status_, {})};
    return live_;
  }

  /// Asks all tasks to end, newest first.
  [[gnu::noinline, gnu::cold]] void cancel_all() noexcept;

  /// Tasks that have not ended.
  [[nodiscard]] auto live() const noexcept -> std::size_t { return live_; }
  /// A descriptor that polls readable when `poll` should be called. \errors as the ring's
  [[nodiscard]] auto native_handle() noexcept -> result<int> { return ring_.native_handle(); }
  /// When `poll` should be called at the latest: now if a task is ready, else at the next timer; `time_point::never()` for none.
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
      return stacks_;
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

  // ---------------------------------------------------------------------------------------------------------------------
  // What tasks and scopes are made of; the facade is `coro_of`.
  /// \cond

  // Makes a task that is ready to run; nobody owns it yet.
  template <class F, class... Args>
  auto create(const spawn_options& options, F&& f, Args&&... args) -> result<body<Config, F, Args...>*> {
    using made = body<Config, F, Args...>;
    const auto room = make_room(sizeof(made), alignof(made), options.stack_bytes);
    if (!room) [[unlikely]]
      return std::unexpected{room.error()};
    struct give_back {
      scheduler& home;
      const placement* room;
      ~give_back() {
        if (room != nullptr) home.unmake_room(*room);
      }
    } guard{*this, &*room};
    auto* const task = ::new (reinterpret_cast<void*>(room->frame)) made(std::forward<F>(f), std::forward<Args>(args)...);
    guard.room = nullptr;
    settle(*task, *room, options);
    context_type::prepare(room->hot->context, room->usable, &made::enter, static_cast<void*>(task));
    push(*room->hot);
    watch().hook(event::task_ready{task->id});
    return task;
  }

  // The same for the task that a program begins with.
  template <class F, class... Args>
  [[gnu::noinline, gnu::cold]] auto create_first(F&& f, Args&&... args) -> result<body<Config, F, Args...>*> {
    return create(spawn_options{.name = "root", .where = std::source_location{}}, std::forward<F>(f), std::forward<Args>(args)...);
  }

  // What the ring tells: it is its own sink, so that nothing has to be carried along.
  [[gnu::always_inline]] void operator()(aio::record& one) noexcept {
    auto* const task = static_cast<fiber_type*>(one.waiter);
    if (task == nullptr) [[unlikely]]
      return;
    if (one.sole != aio::soleness::no || --task->pending == 0)
      make_ready(*task);
    else if (task->cancelled) [[unlikely]]
      interrupt(*task->cold);  // the kernel may have started another of the chain in the meantime
  }
  // The same for many one after the other, as long as nothing has to be called for them. Where the next one is noted is carried along.
  [[gnu::always_inline]] auto begin_gathering() noexcept -> fiber_type** { return ready_.begin_many(); }
  [[gnu::always_inline]] void end_gathering(fiber_type** end) noexcept { ready_.end_many(end); }
  // One that its task waits for alone.
  [[gnu::always_inline]] void gather_sole(fiber_type**& end, aio::record& one) noexcept {
    fiber_type& task = *static_cast<fiber_type*>(one.waiter);
    task.state = fiber_state::ready;
    *end = &task;
    end = &task.next;
    watch().hook(event::task_ready{task.cold->id});
  }
  // Another; `complete` finishes the operation first. False: something has to be called, and nothing was done.
  template <class Complete>
  [[gnu::always_inline]] auto gather(fiber_type**& end, aio::record& one, Complete&& complete) noexcept -> bool {
    auto* const task = static_cast<fiber_type*>(one.waiter);
    if (task == nullptr) [[unlikely]] {
      complete();
      return true;
    }
    if (one.sole != aio::soleness::no || (task->cancelled && task->pending != 1)) [[unlikely]]
      return false;
    complete();
    if (--task->pending == 0) gather_sole(end, one);
    return true;
  }
  void operator()(aio::timer& one) noexcept {
    if (one.tag == timer_wakes) {
      make_ready(*static_cast<fiber_type*>(one.owner));
    } else {
      auto& deadline = *static_cast<scope_deadline*>(one.owner);
      deadline.scope->cancelled = true;
      interrupt(*deadline.task);
    }
  }
  // Whatever comes from outside wakes the ring.
  void woken() noexcept { listen(); }

  // The ring, for those who do not show it to others.
  [[nodiscard]] auto own_ring() noexcept -> ring_type& { return ring_; }

  // The running task, and whether it is one.
  [[nodiscard]] auto self() noexcept -> fiber_type& { return *running_; }
  [[nodiscard]] auto in_task() const noexcept -> bool { return running_ != &root_; }

  [[gnu::always_inline]] void make_ready(fiber_type& task) noexcept {
    task.state = fiber_state::ready;
    push(task);
    watch().hook(event::task_ready{task.cold->id});
  }

  // Leaves the running task until it is made ready.
  [[gnu::always_inline]] void park(waiting& w) noexcept { park(*running_, w); }
  [[gnu::always_inline]] void park(fiber_type& me, waiting& w) noexcept {
    watch().hook(event::task_parked{me.cold->id, {&w, &waiting::read_what}});
    me.state = fiber_state::parked;
    resume_next(me, w);
  }

  [[gnu::always_inline]] void yield() noexcept {
    fiber_type& me = *running_;
    if (me.cancelled) [[unlikely]]
      return yield_cancelled();
    if (ready_.ends_tick(me)) {
      if (ring_.pending()) [[unlikely]]
        return give_way();
      if (ready_.empty()) return;
    }
    switch_to(me, ready_.rotate(me));
  }

  // Who was asked to end yields more slowly, and the root, which cannot.
  [[gnu::noinline, gnu::cold]] void yield_cancelled() noexcept;

  // The same out of line, for where it is rare: the ring has its turn, should one be due.
  [[gnu::noinline, gnu::cold]] void give_way() noexcept {
    inline_streak_ = 0;
    fiber_type& me = *running_;
    push(me);
    fiber_type* const next = take();
    if (next != &me) switch_to(me, *next);
  }

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

  // A wait of the running task was refused or cut short because the task was asked to end.
  [[gnu::noinline, gnu::cold]] void note_refusal() noexcept;

  // The request to end reached the running task, or through it a task that it waited for.
  void note_cut() noexcept;

  [[gnu::noinline, gnu::cold]] void request_cancel(frame_type& task) noexcept;

  // Some scope of the task was asked to end: cuts short what it waits for.
  [[gnu::noinline, gnu::cold]] void interrupt(frame_type& task) noexcept;

  // The operations of one call. The running task waits for all of them; outside a task the thread does.
  template <class... Ops>
  [[gnu::always_inline]] static auto io(Ops&&... ops) noexcept -> typename aio::outcome_of<std::remove_cvref_t<Ops>...>::type {
    if constexpr (sizeof...(Ops) != 1)
      return io_together(std::forward<Ops>(ops)...);
    else if constexpr ((aio::is_frequent<std::remove_cvref_t<Ops>> && ...))
      return io_in_brief(ops...);
    else
      return io_alone(std::forward<Ops>(ops)...);
  }
  // One operation that programs do again and again: nothing is shared with others, nothing is asked at run time that its type tells.
  template <class Op>
  [[gnu::always_inline]] static auto io_in_brief(const Op& op) noexcept -> result<typename Op::result_type>;
  // What of that is one code for all callers. It takes the description apart and gives the raw result, so that both travel in registers.
  template <class Op, class... Parts>
  [[gnu::noinline]] static auto perform_sole(Parts... parts) noexcept -> std::int32_t;
  // The same where something is to be seen to first, and where that does not go: outside a task, or in one that was asked to end.
  template <class Op, class... Parts>
  [[gnu::noinline, gnu::cold]] static auto perform_rarely(Parts... parts) noexcept -> std::int32_t;
  // One operation of another kind, or with a deadline; and several.
  template <class Op>
  static auto io_alone(Op&& op) noexcept -> typename aio::outcome_of<std::remove_cvref_t<Op>>::type;
  template <class... Ops>
  static auto io_together(Ops&&... ops) noexcept -> typename aio::outcome_of<std::remove_cvref_t<Ops>...>::type;
  // A batch whose size is known at run time.
  template <class Op>
  void io(std::span<aio::basic_operation<backend_type, Op>> batch) noexcept;

  auto sleep_until(time_point deadline) noexcept -> result<void>;

  // A deadline for a scope of the running task.
  struct scope_deadline {
    aio::timer timer;
    cancel_scope* scope = nullptr;
    frame_type* task = nullptr;
  };
  auto arm(scope_deadline& one, time_point when) noexcept -> result<void> {
    one.timer.deadline = when;
    one.timer.tag = timer_ends_scope;
    one.timer.owner = &one;
    return ring_.arm(one.timer);
  }

  // Gives a finished task's memory back; nothing of its frame's own is alive any more. Not the running one.
  [[gnu::always_inline]] void release(frame_type& task) noexcept {
    if (task.stop != nullptr) [[unlikely]]
      task.stop->free(*task.stop);
    task.annotation.destroy();
    const stack_span stack = task.stack;
    fiber_type& hot = *task.hot;
    hot.state = fiber_state::free;
    hot.cold = nullptr;
    slab_.give(hot);
    detail::unpoison(stack.base, stack.bytes);
    stacks_.deallocate(stack);
  }

  // What the end of a handle comes to, whatever the type of the result; the handle is empty afterwards.
  [[gnu::noinline, gnu::cold]] void end_handle(frame_type*& handle) noexcept;

  // Waits until the task of a handle has ended, where a join is not as usual. An error: it cannot be waited for here, or never will end.
  [[gnu::noinline, gnu::cold]] auto await_end(frame_type*& handle, bool cancellable) noexcept -> result<void>;

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
    while (fiber_type* const task = next_task(slot)) f(*task);
  }
  // The first task from a slot on, which is moved behind it; null where there is none.
  [[gnu::noinline, gnu::cold]] auto next_task(std::uint32_t& slot) noexcept -> fiber_type*;
  [[nodiscard]] auto stack_of_running() const noexcept -> const frame_type* { return running_ == &root_ ? nullptr : running_->cold; }

  static constexpr std::uint8_t timer_wakes = 1;
  static constexpr std::uint8_t timer_ends_scope = 2;
  /// \endcond

 private:
  template <class C, class F, class... Args>
  friend class body;

  static constexpr std::uint32_t most_inline = 32;
  static constexpr std::uint32_t most_refusals = 1000;

  using placement = coro::placement<Config>;

  [[gnu::always_inline]] auto make_room(std::size_t bytes, std::size_t align, std::size_t stack_bytes) noexcept -> result<placement> {
    bury();
    const result<stack_span> stack = stack_from(stacks_, stack_bytes);
    if (!stack) [[unlikely]]
      return std::unexpected{stack.error()};
    fiber_type* const hot = slab_.take();
    if (hot == nullptr) [[unlikely]] {
      stacks_.deallocate(*stack);
      return system_error(static_cast<int>(std::errc::not_enough_memory));
    }
    // Made at once: what is written in parts and copied as a whole makes a processor wait.
    const auto [frame, below, fits] = divide(*stack, bytes, align, context_type::storage_bytes);
    const placement room{
        .hot = hot, .stack = *stack, .usable = {.base = stack->base, .bytes = below, .index = stack->index}, .frame = frame};
    if (!fits) [[unlikely]] {
      unmake_room(room);
      return failure(errc::stack_size);
    }
    return room;
  }

  void unmake_room(const placement& room) noexcept {
    slab_.give(*room.hot);
    stacks_.deallocate(room.stack);
  }

  [[gnu::always_inline]] void settle(frame_type& task, const placement& room, const spawn_options& options) noexcept {
    fiber_type& hot = *room.hot;
    task.hot = &hot;
    task.home = this;
    // By parts: a copy as a whole would load what was just stored in parts, which a processor cannot do without waiting.
    task.stack.base = room.stack.base;
    task.stack.bytes = room.stack.bytes;
    task.stack.index = room.stack.index;
    task.id = ++last_id_;
    if (options.where.line() != 0) {
      task.where = options.where;
      task.has_place = true;
    }
    if (!options.name.empty()) task.name(options.name);
    hot.cold = &task;
    hot.pending = 0;
    hot.state = fiber_state::ready;
    hot.cancelled = false;
    task.annotation.create(room.stack.base, room.stack.bytes);
    context_type::attach(hot.context, room.usable.base + room.usable.bytes);
    ++live_;
    watch().hook(event::task_spawned{task.id, task.name()});
  }

  /// Makes this the thread's scheduler while it runs.
  struct entry_guard {
    scheduler* before;
    explicit entry_guard(scheduler& self) noexcept : before{std::exchange(detail::current<Config>, &self)} {
      self.exceptions_ = detail::exception_globals::of_thread();
      self.root_frame_.annotation.adopt();
      ++detail::schedulers_entered;
    }
    ~entry_guard() {
      --detail::schedulers_entered;
      detail::current<Config> = before;
    }
    entry_guard(const entry_guard&) = delete;
    auto operator=(const entry_guard&) -> entry_guard& = delete;
  };

  [[nodiscard]] auto watch() noexcept -> observer<trace_type> { return ring_.watch(); }

  [[gnu::always_inline]] void push(fiber_type& task) noexcept { ready_.push(task); }

  /// The next task to run. Under `poll` there always is one: the root is in the queue.
  [[gnu::always_inline]] auto take() noexcept -> fiber_type* { return ready_.ends_tick(*running_) ? take_in_turn() : &ready_.pop(); }

  /// The queue has run as it stood: a tick is over, and the ring has its turn. Under `poll` that comes when the root goes on.
  [[gnu::noinline]] auto take_in_turn() noexcept -> fiber_type* {
    bool idle = ready_.empty();
    if (idle || (ring_.pending() && looping_)) {
      inline_streak_ = 0;
      do {
        if (idle && ring_.in_flight() == 0 && ring_.timers() == 0) [[unlikely]] {
          without_hope();
        } else {
          auto outcome = simple_poll::refused;
          std::uint32_t taken = 0;
          if (!ring_.poll_simply(*this, idle, outcome, taken)) [[unlikely]]
            poll_rest(idle, outcome, taken);
        }
        idle = ready_.empty();
      } while (idle);
    }
    ready_.begin_tick();
    return &ready_.pop();
  }

  /// Whether another thread may still send something.
  [[nodiscard]] auto is_reachable() const noexcept -> bool { return inbox_ != nullptr && inbox_->is_shared(); }

  /// Nothing is in flight and no timer is armed: what completes without the kernel may still wake a task, else none will ever run.
  [[gnu::noinline, gnu::cold]] void without_hope() noexcept;

  /// Lets the root look at what the tasks cannot do: its stack has room to print, theirs may not.
  void call_root() noexcept {
    if (looping_ && root_.state == fiber_state::parked) make_ready(root_);
  }

  /// What the root was called for. Whether there are tasks to go on with.
  [[gnu::noinline, gnu::cold]] auto attend() noexcept -> bool;

  /// Polls. Where the ring is lost, `ring_lost_` and `status_` say so, and no task can go on.
  void poll_ring(bool sleeps) noexcept { poll_rest(sleeps, simple_poll::refused, 0); }

  /// The same after a poll in the simple way that was not enough.
  [[gnu::noinline]] void poll_rest(bool sleeps, simple_poll so_far, std::uint32_t taken) noexcept {
    if (const auto outcome = ring_.poll_rest(*this, sleeps, so_far, taken); !outcome) [[unlikely]]
      lost(outcome.error());
  }

  [[gnu::noinline, gnu::cold]] void lost(std::error_code why) noexcept {
    status_ = why;
    ring_lost_ = true;
    call_root();
  }

  [[gnu::noinline, gnu::cold]] void listen() noexcept;

  /// Tasks are left, none is ready and nothing can make one so.
  [[gnu::noinline, gnu::cold]] void stuck() noexcept;

  [[gnu::noinline, gnu::cold]] void abandon_all() noexcept;

  [[gnu::noinline, gnu::cold]] void lose(fiber_type& task) noexcept;

  void tell_lost() noexcept;

  /// The running task is never resumed; what it owns stays as it is.
  [[noreturn]] void abandon(fiber_type& me) noexcept;

  [[gnu::always_inline]] void resume_next(fiber_type& me, waiting& w) noexcept {
    me.wait = &w;
    // What was waited for is of interest only while the state says that it waits. Only a turn makes the one ready that waits.
    fiber_type* next = nullptr;
    if (ready_.ends_tick(me)) {
      next = take_in_turn();
      if (next == &me) return;
    } else {
      next = &ready_.pop();
    }
    switch_to(me, *next);
  }

  [[gnu::always_inline]] void switch_to(fiber_type& from, fiber_type& to) noexcept {
    running_ = &to;
    watch().hook(event::task_resumed{to.cold->id});
    if (detail::exception_globals::busy(exceptions_)) [[unlikely]]
      return switch_in_handler(exceptions_, from, to);
    hop(from, to);
  }
  [[gnu::always_inline]] static void hop(fiber_type& from, fiber_type& to) noexcept {
    detail::fiber_annotation::before_switch(from.cold->annotation, to.cold->annotation);
    context_type::switch_to(from.context, to.context);
    detail::fiber_annotation::after_switch(from.cold->annotation);
  }
  /// The same for one that handles an exception: it takes what the thread keeps of that with it. So whoever runs next finds nothing, and
  /// only this one has to put anything back.
  [[gnu::noinline, gnu::cold]] static void switch_in_handler(void* thread, fiber_type& from, fiber_type& to) noexcept {
    detail::exception_globals mine;
    detail::exception_globals none;
    detail::exception_globals::swap(thread, mine, none);
    hop(from, to);
    detail::exception_globals::swap(thread, none, mine);
  }

  /// Takes back the memory of a task that has left it for good, which nobody is in a hurry for: when the next task is made, or ends.
  [[gnu::always_inline]] void bury() noexcept {
    if (dying_ != nullptr) bury_now();
  }
  [[gnu::noinline]] void bury_now() noexcept { release(*std::exchange(dying_, nullptr)); }

  /// First thing in a task.
  void arrived(frame_type& me) noexcept { detail::fiber_annotation::after_switch(me.annotation); }

  /// Last thing in a task, on its own stack. Inlined for the processor's sake: it would predict that the call of this is returned from, and
  /// then every return of the fiber that goes on would go wrong.
  template <class Body>
  [[noreturn, gnu::always_inline]] inline void finish(Body& me) noexcept {
    watch().hook(event::task_finished{me.id});
    fiber_type& hot = *me.hot;
    hot.state = fiber_state::finished;
    --live_;
    if (me.parent != nullptr) me.parent->child_ended(*me.parent, me, me.error(), me.exception);
    if (me.handle != nullptr) {
      me.drop = &Body::clear_frame;
      if (me.joiner != nullptr) make_ready(*me.joiner);
    } else {
      me.clear();
      bury();
      dying_ = &me;
    }
    if (live_ == 0) call_root();
    fiber_type* const next = take();
    running_ = next;
    watch().hook(event::task_resumed{next->cold->id});
    detail::fiber_annotation::before_switch(me.annotation, next->cold->annotation, true);
    if constexpr (requires { context_type::leave(next->context); }) {
      context_type::leave(next->context);
    } else {
      context_type::switch_to(hot.context, next->context);
      __builtin_unreachable();
    }
  }

  /// An operation of the running task has failed: perhaps because the task was asked to end. Its raw result as the library counts it.
  template <class Op>
  [[gnu::noinline, gnu::cold]] auto look_at_failure(std::int32_t raw) noexcept -> std::int32_t;

  // A call was done at once. A task that never waits lets the others run now and then.
  [[gnu::always_inline]] void note_inline() noexcept {
    if (++inline_streak_ >= most_inline) [[unlikely]]
      give_way();
  }

  // Any call, whatever the types of its operations.
  [[gnu::noinline]] static void perform(aio::any_call<ring_type>& batch) noexcept;

  [[gnu::noinline]] static void perform_one(aio::record& one) noexcept;

  // The same outside a task.
  [[gnu::noinline, gnu::cold]] static void block(aio::any_call<ring_type>& batch) noexcept;

  [[gnu::noinline, gnu::cold]] auto drive_on(is_done done, const void* what) noexcept -> result<void>;

  void note_failure(std::error_code code) noexcept {
    if (!spawn_status_) spawn_status_ = code;
  }

  ready_queue<Config> ready_{root_};
  frame_type* dying_ = nullptr;
  fiber_type* running_ = &root_;  // not beside the queue's tail, for the reason that parts its head and its tail
  void* exceptions_ = nullptr;
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
  fiber_type* untold_ = nullptr;
  frame_type* first_to_interrupt_ = nullptr;
  frame_type** last_to_interrupt_ = &first_to_interrupt_;
  std::error_code status_;
  std::error_code spawn_status_;
  std::atomic<unsigned>* wishes_ = nullptr;
  frame_type** wish_target_ = nullptr;
  inbox* inbox_ = nullptr;
  auto (scheduler::*driver_)(is_done, const void*) noexcept -> result<void> = nullptr;
  fiber_type root_;
  frame_type root_frame_;
  alignas(16) std::array<std::byte, context_type::storage_bytes == 0 ? 1 : context_type::storage_bytes> root_storage_{};
  stack_type stacks_;
  slab<fiber_type, os> slab_;
  ring_type ring_;
};

}  // namespace sluice::inline v0::coro
