// SPDX-License-Identifier: MIT
// Programs that wait for each other in every way, cancelled at each of their suspensions in turn: no lock is held afterwards, no permit
// lacks, no message is lost, nothing is left behind.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <thread>
#include <utility>

#include <coro/cancel_everywhere.hpp>
#include <coro/fixture.hpp>

namespace {

using fixture::cancel_everywhere;
using coro = sluice::coro_of<fixture::injected_app>;
namespace op = sluice::op;
using namespace std::chrono_literals;

}  // namespace

BOOST_AUTO_TEST_SUITE(inject_waits, *needs::ring())

BOOST_AUTO_TEST_CASE(mutexes_and_a_condition) {
  cancel_everywhere([] {
    coro::mutex m;
    coro::condition_variable changed;
    int value = 0;
    {
      coro::scope all{{.on_failure = sluice::on_failure::keep}};
      for (int i = 0; i < 3; ++i)
        all.spawn([&, i] {
          auto held = m.lock_cancellable();
          if (!held) return;
          coro::yield();
          (void)changed.wait(*held, [&] { return value > i; });
          BOOST_TEST(m.is_locked());
        });
      all.spawn([&] {
        for (int i = 0; i < 3; ++i) {
          const auto held = m.lock();
          ++value;
          changed.notify_all();
          (void)coro::sleep(20us);
        }
      });
    }
    BOOST_TEST(!m.is_locked());
  });
}

BOOST_AUTO_TEST_CASE(readers_and_writers) {
  cancel_everywhere([] {
    coro::shared_mutex m;
    {
      coro::scope all{{.on_failure = sluice::on_failure::keep}};
      for (int i = 0; i < 6; ++i)
        all.spawn([&, i] {
          if (i % 3 == 1) {
            if (const auto held = m.lock_cancellable()) (void)coro::sleep(10us);
          } else {
            if (const auto held = m.lock_shared_cancellable()) (void)coro::sleep(10us);
          }
        });
    }
    BOOST_TEST(!!m.try_lock());
  });
}

BOOST_AUTO_TEST_CASE(permits_events_latches_and_barriers) {
  cancel_everywhere([] {
    coro::semaphore permits{2};
    coro::barrier together{2};
    coro::latch start{1};
    coro::event done;
    {
      coro::scope all{{.on_failure = sluice::on_failure::keep}};
      for (int i = 0; i < 4; ++i)
        all.spawn([&, i] {
          if (!start.wait()) return;
          if (const auto mine = permits.hold(i == 2 ? 2 : 1)) (void)coro::sleep(10us);
          if (i < 2) (void)together.arrive_and_wait();
          (void)done.wait();
        });
      start.count_down();
      (void)coro::sleep(100us);
      done.set();
      // One of the two may have been cancelled before it came.
      for (int i = 0; i < 2; ++i) coro::yield();
      all.cancel();
    }
    BOOST_TEST(permits.available() == 2U);
    BOOST_TEST(together.missing() == 2U);
  });
}

BOOST_AUTO_TEST_CASE(what_a_channel_acknowledged_is_received) {
  for (const std::size_t capacity : {0U, 2U}) {
    cancel_everywhere([capacity] {
      coro::channel<int> c{capacity};
      int sent = 0;
      int got = 0;
      {
        coro::scope all{{.on_failure = sluice::on_failure::keep}};
        for (int s = 0; s < 2; ++s)
          all.spawn([&] {
            for (int i = 0; i < 4; ++i)
              if (c.send(i)) ++sent;
          });
        for (int r = 0; r < 2; ++r)
          all.spawn([&] {
            for (int i = 0; i < 4; ++i)
              if (c.receive()) ++got;
          });
      }
      while (c.try_receive()) ++got;
      BOOST_TEST(sent == got);
    });
  }
}

