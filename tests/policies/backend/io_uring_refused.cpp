// SPDX-License-Identifier: MIT
// What the system may refuse when a ring is made, and that the error names the cause and the remedy; nothing stays open.
#include <sluice/aio/facade.hpp>
#include <sluice/backend/io_uring.hpp>
#include <sluice/native.hpp>
#include <support/child.hpp>
#include <support/descriptors.hpp>
#include <support/needs.hpp>
#include <support/scripted_os.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

namespace op = sluice::op;
namespace ring = sluice::ring;
using sluice::errc;
using support::script;

template <sluice::io_uring_options O = {}>
using scripted = sluice::backend::io_uring<O, support::scripted_os>;

struct app : sluice::config<scripted<>> {};
struct real_app : sluice::config<sluice::backend::io_uring<>> {};
struct requires_newest : sluice::config<scripted<{.flags = ring::single_issuer | ring::defer_taskrun | ring::taskrun_flag,
                                                  .prefer = ring::hybrid_iopoll | ring::iopoll}>> {};
struct storage : sluice::config<sluice::backend::io_uring<{.flags = ring::iopoll}>> {};
struct storage_deferred
    : sluice::config<sluice::backend::io_uring<{.flags = ring::iopoll | ring::single_issuer | ring::defer_taskrun | ring::taskrun_flag}>> {
};

struct pinned : sluice::config<scripted<{.flags = ring::sqpoll, .sqpoll = {.cpu = 1'000'000}}>> {};
struct polled : sluice::config<scripted<{.flags = ring::sqpoll, .sqpoll = {.idle = sluice::interval::max()}}>> {};
struct unclamped : sluice::config<scripted<{.prefer = ring::none}>> {};

template <class Config>
auto make(const sluice::ring_options& options = {}) {
  return sluice::aio_of<Config>::ring::make(options);
}

auto contains(const std::string& text, std::string_view part) -> bool { return text.find(part) != std::string::npos; }

/// The ring is refused with this code, whose sentence has these words; nothing stays open.
template <class Config = app>
void refused_with(errc code, std::errc behind, std::initializer_list<std::string_view> words, const sluice::ring_options& options = {}) {
  const auto before = support::count_descriptors();
  const auto outcome = make<Config>(options);
  BOOST_TEST_REQUIRE(!outcome.has_value());
  const auto sentence = outcome.error().message();
  BOOST_TEST((outcome.error() == code), sentence);
  BOOST_TEST((outcome.error() == behind), sentence);
  for (const auto word : words) BOOST_TEST(contains(sentence, word), sentence << " lacks: " << word);
  BOOST_TEST(support::count_descriptors() == before);
}

