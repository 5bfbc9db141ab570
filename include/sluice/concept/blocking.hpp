// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What a policy for blocking code must do. Layer: concept.

#include <sluice/fwd.hpp>
#include <sluice/result.hpp>

#include <concepts>
#include <string_view>

namespace sluice::inline v0 {

/// A piece of blocking code in the hands of a policy. It belongs to whoever submits it, from then until `done` was called or it was
/// withdrawn.
struct blocking_job {
  blocking_job* next;      ///< the policy's own
  blocking_job* previous;  ///< the policy's own
  bool begun;              ///< the policy's own
  bool unwanted;           ///< the policy's own

  void (*call)(blocking_job& self) noexcept;  ///< does it, on a thread
  void (*done)(blocking_job& self) noexcept;  ///< tells that it was done, from that thread; the job may be gone when this returns
};

/// A policy that runs blocking code on threads of its own, first in, first out. One instance serves one scheduler, or all of a runtime.
///
/// * `submit(job)` has `job.call(job)` and then `job.done(job)` run on a thread. Fails only where there is no thread at all, and holds
///   nothing then.
/// * `withdraw(job)` takes one back that no thread has begun. False: one has, and `done` will be called.
/// * Its destructor ends the threads; there is no job any more.
///
/// `submit` and `withdraw` may be called from several threads.
template <class P>
concept blocking_policy = requires(P policy, blocking_job& job) {
  { P::kind } -> std::convertible_to<policy_kind>;
  requires P::kind == policy_kind::blocking;
  { P::name } -> std::convertible_to<std::string_view>;
  { policy.submit(job) } noexcept -> std::same_as<result<void>>;
  { policy.withdraw(job) } noexcept -> std::same_as<bool>;
} && std::default_initializable<P>;

}  // namespace sluice::inline v0
