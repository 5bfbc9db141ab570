// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What gives one item after the other, as a range. Layer: io.

#include <sluice/result.hpp>

#include <cstddef>
#include <expected>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::io {

/// A range over what calls of `next` give, each a `result<std::optional<Item>>`. Its items are `result<Item>`, so that an error cannot be
/// overlooked: it is an item, and the last one. It is gone through once.
template <class Next>
class item_range {
 public:
  using value_type = result<typename std::invoke_result_t<Next&>::value_type::value_type>;  ///< an item, or why there are no more

  /// From the next item on.
  explicit constexpr item_range(Next next) noexcept : next_{std::move(next)} {}

  /// Goes from one item to the next.
  class iterator {
   public:
    using value_type = item_range::value_type;  ///< what it points to
    using difference_type = std::ptrdiff_t;     ///< of no use
    /// Nowhere.
    iterator() noexcept = default;
    /// The item.
    [[nodiscard]] auto operator*() const noexcept -> const value_type& { return *item_; }
    /// The item.
    [[nodiscard]] auto operator->() const noexcept -> const value_type* { return &*item_; }
    /// Waits for the next one.
    auto operator++() -> iterator& {
      const bool was_last = !item_->has_value();
      item_.reset();
      if (!was_last) take();
      return *this;
    }
    /// As above.
    void operator++(int) { ++*this; }
    /// Whether there are no more.
    [[nodiscard]] auto operator==(std::default_sentinel_t) const noexcept -> bool { return !item_.has_value(); }

   private:
    friend class item_range;
    explicit iterator(item_range& of) : of_{&of} { take(); }

    void take() {
      auto got = of_->next_();
      if (!got)
        item_.emplace(std::unexpected{got.error()});
      else if (*got)
        item_.emplace(std::move(**got));
    }

    item_range* of_ = nullptr;
    std::optional<value_type> item_;
  };

  /// Waits for the first item.
  [[nodiscard]] auto begin() -> iterator { return iterator{*this}; }
  /// The end of all items.
  [[nodiscard]] static auto end() noexcept -> std::default_sentinel_t { return {}; }

 private:
  Next next_;
};

}  // namespace sluice::inline v0::io
