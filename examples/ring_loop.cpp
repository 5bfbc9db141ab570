// SPDX-License-Identifier: MIT
// The core alone: one ring, operations that the program owns, and no coroutines.
//
// A thread writes lines into a pipe. The ring reads them, numbers them, and writes them to the standard output, with a
// read and a write in flight at the same time. When the thread has written its last line it does not close the pipe but
// wakes the ring; the loop then takes what is left, and cancels the read that would otherwise wait for ever.
//
// This is what the coroutine layer spares its users: a state, and a function that decides what to do next.

#include <sluice/sluice.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace {

namespace op = sluice::op;

struct app : sluice::config<> {};  // every default
using aio = sluice::aio_of<app>;

constexpr int lines = 100;

class pipeline {
 public:
  pipeline(aio::ring& ring, sluice::file_handle from, sluice::file_handle to) noexcept : ring_{ring}, from_{from}, to_{to} {}

  // Runs until the writer has finished and every line is out.
  auto run(const std::atomic<bool>& finished) -> sluice::result<void> {
    start_read();
    while (reading_ || writing_) {
      // Submits what was started, and sleeps until something is done or the ring is woken: one system call for all of it.
      const auto polled = ring_.poll([this](aio::record& done) noexcept { on(done); }, sluice::wait::one);
      if (!polled) return std::unexpected{polled.error()};
      // Woken, or not: nothing comes any more. The read ends with `operation_canceled`, or with bytes after all; both come
      // through the sink like any other completion.
      if (finished.load(std::memory_order_acquire) && reading_ && pipe_is_empty()) ring_.cancel(read_);
    }
    if (error_) return std::unexpected{error_};
    return {};
  }

  [[nodiscard]] auto written() const noexcept -> std::size_t { return count_; }

 private:
  // The sink may start operations, but not poll. A record tells by its address which operation it is.
  void on(aio::record& done) noexcept {
    if (done.is(read_)) {
      reading_ = false;
      on_read(read_.result());
    } else {
      on_written(write_.result());
    }
  }

  void on_read(sluice::result<std::size_t> got) noexcept {
    if (!got) {
      if (got.error() != std::errc::operation_canceled) error_ = got.error();
      return;
    }
    if (*got == 0) return;
    for (const std::byte one : std::span{input_}.first(*got)) {
      if (line_.empty()) line_ = std::to_string(++count_) + ": ";
      line_.push_back(static_cast<char>(one));
      if (one == std::byte{'\n'}) waiting_.append(line_), line_.clear();
    }
    start_read();
    if (!writing_) start_write();
  }

  void on_written(sluice::result<std::size_t> put) noexcept {
    writing_ = false;
    if (!put) {
      error_ = put.error();
      return;
    }
    rest_.remove_prefix(*put);
    start_write();
  }

  // An operation may be used again once it is done. `started::done` means that there will be no completion: the result is
  // there already, and is treated as if it came from the sink.
  void start_read() noexcept {
    if (error_) return;
    read_.op = {.file = from_, .buffer = input_};
    reading_ = true;
    if (ring_.start(read_) == sluice::started::done) on(read_);
  }

  void start_write() noexcept {
    if (rest_.empty()) {
      sending_.swap(waiting_);
      waiting_.clear();
      rest_ = sending_;
    }
    if (rest_.empty() || error_) return;
    write_.op = {.file = to_, .buffer = std::as_bytes(std::span{rest_})};
    writing_ = true;
    if (ring_.start(write_) == sluice::started::done) on(write_);
  }

  [[nodiscard]] auto pipe_is_empty() const noexcept -> bool {
    int bytes = 0;
    return ::ioctl(from_.native(), FIONREAD, &bytes) != 0 || bytes == 0;
  }

  aio::ring& ring_;
  sluice::file_handle from_;
  sluice::file_handle to_;
  aio::operation<op::read> read_{op::read{}};
  aio::operation<op::write> write_{op::write{}};
  bool reading_ = false;
  bool writing_ = false;
  std::array<std::byte, 256> input_;  // belongs to the read while that is in flight
  std::string sending_;               // belongs to the write while that is in flight
  std::string_view rest_;             // of `sending_`
  std::string waiting_;               // goes out next
  std::string line_;                  // not complete yet
  std::size_t count_ = 0;
  std::error_code error_;
};

auto run() -> sluice::result<std::size_t> {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::unexpected{std::error_code{errno, std::system_category()}};
  auto ring = aio::ring::make();
  if (!ring) return std::unexpected{ring.error()};

  std::atomic<bool> finished = false;
  std::jthread writer{[&] {
    for (int i = 1; i <= lines; ++i) {
      const std::string line = "line " + std::to_string(i) + " of " + std::to_string(lines) + "\n";
      if (::write(ends[1], line.data(), line.size()) < 0) break;
    }
    finished.store(true, std::memory_order_release);
    ring->wake();  // of all that a ring can do, the one thing that another thread may ask for
  }};

  pipeline work{*ring, sluice::file_handle{ends[0]}, sluice::file_handle{STDOUT_FILENO}};
  const auto ran = work.run(finished);
  writer.join();
  ::close(ends[0]);
  ::close(ends[1]);
  if (!ran) return std::unexpected{ran.error()};
  return work.written();
}

}  // namespace

int main() {
  const auto written = run();
  if (!written) {
    std::fprintf(stderr, "ring_loop: %s\n", written.error().message().c_str());
    return 1;
  }
  std::fprintf(stderr, "%zu lines\n", *written);
}
