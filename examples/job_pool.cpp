// SPDX-License-Identifier: MIT
// job_pool [--threads N] FILE...: the SHA-256 of each file, as sha256sum prints it, in the order of the arguments. N is 1 to 64; as many as
// there are processors unless it is given.
//
// Hashing would hold up all tasks of a scheduler, so each file is a job on a thread of the blocking pool, N of them at once, while its task
// waits. ^C reaches the jobs by their stop tokens: they look at them every block, and at least every 50 ms where a file is a pipe that
// gives nothing. The exit code is 0; 1 if something could not be read or written; 2 for a wrong command line; 130 if interrupted.

#include "support/number.hpp"
#include "support/output.hpp"
#include "support/progress.hpp"
#include <sluice/sluice.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <getopt.h>
#include <openssl/evp.h>
#include <poll.h>
#include <unistd.h>

namespace {

constexpr std::uint16_t most_threads = 64;

struct app : sluice::config<sluice::blocking::threads<{.threads = most_threads}>> {};
using coro = sluice::coro_of<app>;

using digest = std::array<unsigned char, 32>;
using hasher = std::unique_ptr<::EVP_MD_CTX, decltype([](::EVP_MD_CTX* one) { ::EVP_MD_CTX_free(one); })>;

// Closes a descriptor that only one thread knows.
struct descriptor {
  explicit descriptor(int from) noexcept : native{from} {}
  descriptor(const descriptor&) = delete;
  auto operator=(const descriptor&) -> descriptor& = delete;
  ~descriptor() {
    if (native >= 0) ::close(native);
  }
  int native;
};

// Runs on a thread of the pool.
auto hash_file(const char* name, const std::stop_token& stop, std::atomic<std::uint64_t>& bytes) -> sluice::result<digest> {
  const descriptor file{::open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.native < 0) return sluice::system_error(errno);
  const hasher state{::EVP_MD_CTX_new()};
  if (state == nullptr || ::EVP_DigestInit_ex(state.get(), ::EVP_sha256(), nullptr) != 1) return sluice::system_error(ENOMEM);
  constexpr std::size_t block = 256 * 1024;
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(block);
  while (!stop.stop_requested()) {
    ::pollfd wanted{.fd = file.native, .events = POLLIN, .revents = 0};
    if (::poll(&wanted, 1, 50) <= 0) continue;
    const auto read = ::read(file.native, memory.get(), block);
    if (read < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (read < 0) return sluice::system_error(errno);
    if (read == 0) {
      digest made{};
      return ::EVP_DigestFinal_ex(state.get(), made.data(), nullptr) == 1 ? sluice::result<digest>{made} : sluice::system_error(EIO);
    }
    if (::EVP_DigestUpdate(state.get(), memory.get(), static_cast<std::size_t>(read)) != 1) return sluice::system_error(EIO);
    bytes.fetch_add(static_cast<std::uint64_t>(read), std::memory_order_relaxed);
  }
  return sluice::canceled();
}

// A line as sha256sum writes it: a name that would break it is escaped, and a mark before it tells.
auto line_of(const digest& hash, std::string_view name) -> std::string {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string line;
  if (name.find_first_of("\\\n\r") != std::string_view::npos) line.push_back('\\');
  for (const unsigned char one : hash) line.append({digits[one >> 4], digits[one & 15]});
  line.append("  ");
  for (const char one : name) {
    if (one == '\\')
      line.append("\\\\");
    else if (one == '\n')
      line.append("\\n");
    else if (one == '\r')
      line.append("\\r");
    else
      line.push_back(one);
  }
  line.push_back('\n');
  return line;
}

struct job {
  const char* name = nullptr;
  sluice::result<digest> outcome = sluice::canceled();
  coro::event done;
};

class hashing {
 public:
  hashing(std::span<char* const> names, std::size_t threads) : turns_{threads}, jobs_(names.size()) {
    for (std::size_t i = 0; i != names.size(); ++i) {
      std::error_code none;
      jobs_[i].name = names[i];
      if (const auto size = std::filesystem::file_size(names[i], none); !none) total_ += size;
    }
  }

  auto run() -> sluice::result<int> {
    coro::scope display;
    if (::isatty(STDERR_FILENO) == 1)
      display.spawn([this] { support::show_progress<coro>([this] { return support::progress{bytes_, total_, files_, failed_}; }); });
    coro::scope all{{.on_failure = sluice::on_failure::keep}};
    all.spawn([&] { start_jobs(all); });
    // One prints, so the lines have their order whichever job is done first.
    support::output<coro> out{sluice::file_handle{STDOUT_FILENO}};
    std::size_t printed = 0;
    for (; printed != jobs_.size(); ++printed) {
      if (!jobs_[printed].done.is_set() && !out.flush()) break;
      if (!jobs_[printed].done.wait()) break;
      put(out, jobs_[printed]);
    }
    const bool interrupted = coro::this_task::cancelled();
    if (interrupted || !out.good()) all.cancel();
    const auto joined = all.join();
    display.cancel();
    (void)display.join();

    for (; printed != jobs_.size(); ++printed) put(out, jobs_[printed]);
    const auto written = coro::shield([&] { return coro::with_timeout(std::chrono::milliseconds{50}, [&] { return out.flush(); }); });
    if (interrupted) {
      std::fprintf(stderr, "job_pool: interrupted; %zu of %zu files are hashed\n", files_, jobs_.size());
      return 130;
    }
    if (!written) return std::unexpected{written.error()};
    if (!joined) return std::unexpected{joined.error()};
    return failed_ == 0 ? 0 : 1;
  }

 private:
  static void put(support::output<coro>& out, const job& one) {
    if (one.outcome) out.put(line_of(*one.outcome, one.name));
  }

  void start_jobs(coro::scope& all) {
    for (auto& one : jobs_) {
      auto turn = turns_.hold();
      if (!turn) return;
      all.spawn([this, &one, mine = std::move(*turn)] { hash(one); });
    }
  }

  void hash(job& one) {
    one.outcome = coro::blocking([&](const std::stop_token& stop) { return hash_file(one.name, stop, bytes_); });
    if (one.outcome) {
      ++files_;
    } else if (one.outcome.error() != std::errc::operation_canceled) {
      ++failed_;
      std::fprintf(stderr, "job_pool: %s: %s\n", one.name, one.outcome.error().message().c_str());
    }
    one.done.set();
  }

  coro::semaphore turns_;
  std::vector<job> jobs_;
  std::atomic<std::uint64_t> bytes_{0};  // by all threads; the rest belongs to the tasks
  std::uint64_t total_ = 0;
  std::size_t files_ = 0;
  std::size_t failed_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  static constexpr ::option known[] = {{"threads", 1, nullptr, 't'}, {}};
  std::optional<std::uint16_t> threads = static_cast<std::uint16_t>(std::clamp(std::thread::hardware_concurrency(), 1U, 64U));
  for (int one = 0; (one = ::getopt_long(argc, argv, "", known, nullptr)) != -1;)
    threads = one == 't' ? support::number<std::uint16_t>(optarg) : std::nullopt;
  if (threads.value_or(0) == 0 || *threads > most_threads || optind == argc) {
    std::fprintf(stderr, "usage: job_pool [--threads N] FILE...\n");
    return 2;
  }
  return coro::main([&] { return hashing{{argv + optind, argv + argc}, *threads}.run(); });
}
