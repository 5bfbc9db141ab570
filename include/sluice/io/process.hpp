// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Processes with an owner, who leaves none behind. Layer: io.

#include <sluice/c_path.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/coro/scope.hpp>
#include <sluice/coro/structure.hpp>
#include <sluice/handle.hpp>
#include <sluice/io/byte_stream.hpp>
#include <sluice/io/object.hpp>
#include <sluice/io/pipe.hpp>
#include <sluice/io/process_options.hpp>
#include <sluice/op/file.hpp>
#include <sluice/op/poll.hpp>
#include <sluice/op/process.hpp>
#include <sluice/result.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace sluice::inline v0::io {

/// \cond
// Which descriptors a new process has, and who owns what was opened for it until it is there.
template <class Config>
class process_streams {
 public:
  using io = coro::task_io<Config>;

  auto open(const process_options& options, basic_pipe_writer<Config>& in, basic_pipe_reader<Config>& out,
            basic_pipe_reader<Config>& err) noexcept -> result<void> {
    if (options.descriptors.size() > given_.size() - 3) return failed(std::errc::argument_list_too_long);
    if (options.in.which() == stdio::kind::as_output || options.out.which() == stdio::kind::as_output)
      return failed(std::errc::invalid_argument);
    if (const auto made = open_one(0, options.in, in); !made) return made;
    if (const auto made = open_one(1, options.out, out); !made) return made;
    if (options.err.which() == stdio::kind::as_output) {
      given_[count_] = {.handle = options.out.which() == stdio::kind::inherit ? any_handle{file_handle{1}} : given_[count_ - 1].handle,
                        .number = 2};
      ++count_;
    } else if (const auto made = open_one(2, options.err, err); !made) {
      return made;
    }
    for (const auto& one : options.descriptors) {
      if (one.number < 3) return failed(std::errc::invalid_argument);
      given_[count_++] = one;
    }
    return {};
  }
  [[nodiscard]] auto given() const noexcept -> std::span<const given_handle> { return {given_.data(), count_}; }

 private:
  static auto failed(std::errc why) noexcept -> std::unexpected<std::error_code> { return std::unexpected{std::make_error_code(why)}; }

  template <class End>
  auto open_one(int number, const stdio& wanted, End& ours) noexcept -> result<void> {
    auto& theirs = owned_[static_cast<std::size_t>(number)];
    any_handle gets = wanted.handle();
    switch (wanted.which()) {
      case stdio::kind::null: {
        const auto made = io::io(op::open_at{.path = "/dev/null", .flags = open_flags::read | open_flags::write});
        if (!made) return std::unexpected{made.error()};
        theirs = owner{*made};
        gets = *made;
        break;
      }
      case stdio::kind::pipe: {
        const auto made = io::io(op::pipe{});
        if (!made) return std::unexpected{made.error()};
        theirs = owner{number == 0 ? made->read : made->write};
        ours = End{number == 0 ? made->write : made->read};
        gets = theirs.handle();
        break;
      }
      case stdio::kind::handle: break;
      default: return {};
    }
    given_[count_++] = {.handle = gets, .number = number};
    return {};
  }

  using owner = basic_object<Config, file_handle>;
  std::array<given_handle, 32> given_;
  std::size_t count_ = 0;
  std::array<owner, 3> owned_;
};

// All that comes, at most so many bytes.
template <class Source>
auto read_rest(Source& from, std::string& text, std::size_t most) -> result<void> {
  constexpr std::size_t piece = 64 * std::size_t{1024};
  for (;;) {
    const std::size_t before = text.size();
    text.resize(before + piece);
    const auto got = from.read_some(std::span<std::byte>{reinterpret_cast<std::byte*>(text.data()) + before, piece});
    text.resize(before + got.value_or(0));
    if (!got) return std::unexpected{got.error()};
    if (*got == 0) return {};
    if (text.size() > most) return failure(std::errc::message_size);
  }
}
/// \endcond

/// A process that this one has started. One that runs when its owner ends is killed and waited for, in a task that was asked to end, too:
/// neither it nor a zombie stays. What it has started itself is not known here and stays.
///
/// It moves, but while a task waits for it, it neither moves nor ends.
template <class Config>
class basic_process {
 public:
  using os = typename coro::scheduler<Config>::os;  ///< where system calls go
  using options = process_options;                  ///< how one is started
  using stdio = io::stdio;                          ///< what its standard streams are
  using output = process_output;                    ///< what `communicate` gives
  using reader_type = basic_pipe_reader<Config>;    ///< the end of a pipe that it writes
  using writer_type = basic_pipe_writer<Config>;    ///< the end of a pipe that it reads

