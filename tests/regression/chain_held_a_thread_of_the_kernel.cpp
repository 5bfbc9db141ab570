// SPDX-License-Identifier: MIT
// The kernel gives what it cannot do without waiting for a device, as an open that may make a file, to one of a few threads of its own,
// and makes what follows that in a chain on the same thread. A receive there held the thread until something came: with as many such
// chains as there are threads, neither the other chains nor any operation on a file went on.
#include <laws/backend.hpp>
#include <support/needs.hpp>
#include <support/readiness_models.hpp>
#include <support/uring_models.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

using namespace laws::backend;
using all = std::tuple<models::deferred, models::cooperative, models::plain, models::polled_submission, models::two_entries,
                       models::user_space_chains, models::epoll, models::poll>;

namespace {

/// More than the kernel has threads for files, which are four a processor.
auto many() -> std::size_t { return 4 * std::size_t{std::thread::hardware_concurrency()} + 8; }

auto making(const std::string& path) {
  return op::open_at{.path = path.c_str(), .flags = sluice::open_flags::read | sluice::open_flags::write | sluice::open_flags::create};
}

/// A chain that waits for a peer behind an operation on a file.
template <class Config>
struct waiting {
  support::ends pair = support::socket_pair();
  support::buffer<> buffer;
  aio::call<typename session<Config>::ring_type, decltype(op::soft(op::open_at{})), op::recv> call;

  explicit waiting(const std::string& path)
      : call{op::soft(making(path)), op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}} {}
};

/// Operations of that kind, alone and before a member that does not wait.
template <class Config>
void files_go_on(session<Config>& s, const std::string& path) {
  for (int i = 0; i < 20; ++i) {
    const auto alone = s.run_alone(making(path));
    BOOST_TEST_REQUIRE(alone.has_value());
    const auto [opened, after] = s.run(op::soft(making(path)), op::fsync{.file = *alone});
    BOOST_TEST_REQUIRE(opened.has_value());
    succeeded(after);
    succeeded(s.run_alone(op::close_file{.file = *alone}));
    succeeded(s.run_alone(op::close_file{.file = *opened}));
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(chain_held_a_thread_of_the_kernel, *needs::ring())

BOOST_FIXTURE_TEST_CASE_TEMPLATE(chains_that_wait_for_a_peer_behind_a_file_hold_no_thread, config, all, support::leftovers) {
  const support::temporary_folder folder;
  const auto path = folder / "file";
  session<config> s;
  std::vector<std::unique_ptr<waiting<config>>> chains;
  for (std::size_t i = 0; i < many(); ++i) {
    chains.push_back(std::make_unique<waiting<config>>(path));
    s.ring.start(chains.back()->call);
  }
  // Each gets as far as its receive, and others get past them.
  s.until([&] {
    std::size_t opened = 0;
    for (const auto& one : chains) opened += one->call.template get<0>().is_done() ? 1 : 0;
    return opened == chains.size();
  });
  files_go_on(s, path);
  for (std::size_t i = 0; i < chains.size(); ++i) {
    BOOST_TEST(!chains[i]->call.template get<1>().is_done());
    if (i % 2 == 0)
      put(chains[i]->pair.far, "x");
    else
      chains[i]->call.cancel(s.ring);
  }
  for (std::size_t i = 0; i < chains.size(); ++i) {
    s.finish(chains[i]->call);
    const auto [opened, received] = chains[i]->call.results();
    BOOST_TEST_REQUIRE(opened.has_value());
    ::close(opened->native());
    if (i % 2 == 0)
      gave(received, 1U);
    else
      canceled(received);
  }
  files_go_on(s, path);
}

BOOST_AUTO_TEST_SUITE_END()
