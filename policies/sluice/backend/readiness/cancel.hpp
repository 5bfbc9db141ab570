// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Ending operations in flight. Part of the policy backend::readiness.

#include <sluice/backend/readiness.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstdint>

#include <sys/socket.h>

namespace sluice::inline v0::backend {

/// \cond
/// Whether it was asked in time: zero, or the raw result that says why not.
template <class Poller, readiness_options O, class Os>
auto readiness<Poller, O, Os>::cancel_request(request& one) noexcept -> std::int32_t {
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
      clocks_.disarm(static_cast<detail::readiness::timed_request&>(one));
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
      if (!one.made->connects) return aio::raw(errc::in_progress);
      pressing_ = true;
      press();
      return 0;
    default: return aio::raw(errc::not_found);
  }
}

/// Taken back from the threads before one began it.
template <class Poller, readiness_options O, class Os>
void readiness<Poller, O, Os>::taken_back(request& one) noexcept {
  if (one.alone) lines_.release(one.descriptor, lines_[one.descriptor], one.direction);
  complete(one, what_it_achieved(one));
}

/// What one that waits comes to when it ends: the bytes that it has moved, if any.
template <class Poller, readiness_options O, class Os>
auto readiness<Poller, O, Os>::what_it_achieved(const request& one) noexcept -> std::int64_t {
  return one.progress != 0 && !one.made->connects ? static_cast<std::int64_t>(one.progress) : -ECANCELED;
}

/// Asks the operations before one on its handle to end.
template <class Poller, readiness_options O, class Os>
[[gnu::noinline]] auto readiness<Poller, O, Os>::cancel_older(const aio::record& record) noexcept -> std::int32_t {
  for (const aio::record* one = record.older; one != nullptr; one = one->older)
    if ((one->kind & aio::record_kind::waiting) == 0 && !one->info->is_close) (void)cancel_request(*static_cast<request*>(one->request));
  return 0;
}

/// Asks all that are not queued any more to end.
template <class Poller, readiness_options O, class Os>
[[gnu::noinline]] void readiness<Poller, O, Os>::cancel_started() noexcept {
  lines_.each([this](request& one) noexcept {
    (void)cancel_request(one);
    return false;
  });
  while (!clocks_.empty()) (void)cancel_request(*clocks_.all());
  while (!watches_.empty()) (void)cancel_request(*watches_.all());
  pool_.withdraw_all([this](request& one) noexcept { taken_back(one); });
  if (pool_.in_use()) pressing_ = true;
}

/// Ends connects that threads are in: a connection that is given up lets go of its caller. It has to be asked again as long as the thread
/// had not begun to connect.
template <class Poller, readiness_options O, class Os>
[[gnu::noinline, gnu::cold]] void readiness<Poller, O, Os>::press() noexcept {
  pressing_ = false;
  pool_.each([this](request& one, bool begun) noexcept {
    if (begun && one.unwanted && one.made->connects) {
      pressing_ = true;
      (void)Os::shutdown(one.descriptor, SHUT_RDWR);
    }
    return true;
  });
}

/// The cancel that users write: only the address of its operation counts, which may not exist any more. \complexity O(operations)
template <class Poller, readiness_options O, class Os>
[[gnu::noinline]] auto readiness<Poller, O, Os>::cancel_by_address(const aio::record* record) noexcept -> std::int32_t {
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
/// \endcond

}  // namespace sluice::inline v0::backend

#endif
