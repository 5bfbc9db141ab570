// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A resolver that blocks no thread, by the library c-ares. Layer: policy.

#include <sluice/address.hpp>
#include <sluice/concept/resolver.hpp>
#include <sluice/fwd.hpp>
#include <sluice/handle.hpp>
#include <sluice/interval.hpp>
#include <sluice/os/ares_calls.hpp>
#include <sluice/os/linux.hpp>
#include <sluice/os/sockaddr.hpp>
#include <sluice/result.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

#if defined(__linux__) && __has_include(<ares.h>)

#include <ares.h>
#include <sys/epoll.h>

namespace sluice::inline v0::resolver {

/// Asks name servers itself, as the machine's resolv.conf says, and looks into its hosts file: no thread waits, and a cancel ends the
/// question. What a machine is set up for beyond these two, a directory say, is not asked: `resolver::system` does that. Programs that use
/// it link c-ares (`-lcares`).
/// \os Linux, c-ares 1.16 or newer  \src ares_getaddrinfo(3)
template <class Os = os::linux_, class Calls = os::ares_calls>
struct c_ares {
  static constexpr auto kind = policy_kind::resolver;  ///< found as the resolver policy of a config
  static constexpr std::string_view name = "c_ares";   ///< the file's name

  /// One question. Its sockets are watched by one descriptor of its own, which is what the task waits for.
  class question {
   public:
    /// Nothing was asked yet.
    question() noexcept = default;
    question(const question&) = delete;
    auto operator=(const question&) -> question& = delete;
    /// Ends what is on the way.
    ~question() {
      if (open_) ::ares_destroy(channel_);
      if (watch_ >= 0) (void)Os::close(watch_);
    }

    /// Asks. Reading the machine's set-up takes a moment, as a small file does.
    /// \errors those of epoll_create1(2); `not_enough_memory`; `errc::resolver_failed`  \allocates a channel of c-ares
    [[nodiscard]] auto begin(const char* host, std::uint16_t port) noexcept -> result<void> {
      static const int ready = Calls::init();
      if (ready != ARES_SUCCESS) return std::unexpected{error_of(ready)};
      watch_ = Os::epoll_create();
      if (watch_ < 0) return system_error(-watch_);
      ::ares_options options{};
      options.sock_state_cb = [](void* self, ares_socket_t socket, int reads, int writes) {
        static_cast<question*>(self)->watch(socket, reads != 0, writes != 0);
      };
      options.sock_state_cb_data = this;
      if (const int opened = Calls::open(&channel_, &options, ARES_OPT_SOCK_STATE_CB); opened != ARES_SUCCESS)
        return std::unexpected{error_of(opened)};
      open_ = true;
      port_ = port;
      ::ares_addrinfo_hints hints{};
      hints.ai_family = AF_UNSPEC;
      hints.ai_socktype = SOCK_STREAM;
      ::ares_getaddrinfo(channel_, host, nullptr, &hints, &answered, this);
      return {};
    }
    /// Whether the answer is there.
    [[nodiscard]] auto done() const noexcept -> bool { return done_; }
    /// Polls readable when there is something to do.
    [[nodiscard]] auto handle() const noexcept -> any_handle { return file_handle{watch_}; }
    /// How long to wait before asking again is due.
    [[nodiscard]] auto patience() noexcept -> interval {
      ::timeval left{};
      if (::ares_timeout(channel_, nullptr, &left) == nullptr) return interval::max();
      return interval::nanoseconds(std::int64_t{left.tv_sec} * 1'000'000'000 + std::int64_t{left.tv_usec} * 1000);
    }
    /// Takes what has come, and asks again what is due.
    void go_on() noexcept {
      std::array<::epoll_event, 8> events;
      const int count = Os::epoll_wait(watch_, events.data(), static_cast<int>(events.size()), 0);
      for (int i = 0; i < count; ++i) {
        const auto& one = events[static_cast<std::size_t>(i)];
        const bool fails = (one.events & (EPOLLERR | EPOLLHUP)) != 0;
        ::ares_process_fd(channel_, fails || (one.events & EPOLLIN) != 0 ? one.data.fd : ARES_SOCKET_BAD,
                          (one.events & EPOLLOUT) != 0 ? one.data.fd : ARES_SOCKET_BAD);
      }
      if (count <= 0) ::ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    }
    /// The answer. \errors `errc::no_such_host`, `errc::resolver_failed`, `invalid_argument`, `not_enough_memory`
    [[nodiscard]] auto answer() noexcept -> result<host_addresses> {
      if (why_) return std::unexpected{why_};
      return std::move(found_);
    }

   private:
    static auto error_of(int status) noexcept -> std::error_code {
      switch (status) {
        case ARES_ENOTFOUND:
        case ARES_ENODATA:
        case ARES_ENONAME: return make_error_code(errc::no_such_host);
        case ARES_EBADNAME: return sluice::detail::system_code(std::errc::invalid_argument);
        case ARES_ENOMEM: return sluice::detail::system_code(std::errc::not_enough_memory);
        default: return make_error_code(errc::resolver_failed);
      }
    }

    static void answered(void* context, int status, int, ::ares_addrinfo* list) noexcept {
      auto& self = *static_cast<question*>(context);
      self.done_ = true;
      if (status != ARES_SUCCESS)
        self.why_ = error_of(status);
      else
        self.take(*list);
      if (list != nullptr) ::ares_freeaddrinfo(list);
    }
    void take(const ::ares_addrinfo& list) noexcept {
      try {
        for (const auto* one = list.nodes; one != nullptr; one = one->ai_next) {
          ::sockaddr_storage storage{};
          if (one->ai_addrlen > sizeof(storage)) continue;
          std::memcpy(&storage, one->ai_addr, one->ai_addrlen);
          if (const auto where = os::decode(storage, one->ai_addrlen).as_ip()) found_.push_back({where->address, port_});
        }
      } catch (const std::bad_alloc&) { why_ = sluice::detail::system_code(std::errc::not_enough_memory); }
      if (!why_ && found_.empty()) why_ = make_error_code(errc::no_such_host);
    }

    // A socket that c-ares is through with is closed right after, and leaves the set by that.
    void watch(int socket, bool reads, bool writes) noexcept {
      if (!reads && !writes) {
        (void)Os::epoll_ctl(watch_, EPOLL_CTL_DEL, socket, nullptr);
        return;
      }
      ::epoll_event event{};
      event.events = (reads ? EPOLLIN : 0U) | (writes ? EPOLLOUT : 0U);
      event.data.fd = socket;
      if (Os::epoll_ctl(watch_, EPOLL_CTL_MOD, socket, &event) < 0) (void)Os::epoll_ctl(watch_, EPOLL_CTL_ADD, socket, &event);
    }

    ::ares_channel channel_{};
    bool open_ = false;
    bool done_ = false;
    int watch_ = -1;
    std::uint16_t port_ = 0;
    std::error_code why_;
    host_addresses found_;
  };
};

static_assert(driven_resolver<c_ares<>>);

}  // namespace sluice::inline v0::resolver

#endif
