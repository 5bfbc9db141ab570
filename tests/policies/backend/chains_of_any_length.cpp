// SPDX-License-Identifier: MIT
/// @file
/// Chains of many members. The laws of links look at short ones; here are those that fill the submission queue, do not fit behind what is
/// in it, or are longer than it, run by the system where it can and by the library where it cannot.
#include <laws/backend.hpp>
#include <support/needs.hpp>
#include <support/oracle/run_time_call.hpp>
#include <support/readiness_models.hpp>
#include <support/uring_models.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <tuple>
#include <vector>

using namespace laws::backend;
using oracle::tie;

namespace {

constexpr std::size_t most = 600;
constexpr std::size_t lengths[] = {9, 64, 255, 256, 257, 300, 600};
constexpr int bad_number = 7777;
constexpr int canceled_number = -ECANCELED;
constexpr int bad_descriptor = -EBADF;

/// A chain around one pair of sockets: each odd member receives, at the far end, the letter that the one before it has sent.
template <class Config>
class relay {
 public:
  using ring_type = typename session<Config>::ring_type;

  support::ends pair = support::socket_pair();

  /// `count` members, all joined in one way.
  void add(std::size_t count, tie link) {
    for (std::size_t i = 0; i < count; ++i) add_one(i + 1 == count ? tie::none : link);
  }
  void add_one(tie link) {
    const auto i = chain_->size();
    auto& place = letters_[i];
    if (i % 2 == 0) {
      place = letter(i);
      chain_->add(op::send{.socket = pair.near.socket(), .buffer = std::span<const std::byte>{&place, 1}}, link);
    } else {
      chain_->add(op::recv{.socket = pair.far.socket(), .buffer = std::span{&place, 1}}, link);
    }
  }
  /// One that fails.
  void add_failure(tie link) {
    auto& place = letters_[chain_->size()];
    chain_->add(op::recv{.socket = sluice::socket_handle{bad_number}, .buffer = std::span{&place, 1}}, link);
  }
  /// One that receives from somebody else.
  void add_receive(const support::descriptor& from, tie link) {
    auto& place = letters_[chain_->size()];
    chain_->add(op::recv{.socket = from.socket(), .buffer = std::span{&place, 1}}, link);
  }
  void add_close(support::descriptor& what, tie link) {
    chain_->add(op::close_socket{.socket = sluice::socket_handle{what.release()}}, link);
  }

  auto call() -> aio::any_call<ring_type>& { return chain_->call(); }
  auto member(std::size_t i) -> aio::record& { return chain_->record(i); }
  [[nodiscard]] auto result(std::size_t i) const -> int { return chain_->number(i); }

  void finish(session<Config>& s) {
    s.until([&] { return call().unfinished() == 0; });
  }
  void run(session<Config>& s) {
    (void)call().start(s.ring, nullptr);
    finish(s);
  }

  /// Members that ran have moved their letters, in order.
  void moved(std::size_t from, std::size_t to) const {
    std::size_t wrong = 0;
    for (std::size_t i = from; i < to; ++i)
      if (result(i) != 1 || letters_[i] != letter(i - i % 2)) ++wrong;
    BOOST_TEST(wrong == 0U);
  }
  /// These never ran.
  void were_cut(std::size_t from, std::size_t to) const {
    std::size_t wrong = 0;
    for (std::size_t i = from; i < to; ++i)
      if (result(i) != canceled_number) ++wrong;
    BOOST_TEST(wrong == 0U);
  }
  void nothing_is_left() const {
    BOOST_TEST(take(pair.near).empty());
    BOOST_TEST(take(pair.far).empty());
  }

 private:
  static auto letter(std::size_t i) -> std::byte { return static_cast<std::byte>('a' + i % 23); }