BOOST_AUTO_TEST_CASE(selects_lose_nothing) {
  cancel_everywhere([] {
    coro::channel<int> a;
    coro::channel<int> b{1};
    const fixture::socket_pair pair;
    int sent = 0;
    int got = 0;
    std::size_t bytes_sent = 0;
    std::size_t bytes_got = 0;
    {
      coro::scope all{{.on_failure = sluice::on_failure::keep}};
      all.spawn([&] {
        std::array<std::byte, 8> buffer{};
        for (int i = 0; i < 5; ++i) {
          const auto won = coro::select(a.receiving(), b.receiving(), op::recv{.socket = pair.left, .buffer = buffer}, coro::after(50us));
          if (won.get<0>()) ++got;
          if (won.get<1>()) ++got;
          if (won.get<2>()) bytes_got += won.get<2>()->value_or(0);
        }
      });
      all.spawn([&] {
        for (int i = 0; i < 3; ++i) {
          const auto won = coro::select(a.sending(i), b.sending(i), coro::after(50us));
          if (won.get<0>() || won.get<1>()) ++sent;
          if (const auto n = coro::io(op::send{.socket = pair.right, .buffer = fixture::bytes_of("x")})) bytes_sent += *n;
        }
      });
    }
    while (b.try_receive()) ++got;
    std::array<char, 64> rest{};
    if (const auto n = ::recv(pair.left.native(), rest.data(), rest.size(), MSG_DONTWAIT); n > 0) bytes_got += static_cast<std::size_t>(n);
    BOOST_TEST(sent == got);
    BOOST_TEST(bytes_sent == bytes_got);
  });
}

BOOST_AUTO_TEST_CASE(selects_over_threads_lose_nothing) {
  cancel_everywhere([] {
    coro::remote_channel<int> jobs{2};
    coro::remote_channel<int> answers{2};
    coro::channel<int> local;
    std::atomic<int> jobs_done{0};
    std::atomic<int> answered{0};
    int jobs_sent = 0;
    int got = 0;
    std::thread other{[&] {
      while (jobs.receive()) {
        ++jobs_done;
        if (answers.send(1)) ++answered;
      }
      answers.close();
    }};
    {
      coro::scope all{{.on_failure = sluice::on_failure::keep}};
      for (int t = 0; t < 2; ++t)
        all.spawn([&] {
          for (int i = 0; i < 4; ++i) {
            const auto won = coro::select(answers.receiving(), jobs.sending(i), local.receiving(), coro::after(50us));
            if (won.get<0>()) ++got;
            if (won.get<1>()) ++jobs_sent;
          }
        });
      all.spawn([&] {
        for (int i = 0; i < 2; ++i) {
          (void)coro::select(local.sending(i), coro::after(20us));
          if (coro::select(answers.receiving(), op::timeout{.after = 20us}).get<0>()) ++got;
        }
      });
    }
    jobs.close();
    (void)coro::shield([&] {
      return coro::blocking([&] {
        // What is on its way still wants room.
        while (answers.receive()) ++got;
        other.join();
      });
    });
    BOOST_TEST(jobs_sent == jobs_done);
    BOOST_TEST(answered == got);
  });
}

BOOST_AUTO_TEST_CASE(blocking_code_and_remote_objects) {
  cancel_everywhere([] {
    coro::remote_channel<int> jobs{2};
    coro::remote_mutex m;
    coro::remote_event done;
    std::atomic<int> sent{0};
    int got = 0;
    std::thread other{[&] {
      for (int i = 0; i < 4; ++i)
        if (jobs.send(i)) ++sent;
      const auto held = m.lock();
      done.set();
    }};
    {
      coro::scope all{{.on_failure = sluice::on_failure::keep}};
      all.spawn([&] {
        while (jobs.receive()) ++got;
      });
      all.spawn([&] {
        if (const auto held = m.lock_cancellable()) (void)coro::blocking([](std::stop_token) { std::this_thread::yield(); });
      });
      all.spawn([&] { (void)done.wait(); });
      (void)done.wait();
      jobs.close();
    }
    jobs.close();
    (void)coro::shield([&] { return coro::blocking([&] { other.join(); }); });
    while (jobs.try_receive()) ++got;
    BOOST_TEST(sent == got);
    BOOST_TEST(!!m.try_lock());
  });
}

BOOST_AUTO_TEST_SUITE_END()
