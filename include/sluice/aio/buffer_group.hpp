// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Makes a group of buffers for the streams of one ring. Layer: aio.

#include <sluice/buffer_group.hpp>
#include <sluice/op/stream.hpp>
#include <sluice/result.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace sluice::inline v0::aio {

/// A group of buffers, from which the streams of one ring receive (`op::recv_many`). Where the system can, it picks the buffers itself;
/// else the library does, at the moment of the receive. Moves; the buffers stay where they are.
/// \lifetime handle and streams end before the ring; leases may outlive both  \allocates one mapping, when it is made
template <class Ring>
class basic_buffer_group {
 public:
  /// Makes one for a ring. \errors `invalid_argument` for a count or a size out of range; `not_enough_memory`
  [[nodiscard, gnu::cold]] static auto make(Ring& ring, const buffer_group_options& options) noexcept -> result<basic_buffer_group> {
    if (options.count == 0 || options.count > most || options.bytes == 0) return failure(std::errc::invalid_argument);
    const auto memory = Ring::os::map(layout{options}.total);
    if (!memory) return std::unexpected{memory.error()};
    const layout at{options};
    auto& backend = ring.backend();
    auto* const state = ::new (static_cast<void*>(*memory + at.state)) buffer_group_state{
        &ring, &backend, *memory + at.buffers, reinterpret_cast<buffer_group_state::link*>(*memory + at.links), options, &unmap};
    basic_buffer_group made{*state};
    Ring::backend_type::template many<op::recv_many>::share(backend, *state, *memory);
    return made;
  }

  /// Takes the group over.
  basic_buffer_group(basic_buffer_group&& other) noexcept : state_{std::exchange(other.state_, nullptr)} {}
  /// Lets the own group go first.
  auto operator=(basic_buffer_group&& other) noexcept -> basic_buffer_group& {
    if (this != &other) {
      if (state_ != nullptr) state_->leave();
      state_ = std::exchange(other.state_, nullptr);
    }
    return *this;
  }
  ~basic_buffer_group() {
    if (state_ != nullptr) state_->leave();
  }

  /// As an operation names it.
  operator buffer_group_ref() const noexcept { return *state_; }  // NOLINT(google-explicit-constructor)
  /// What is known of it; not of one that was moved from.
  [[nodiscard]] auto state() const noexcept -> const buffer_group_state& { return *state_; }

 private:
  static constexpr std::uint32_t most = 32768;

  // Where everything lies in the mapping: first what the system may share, which begins on a page.
  struct layout {
    std::size_t state;
    std::size_t links;
    std::size_t buffers;
    std::size_t total;

    explicit layout(const buffer_group_options& options) noexcept
        : state{Ring::backend_type::template many<op::recv_many>::shared_bytes(options.count)},
          links{state + up(sizeof(buffer_group_state))},
          buffers{links + up(options.count * sizeof(buffer_group_state::link))},
          total{buffers + std::size_t{options.count} * options.bytes} {}
    static constexpr auto up(std::size_t bytes) noexcept -> std::size_t { return (bytes + 63) / 64 * 64; }
  };

  explicit basic_buffer_group(buffer_group_state& state) noexcept : state_{&state} { state.join(); }

  static void unmap(buffer_group_state& group) noexcept {
    const layout at{{.count = static_cast<std::uint32_t>(group.count()), .bytes = static_cast<std::uint32_t>(group.bytes())}};
    (void)Ring::os::unmap(reinterpret_cast<std::byte*>(&group) - at.state, at.total);
  }

  buffer_group_state* state_;
};

}  // namespace sluice::inline v0::aio
