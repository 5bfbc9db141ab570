// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// How each operation is served on the running system. Layer: aio.

#include <sluice/concept/operation.hpp>
#include <sluice/concept/service.hpp>
#include <sluice/op/list.hpp>

#include <array>
#include <type_traits>

namespace sluice::inline v0::aio {

/// \cond
template <class List>
struct report_of;
template <class... Ops>
struct report_of<op::lists::list<Ops...>> {
  template <class Backend>
  static auto make(Backend& backend) noexcept -> std::array<served_operation, sizeof...(Ops)> {
    return {served_operation{detail::operation_name<Ops>(), service_of<Ops>(backend)}...};
  }
  template <class Op, class Backend>
  static auto service_of(Backend& backend) noexcept -> service {
    if constexpr (!Backend::template supports<Op>)
      return service::nowhere;
    else if constexpr (requires { backend.template service_of<Op>(); })
      return backend.template service_of<Op>();
    else
      return service::library;
  }
};
using report_of_all = report_of<std::remove_cvref_t<decltype(op::all)>>;
/// \endcond

}  // namespace sluice::inline v0::aio
