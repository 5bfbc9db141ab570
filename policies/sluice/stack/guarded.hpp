// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Stacks carved from few large mappings, with a guard below each. Layer: policy.

#include <sluice/concept/stack.hpp>
#include <sluice/detail/sanitizer.hpp>
#include <sluice/fwd.hpp>
#include <sluice/os/linux_memory.hpp>
#include <sluice/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <type_traits>

#if defined(__linux__)

namespace sluice::inline v0::stack {

/// What `guarded` is made to.
struct guarded_options {
  std::size_t bytes = 64 * 1024;  ///< usable bytes of a stack, rounded up to whole pages; a page is used when a task first touches it
  std::size_t guard = 4096;       ///< bytes below each stack that fault, rounded up to whole pages
  std::size_t pool = 4096;        ///< how many free stacks keep their memory when `trim` is called, the most recently used ones
};

namespace detail {

/// Makes room in an array for `wanted` elements of `each` bytes, at least doubling; null if there is no memory, and then nothing has
/// changed.
[[gnu::noinline, gnu::cold]] inline auto grow_array(void* data, std::size_t& capacity, std::size_t wanted, std::size_t each) noexcept
    -> void* {
  std::size_t larger = capacity < 8 ? 16 : capacity * 2;
  if (larger < wanted) larger = wanted;
  void* const grown = std::realloc(data, larger * each);
  if (grown != nullptr) capacity = larger;
  return grown;
}

/// An array that grows by `realloc`, for trivially copyable elements. Its memory is touched only as far as it is written.
template <class T>
class plain_array {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  plain_array() noexcept = default;
  plain_array(const plain_array&) = delete;
  auto operator=(const plain_array&) -> plain_array& = delete;
  ~plain_array() { std::free(data_); }

