// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// One submission entry for each operation on files and directories beyond reading and writing. Part of the policy backend::io_uring.

#include <sluice/backend/uring/links.hpp>
#include <sluice/backend/uring/plain.hpp>
#include <sluice/backend/uring/prepare.hpp>
#include <sluice/os/native_file.hpp>

#if defined(__linux__)

#include <liburing.h>

#include <cstdint>

namespace sluice::inline v0::detail::uring {

template <>
inline constexpr bool always_plain<op::copy_range> = true;
template <>
inline constexpr bool always_plain<op::read_directory> = true;

template <>
inline constexpr bool failure_is_ignored<op::truncate> = true;
template <>
inline constexpr bool failure_is_ignored<op::allocate> = true;
template <>
inline constexpr bool failure_is_ignored<op::rename_at> = true;
template <>
inline constexpr bool failure_is_ignored<op::unlink_at> = true;
template <>
inline constexpr bool failure_is_ignored<op::mkdir_at> = true;
template <>
inline constexpr bool failure_is_ignored<op::symlink_at> = true;
template <>
inline constexpr bool failure_is_ignored<op::link_at> = true;
template <>
inline constexpr bool failure_is_ignored<op::stat_at> = true;

// The entry has 32 bits for the length on older kernels.
template <>
inline constexpr bool may_not_fit<op::advise> = true;
template <>
inline auto fits_entry(const op::advise& op) noexcept -> bool {
  return op.length <= 0xffff'ffffU;
}

inline void prepare(::io_uring_sqe& e, const op::open_at& op, scratch<op::open_at>& keep) noexcept {
  if (!has(op.flags, open_flags::beneath))
    return ::io_uring_prep_openat(&e, op.directory.native(), op.path.c_str(), os::open_bits(op.flags), op.mode);
  keep.how = os::open_how_of(op);
  ::io_uring_prep_openat2(&e, op.directory.native(), op.path.c_str(), &keep.how);
}
inline void prepare(::io_uring_sqe& e, const op::truncate& op, scratch<op::truncate>&) noexcept {
  prepare_raw(e, opcode::ftruncate, op.file.native(), nullptr, 0, op.length);
}
inline void prepare(::io_uring_sqe& e, const op::allocate& op, scratch<op::allocate>&) noexcept {
  ::io_uring_prep_fallocate(&e, op.file.native(), os::allocate_bits(op), os::signed_bytes(op.offset), os::signed_bytes(op.length));
}
inline void prepare(::io_uring_sqe& e, const op::advise& op, scratch<op::advise>&) noexcept {
  ::io_uring_prep_fadvise(&e, op.file.native(), op.offset, os::signed_bytes(op.length), os::advice_bits(op.advice));
}
inline void prepare(::io_uring_sqe& e, const op::close_directory& op, scratch<op::close_directory>&) noexcept {
  ::io_uring_prep_close(&e, op.directory.native());
}
inline void prepare(::io_uring_sqe& e, const op::rename_at& op, scratch<op::rename_at>&) noexcept {
  ::io_uring_prep_renameat(&e, op.directory.native(), op.path.c_str(), op.to_directory.native(), op.to_path.c_str(), os::rename_bits(op));
}
inline void prepare(::io_uring_sqe& e, const op::unlink_at& op, scratch<op::unlink_at>&) noexcept {
  ::io_uring_prep_unlinkat(&e, op.directory.native(), op.path.c_str(), os::remove_bits(op));
}
inline void prepare(::io_uring_sqe& e, const op::mkdir_at& op, scratch<op::mkdir_at>&) noexcept {
  ::io_uring_prep_mkdirat(&e, op.directory.native(), op.path.c_str(), op.mode);
}
inline void prepare(::io_uring_sqe& e, const op::symlink_at& op, scratch<op::symlink_at>&) noexcept {
  ::io_uring_prep_symlinkat(&e, op.target.c_str(), op.directory.native(), op.path.c_str());
}
inline void prepare(::io_uring_sqe& e, const op::link_at& op, scratch<op::link_at>&) noexcept {
  ::io_uring_prep_linkat(&e, op.directory.native(), op.path.c_str(), op.to_directory.native(), op.to_path.c_str(), os::link_bits(op));
}
inline void prepare(::io_uring_sqe& e, const op::stat_at& op, scratch<op::stat_at>& keep) noexcept {
  ::io_uring_prep_statx(&e, op.directory.native(), op.path.c_str(), os::stat_bits(op), os::stat_mask, &keep.facts);
}

}  // namespace sluice::inline v0::detail::uring

#endif
