// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A value that differs between threads that live at the same time, without a system call. Layer: detail.

namespace sluice::inline v0::detail {

inline constinit thread_local char thread_anchor = 0;

/// The calling thread's token.
inline auto thread_token() noexcept -> const void* { return &thread_anchor; }

}  // namespace sluice::inline v0::detail