  /// None.
  basic_process() noexcept = default;
  /// Takes over; the other is none then.
  basic_process(basic_process&& other) noexcept
      : process_{std::move(other.process_)},
        in_{std::move(other.in_)},
        out_{std::move(other.out_)},
        err_{std::move(other.err_)},
        status_{std::exchange(other.status_, std::nullopt)},
        id_{std::exchange(other.id_, -1)} {}
  /// Ends what it has, then takes over.
  auto operator=(basic_process&& other) noexcept -> basic_process& {
    if (this != &other) {
      end();
      process_ = std::move(other.process_);
      in_ = std::move(other.in_);
      out_ = std::move(other.out_);
      err_ = std::move(other.err_);
      status_ = std::exchange(other.status_, std::nullopt);
      id_ = std::exchange(other.id_, -1);
    }
    return *this;
  }
  basic_process(const basic_process&) = delete;
  auto operator=(const basic_process&) -> basic_process& = delete;
  ~basic_process() { end(); }

  /// Starts a program: `spawn({.path = "/bin/sort", .in = stdio::pipe, .out = stdio::pipe})`. It has the standard streams that are asked
  /// for, the other descriptors that are given, those that are not close-on-exec, and the signal mask from before the library.
  /// \errors those of posix_spawn(3) and execve(2): `no_such_file_or_directory`, `permission_denied`; those of pipe2(2), open(2);
  /// `invalid_argument` for a descriptor below 3 among `.descriptors`, `argument_list_too_long` for too many; `no_such_process` for one
  /// that has ended at once while this process ignores SIGCHLD; `operation_canceled`
  /// \allocates while it runs  \src posix_spawn(3), pidfd_open(2)
  [[nodiscard]] static auto spawn(const process_options& wanted) noexcept -> result<basic_process> {
    basic_process made;
    process_streams<Config> streams;
    if (const auto opened = streams.open(wanted, made.in_, made.out_, made.err_); !opened) return std::unexpected{opened.error()};
    const auto started = coro::task_io<Config>::io(op::spawn_process{.path = wanted.path,
                                                                     .arguments = wanted.arguments,
                                                                     .environment = wanted.environment,
                                                                     .inherit_environment = wanted.inherit_environment,
                                                                     .descriptors = streams.given(),
                                                                     .working_directory = wanted.working_directory,
                                                                     .search = wanted.search,
                                                                     .group = wanted.group});
    if (!started) return std::unexpected{started.error()};
    made.process_ = basic_object<Config, process_handle>{started->process};
    made.id_ = started->id;
    return made;
  }
  /// The same with the arguments beside: `spawn({.path = "/bin/sh"}, {"sh", "-c", "exit 3"})`. \errors as above
  [[nodiscard]] static auto spawn(process_options wanted, std::initializer_list<c_path> arguments) noexcept -> result<basic_process> {
    wanted.arguments = {arguments.begin(), arguments.size()};
    return spawn(wanted);
  }