  /// Makes room for `wanted` elements, at least doubling; false if there is no memory, and then nothing has changed.
  auto reserve(std::size_t wanted) noexcept -> bool {
    if (wanted <= capacity_) return true;
    auto* const grown = static_cast<T*>(grow_array(data_, capacity_, wanted, sizeof(T)));
    if (grown == nullptr) return false;
    data_ = grown;
    return true;
  }
  /// Appends; there must be room.
  void push(T value) noexcept { data_[size_++] = value; }
  /// Removes the last one.
  auto pop() noexcept -> T { return data_[--size_]; }
  [[nodiscard]] auto size() const noexcept -> std::size_t { return size_; }
  [[nodiscard]] auto operator[](std::size_t at) noexcept -> T& { return data_[at]; }
  [[nodiscard]] auto begin() noexcept -> T* { return data_; }
  [[nodiscard]] auto end() noexcept -> T* { return data_ + size_; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace detail

/// Stacks carved from mappings that start small and double up to 1 GiB each, with a guard below every stack: running over the end of one
/// faults. Free stacks wait in a last-in, first-out list outside the stacks. Memory is taken page by page when touched, and given
/// back by `trim`.
///
/// A stack of another size is a mapping of its own; a few of those are kept, too.
/// \units bytes
/// \complexity O(1), no system call while there is a free stack; else one for the guard, and two more for each new mapping
/// \allocates mappings; beside them some 20 bytes a stack
/// \errors `not_enough_memory`; nothing stays half done. Where guards need mappings of their own (Linux before 6.13) about 32,000 stacks
///         reach `vm.max_map_count`
/// \os Linux  \src mmap(2), madvise(2), mprotect(2), mincore(2)
template <guarded_options O = {}, class Os = os::linux_memory>
class guarded {
  static constexpr std::size_t most_bytes = std::size_t{1} << 40U;

 public:
  static constexpr auto kind = policy_kind::stack;                                ///< found as the stack policy of a config
  static constexpr std::string_view name = "guarded";                             ///< the file's name
  static constexpr std::size_t guard_bytes = O.guard;                             ///< at least so many bytes below each stack fault
  static constexpr std::size_t least_bytes = O.bytes;                             ///< no stack has less
  static constexpr std::size_t usual_bytes = O.bytes % 65536 == 0 ? O.bytes : 0;  ///< what a usual one has; 0: that depends on the page

  /// Owns nothing until the first stack is asked for.
  guarded() noexcept {
    static_assert(O.bytes >= 8192,
                  "[sluice.stack.bytes] a stack needs room for a signal handler's frame; give guarded at least .bytes = 8192");
    static_assert(O.bytes <= most_bytes, "[sluice.stack.bytes] a stack of more than 1 TiB cannot be mapped; give guarded fewer .bytes");
    static_assert(O.guard > 0 && O.guard <= std::size_t{1} << 30U,
                  "[sluice.stack.guard] the guard below a stack has 1 byte to 1 GiB; use stack::heap for stacks without one");
  }
  guarded(const guarded&) = delete;
  auto operator=(const guarded&) -> guarded& = delete;
  /// Unmaps everything, stacks that are still out included.
  ~guarded() { release(); }

  /// A stack of the usual size. \errors `not_enough_memory`
  [[nodiscard]] auto allocate() noexcept -> result<stack_span> {
    if (free_.size() != 0) [[likely]] {
      const auto stack = free_.pop();
      if (clean_ > free_.size()) clean_ = free_.size();
      return stack_span{.base = stack.base, .bytes = stack_bytes_, .index = stack.index};
    }
    return carve();
  }

  /// A stack with at least `bytes`, which are rounded up to whole pages: a usual one if that is large enough.
  /// \complexity O(1), two system calls and the guard's for a large one that no kept mapping fits  \errors `not_enough_memory`
  [[nodiscard]] auto allocate(std::size_t bytes) noexcept -> result<stack_span> {
    if (bytes <= O.bytes) return allocate();
    return allocate_large(bytes);
  }

  /// Takes a stack back. It keeps its memory and is the next one to be given. Makes no system call for a stack of the usual size.
  [[gnu::always_inline]] void deallocate(stack_span stack) noexcept {
    sluice::detail::unpoison(stack.base, stack.bytes);
    if (stack.index >= first_large) [[unlikely]] {
      large_calls_->deallocate(*this, stack.index - first_large);
    } else {
      free_.push({.base = stack.base, .index = stack.index});
    }
  }

  /// Whether `deallocate` only notes it: every stack of the usual size.
  [[nodiscard]] auto keeps(const stack_span& stack) const noexcept -> bool { return stack.index < first_large; }

  /// Gives the memory of free stacks back to the system, all but the `pool` most recently used ones, and unmaps the large ones that were
  /// kept.
  /// \complexity O(1) when there is nothing to give back, else one system call a stack
  void trim() noexcept {
    while (clean_ + O.pool < free_.size()) (void)Os::advise(free_[clean_++].base, stack_bytes_, Os::advice_give_back);
    while (kept_ != 0) large_calls_->unmap(*this, kept_slots_[--kept_]);
  }

  /// How many bytes at the top of a stack have ever been touched since its memory was last given back. \units bytes, in whole pages
  /// \complexity O(bytes), one system call for each 1 MiB
  [[nodiscard]] auto high_water(stack_span stack) noexcept -> std::size_t {
    const std::size_t page = Os::page_bytes();
    std::array<unsigned char, 256> resident{};
    for (std::size_t below = 0; below < stack.bytes;) {
      const std::size_t most = resident.size() * page;
      const std::size_t bytes = stack.bytes - below < most ? stack.bytes - below : most;
      if (!Os::resident(stack.base + below, bytes, resident.data())) return 0;
      for (std::size_t at = 0; at * page < bytes; ++at) {
        if ((resident[at] & 1U) != 0) return stack.bytes - below - at * page;
      }
      below += bytes;
    }
    return 0;
  }

 private:
  struct free_stack {
    std::byte* base = nullptr;
    std::uint32_t index = 0;
  };
  struct mapping {
    std::byte* memory = nullptr;
    std::size_t bytes = 0;
  };
  struct large_stack {
    mapping whole;
    std::size_t next_vacant = 0;
    unsigned number = 0;  // what Os::stack_mapped gave
  };

  // What is done to stacks of another size: through here, so that only programs that have one contain it.
  struct large_calls {
    void (*deallocate)(guarded& self, std::size_t slot) noexcept;
    void (*unmap)(guarded& self, std::size_t slot) noexcept;
  };

  static constexpr std::uint32_t first_large = 0x8000'0000U;
  static constexpr std::size_t first_count = 16;
  static constexpr std::size_t largest_mapping = std::size_t{1} << 30U;
  static constexpr std::size_t huge_page = std::size_t{1} << 21U;
  static constexpr std::size_t most_kept = 8;
  static constexpr std::size_t none = SIZE_MAX;

  static auto no_memory() noexcept { return failure(std::errc::not_enough_memory); }
  static auto whole_pages(std::size_t bytes) noexcept -> std::size_t {
    const std::size_t page = Os::page_bytes();  // a power of two
    return (bytes + page - 1) & ~(page - 1);
  }

  /// The next stack of the newest mapping, or the first one of a new mapping. A failure leaves that stack for the next call.
  [[gnu::noinline, gnu::cold]] auto carve() noexcept -> result<stack_span> {
    if (carved_ == mapped_) {
      if (auto grown = grow(); !grown) return std::unexpected{grown.error()};
    }
    // Room to take it back is made now, since taking back cannot fail.
    if (!free_.reserve(carved_ + 1)) return no_memory();
    if constexpr (Os::tracks_stacks)
      if (!numbers_.reserve(carved_ + 1)) return no_memory();
    const std::size_t guard = whole_pages(O.guard);
    if (auto installed = Os::guard_install(next_, guard); !installed) return std::unexpected{installed.error()};
    const stack_span stack{.base = next_ + guard, .bytes = stack_bytes_, .index = static_cast<std::uint32_t>(carved_)};
    if constexpr (Os::tracks_stacks) numbers_.push(Os::stack_mapped(stack.base, stack.bytes));
    next_ += guard + stack_bytes_;
    ++carved_;
    return stack;
  }

  /// Maps room for as many stacks as there are already, within the limits; for fewer, if the system has no more.
  [[gnu::noinline, gnu::cold]] auto grow() noexcept -> result<void> {
    stack_bytes_ = whole_pages(O.bytes);
    const std::size_t stride = whole_pages(O.guard) + stack_bytes_;
    std::size_t count = mapped_ < first_count ? first_count : mapped_;
    if (count > largest_mapping / stride) count = largest_mapping / stride;
    if (count == 0) count = 1;
    if (count > first_large - mapped_) count = first_large - mapped_;
    if (count == 0 || !mappings_.reserve(mappings_.size() + 1)) return no_memory();
    for (;; count /= 2) {
      const std::size_t bytes = count * stride;
      const std::size_t slack = bytes >= huge_page * 2 ? huge_page : 0;
      const auto memory = Os::map(bytes + slack);
      if (!memory && count > 1) continue;
      if (!memory) return std::unexpected{memory.error()};
      // Whole tables of page entries then belong to few stacks, and a huge page is never made of two halves of other people's memory.
      const std::size_t skip = slack == 0 ? 0 : (huge_page - reinterpret_cast<std::uintptr_t>(*memory) % huge_page) % huge_page;
      // One touched page would otherwise take 2 MiB, in a mapping that holds a huge page at all. A kernel without huge pages refuses the
      // advice, which is as good.
      if (bytes + slack >= huge_page) (void)Os::advise(*memory, bytes + slack, Os::advice_no_huge_page);
      mappings_.push({.memory = *memory, .bytes = bytes + slack});
      next_ = *memory + skip;
      mapped_ += count;
      return {};
    }
  }

  [[gnu::noinline, gnu::cold]] auto allocate_large(std::size_t bytes) noexcept -> result<stack_span> {
    large_calls_ = &large_code;
    const std::size_t guard = whole_pages(O.guard);
    if (bytes > most_bytes) return no_memory();
    bytes = whole_pages(bytes);
    for (std::size_t at = kept_; at-- != 0;) {
      const std::size_t slot = kept_slots_[at];
      const auto& whole = large_[slot].whole;
      const std::size_t has = whole.bytes - guard;
      if (has < bytes || has / 2 > bytes) continue;
      --kept_;
      for (std::size_t next = at; next != kept_; ++next) kept_slots_[next] = kept_slots_[next + 1];
      return large_span(slot);
    }
    const std::size_t slot = vacant_ != none ? vacant_ : large_.size();
    if (slot == large_.size() && (slot == first_large || !large_.reserve(slot + 1))) return no_memory();
    const auto memory = Os::map(guard + bytes);
    if (!memory) return std::unexpected{memory.error()};
    if (auto installed = Os::guard_install(*memory, guard); !installed) {
      (void)Os::unmap(*memory, guard + bytes);
      return std::unexpected{installed.error()};
    }
    if (guard + bytes >= huge_page) (void)Os::advise(*memory, guard + bytes, Os::advice_no_huge_page);
    if (slot == large_.size()) {
      large_.push({});
    } else {
      vacant_ = large_[slot].next_vacant;
    }
    large_[slot] = {
        .whole = {.memory = *memory, .bytes = guard + bytes}, .next_vacant = none, .number = Os::stack_mapped(*memory + guard, bytes)};
    return large_span(slot);
  }

  auto large_span(std::size_t slot) noexcept -> stack_span {
    const std::size_t guard = whole_pages(O.guard);
    const auto& whole = large_[slot].whole;
    return {.base = whole.memory + guard, .bytes = whole.bytes - guard, .index = first_large + static_cast<std::uint32_t>(slot)};
  }

  static void deallocate_large(guarded& self, std::size_t slot) noexcept {
    if (self.kept_ == most_kept) {
      unmap_large(self, slot);
    } else {
      self.kept_slots_[self.kept_++] = slot;
    }
  }

  [[gnu::cold]] static void unmap_large(guarded& self, std::size_t slot) noexcept {
    auto& large = self.large_[slot];
    sluice::detail::unpoison(large.whole.memory, large.whole.bytes);
    Os::stack_unmapped(large.number);
    (void)Os::unmap(large.whole.memory, large.whole.bytes);
    large = {.whole = {}, .next_vacant = self.vacant_, .number = 0};
    self.vacant_ = slot;
  }

  static constexpr large_calls large_code{&deallocate_large, &unmap_large};

  [[gnu::noinline, gnu::cold]] void release() noexcept {
    for (std::size_t slot = 0; slot != large_.size(); ++slot) {
      if (large_[slot].whole.memory != nullptr) large_calls_->unmap(*this, slot);
    }
    if constexpr (Os::tracks_stacks)
      for (const unsigned number : numbers_) Os::stack_unmapped(number);
    for (const auto& each : mappings_) {
      // Only stacks were ever poisoned: in the newest mapping that is what lies below next_.
      const bool newest = next_ >= each.memory && next_ <= each.memory + each.bytes;
      sluice::detail::unpoison(each.memory, newest ? static_cast<std::size_t>(next_ - each.memory) : each.bytes);
      (void)Os::unmap(each.memory, each.bytes);
    }
  }

  detail::plain_array<free_stack> free_;  // the last one is given next
  std::size_t clean_ = 0;                 // so many of the first ones in free_ have given their memory back
  std::size_t stack_bytes_ = 0;
  std::byte* next_ = nullptr;  // where the next stack is carved
  std::size_t carved_ = 0;     // stacks made so far, free or not
  std::size_t mapped_ = 0;     // stacks that there are mappings for
  detail::plain_array<mapping> mappings_;
  struct no_numbers {};
  [[no_unique_address]] std::conditional_t<Os::tracks_stacks, detail::plain_array<unsigned>, no_numbers>
      numbers_;  // what Os::stack_mapped gave, if it keeps track
  detail::plain_array<large_stack> large_;
  std::array<std::size_t, most_kept> kept_slots_{};  // free ones in large_
  std::size_t kept_ = 0;
  std::size_t vacant_ = none;  // the first element of large_ without a mapping
  const large_calls* large_calls_ = nullptr;
};

static_assert(lasting_stack_policy<guarded<>> && sized_stack_policy<guarded<>> && guarded_stack_policy<guarded<>> &&
              trimmable_stack_policy<guarded<>> && measured_stack_policy<guarded<>>);

}  // namespace sluice::inline v0::stack

#endif