/// Answers -EINVAL whenever a flag of the set is asked for.
void kernel_without(ring::flags unknown) {
  script::always("uring_queue_init", [unknown](const support::system_call& call) -> script::answer {
    if ((call.first & static_cast<std::uint32_t>(unknown)) != 0) return -EINVAL;
    return {};
  });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_FIXTURE_TEST_SUITE(io_uring_refused, support::script_fixture)

BOOST_AUTO_TEST_CASE(each_refusal_of_the_set_up_is_a_sentence_with_its_remedy) {
  const auto refuse = [](int error) { script::next("uring_queue_init", {-error}); };
  refuse(ENOSYS);
  refused_with(errc::ring_unsupported, std::errc::function_not_supported, {"ENOSYS", "Linux 6.1", "first_available"});
  refuse(EPERM);
  refused_with(errc::ring_forbidden, std::errc::operation_not_permitted, {"EPERM", "kernel.io_uring_disabled=0", "seccomp"});
  refuse(EACCES);
  refused_with(errc::ring_denied, std::errc::permission_denied, {"EACCES", "security module", "policy"});
  refuse(ENOMEM);
  refused_with(errc::ring_memory, std::errc::not_enough_memory, {"ENOMEM", "RLIMIT_MEMLOCK", ".entries"});
  refuse(EMFILE);
  refused_with(errc::ring_descriptors, std::errc::too_many_files_open, {"EMFILE", "RLIMIT_NOFILE"});
  refuse(ENFILE);
  refused_with(errc::ring_descriptors, std::errc::too_many_files_open, {"ENFILE", "RLIMIT_NOFILE"});
  BOOST_TEST(script::calls("uring_queue_exit") == 0U);
}

BOOST_AUTO_TEST_CASE(a_refusal_that_has_no_remedy_of_its_own_stays_what_it_was) {
  for (const auto error : {std::errc::resource_unavailable_try_again, std::errc::device_or_resource_busy}) {
    script::next("uring_queue_init", {-static_cast<int>(error)});
    const auto outcome = make<app>();
    BOOST_TEST_REQUIRE(!outcome.has_value());
    BOOST_TEST((outcome.error() == error), outcome.error().message());
  }
}

BOOST_AUTO_TEST_CASE(an_interrupted_set_up_is_tried_again) {
  script::next("uring_queue_init", {-EINTR, -EINTR, {}});
  BOOST_TEST(make<app>().has_value());
  BOOST_TEST(script::calls("uring_queue_init") == 3U);
}

BOOST_AUTO_TEST_CASE(preferred_flags_are_dropped_one_by_one_newest_first) {
  std::vector<std::uint32_t> tried;
  script::always("uring_queue_init", [&tried](const support::system_call& call) -> script::answer {
    tried.push_back(static_cast<std::uint32_t>(call.first));
    if ((call.first & static_cast<std::uint32_t>(ring::submit_all | ring::clamp)) != 0) return -EINVAL;
    return {};
  });
  BOOST_TEST(make<app>().has_value());
  BOOST_TEST_REQUIRE(tried.size() == 3U);
  const auto has_bit = [&](std::size_t attempt, ring::flags flag) { return (tried[attempt] & static_cast<std::uint32_t>(flag)) != 0; };
  BOOST_TEST((has_bit(0, ring::submit_all) && has_bit(0, ring::clamp)));
  BOOST_TEST((!has_bit(1, ring::submit_all) && has_bit(1, ring::clamp)));
  BOOST_TEST((!has_bit(2, ring::submit_all) && !has_bit(2, ring::clamp)));
  for (std::size_t i = 0; i < 3; ++i) BOOST_TEST(has_bit(i, ring::defer_taskrun));
}

BOOST_AUTO_TEST_CASE(a_required_flag_that_the_kernel_lacks_is_named) {
  kernel_without(ring::defer_taskrun);
  refused_with(errc::flag_defer_taskrun, std::errc::invalid_argument, {"ring::defer_taskrun", "ring::coop_taskrun", "Linux 6.1"});
  kernel_without(ring::single_issuer | ring::defer_taskrun);
  refused_with(errc::flag_single_issuer, std::errc::invalid_argument, {"ring::single_issuer", "Linux 6.0"});
  kernel_without(ring::taskrun_flag);
  refused_with(errc::flag_taskrun_flag, std::errc::invalid_argument, {"ring::taskrun_flag", "Linux 5.19"});
  script::always("uring_queue_init", [](const support::system_call& call) -> script::answer {
    constexpr auto all = static_cast<std::uint32_t>(ring::defer_taskrun | ring::taskrun_flag);
    return (call.first & all) == all ? script::answer{-EINVAL} : script::answer{};  // each flag alone is known
  });
  refused_with(errc::ring_flag_unsupported, std::errc::invalid_argument, {"combination", ".prefer"});
}

BOOST_AUTO_TEST_CASE(a_processor_that_the_machine_lacks_is_told_from_a_flag, *needs::ring()) {
  refused_with<pinned>(errc::ring_processor, std::errc::invalid_argument, {"processor", ".cpu"});
  refused_with<polled>(errc::ring_processor, std::errc::invalid_argument, {"processor", ".cpu"}, {.cpu = 1'000'000});
  BOOST_TEST(make<polled>({.cpu = 0}).has_value());
  BOOST_TEST(make<app>({.cpu = 1'000'000}).has_value());  // nothing polls there
}

BOOST_AUTO_TEST_CASE(a_size_that_no_ring_has_is_told_from_a_flag, *needs::ring()) {
  refused_with<unclamped>(errc::ring_size, std::errc::invalid_argument, {".entries", "32768", "ring::clamp"}, {.entries = 40'000});
  refused_with<unclamped>(errc::ring_size, std::errc::invalid_argument, {".completions", "65536"}, {.completions = 100'000});
}

BOOST_AUTO_TEST_CASE(a_polling_thread_that_is_never_to_sleep_is_no_overflow, *needs::ring()) { BOOST_TEST(make<polled>().has_value()); }

BOOST_AUTO_TEST_CASE(a_kernel_without_the_features_is_refused) {
  script::next("missing_features", {0xffff});
  refused_with(errc::ring_feature_missing, std::errc::function_not_supported, {"feature", "Linux 6.1"});
  BOOST_TEST(script::calls("uring_queue_exit") == 1U);
}

BOOST_AUTO_TEST_CASE(a_missing_page_or_event_descriptor_leaves_nothing_open) {
  // The program's own page cannot be wiped in children, so that one has to be mapped.
  struct fresh_os : support::scripted_os {
    static auto advise(std::byte*, std::size_t, int) noexcept -> sluice::result<void> { return sluice::system_error(EINVAL); }
  };
  struct fresh : sluice::config<sluice::backend::io_uring<{}, fresh_os>> {};
  script::next("map", {-ENOMEM});
  refused_with<fresh>(errc::ring_memory, std::errc::not_enough_memory, {"ENOMEM"});
  BOOST_TEST(script::calls("uring_queue_exit") == 1U);

  script::next("missing_features", {1U << 16U});
  script::next("uring_register", {-EINVAL});  // the kernel takes no message for a ring from a thread without one
  script::next("eventfd", {-EMFILE});
  refused_with<fresh>(errc::ring_descriptors, std::errc::too_many_files_open, {"RLIMIT_NOFILE"});
  BOOST_TEST(script::calls("uring_queue_exit") == 2U);
  BOOST_TEST(make<fresh>().has_value());
}

BOOST_AUTO_TEST_CASE(a_ring_without_the_advice_on_forks_works) {
  script::next("uring_dontfork", {-EINVAL});
  auto made = make<app>();
  BOOST_TEST_REQUIRE(made.has_value());
}

BOOST_AUTO_TEST_CASE(a_ring_that_polls_storage_is_set_up_and_takes_only_what_can_be_polled, *needs::ring()) {
  for (auto* const trial : {+[] { return sluice::aio_of<storage>::ring::make().has_value(); },
                            +[] { return sluice::aio_of<storage_deferred>::ring::make().has_value(); }})
    BOOST_TEST(trial());
  auto made = make<storage>();
  BOOST_TEST_REQUIRE(made.has_value());
  const auto file = support::temporary_file("abc");
  const auto pair = support::socket_pair();
  std::array<std::byte, 16> bytes{};
  using facade = sluice::aio_of<storage>;
  facade::operation<op::recv> recv{op::recv{.socket = pair.near.socket(), .buffer = bytes}};
  facade::operation<op::read> read{op::read{.file = file.file(), .buffer = bytes, .offset = 0}};
  facade::operation<op::timeout> timeout{op::timeout{.after = std::chrono::milliseconds{1}}};
  std::size_t done = 0;
  done += made->start(recv) == sluice::started::done ? 1U : 0U;
  done += made->start(read) == sluice::started::done ? 1U : 0U;
  done += made->start(timeout) == sluice::started::done ? 1U : 0U;
  for (int i = 0; i < 1000 && done < 3; ++i) done += made->poll([](auto&) noexcept {}).value_or(0);
  BOOST_TEST_REQUIRE(done == 3U);
  BOOST_TEST(!recv.result().has_value());     // a socket cannot be polled for completions
  BOOST_TEST(!timeout.result().has_value());  // nor can a clock
  if (!read.result()) BOOST_TEST((read.result().error() == std::errc::operation_not_supported), read.result().error().message());
}

BOOST_AUTO_TEST_CASE(a_kernel_that_cannot_poll_storage_is_named) {
  struct polled : sluice::config<scripted<{.flags = ring::iopoll}>> {};
  struct hybrid : sluice::config<scripted<{.flags = ring::iopoll | ring::hybrid_iopoll}>> {};
  kernel_without(ring::iopoll);
  refused_with<polled>(errc::flag_iopoll, std::errc::invalid_argument, {"ring::iopoll"});
  kernel_without(ring::hybrid_iopoll);
  refused_with<hybrid>(errc::flag_hybrid_iopoll, std::errc::invalid_argument, {"ring::hybrid_iopoll", "Linux 6.13"});
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_forbids_rings_is_named_with_the_remedy, *needs::ring()) {
  for (const int error : {EPERM, ENOSYS}) {
    const auto end = support::in_child([error] {
      std::array program{
          ::sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(::seccomp_data, nr)),
          ::sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
          ::sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
          ::sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      };
      const ::sock_fprog filter{.len = program.size(), .filter = program.data()};
      if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) return 77;
      const auto outcome = make<real_app>();
      if (outcome) return 1;
      support::say(outcome.error().message());
      return outcome.error() == (error == EPERM ? errc::ring_forbidden : errc::ring_unsupported) ? 0 : 2;
    });
    if (end.code == 77) {
      BOOST_TEST_MESSAGE("skipped: this system has no seccomp filters");
      return;
    }
    BOOST_TEST(end.code == 0);
    BOOST_TEST(contains(end.said, error == EPERM ? "seccomp" : "sandbox"), end.said);
  }
}

BOOST_AUTO_TEST_CASE(a_sysctl_that_forbids_rings_is_named_with_the_remedy, *needs::ring() * needs::root()) {
  constexpr auto path = "/proc/sys/kernel/io_uring_disabled";
  std::string before;
  if (!(std::ifstream{path} >> before)) {
    BOOST_TEST_MESSAGE("skipped: this kernel has no kernel.io_uring_disabled");
    return;
  }
  const auto set = [&](const std::string& value) {
    std::ofstream file{path};
    file << value << std::flush;
    return file.good();
  };
  // 1 leaves it to privileged users and to one group; an unprivileged child stands for the others, so that nobody else is disturbed for
  // long.
  if (!set("1")) {
    BOOST_TEST_MESSAGE("skipped: kernel.io_uring_disabled cannot be written here");
    return;
  }
  const auto end = support::in_child([] {
    if (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0) return 77;
    const auto outcome = make<real_app>();
    if (outcome) return 1;
    support::say(outcome.error().message());
    return outcome.error() == errc::ring_forbidden ? 0 : 2;
  });
  BOOST_TEST(set(before));
  BOOST_TEST((end.code == 0 || end.code == 77), "exit code " << end.code << ", " << end.said);
  if (end.code == 0) BOOST_TEST(contains(end.said, "sysctl kernel.io_uring_disabled=0"), end.said);
}

BOOST_AUTO_TEST_CASE(a_small_limit_of_locked_memory_is_named_with_the_remedy, *needs::ring() * needs::root()) {
  const auto end = support::in_child([] {
    const ::rlimit nothing{0, 0};
    if (::setrlimit(RLIMIT_MEMLOCK, &nothing) != 0 || ::setgroups(0, nullptr) != 0 || ::setgid(65533) != 0 || ::setuid(65533) != 0)
      return 77;
    const auto outcome = make<real_app>();
    if (outcome) return 78;
    support::say(outcome.error().message());
    return outcome.error() == errc::ring_memory ? 0 : 2;
  });
  if (end.code == 77 || end.code == 78) {
    BOOST_TEST_MESSAGE("skipped: this kernel does not count rings against RLIMIT_MEMLOCK");
    return;
  }
  BOOST_TEST(end.code == 0);
  BOOST_TEST(contains(end.said, "RLIMIT_MEMLOCK"), end.said);
}

BOOST_AUTO_TEST_CASE(no_descriptor_left_is_named_with_the_remedy, *needs::ring()) {
  const auto end = support::in_child([] {
    const ::rlimit few{16, 16};
    ::setrlimit(RLIMIT_NOFILE, &few);
    while (::dup(0) >= 0) {}
    const auto outcome = make<real_app>();
    if (outcome) return 1;
    support::say(outcome.error().message());
    return outcome.error() == errc::ring_descriptors ? 0 : 2;
  });
  BOOST_TEST(end.code == 0);
  BOOST_TEST(contains(end.said, "RLIMIT_NOFILE"), end.said);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
