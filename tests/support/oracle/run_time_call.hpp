// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Calls whose operations and links are known only at run time.

#include <sluice/aio/facade.hpp>
#include <sluice/op/list.hpp>
#include <support/oracle/plan.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace oracle {

namespace aio = sluice::aio;
namespace op = sluice::op;

/// The operations of one call, added one by one. It goes the way of every call: `any_call` over the same tables.
template <class Ring, std::size_t Most = 8>
class run_time_call {
 public:
  run_time_call() = default;
  run_time_call(const run_time_call&) = delete;
  auto operator=(const run_time_call&) -> run_time_call& = delete;

  /// Adds an operation, which may be in `op::timed`, and how it hangs on the next.
  template <class Op>
  void add(Op description, tie link) {
    assert(members_.size() < Most);
    auto made = std::make_unique<holder<Op>>(std::move(description));
    links_[members_.size()] = static_cast<sluice::detail::link_kind>(link);
    chains_.whole_room[members_.size()] = aio::detail_call::whole_of(made->one.op);
    records_[members_.size()] = &made->one;
    is_linked_ |= link != tie::none;
    members_.push_back(std::move(made));
  }

  /// All were added.
  auto call() -> aio::any_call<Ring>& {
    if (batch_ == nullptr) {
      for (auto& one : members_) one->settle(is_linked_);
      chains_.members = chains_.member_room;
      chains_.runners = chains_.runner_room;
      chains_.whole = chains_.whole_room;
      chains_.links = links_;
      chains_.start = &Ring::start_linked;
      batch_ =
          std::make_unique<aio::any_call<Ring>>(records_, static_cast<std::uint32_t>(members_.size()), is_linked_ ? &chains_ : nullptr);
    }
    return *batch_;
  }

  [[nodiscard]] auto size() const -> std::size_t { return members_.size(); }
  [[nodiscard]] auto record(std::size_t i) -> aio::record& { return *records_[i]; }
  /// A result as a number: not negative, minus an error of the system's, or one of ours.
  [[nodiscard]] auto number(std::size_t i) const -> int { return members_[i]->number(); }

 private:
  struct any_holder {
    any_holder() = default;
    any_holder(const any_holder&) = delete;
    auto operator=(const any_holder&) -> any_holder& = delete;
    virtual ~any_holder() = default;
    virtual void settle(bool linked) = 0;
    [[nodiscard]] virtual auto number() const -> int = 0;
  };
  template <class Op>
  struct holder final : any_holder {
    typename Ring::template operation<typename aio::detail_call::kept<Op>::type> one;

    explicit holder(Op description) : one{std::move(description)} {}
    void settle(bool linked) override { linked ? aio::settle_type<Ring, true>(one) : aio::settle_type<Ring, false>(one); }
    [[nodiscard]] auto number() const -> int override {
      const auto outcome = one.result();
      if (!outcome) {
        if (outcome.error() == make_error_code(sluice::errc::timed_out)) return timed_out;
        return outcome.error().category() == std::system_category() ? -outcome.error().value() : unknown;
      }
      using type = std::remove_cvref_t<decltype(outcome)>;
      if constexpr (std::is_void_v<typename type::value_type>)
        return 0;
      else if constexpr (std::is_enum_v<typename type::value_type>)
        return 1;
      else
        return static_cast<int>(*outcome);
    }
  };

  std::vector<std::unique_ptr<any_holder>> members_;
  aio::record* records_[Most];
  sluice::detail::link_kind links_[Most];
  aio::detail_call::chains<typename Ring::entry, Most> chains_;
  std::unique_ptr<aio::any_call<Ring>> batch_;
  bool is_linked_ = false;
};

}  // namespace oracle