  /// What it reads, if `.in` is a pipe: closing it is the end of its input.
  [[nodiscard]] auto in() noexcept -> writer_type& { return in_; }
  /// What it writes, if `.out` is a pipe.
  [[nodiscard]] auto out() noexcept -> reader_type& { return out_; }
  /// What it complains of, if `.err` is a pipe.
  [[nodiscard]] auto err() noexcept -> reader_type& { return err_; }
  /// Its number, which may be another one's once it was waited for; -1 for none.
  [[nodiscard]] auto id() const noexcept -> int { return id_; }
  /// What operations take; none for none.
  [[nodiscard]] auto handle() const noexcept -> process_handle { return process_.handle(); }
  /// Whether it is a process.
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(process_); }

  /// Waits for its end. The answer is kept: it can be asked again, by several tasks at once. A wait that is cancelled leaves it for
  /// another.
  /// \errors `no_child_process` if somebody else took its status, or this process ignores SIGCHLD; `bad_file_descriptor` for none;
  /// `operation_canceled`  \src waitid(2)
  [[nodiscard]] auto wait() noexcept -> result<exit_status> {
    while (!status_) {
      // Its end makes the handle readable for all who wait; the first of them then takes the status, which takes no time.
      const auto ended = coro::task_io<Config>::io(op::poll_once{.handle = handle()});
      // Whoever had it first may have closed the handle by now.
      if (status_) break;
      if (!ended) return std::unexpected{ended.error()};
      exit_status found;
      const int taken = os::children::take_status(handle(), found);
      if (taken < 0) return system_error(-taken);
      if (taken > 0) status_ = found;
    }
    return *status_;
  }
  /// Its status, if `wait` has got it.
  [[nodiscard]] auto status() const noexcept -> const std::optional<exit_status>& { return status_; }

  /// Sends it a signal, by the system's own number. It goes to this process or to none, whoever has its number by now.
  /// \errors `no_such_process` once it was waited for; `invalid_argument`; `bad_file_descriptor` for none  \src pidfd_send_signal(2)
  auto signal(int number) noexcept -> result<void> { return os::children::send(handle(), number); }
  /// Ends it by the signal that nothing keeps from its effect. Nothing where it has ended. \errors as above
  auto kill() noexcept -> result<void> {
    if (status_) return {};
    return os::children::kill(handle());
  }
  /// Kills it if it runs, waits for it, in a task that was asked to end, too, and closes its handle and the pipes. `status` says how it
  /// ended. Nothing for none. \errors those of close(2)
  auto close() noexcept -> result<void> {
    end();
    (void)in_.close();
    (void)out_.close();
    (void)err_.close();
    return process_.close();
  }
  /// Gives the handle up: it goes on, and whoever takes the handle waits for it and closes that. The pipes stay.
  [[nodiscard]] auto release() noexcept -> process_handle { return process_.release(); }
  /// Lets it go: it goes on, and nobody here waits for it. The pipes stay. When it ends, the system keeps its status until this process
  /// ends, too. \errors those of close(2)
  auto detach() noexcept -> result<void> { return process_.close(); }

  /// Writes the input, closes that, reads both outputs to their ends, and waits for the end of the process; all at once, so that nobody
  /// waits for a pipe that is full. What is no pipe is left alone; a process that does not read all of its input is no error. Outputs end
  /// when nobody has them any more: whoever the process has started and left may hold them open.
  /// \errors those of `write_all`, `read_some` and `wait`; `invalid_argument` for input without a pipe; `message_size` if one of the
  /// outputs is longer than `most`, the process runs on then; `operation_not_permitted` outside a task; `operation_canceled`
  /// \allocates the outputs, and three tasks
  [[nodiscard]] auto communicate(std::span<const std::byte> input = {}, std::size_t most = std::string{}.max_size())
      -> result<process_output> {
    if (!input.empty() && !in_) return failure(std::errc::invalid_argument);
    process_output all;
    {
      coro::basic_scope<Config> streams;
      if (in_) {
        streams.spawn([&]() -> result<void> {
          const auto written = in_.write_all(input);
          (void)in_.close();
          return written || written.error() == std::errc::broken_pipe ? result<void>{} : written;
        });
      }
      if (out_) streams.spawn([&] { return read_rest(out_, all.out, most); });
      if (err_) streams.spawn([&] { return read_rest(err_, all.err, most); });
      if (const auto done = streams.join(); !done) return std::unexpected{done.error()};
    }
    const auto ended = wait();
    if (!ended) return std::unexpected{ended.error()};
    all.status = *ended;
    return all;
  }
  /// The same with a text. \errors as above
  template <class Text>
    requires std::convertible_to<const Text&, std::string_view>
  [[nodiscard]] auto communicate(const Text& input, std::size_t most = std::string{}.max_size()) -> result<process_output> {
    return communicate(bytes_of(input), most);
  }

 private:
  // A fork of this process has its handles, and is nobody's parent.
  void end() noexcept {
    if (!process_ || status_ || !os::children::is_one(handle())) return;
    (void)kill();
    if (coro::shield<Config>([this]() noexcept { return wait(); })) return;
    exit_status unasked;
    (void)os::children::await_status(handle(), unasked);
  }

  basic_object<Config, process_handle> process_;
  writer_type in_;
  reader_type out_;
  reader_type err_;
  std::optional<exit_status> status_;
  int id_ = -1;
};

}  // namespace sluice::inline v0::io
