// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Buffers that a system fills when it has something to put into them, and the leases by which users hold them. Base vocabulary.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace sluice::inline v0 {

/// How many buffers a group has, and how large each is.
struct buffer_group_options {
  std::uint32_t count = 256;   ///< buffers, 1 to 32768
  std::uint32_t bytes = 4096;  ///< bytes in each
};

/// The state of a group of buffers, as operations and leases refer to it. `aio_of<Config>::buffer_group` and
/// `coro_of<Config>::buffer_group` are the types to make one of.
///
/// A buffer is with the system, which picks one when it has data, or in a lease, or in a stream that nobody has taken it from yet. The
/// state lives as long as anything refers to it. All of that belongs to the thread of the ring.
class buffer_group_state {
 public:
  buffer_group_state(const buffer_group_state&) = delete;
  auto operator=(const buffer_group_state&) -> buffer_group_state& = delete;

  /// Bytes in each buffer.
  [[nodiscard]] auto bytes() const noexcept -> std::size_t { return bytes_; }
  /// How many buffers there are.
  [[nodiscard]] auto count() const noexcept -> std::size_t { return count_; }
  /// How many of them are in leases, or in streams that nobody has taken them from yet.
  [[nodiscard]] auto in_use() const noexcept -> std::size_t { return in_use_; }

  /// \cond
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  // What belongs to a buffer: the next one in a list, and how much of it is filled.
  struct link {
    std::uint32_t next;
    std::uint32_t length;
  };

  // A stream that found no buffer.
  struct starved {
    starved* next = nullptr;
    bool waits = false;
    void (*resume)(starved& self) noexcept = nullptr;
  };

  // Where the system itself picks buffers, it is shown each one that is free.
  struct sharing {
    void (*show)(buffer_group_state& group, std::uint32_t index) noexcept = nullptr;
    void (*end)(buffer_group_state& group) noexcept = nullptr;
    void* memory = nullptr;
    std::uint16_t mask = 0;
    std::uint16_t tail = 0;
    std::uint16_t id = 0;
  };

  using release = void (*)(buffer_group_state& group) noexcept;

  buffer_group_state(const void* home, void* backend, std::byte* buffers, link* links, const buffer_group_options& options,
                     release free) noexcept
      : home_{home}, backend_{backend}, buffers_{buffers}, links_{links}, count_{options.count}, bytes_{options.bytes}, free_{free} {
    for (std::uint32_t i = count_; i != 0; --i) keep(i - 1);
  }

  [[nodiscard]] auto home() const noexcept -> const void* { return home_; }
  [[nodiscard]] auto backend() const noexcept -> void* { return backend_; }
  [[nodiscard]] auto shared() noexcept -> sharing& { return shared_; }
  [[nodiscard]] auto is_shared() const noexcept -> bool { return shared_.show != nullptr; }
  [[nodiscard]] auto at(std::uint32_t index) const noexcept -> std::byte* { return buffers_ + std::size_t{index} * bytes_; }
  [[nodiscard]] auto of(std::uint32_t index) noexcept -> link& { return links_[index]; }
  // How often a buffer has come back.
  [[nodiscard]] auto returns() const noexcept -> std::uint64_t { return returns_; }

  // All buffers are free: shows them to the system, which picks them from now on.
  void share() noexcept {
    first_free_ = none;
    for (std::uint32_t i = 0; i < count_; ++i) shared_.show(*this, i);
  }

  // The last buffer that came back, whose memory is the most likely to be in the cache; `none` if all are in use.
  auto pick() noexcept -> std::uint32_t {
    const std::uint32_t index = first_free_;
    if (index != none) first_free_ = links_[index].next;
    return index;
  }
  // It was picked in vain.
  void keep(std::uint32_t index) noexcept { links_[index].next = std::exchange(first_free_, index); }

