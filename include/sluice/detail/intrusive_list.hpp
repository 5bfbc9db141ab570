// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Lists whose links lie in their elements. Layer: detail.

#include <utility>

namespace sluice::inline v0 {

namespace detail {

/// A queue, first in, first out, linked through one member of its elements, which belong to the caller and stay where they are while
/// queued. An element is in at most one queue a member. Nothing is said about the member of an element that is in none.
/// \complexity O(1) each \allocates nothing
template <class T, T* T::* Next>
class intrusive_fifo {
 public:
  /// Empty.
  constexpr intrusive_fifo() noexcept = default;
  intrusive_fifo(const intrusive_fifo&) = delete;
  auto operator=(const intrusive_fifo&) -> intrusive_fifo& = delete;
  /// Takes all elements and leaves the other one empty.
  constexpr intrusive_fifo(intrusive_fifo&& other) noexcept
      : head_{std::exchange(other.head_, nullptr)}, tail_{std::exchange(other.tail_, nullptr)} {}
  /// Takes all elements and leaves the other one empty; what was queued here is forgotten.
  constexpr auto operator=(intrusive_fifo&& other) noexcept -> intrusive_fifo& {
    T* const head = std::exchange(other.head_, nullptr);
    tail_ = std::exchange(other.tail_, nullptr);
    head_ = head;
    return *this;
  }
  ~intrusive_fifo() = default;

  /// Whether there is no element.
  [[nodiscard]] constexpr auto empty() const noexcept -> bool { return head_ == nullptr; }
  /// The element that comes out next, or null.
  [[nodiscard]] constexpr auto front() const noexcept -> T* { return head_; }

  /// Adds one at the end.
  constexpr void push_back(T& element) noexcept {
    element.*Next = nullptr;
    (head_ == nullptr ? head_ : tail_->*Next) = &element;
    tail_ = &element;
  }
  /// Adds one at the front.
  constexpr void push_front(T& element) noexcept {
    if (head_ == nullptr) tail_ = &element;
    element.*Next = head_;
    head_ = &element;
  }
  /// Takes the first one out, or gives null.
  constexpr auto pop_front() noexcept -> T* {
    T* const element = head_;
    if (element != nullptr) head_ = element->*Next;
    return element;
  }
  /// Moves all elements of the other one behind those of this one.
  constexpr void append(intrusive_fifo&& other) noexcept {
    if (other.head_ == nullptr || &other == this) return;
    (head_ == nullptr ? head_ : tail_->*Next) = std::exchange(other.head_, nullptr);
    tail_ = std::exchange(other.tail_, nullptr);
  }

 private:
  T* head_ = nullptr;
  T* tail_ = nullptr;  // says nothing while the queue is empty
};

/// What an element of an `intrusive_list` derives from, once for each list it can be in; `Tag` tells them apart.
template <class Tag = void>
class list_hook {
 public:
  /// In no list.
  constexpr list_hook() noexcept = default;
  list_hook(const list_hook&) = delete;
  auto operator=(const list_hook&) -> list_hook& = delete;

  /// Whether it is in a list.
  [[nodiscard]] constexpr auto linked() const noexcept -> bool { return next_ != nullptr; }
  /// Takes it out of the list that it is in.
  constexpr void unlink() noexcept {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    previous_ = next_ = nullptr;
  }

 protected:
  ~list_hook() = default;

 private:
  template <class, class>
  friend class intrusive_list;

  list_hook* previous_ = nullptr;
  list_hook* next_ = nullptr;
};

/// A list in both directions. An element can be taken out without a search and without the list at hand. Immovable: its elements point to
/// it.
/// \complexity O(1) each \allocates nothing
template <class T, class Tag = void>
class intrusive_list {
 public:
  /// Empty.
  constexpr intrusive_list() noexcept { ends_.previous_ = ends_.next_ = &ends_; }
  intrusive_list(const intrusive_list&) = delete;
  auto operator=(const intrusive_list&) -> intrusive_list& = delete;
  /// Takes all elements out.
  constexpr ~intrusive_list() {
    while (pop_front() != nullptr) {}
  }

  /// Whether there is no element.
  [[nodiscard]] constexpr auto empty() const noexcept -> bool { return ends_.next_ == &ends_; }
  /// The first element, or null.
  [[nodiscard]] constexpr auto front() const noexcept -> T* { return element(ends_.next_); }
  /// The last element, or null.
  [[nodiscard]] constexpr auto back() const noexcept -> T* { return element(ends_.previous_); }
  /// The element behind one that is in this list, or null.
  [[nodiscard]] constexpr auto after(const T& one) const noexcept -> T* { return element(hook_of(one).next_); }
  /// The element before one that is in this list, or null.
  [[nodiscard]] constexpr auto before(const T& one) const noexcept -> T* { return element(hook_of(one).previous_); }

  /// Adds one, which is in no list of this tag, at the end.
  constexpr void push_back(T& one) noexcept { insert(one, ends_); }
  /// Adds one, which is in no list of this tag, at the front.
  constexpr void push_front(T& one) noexcept { insert(one, *ends_.next_); }
  /// Takes the first one out, or gives null.
  constexpr auto pop_front() noexcept -> T* {
    T* const one = front();
    if (one != nullptr) erase(*one);
    return one;
  }
  /// Takes one out of the list that it is in.
  static constexpr void erase(T& one) noexcept { static_cast<list_hook<Tag>&>(one).unlink(); }

 private:
  struct sentinel : list_hook<Tag> {};

  static constexpr auto hook_of(const T& one) noexcept -> const list_hook<Tag>& { return one; }
  constexpr auto element(list_hook<Tag>* hook) const noexcept -> T* { return hook == &ends_ ? nullptr : static_cast<T*>(hook); }
  constexpr void insert(T& one, list_hook<Tag>& successor) noexcept {
    list_hook<Tag>& hook = one;
    hook.previous_ = successor.previous_;
    hook.next_ = &successor;
    successor.previous_->next_ = &hook;
    successor.previous_ = &hook;
  }

  sentinel ends_;
};

}  // namespace detail

}  // namespace sluice::inline v0
