// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Structured concurrency: children end before their scope does. Layer: coro.

#include <sluice/concept/callable.hpp>
#include <sluice/coro/current.hpp>
#include <sluice/coro/last_resort.hpp>
#include <sluice/coro/scheduler.hpp>

#include <cstddef>
#include <exception>
#include <system_error>
#include <utility>

namespace sluice::inline v0 {

/// How a scope treats its children.
struct scope_options {
  sluice::on_failure on_failure = sluice::on_failure::cancel_siblings;  ///< what the others do when one fails
};

namespace coro {

/// Owns tasks and outlives them: its end waits for theirs. It belongs to the task that made it; immovable.
///
/// When the task is asked to end, or leaves the scope by an exception, the children are asked to end first.
template <class Config>
class basic_scope : public task_owner<Config> {
 public:
  /// A scope of the running task.
  explicit basic_scope(scope_options options = {}) noexcept
      : task_owner<Config>{&child_ended}, options_{options}, home_{detail::current<Config>}, unwinding_{std::uncaught_exceptions()} {}
  basic_scope(const basic_scope&) = delete;
  auto operator=(const basic_scope&) -> basic_scope& = delete;

  /// Waits for all children; what they threw or failed with is dropped unless `join` fetched it.
  ~basic_scope() {
    if (children_ == 0) return;
    if (std::uncaught_exceptions() > unwinding_) cancel();
    (void)await();
    // Left where nobody can wait for them, they belong to the scheduler.
    for (; newest_ != nullptr; newest_ = newest_->older) newest_->parent = nullptr;
  }

  /// Starts a child. If it cannot be made, the scope fails with the reason.
  template <class F, class... Args>
    requires(!chooses_options<std::remove_cvref_t<F>>)
  void spawn(F&& f, Args&&... args) {
    spawn(spawn_options{.where = std::source_location{}}, std::forward<F>(f), std::forward<Args>(args)...);
  }
  /// As above, with options.
  template <class F, class... Args>
  void spawn(const spawn_options& options, F&& f, Args&&... args) {
    if constexpr (sluice::detail::check_task<F, Args...>()) start(options, std::forward<F>(f), std::forward<Args>(args)...);
  }

  /// As above, with a stack of another size. \units bytes
  template <std::size_t Bytes, class F, class... Args>
  void spawn(stack_bytes_t<Bytes> size, F&& f, Args&&... args) {
    spawn(options_of<Config>(size), std::forward<F>(f), std::forward<Args>(args)...);
  }

  /// Waits for all children. The first failure: an error, or an exception, thrown again. The scope can then be used anew.
  auto join() -> result<void> {
    if (children_ != 0) {
      if (const auto ended = await(); !ended) return ended;
    }
    cancelled_ = false;
    cut_ = false;
    if (error_ || exception_ != nullptr) [[unlikely]]
      return take_failure();
    return {};
  }

  /// Asks all children to end, newest first, and those that are spawned later until the next `join`.
  void cancel() noexcept {
    cancelled_ = true;
    for (auto* child = newest_; child != nullptr;) {
      auto* const older = child->older;
      home_->request_cancel(*child);
      child = older;
    }
  }

  /// Children that have not ended.
  [[nodiscard]] auto size() const noexcept -> std::size_t { return children_; }

 private:
  template <class F, class... Args>
  void start(const spawn_options& options, F&& f, Args&&... args) {
    if (home_ == nullptr) {
      fail(sluice::detail::system_code(std::errc::operation_not_permitted), nullptr);
      return;
    }
    auto* const made = home_->create(options, std::forward<F>(f), std::forward<Args>(args)...);
    if (made == nullptr) {
      fail(home_->why_none(), nullptr);
      return;
    }
    auto& child = *made;
    child.parent = this;
    child.newer = nullptr;
    child.older = newest_;
    if (newest_ != nullptr) newest_->newer = &child;
    newest_ = &child;
    ++children_;
    // Born into a scope that is ending: it ends before it begins.
    if (cancelled_) home_->request_cancel(child);
  }

  static void child_ended(task_owner<Config>& self, ended_frame<Config>& child, const std::error_code* failed) noexcept {
    static_cast<basic_scope&>(self).note_end(child, failed);
  }

  void note_end(ended_frame<Config>& child, const std::error_code* failed) noexcept {
    if (child.newer != nullptr)
      child.newer->older = child.older;
    else
      newest_ = child.older;
    if (child.older != nullptr) child.older->newer = child.newer;
    --children_;
    if (child.base.delivered) cut_ = true;
    if (children_ == 0 && waiter_ != nullptr) home_->make_ready(*std::exchange(waiter_, nullptr));
    if (failed != nullptr || child.exception != nullptr) [[unlikely]]
      note_failure(child, failed);
  }

  [[gnu::noinline, gnu::cold]] void note_failure(const ended_frame<Config>& child, const std::error_code* failed) noexcept {
    fail(failed != nullptr ? *failed : std::error_code{}, child.exception);
  }

  [[gnu::noinline, gnu::cold]] auto take_failure() -> result<void> {
    const auto thrown = std::exchange(exception_, nullptr);
    const auto error = std::exchange(error_, {});
    if (thrown != nullptr) std::rethrow_exception(thrown);
    return std::unexpected{error};
  }

  void fail(std::error_code error, const std::exception_ptr& thrown) noexcept {
    if (!error_ && exception_ == nullptr) {
      error_ = error;
      exception_ = thrown;
    }
    if (options_.on_failure == on_failure::cancel_siblings && !cancelled_) cancel();
  }

  struct scope_wait : waiting {
    basic_scope* scope;
    explicit scope_wait(basic_scope& which) noexcept : waiting{&facts}, scope{&which} {}
    static void end(waiting& base) noexcept { static_cast<scope_wait&>(base).scope->cancel(); }
    static auto newest_child(const waiting& base) noexcept -> const void* { return static_cast<const scope_wait&>(base).scope->newest_; }
    static constexpr wait_kind facts{.what = "the children of a scope", .cancel = &end, .on = &newest_child, .on_older_ones = true};
  };

  static auto is_childless(const void* self) noexcept -> bool { return static_cast<const basic_scope*>(self)->children_ == 0; }

  // An error: not all have ended, and they cannot be waited for here.
  auto await() noexcept -> result<void> {
    if (!home_->in_task()) return home_->drive(&is_childless, this);
    auto& me = home_->self();
    if (home_->cancelled(me)) {
      const bool late = newest_ != nullptr && home_->came_late(*newest_);
      cancel();
      if (late) home_->count_refusal();
    }
    scope_wait w{*this};
    waiter_ = &me;
    if (children_ != 0) home_->park_among_tasks(w);
    waiter_ = nullptr;
    if (cut_ && home_->cancelled(me)) home_->note_cut();
    return {};
  }

  scope_options options_;
  scheduler<Config>* home_;
  int unwinding_;
  std::size_t children_ = 0;
  frame<Config>* newest_ = nullptr;
  fiber<Config>* waiter_ = nullptr;
  bool cancelled_ = false;  // the children were asked to end
  bool cut_ = false;        // and it reached one of them
  std::error_code error_;
  std::exception_ptr exception_;
};

}  // namespace coro
}  // namespace sluice::inline v0