  std::array<std::byte, most> letters_{};
  std::unique_ptr<oracle::run_time_call<ring_type, most>> chain_ = std::make_unique<oracle::run_time_call<ring_type, most>>();
};

template <class Config>
void for_each_length(auto&& body) {
  for (const auto count : lengths)
    for (const auto link : {tie::soft, tie::hard}) {
      BOOST_TEST_CONTEXT(count << " members, " << (link == tie::soft ? "soft" : "hard")) {
        session<Config> s;
        relay<Config> all;
        body(s, all, count, link);
      }
    }
}

template <class Config>
void members_run_one_after_the_other() {
  for_each_length<Config>([](auto& s, auto& all, std::size_t count, tie link) {
    all.add(count, link);
    all.run(s);
    all.moved(0, count);
    if (count % 2 != 0) BOOST_TEST(take(all.pair.far).size() == 1U);
    all.nothing_is_left();
  });
}

template <class Config>
void a_failure_in_the_middle_cuts_the_rest_behind_a_soft_link_only() {
  for_each_length<Config>([](auto& s, auto& all, std::size_t count, tie link) {
    const std::size_t middle = count / 4 * 2;
    for (std::size_t i = 0; i < middle; ++i) all.add_one(link);
    all.add_failure(link);
    all.add_failure(link);
    for (std::size_t i = middle + 2; i < count; ++i) all.add_one(i + 1 == count ? tie::none : link);
    all.run(s);
    all.moved(0, middle);
    BOOST_TEST(all.result(middle) == bad_descriptor);
    if (link == tie::hard) {
      BOOST_TEST(all.result(middle + 1) == bad_descriptor);
      all.moved(middle + 2, count);
      if (count % 2 != 0) BOOST_TEST(take(all.pair.far).size() == 1U);
    } else {
      all.were_cut(middle + 1, count);
    }
    all.nothing_is_left();
  });
}

template <class Config>
void closes_behind_a_failure_are_run_however_far_away() {
  for_each_length<Config>([](auto& s, auto& all, std::size_t count, tie link) {
    auto first = support::socket_pair();
    auto second = support::socket_pair();
    const int numbers[] = {first.near.get(), second.near.get()};
    all.add_failure(tie::soft);
    all.add_close(first.near, tie::soft);
    for (std::size_t i = 2; i + 1 < count; ++i) all.add_one(link);
    all.add_close(second.near, tie::none);
    all.run(s);
    BOOST_TEST(all.result(0) == bad_descriptor);
    BOOST_TEST(all.result(1) == 0);
    all.were_cut(2, count - 1);
    BOOST_TEST(all.result(count - 1) == 0);
    for (const auto number : numbers) BOOST_TEST(!support::is_open(number));
    all.nothing_is_left();
  });
}

/// What waits in the middle is a receive from somebody who is silent.
template <class Config>
void what_has_not_run_never_does_when_the_whole_is_cancelled() {
  for_each_length<Config>([](auto& s, auto& all, std::size_t count, tie link) {
    const auto silent = support::socket_pair();
    const std::size_t middle = count / 4 * 2;
    for (std::size_t i = 0; i < middle; ++i) all.add_one(link);
    all.add_receive(silent.near, link);
    for (std::size_t i = middle + 1; i < count; ++i) all.add_one(i + 1 == count ? tie::none : link);
    (void)all.call().start(s.ring, nullptr);
    s.until([&] { return all.call().unfinished() == count - middle; });
    all.call().cancel(s.ring);
    all.finish(s);
    all.moved(0, middle);
    all.were_cut(middle, count);
    all.nothing_is_left();
  });
}

/// Whether the system has seen any of it is the system's business: so many members have run, and no other.
template <class Config>
void a_cancel_right_after_the_start_leaves_what_has_run_at_the_front() {
  for_each_length<Config>([](auto& s, auto& all, std::size_t count, tie link) {
    const auto silent = support::socket_pair();
    const std::size_t middle = count / 4 * 2;
    for (std::size_t i = 0; i < middle; ++i) all.add_one(link);
    all.add_receive(silent.near, link);
    for (std::size_t i = middle + 1; i < count; ++i) all.add_one(i + 1 == count ? tie::none : link);
    (void)all.call().start(s.ring, nullptr);
    all.call().cancel(s.ring);
    all.finish(s);
    std::size_t ran = 0;
    while (all.result(ran) == 1) ++ran;
    BOOST_TEST(ran <= middle);
    all.moved(0, ran);
    all.were_cut(ran, count);
    if (ran % 2 != 0) BOOST_TEST(take(all.pair.far).size() == 1U);
    all.nothing_is_left();
  });
}

template <class Config>
void members_that_are_cancelled_before_their_turn_do_not_run() {
  for_each_length<Config>([](auto& s, auto& all, std::size_t count, tie link) {
    const auto silent = support::socket_pair();
    all.add_receive(silent.near, link);
    all.add_failure(link);
    for (std::size_t i = 2; i < count; ++i) all.add_one(i + 1 == count ? tie::none : link);
    (void)all.call().start(s.ring, nullptr);
    s.poll(sluice::wait::none);
    s.ring.cancel(all.member(count - 1));
    s.ring.cancel(all.member(1));
    s.poll(sluice::wait::none);
    BOOST_TEST(!all.member(0).is_done());
    put(silent.far, "x");
    all.finish(s);
    BOOST_TEST(all.result(0) == 1);
    // A thread of the system's takes the request when it likes, and may be late for a chain that the system runs.
    const bool may_be_late = Config::submits_later && link == tie::soft;
    BOOST_TEST((all.result(1) == canceled_number || (may_be_late && all.result(1) == bad_descriptor)));
    if (link == tie::soft) {
      all.were_cut(2, count);
    } else {
      all.moved(2, count - 1);
      BOOST_TEST(all.result(count - 1) == canceled_number);
      if (count % 2 == 0) BOOST_TEST(take(all.pair.far).size() == 1U);
    }
    all.nothing_is_left();
  });
}

using every_model = std::tuple<models::deferred, models::cooperative, models::polled_submission, models::two_entries,
                               models::user_space_chains, models::epoll, models::poll>;

/// How many operations the system was given by one poll.
template <class Config>
auto given_by_a_poll(session<Config>& s) -> std::uint64_t {
  const auto before = s.ring.trace().snapshot().submissions;
  s.poll(sluice::wait::none);
  return s.ring.trace().snapshot().submissions - before;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_AUTO_TEST_SUITE(chains_of_any_length, *needs::ring())

#define LAW_OF_CHAINS_OF_ANY_LENGTH(law) \
  BOOST_FIXTURE_TEST_CASE_TEMPLATE(law, config, every_model, support::leftovers) { ::law<config>(); }

LAW_OF_CHAINS_OF_ANY_LENGTH(members_run_one_after_the_other)
LAW_OF_CHAINS_OF_ANY_LENGTH(a_failure_in_the_middle_cuts_the_rest_behind_a_soft_link_only)
LAW_OF_CHAINS_OF_ANY_LENGTH(closes_behind_a_failure_are_run_however_far_away)
LAW_OF_CHAINS_OF_ANY_LENGTH(what_has_not_run_never_does_when_the_whole_is_cancelled)
LAW_OF_CHAINS_OF_ANY_LENGTH(a_cancel_right_after_the_start_leaves_what_has_run_at_the_front)
LAW_OF_CHAINS_OF_ANY_LENGTH(members_that_are_cancelled_before_their_turn_do_not_run)

#undef LAW_OF_CHAINS_OF_ANY_LENGTH

BOOST_AUTO_TEST_CASE(what_fits_the_queue_reaches_the_system_whole_and_what_does_not_one_by_one) {
  covers("4.4");
  for (const auto count : lengths)
    for (const auto link : {tie::soft, tie::hard}) {
      BOOST_TEST_CONTEXT(count << " members, " << (link == tie::soft ? "soft" : "hard")) {
        session<models::deferred> s;
        relay<models::deferred> all;
        all.add(count, link);
        (void)all.call().start(s.ring, nullptr);
        const bool is_whole = link == tie::soft && count <= models::deferred::entries;
        BOOST_TEST(given_by_a_poll(s) == (is_whole ? count : 1U));
        all.finish(s);
        all.moved(0, count);
      }
    }
}

BOOST_AUTO_TEST_CASE(the_queue_is_flushed_for_a_chain_that_does_not_fit_behind_what_is_in_it) {
  covers("4.4");
  session<models::deferred> s;
  std::vector<std::unique_ptr<session<models::deferred>::operation<op::nop>>> before;
  for (int i = 0; i < 200; ++i) {
    before.push_back(std::make_unique<session<models::deferred>::operation<op::nop>>(op::nop{}));
    s.ring.start(*before.back());
  }
  relay<models::deferred> all;
  all.add(64, tie::soft);
  (void)all.call().start(s.ring, nullptr);
  BOOST_TEST(s.ring.trace().snapshot().submissions == 200U);
  BOOST_TEST(given_by_a_poll(s) == 64U);
  all.finish(s);
  all.moved(0, 64);
  for (const auto& one : before) BOOST_TEST(one->is_done());
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
