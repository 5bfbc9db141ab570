// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// An array whose length is known when it is made. Layer: detail.

#include <cstddef>
#include <new>

namespace sluice::inline v0::detail {

/// So many elements side by side, none added or taken out later; they need be neither copied nor moved. Immovable.
/// \allocates once, when it is made
template <class T>
class fixed_array {
 public:
  /// Each is what `make(its index)` gives.
  template <class Make>
  fixed_array(std::size_t count, Make&& make)
      : first_{count == 0 ? nullptr : static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{alignof(T)}))} {
    // Should one throw, the others go with the memory.
    struct undo {
      fixed_array* self;
      ~undo() {
        if (self != nullptr) self->destroy();
      }
    } guard{this};
    for (; size_ < count; ++size_) ::new (static_cast<void*>(first_ + size_)) T(make(size_));
    guard.self = nullptr;
  }
  /// Each made without arguments.
  explicit fixed_array(std::size_t count) : fixed_array{count, [](std::size_t) { return T(); }} {}
  fixed_array(const fixed_array&) = delete;
  auto operator=(const fixed_array&) -> fixed_array& = delete;
  ~fixed_array() { destroy(); }

  /// How many there are.
  [[nodiscard]] auto size() const noexcept -> std::size_t { return size_; }
  /// One of them.
  [[nodiscard]] auto operator[](std::size_t index) noexcept -> T& { return first_[index]; }
  /// The first one.
  [[nodiscard]] auto begin() noexcept -> T* { return first_; }
  /// Behind the last one.
  [[nodiscard]] auto end() noexcept -> T* { return first_ + size_; }

 private:
  void destroy() noexcept {
    while (size_ != 0) first_[--size_].~T();
    ::operator delete(static_cast<void*>(first_), std::align_val_t{alignof(T)});
  }

  T* first_;
  std::size_t size_ = 0;
};

}  // namespace sluice::inline v0::detail
