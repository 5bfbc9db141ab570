// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of backends: files and directories. Sections 1, 5 and 10.

#include <laws/backend.hpp>

#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace laws::backend {

inline auto directory_of(const support::descriptor& one) noexcept -> sluice::directory_handle {
  return sluice::directory_handle{one.get()};
}

inline auto open_folder(const support::temporary_folder& folder) -> support::descriptor {
  support::descriptor made{::open((folder / "").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  BOOST_REQUIRE(made.get() >= 0);
  return made;
}

inline void touch(const std::string& path, std::string_view content = {}) {
  const support::descriptor file{::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)};
  BOOST_REQUIRE(file.get() >= 0);
  if (!content.empty()) put(file, content);
}

inline auto exists(const std::string& path) -> bool { return ::access(path.c_str(), F_OK) == 0; }

/// All names of a directory, read in parts of so many bytes.
template <class Session>
auto names_in(Session& s, sluice::directory_handle directory, std::size_t bytes) -> std::set<std::string> {
  std::set<std::string> names;
  std::vector<std::byte> buffer(bytes);
  for (;;) {
    const auto part = s.run_alone(op::read_directory{.directory = directory, .buffer = buffer});
    BOOST_TEST_REQUIRE(part.has_value());
    if (part->is_end()) return names;
    for (const auto& entry : *part) {
      BOOST_TEST(names.insert(std::string{entry.name}).second);
      BOOST_TEST(entry.id != 0U);
    }
  }
}

template <class Config>
void a_path_stays_beneath_its_directory() {
  covers("1.5");
  using flags = sluice::open_flags;
  session<Config> s;
  const support::temporary_folder folder;
  const auto base = open_folder(folder);
  touch(folder / "inside", "in");
  BOOST_REQUIRE(::symlink("/etc/passwd", (folder / "leads_out").c_str()) == 0);
  BOOST_REQUIRE(::symlink("inside", (folder / "stays").c_str()) == 0);
  const auto open = [&](const char* path, flags how) {
    return s.run_alone(op::open_at{.directory = directory_of(base), .path = path, .flags = how | flags::beneath});
  };
  for (const auto* outside : {"../", "leads_out", "/etc/passwd"}) failed(open(outside, flags::read), std::errc::cross_device_link);
  for (const auto* inside : {"inside", "stays"}) {
    const auto opened = open(inside, flags::read);
    BOOST_TEST_REQUIRE(opened.has_value());
    const support::descriptor file{opened->native()};
    BOOST_TEST((::fcntl(file.get(), F_GETFD) & FD_CLOEXEC) != 0);
    BOOST_TEST(take(file) == "in");
  }
  const auto made = open("made", flags::write | flags::create | flags::exclusive);
  BOOST_TEST_REQUIRE(made.has_value());
  const support::descriptor file{made->native()};
  BOOST_TEST(exists(folder / "made"));
}

template <class Config>
void a_file_is_made_longer_and_shorter() {
  exercises<op::truncate>(real, failure);
  session<Config> s;
  const auto file = support::temporary_file("hello");
  const auto length = [&] { return ::lseek(file.get(), 0, SEEK_END); };
  succeeded(s.run_alone(op::truncate{.file = file.file(), .length = 2}));
  BOOST_TEST(length() == 2);
  succeeded(s.run_alone(op::truncate{.file = file.file(), .length = 100}));
  BOOST_TEST(length() == 100);
  succeeded(s.run_alone(op::truncate{.file = file.file()}));
  BOOST_TEST(length() == 0);
  const auto [cut, synced] = s.run(op::soft(op::truncate{.file = file.file(), .length = 7}), op::fsync{.file = file.file()});
  succeeded(cut);
  succeeded(synced);
  BOOST_TEST(length() == 7);
  failed(s.run_alone(op::truncate{.file = file.file(), .length = ~std::uint64_t{0}}), std::errc::invalid_argument);
  failed(s.run_alone(op::truncate{.file = sluice::file_handle{7777}}), std::errc::bad_file_descriptor);
  const auto pipe = support::pipe_pair();
  failed(s.run_alone(op::truncate{.file = pipe.far.file()}), std::errc::invalid_argument);
}

template <class Config>
void room_is_reserved_with_and_without_growth() {
  exercises<op::allocate>(real, failure);
  session<Config> s;
  const auto file = support::temporary_file();
  struct ::stat facts{};
  succeeded(s.run_alone(op::allocate{.file = file.file(), .length = 10'000, .keep_size = true}));
  BOOST_REQUIRE(::fstat(file.get(), &facts) == 0);
  BOOST_TEST(facts.st_size == 0);
  BOOST_TEST(facts.st_blocks * 512 >= 10'000);
  succeeded(s.run_alone(op::allocate{.file = file.file(), .offset = 10'000, .length = 5'000}));
  BOOST_REQUIRE(::fstat(file.get(), &facts) == 0);
  BOOST_TEST(facts.st_size == 15'000);
  failed(s.run_alone(op::allocate{.file = file.file()}), std::errc::invalid_argument);
  const auto pipe = support::pipe_pair();
  failed(s.run_alone(op::allocate{.file = pipe.far.file(), .length = 1}), std::errc::invalid_seek);
}

template <class Config>
void advice_is_taken_for_any_length() {
  exercises<op::advise>(real, failure);
  session<Config> s;
  const auto file = support::temporary_file("hello");
  using advice = sluice::file_advice;
  for (const auto what : {advice::normal, advice::sequential, advice::random, advice::no_reuse, advice::will_need, advice::dont_need})
    for (const std::uint64_t length : {0ULL, 5ULL, 0xffff'ffffULL, 0x1'0000'0000ULL, 0x7fff'ffff'ffffULL})
      succeeded(s.run_alone(op::advise{.file = file.file(), .length = length, .advice = what}));
  const auto [long_one, next] =
      s.run(op::soft(op::advise{.file = file.file(), .length = 0x1'0000'0000ULL, .advice = advice::will_need}), op::nop{});
  succeeded(long_one);
  succeeded(next);
  const auto pipe = support::pipe_pair();
  failed(s.run_alone(op::advise{.file = pipe.near.file()}), std::errc::invalid_seek);
}

template <class Config>
void bytes_are_copied_from_file_to_file() {
  exercises<op::copy_range>(real, failure);
  session<Config> s;
  const std::string content(3'000'000, 'x');
  const auto from = support::temporary_file(content);
  const auto to = support::temporary_file();
  std::size_t copied = 0;
  for (;;) {
    const auto part = s.run_alone(op::copy_range{.file = from.file(), .offset = copied, .to = to.file(), .length = content.size()});
    BOOST_TEST_REQUIRE(part.has_value());
    if (*part == 0) break;
    copied += *part;
  }
  BOOST_TEST(copied == content.size());
  BOOST_TEST(::lseek(to.get(), 0, SEEK_CUR) == static_cast<::off_t>(content.size()));
  BOOST_TEST(::lseek(from.get(), 0, SEEK_CUR) == 0);
  gave(s.run_alone(op::copy_range{.file = from.file(), .to = to.file(), .to_offset = 0, .length = 10}), 10U);
  BOOST_TEST(::lseek(from.get(), 0, SEEK_CUR) == 10);
  // A short one breaks a soft link, as that of a read does.
  const auto [short_one, next] =
      s.run(op::soft(op::copy_range{.file = from.file(), .offset = content.size() - 4, .to = to.file(), .to_offset = 0, .length = 10}),
            op::nop{});
  gave(short_one, 4U);
  canceled(next);
  const auto [whole_one, after] =
      s.run(op::soft(op::copy_range{.file = from.file(), .offset = 0, .to = to.file(), .to_offset = 0, .length = 10}), op::nop{});
  gave(whole_one, 10U);
  succeeded(after);
  const auto pipe = support::pipe_pair();
  failed(s.run_alone(op::copy_range{.file = from.file(), .to = pipe.far.file(), .length = 10}), std::errc::invalid_argument);
  failed(s.run_alone(op::copy_range{.file = from.file(), .length = 10}), std::errc::bad_file_descriptor);
}

template <class Config>
void names_are_made_changed_and_taken_away() {
  covers("10.4");
  exercises<op::rename_at, op::unlink_at, op::mkdir_at, op::symlink_at>(real, failure);
  exercises<op::link_at>(real);
  session<Config> s;
  const support::temporary_folder folder;
  const auto base = open_folder(folder);
  const auto here = directory_of(base);
  succeeded(s.run_alone(op::mkdir_at{.directory = here, .path = "sub", .mode = 0700}));
  failed(s.run_alone(op::mkdir_at{.directory = here, .path = "sub"}), std::errc::file_exists);
  failed(s.run_alone(op::mkdir_at{.directory = here, .path = "no/such"}), std::errc::no_such_file_or_directory);
  struct ::stat facts{};
  BOOST_REQUIRE(::stat((folder / "sub").c_str(), &facts) == 0);
  BOOST_TEST((facts.st_mode & 0777U) == 0700U);

  touch(folder / "a", "first");
  touch(folder / "b", "second");
  failed(s.run_alone(op::rename_at{.directory = here, .path = "a", .to_directory = here, .to_path = "b", .replace = false}),
         std::errc::file_exists);
  BOOST_TEST((exists(folder / "a") && exists(folder / "b")));
  succeeded(s.run_alone(op::rename_at{.directory = here, .path = "a", .to_directory = here, .to_path = "b"}));
  BOOST_TEST(!exists(folder / "a"));
  BOOST_TEST(take(support::descriptor{::open((folder / "b").c_str(), O_RDONLY | O_CLOEXEC)}) == "first");
  succeeded(s.run_alone(op::rename_at{.directory = here, .path = "b", .to_directory = here, .to_path = "c", .replace = false}));
  failed(s.run_alone(op::rename_at{.directory = here, .path = "b", .to_directory = here, .to_path = "d"}),
         std::errc::no_such_file_or_directory);

  succeeded(s.run_alone(op::symlink_at{.target = "c", .directory = here, .path = "soft"}));
  failed(s.run_alone(op::symlink_at{.target = "c", .directory = here, .path = "soft"}), std::errc::file_exists);
  succeeded(s.run_alone(op::link_at{.directory = here, .path = "c", .to_directory = here, .to_path = "hard"}));
  succeeded(s.run_alone(op::link_at{.directory = here, .path = "soft", .to_directory = here, .to_path = "followed", .follow = true}));
  succeeded(s.run_alone(op::link_at{.directory = here, .path = "soft", .to_directory = here, .to_path = "copied"}));
  const auto kind = [&](const char* path) {
    BOOST_REQUIRE(::lstat((folder / path).c_str(), &facts) == 0);
    return facts.st_mode & S_IFMT;
  };
  BOOST_TEST(kind("soft") == S_IFLNK);
  BOOST_TEST(kind("followed") == S_IFREG);
  BOOST_TEST(kind("copied") == S_IFLNK);
  BOOST_TEST(kind("hard") == S_IFREG);
  BOOST_TEST(facts.st_nlink == 3U);

  failed(s.run_alone(op::unlink_at{.directory = here, .path = "sub"}), std::errc::is_a_directory);
  failed(s.run_alone(op::unlink_at{.directory = here, .path = "c", .remove_directory = true}), std::errc::not_a_directory);
  touch(folder / "sub/x");
  failed(s.run_alone(op::unlink_at{.directory = here, .path = "sub", .remove_directory = true}), std::errc::directory_not_empty);
  // A chain, as a program would have it: what comes after a failure does not happen.
  const auto [gone, emptied, again, never] = s.run(op::soft(op::unlink_at{.directory = here, .path = "sub/x"}),
                                                   op::soft(op::unlink_at{.directory = here, .path = "sub", .remove_directory = true}),
                                                   op::soft(op::unlink_at{.directory = here, .path = "sub", .remove_directory = true}),
                                                   op::mkdir_at{.directory = here, .path = "never"});
  succeeded(gone);
  succeeded(emptied);
  failed(again, std::errc::no_such_file_or_directory);
  canceled(never);
  BOOST_TEST(!exists(folder / "never"));
}

template <class Config>
void a_status_says_what_a_file_is() {
  exercises<op::stat_at>(real, failure);
  session<Config> s;
  const support::temporary_folder folder;
  const auto base = open_folder(folder);
  const auto here = directory_of(base);
  touch(folder / "file", "12345");
  BOOST_REQUIRE(::chmod((folder / "file").c_str(), 04751) == 0);
  BOOST_REQUIRE(::symlink("file", (folder / "link").c_str()) == 0);
  BOOST_REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  struct ::stat facts{};
  BOOST_REQUIRE(::stat((folder / "file").c_str(), &facts) == 0);
  const auto nanoseconds = [](const ::timespec& at) { return at.tv_sec * 1'000'000'000 + at.tv_nsec; };
  const auto check_file = [&](const sluice::result<sluice::file_status>& status) {
    BOOST_TEST_REQUIRE(status.has_value());
    BOOST_TEST((status->kind == sluice::file_kind::regular));
    BOOST_TEST(status->mode == 04751U);
    BOOST_TEST(status->size == 5U);
    BOOST_TEST(status->room == static_cast<std::uint64_t>(facts.st_blocks) * 512);
    BOOST_TEST(status->id == facts.st_ino);
    BOOST_TEST(status->links == 1U);
    BOOST_TEST(status->owner == facts.st_uid);
    BOOST_TEST(status->group == facts.st_gid);
    BOOST_TEST(status->accessed.count == nanoseconds(facts.st_atim));
    BOOST_TEST(status->modified.count == nanoseconds(facts.st_mtim));
    BOOST_TEST(status->changed.count == nanoseconds(facts.st_ctim));
  };
  check_file(s.run_alone(op::stat_at{.directory = here, .path = "file"}));
  check_file(s.run_alone(op::stat_at{.path = folder / "file"}));
  check_file(s.run_alone(op::stat_at{.directory = here, .path = "link"}));
  const support::descriptor open{::open((folder / "file").c_str(), O_RDONLY | O_CLOEXEC)};
  check_file(s.run_alone(op::stat_at{.directory = directory_of(open)}));
  const auto is = [&](const char* path, sluice::file_kind kind) {
    const auto status = s.run_alone(op::stat_at{.directory = here, .path = path, .follow = false});
    BOOST_TEST_REQUIRE(status.has_value());
    BOOST_TEST((status->kind == kind));
  };
  is("link", sluice::file_kind::symbolic_link);
  is("fifo", sluice::file_kind::pipe);
  is("", sluice::file_kind::directory);
  is("/dev/null", sluice::file_kind::character_device);
  const auto pair = support::socket_pair();
  const auto socket = s.run_alone(op::stat_at{.directory = directory_of(pair.near)});
  BOOST_TEST_REQUIRE(socket.has_value());
  BOOST_TEST((socket->kind == sluice::file_kind::socket));
  failed(s.run_alone(op::stat_at{.directory = here, .path = "missing"}), std::errc::no_such_file_or_directory);
  failed(s.run_alone(op::stat_at{.directory = sluice::directory_handle{7777}, .path = "x"}), std::errc::bad_file_descriptor);
}

template <class Config>
void a_directory_is_read_in_parts() {
  exercises<op::read_directory>(real, failure);
  session<Config> s;
  const support::temporary_folder folder;
  std::set<std::string> names;
  for (int i = 0; i < 150; ++i) names.insert("a file with a rather long name " + std::to_string(i));
  for (const auto& name : names) touch(folder / name);
  for (const std::size_t bytes : {300U, 1000U, 100'000U}) {
    const auto base = open_folder(folder);
    BOOST_TEST((names_in(s, directory_of(base), bytes) == names));
  }
  const auto base = open_folder(folder);
  support::buffer<64> small;
  std::array<std::byte, 4> tiny;
  failed(s.run_alone(op::read_directory{.directory = directory_of(base), .buffer = tiny}), std::errc::invalid_argument);
  const auto file = support::temporary_file("x");
  failed(s.run_alone(op::read_directory{.directory = directory_of(file), .buffer = small.span()}), std::errc::not_a_directory);
  failed(s.run_alone(op::read_directory{.buffer = small.span()}), std::errc::bad_file_descriptor);
}

template <class Config>
void a_close_of_a_directory_waits_for_what_starts_from_it() {
  covers("5.1", "5.2");
  exercises<op::close_directory>(real, failure);
  session<Config> s;
  const support::temporary_folder folder;
  touch(folder / "file", "x");
  auto base = open_folder(folder);
  const auto here = directory_of(base);
  (void)base.release();
  typename session<Config>::template operation<op::stat_at> stat{op::stat_at{.directory = here, .path = "file"}};
  typename session<Config>::template operation<op::close_directory> close{op::close_directory{.directory = here}};
  s.ring.start(stat);
  s.ring.start(close);
  s.finish(stat, close);
  succeeded(close.result());
  if (!stat.result()) canceled(stat.result());
  BOOST_TEST(!support::is_open(here.native()));
  failed(s.run_alone(op::close_directory{.directory = here}), std::errc::bad_file_descriptor);
}

/// Nothing here waits for a peer, so a cancel may come too late; what the result says is what happened.
template <class Config>
void what_is_cancelled_at_once_has_happened_or_has_not() {
  covers("6.2");
  exercises<op::mkdir_at, op::link_at, op::symlink_at, op::unlink_at, op::rename_at, op::truncate, op::allocate, op::copy_range>(cancel);
  exercises<op::advise, op::fsync, op::stat_at, op::read_directory>(cancel);
  session<Config> s;
  const support::temporary_folder folder;
  const auto base = open_folder(folder);
  const auto here = directory_of(base);
  const auto file = support::temporary_file("0123456789");
  const auto copy = support::temporary_file();
  const auto length = [](const support::descriptor& one) { return ::lseek(one.get(), 0, SEEK_END); };
  support::buffer<1024> buffer;
  for (const bool submitted : {false, true}) {
    // `look`: whether it has happened.
    const auto agrees = [&]<class Op>(const Op& description, auto&& look) {
      typename session<Config>::template operation<Op> one{description};
      if (s.ring.start(one) == started::pending) {
        if (submitted) s.poll(sluice::wait::none);
        s.ring.cancel(one);
        s.finish(one);
      }
      if (!one.result()) canceled(one.result());
      BOOST_TEST(look() == one.result().has_value(), Op::name);
    };
    const auto looks_at = [&](const char* name) { return [&, name] { return exists(folder / name); }; };
    BOOST_REQUIRE(::ftruncate(file.get(), 10) == 0);
    BOOST_REQUIRE(::ftruncate(copy.get(), 0) == 0);
    for (const auto* name : {"old", "gone"}) touch(folder / name);
    for (const auto* name : {"new", "soft", "hard"}) (void)::unlink((folder / name).c_str());
    (void)::rmdir((folder / "sub").c_str());
    agrees(op::mkdir_at{.directory = here, .path = "sub"}, looks_at("sub"));
    agrees(op::link_at{.directory = here, .path = "old", .to_directory = here, .to_path = "hard"}, looks_at("hard"));
    agrees(op::symlink_at{.target = ".", .directory = here, .path = "soft"}, looks_at("soft"));
    agrees(op::unlink_at{.directory = here, .path = "gone"}, [&] { return !exists(folder / "gone"); });
    agrees(op::rename_at{.directory = here, .path = "old", .to_directory = here, .to_path = "new"}, looks_at("new"));
    agrees(op::truncate{.file = file.file(), .length = 4}, [&] { return length(file) == 4; });
    agrees(op::allocate{.file = file.file(), .length = 100}, [&] { return length(file) == 100; });
    agrees(op::copy_range{.file = file.file(), .offset = 0, .to = copy.file(), .to_offset = 0, .length = 3},
           [&] { return length(copy) == 3; });
    {  // these change nothing
      auto several = s.call(op::advise{.file = file.file()}, op::fsync{.file = file.file()}, op::stat_at{.directory = here},
                            op::read_directory{.directory = here, .buffer = buffer.span()});
      s.ring.start(several);
      if (submitted) s.poll(sluice::wait::none);
      several.cancel(s.ring);
      s.finish(several);
      const auto [advised, synced, facts, names] = several.results();
      if (!advised) canceled(advised);
      if (!synced) canceled(synced);
      if (!facts) canceled(facts);
      if (!names) canceled(names);
    }
  }
}

}  // namespace laws::backend

// clang-format off
#define LAWS_OF_BACKEND_FILES(models)                                         \
  LAW_OF_BACKENDS(a_path_stays_beneath_its_directory, models)                 \
  LAW_OF_BACKENDS(a_file_is_made_longer_and_shorter, models)                  \
  LAW_OF_BACKENDS(room_is_reserved_with_and_without_growth, models)           \
  LAW_OF_BACKENDS(advice_is_taken_for_any_length, models)                     \
  LAW_OF_BACKENDS(bytes_are_copied_from_file_to_file, models)                 \
  LAW_OF_BACKENDS(names_are_made_changed_and_taken_away, models)              \
  LAW_OF_BACKENDS(a_status_says_what_a_file_is, models)                       \
  LAW_OF_BACKENDS(a_directory_is_read_in_parts, models)                       \
  LAW_OF_BACKENDS(a_close_of_a_directory_waits_for_what_starts_from_it, models) \
  LAW_OF_BACKENDS(what_is_cancelled_at_once_has_happened_or_has_not, models)
// clang-format on
