// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The addresses of a host. Layer: io.

#include <sluice/address.hpp>
#include <sluice/concept/resolver.hpp>
#include <sluice/config.hpp>
#include <sluice/coro/blocking.hpp>
#include <sluice/coro/io.hpp>
#include <sluice/coro/remote_event.hpp>
#include <sluice/coro/wait_queue.hpp>
#include <sluice/op/link.hpp>
#include <sluice/op/poll.hpp>
#include <sluice/result.hpp>

#include <atomic>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace sluice::inline v0::io {

/// \cond
// Whether a policy can be asked. A mistake gives one sentence.
template <class P>
consteval auto check_resolver() -> bool {
  constexpr bool answers = resolver_policy<P>;
  if constexpr (answers) {
    return true;
  } else if constexpr (!resolver_basics<P>) {
    static_assert(answers, "[sluice.resolver.name] a resolver policy misses its name; add `static constexpr std::string_view name`");
  } else if constexpr (requires { typename P::question; }) {
    static_assert(answers,
                  "[sluice.resolver.question] the question of a resolver policy misses something; make it default-constructible, with "
                  "begin, done, handle, patience, go_on and answer as driven_resolver asks for, all noexcept");
  } else {
    static_assert(answers,
                  "[sluice.resolver.look_up] a resolver policy misses look_up; add `static auto look_up(const char* host, std::uint16_t "
                  "port) noexcept -> result<host_addresses>`");
  }
  return false;
}

// A question to a resolver that blocks, asked on a thread of the blocking policy. Whoever asked may have left before the answer is there:
// the last of both sides clears up.
template <class Config>
class host_question : public blocking_job {
 public:
  using resolver_type = policy_of<Config, policy_kind::resolver>;

  host_question(std::string_view host, std::uint16_t port) : host_{host}, port_{port} {
    blocking_job::call = [](blocking_job& base) noexcept {
      auto& self = static_cast<host_question&>(base);
      self.answer = resolver_type::look_up(self.host_.c_str(), self.port_);
    };
    blocking_job::done = [](blocking_job& base) noexcept {
      auto& self = static_cast<host_question&>(base);
      self.answered.set();
      self.leave();
    };
  }
  host_question(const host_question&) = delete;
  auto operator=(const host_question&) -> host_question& = delete;

  void leave() noexcept {
    if (sides_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  coro::basic_remote_event<Config> answered;
  result<host_addresses> answer = std::unexpected{make_error_code(errc::resolver_failed)};

 private:
  ~host_question() = default;

  std::string host_;
  std::uint16_t port_;
  std::atomic<int> sides_{2};
};

// An address written as one: nobody needs to be asked.
inline auto written_address(std::string_view host) noexcept -> result<ip::address> {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return ip::address::parse(host);
}
/// \endcond

/// Finds the addresses of hosts, by the resolver policy of the config. Holds nothing: one may be made for each question.
template <class Config>
class basic_resolver {
 public:
  using policy_type = policy_of<Config, policy_kind::resolver>;  ///< who is asked

  /// The addresses of a host, in the order in which they should be tried, each with the port. A host that is written as an address is its
  /// own answer, at once.
  ///
  /// A task that is asked to end leaves at once. With a policy that blocks, as `resolver::system` does, a thread of the blocking policy
  /// ends the question by itself, which the end of the scheduler waits for.
  /// \errors `errc::no_such_host`, for a host without an address, too; `errc::resolver_failed` where nobody answers; `invalid_argument` for
  /// what cannot be a host; `operation_canceled`; those of `blocking`  \allocates the answer
  [[nodiscard]] auto resolve(std::string_view host, std::uint16_t port = 0) const -> result<host_addresses> {
    if (const auto written = written_address(host)) return host_addresses{ip::endpoint{*written, port}};
    // \src RFC 1035 section 2.3.4
    if (host.empty() || host.size() > 253 || host.find('\0') != std::string_view::npos) return sluice::detail::invalid_address();
    auto found = ask(host, port);
    if (found && found->empty()) return std::unexpected{make_error_code(errc::no_such_host)};
    return found;
  }

 private:
  static auto ask(std::string_view host, std::uint16_t port) -> result<host_addresses> {
    if constexpr (!check_resolver<policy_type>())
      return std::unexpected{make_error_code(errc::resolver_failed)};
    else if constexpr (driven_resolver<policy_type>)
      return drive(std::string{host}, port);
    else
      return ask_on_a_thread(host, port);
  }

  static auto drive(const std::string& host, std::uint16_t port) -> result<host_addresses> {
    typename policy_type::question question;
    if (const auto begun = question.begin(host.c_str(), port); !begun) return std::unexpected{begun.error()};
    while (!question.done()) {
      const auto ready = coro::task_io<Config>::io(
          op::timed(op::poll_once{.handle = question.handle(), .events = poll_events::readable}, question.patience()));
      if (!ready && ready.error() != std::errc::timed_out) return std::unexpected{ready.error()};
      question.go_on();
    }
    return question.answer();
  }

  static auto ask_on_a_thread(std::string_view host, std::uint16_t port) -> result<host_addresses> {
    const coro::caller<Config> me;
    if (!me.is_task()) return policy_type::look_up(std::string{host}.c_str(), port);
    if (me.is_refused()) return canceled();
    auto* const pool = coro::pool_of(*me.home);
    if (pool == nullptr) return failure(std::errc::not_enough_memory);
    auto* const question = new host_question<Config>{host, port};
    if (const auto taken = pool->submit(*question); !taken) {
      question->leave();
      question->leave();
      return std::unexpected{taken.error()};
    }
    const auto waited = question->answered.wait();
    auto answer = waited ? std::move(question->answer) : std::unexpected{waited.error()};
    // One that no thread has begun is taken back: nobody waits for the answer.
    if (!waited && !question->answered.is_set() && pool->withdraw(*question)) question->leave();
    question->leave();
    return answer;
  }
};

}  // namespace sluice::inline v0::io
