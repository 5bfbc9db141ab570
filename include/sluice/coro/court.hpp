// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Who decides for schedulers that can wake each other whether all of them are stuck. Layer: coro.

#include <sluice/coro/inbox.hpp>
#include <sluice/coro/last_resort.hpp>
#include <sluice/coro/scheduler.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
// One scheduler alone is never stuck while another may send it something; all together are when each has nothing to do, nothing in flight,
// and no message on its way. What else could send something, a plain thread that holds a way to one of them, keeps that one from coming
// here.
class court {
 public:
  // One of those that are judged.
  struct member {
    inbox* box = nullptr;  // null before it has come and after it has gone
    member* next = nullptr;
  };

  void join(member& one, inbox& box) noexcept {
    const std::scoped_lock held{guard_};
    one.box = &box;
    one.next = std::exchange(members_, &one);
    ++present_;
  }
  // A scheduler has nothing to do but to sleep.
  void enter() noexcept {
    const std::scoped_lock held{guard_};
    ++idle_;
    judge();
  }
  // And it was woken. Whether all are stuck.
  [[nodiscard]] auto leave() noexcept -> bool {
    const std::scoped_lock held{guard_};
    if (!verdict_) --idle_;
    return verdict_;
  }
  // A scheduler has ended.
  void retire(member& one) noexcept {
    const std::scoped_lock held{guard_};
    one.box = nullptr;
    --present_;
    judge();
  }

 private:
  void judge() noexcept {
    if (verdict_ || present_ == 0 || idle_ < present_) return;
    for (const member* one = members_; one != nullptr; one = one->next)
      if (one->box != nullptr && !one->box->empty()) return;
    verdict_ = true;
    for (member* one = members_; one != nullptr; one = one->next)
      if (one->box != nullptr) one->box->rouse();
  }

  std::mutex guard_;
  member* members_ = nullptr;
  std::size_t present_ = 0;
  std::size_t idle_ = 0;
  bool verdict_ = false;
};

template <class Config>
void scheduler<Config>::judged_by(court& judges, inbox& box, std::uint32_t references) noexcept {
  court_ = &judges;
  ask_ = &scheduler::ask_court;
  box.expect(1 + references);
}

template <class Config>
void scheduler<Config>::ask_court() noexcept {
  // What arrives stays in the inbox until this one has left, for others judge meanwhile: one that has taken its messages, and still counts
  // as idle, would look as if nothing could wake it any more.
  const auto hear = std::exchange(listen_, nullptr);
  court_->enter();
  poll_ring(true);
  const bool all_stuck = court_->leave();
  listen_ = hear;
  // Who waits for the others to end is not stuck: they will.
  const auto is_stuck = [&]() noexcept { return all_stuck && !ring_lost_ && ready_.empty() && live_ != end_waits_; };
  // What has come by now is what others make of the verdict. The table shows what was before that, and it is heard afterwards.
  if (is_stuck() && !deadlocked_)
    ring_.wake();
  else
    listen();
  if (is_stuck()) {
    stuck_ = true;
    call_root();
  }
}
/// \endcond

}  // namespace sluice::inline v0::coro