  // A picked buffer holds something.
  void filled(std::uint32_t index, std::uint32_t length) noexcept {
    links_[index].length = length;
    ++in_use_;
    ++references_;
  }
  // What the system has picked comes back without anything in it.
  void unfilled(std::uint32_t index) noexcept {
    filled(index, 0);
    give(index);
  }
  // The end of what it held.
  void give(std::uint32_t index) noexcept {
    if (shared_.show != nullptr)
      shared_.show(*this, index);
    else
      keep(index);
    --in_use_;
    ++returns_;
    if (first_starved_ != nullptr) [[unlikely]]
      feed();
    if (--references_ == 0) [[unlikely]]
      free_(*this);
  }

  // Handles and streams use a group; once none does, the system is not shown any buffer any more.
  void join() noexcept {
    ++users_;
    ++references_;
  }
  void leave() noexcept {
    if (--users_ == 0 && shared_.show != nullptr) {
      shared_.end(*this);
      shared_.show = nullptr;
    }
    if (--references_ == 0) free_(*this);
  }

  void starve(starved& one) noexcept {
    one.waits = true;
    one.next = nullptr;
    *last_starved_ = &one;
    last_starved_ = &one.next;
  }
  void unstarve(starved& one) noexcept {
    if (!std::exchange(one.waits, false)) return;
    starved** place = &first_starved_;
    while (*place != &one) place = &(*place)->next;
    *place = one.next;
    if (last_starved_ == &one.next) last_starved_ = place;
  }
  // Lets the first of those that found no buffer look again, should there be one.
  void feed() noexcept {
    starved* const one = first_starved_;
    if (one == nullptr || in_use_ == count_) return;
    unstarve(*one);
    one->resume(*one);
  }

 private:
  const void* home_;
  void* backend_;
  std::byte* buffers_;
  link* links_;
  std::uint32_t count_;
  std::uint32_t bytes_;
  std::uint32_t first_free_ = none;
  std::uint32_t in_use_ = 0;
  std::uint32_t users_ = 0;
  std::uint32_t references_ = 0;
  std::uint64_t returns_ = 0;
  starved* first_starved_ = nullptr;
  starved** last_starved_ = &first_starved_;
  sharing shared_;
  release free_;
  /// \endcond
};

/// Names a group of buffers in an operation; converts from a group.
class buffer_group_ref {
 public:
  /// None.
  constexpr buffer_group_ref() noexcept = default;
  /// This one.
  constexpr buffer_group_ref(buffer_group_state& group) noexcept : state_{&group} {}  // NOLINT(google-explicit-constructor)
  /// The state behind it.
  [[nodiscard]] constexpr auto state() const noexcept -> buffer_group_state* { return state_; }

 private:
  buffer_group_state* state_ = nullptr;
};

/// A filled buffer of a group. Whoever holds the lease owns the bytes; the buffer goes back when the lease dies, on the ring's thread. It
/// may outlive the stream that it came from, the group's handle and the ring.
class buffer_lease {
 public:
  /// Of nothing.
  buffer_lease() noexcept = default;
  /// \cond
  buffer_lease(buffer_group_state& group, std::uint32_t index) noexcept : group_{&group}, index_{index} {}
  /// \endcond
  /// Takes the buffer over; the other one holds nothing afterwards.
  buffer_lease(buffer_lease&& other) noexcept : group_{std::exchange(other.group_, nullptr)}, index_{other.index_} {}
  /// Gives the own buffer back first.
  auto operator=(buffer_lease&& other) noexcept -> buffer_lease& {
    if (this != &other) {
      reset();
      group_ = std::exchange(other.group_, nullptr);
      index_ = other.index_;
    }
    return *this;
  }
  ~buffer_lease() { reset(); }

  /// What was received; empty for a lease of nothing.
  [[nodiscard]] auto bytes() const noexcept -> std::span<std::byte> {
    if (group_ == nullptr) return {};
    return {group_->at(index_), group_->of(index_).length};
  }
  /// Whether there is a buffer.
  [[nodiscard]] explicit operator bool() const noexcept { return group_ != nullptr; }
  /// Gives the buffer back now.
  void reset() noexcept {
    if (group_ != nullptr) std::exchange(group_, nullptr)->give(index_);
  }

 private:
  buffer_group_state* group_ = nullptr;
  std::uint32_t index_ = 0;
};

}  // namespace sluice::inline v0
