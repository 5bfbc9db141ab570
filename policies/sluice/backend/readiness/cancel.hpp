// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Ending operations in flight. Part of the policy backend::readiness.

#include <sluice/backend/readiness/loop.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstdint>

#include <sys/socket.h>

namespace sluice::inline v0::detail::readiness {

/// \cond
/// Whether it was asked in time: zero, or the raw result that says why not.
template <class Poller, readiness_options O, class Os>
auto loop<Poller, O, Os>::cancel_request(request& one) noexcept -> std::int32_t {
  switch (one.where) {
    case stage::queued:
      queue_.erase(one);
      complete(one, -ECANCELED);
      return 0;
    case stage::waiting:
      lines_.leave(one, lines_[one.descriptor]);
      complete(one, what_it_achieved(one));
      return 0;
    case stage::timing:
      clocks_.disarm(static_cast<timed_request&>(one));
      complete(one, -ECANCELED);
      return 0;
    case stage::watched:
      watches_.remove(one);
      complete(one, -ECANCELED);
      return 0;
    case stage::pooled:
      if (pool_.withdraw(one)) {
        taken_back(one);
        return 0;
      }
      if (one.made->press == nullptr) return aio::raw(errc::in_progress);
      pressing_ = true;
      is_usual_ = false;
      press();
      return 0;
    default: return aio::raw(errc::not_found);
  }
}

/// Taken back from the threads before one began it.
template <class Poller, readiness_options O, class Os>
void loop<Poller, O, Os>::taken_back(request& one) noexcept {
  --with_threads_;
  const bool held = one.alone;
  const int number = one.descriptor;
  const auto way = one.direction;
  if (held) lines_.release(number, lines_[number], way);
  complete(one, what_it_achieved(one));
  if (held) run_line(lines_[number], way);
}

/// What one that waits comes to when it ends: the bytes that it has moved, if any.
template <class Poller, readiness_options O, class Os>
auto loop<Poller, O, Os>::what_it_achieved(const request& one) noexcept -> std::int64_t {
  return one.progress != 0 && !one.made->connects ? static_cast<std::int64_t>(one.progress) : -ECANCELED;
}

/// Asks the operations before one on its handle to end.
template <class Poller, readiness_options O, class Os>
[[gnu::noinline]] auto loop<Poller, O, Os>::cancel_older(const aio::record& record) noexcept -> std::int32_t {
  for (const aio::record* one = record.older; one != nullptr; one = one->older)
    if ((one->kind & aio::record_kind::waiting) == 0 && !one->info->is_close) (void)cancel_request(*static_cast<request*>(one->request));
  return 0;
}

/// Asks all that are not queued any more to end.
template <class Poller, readiness_options O, class Os>
[[gnu::noinline]] void loop<Poller, O, Os>::cancel_started() noexcept {
  lines_.each([this](request& one) noexcept {
    (void)cancel_request(one);
    return false;
  });
  while (!clocks_.empty()) (void)cancel_request(*clocks_.all());
  while (!watches_.empty()) (void)cancel_request(*watches_.all());
  pool_.withdraw_all([this](request& one) noexcept { taken_back(one); });
  if (threads_in_use()) {
    pressing_ = true;
    is_usual_ = false;
  }
}

/// Ends calls that threads are in, as far as something does. They have to be asked again as long as a thread had not begun to wait.
template <class Poller, readiness_options O, class Os>
[[gnu::noinline, gnu::cold]] void loop<Poller, O, Os>::press() noexcept {
  pressing_ = false;
  pool_.each([this](request& one, bool begun) noexcept {
    if (begun && one.unwanted && one.made->press != nullptr) {
      pressing_ = true;
      is_usual_ = false;
      one.made->press(one);
    }
    return true;
  });
}

/// The cancel that users write: only the address of its operation counts, which may not exist any more. \complexity O(operations)
template <class Poller, readiness_options O, class Os>
[[gnu::noinline]] auto loop<Poller, O, Os>::cancel_by_address(const aio::record* record) noexcept -> std::int32_t {
  request* found = nullptr;
  const auto look = [&](request* one) noexcept {
    for (; one != nullptr && found == nullptr; one = one->next)
      if (one->record == record) found = one;
  };
  look(queue_.head);
  if (found == nullptr) {
    lines_.each([&](request& one) noexcept {
      if (one.record == record) found = &one;
      return found != nullptr;
    });
  }
  look(clocks_.all());
  look(watches_.all());
  if (found == nullptr)
    pool_.each([&](request& one, bool) noexcept {
      if (one.record == record) found = &one;
      return found == nullptr;
    });
  return found != nullptr ? cancel_request(*found) : aio::raw(errc::not_found);
}

/// A thread has made a call.
template <class Poller, readiness_options O, class Os>
[[gnu::noinline]] void loop<Poller, O, Os>::returned(request& one) noexcept {
  const std::int32_t raw = one.record->res;
  const bool held = one.alone;
  const int number = one.descriptor;
  const auto way = one.direction;
  if (held) lines_.release(number, lines_[number], way);
  if (raw == -EAGAIN && way != 0 && !one.unwanted) {
    // Somebody else was quicker on a description that has become non-blocking.
    --lines_[number].pending[index_of(way)];
    one.alone = false;
    enqueue(one);
  } else {
    if (raw >= 0 && one.made->makes_descriptor) renew(raw);
    complete(one, one.unwanted ? after_press<Os>(one, raw) : raw);
  }
  if (held) run_line(lines_[number], way);
}
/// \endcond

}  // namespace sluice::inline v0::detail::readiness

#endif
