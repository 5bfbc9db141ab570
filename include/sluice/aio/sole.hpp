// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Starting an operation that a task waits for alone. Layer: aio.

#include <sluice/aio/ring.hpp>

#include <system_error>

namespace sluice::inline v0::aio {

/// \cond
template <class Config>
template <class Op>
[[gnu::always_inline]] inline auto ring<Config>::start_sole(sole_operation<Op>& one, const Op& op) noexcept -> started {
  check_thread();
  one.info = &info_of<Op>;
  one.handle = detail::handle_of(op);
  one.begin_sole(detail::has_handle<Op> ? soleness::listed : soleness::unlisted);
  watch().hook(event::op_queued{&one, one.info->name, one.handle});
  bool is_listed = false;
  const auto enlist = [&]() noexcept {
    is_listed = detail::has_handle<Op>;
    if constexpr (detail::has_handle<Op>) return link<backend_type>(one, descriptors_[one.handle]);
    one.older = nullptr;
    return true;
  };
  auto outcome = started::pending;
  if constexpr (requires { backend_.start_sole(one, op, one.scratch, enlist, watch()); }) {
    // What is done at once goes on no list.
    if constexpr (detail::has_handle<Op>) {
      if (descriptors_[one.handle].closing != nullptr) [[unlikely]] {
        refuse(one, std::errc::bad_file_descriptor);
        return finish_at_once(one);
      }
    }
    outcome = backend_.start_sole(one, op, one.scratch, enlist, watch());
  } else {
    if (!enlist()) [[unlikely]]
      return finish_at_once(one);
    outcome = backend_.start(one, op, one.scratch, true, watch());
  }
  if (outcome == started::done) {
    // Told by the type first: built for debugging, GCC else takes one that is on no list for one that may be.
    if constexpr (detail::has_handle<Op>) {
      if (is_listed) unlink(one);
    }
    return finish_at_once(one);
  }
  ++started_;
  return started::pending;
}
/// \endcond

}  // namespace sluice::inline v0::aio
