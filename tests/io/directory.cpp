// SPDX-License-Identifier: MIT
// Directories with an owner: all names once, and everything relative to the directory, wherever it is.
#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include <io/fixture.hpp>

using sluice::file_kind;
using sluice::open_flags;

namespace {

/// Names that take several reads.
auto many_names(std::size_t count) -> std::set<std::string> {
  std::set<std::string> all;
  for (std::size_t i = 0; i != count; ++i) all.insert("a name of some length, so that they take several reads, " + std::to_string(i));
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(directory)

CASE_OF_EACH_CONFIG(all_names_are_given_once_however_many) {
  const fixture::scratch_folder folder;
  const auto all = many_names(1000);
  for (const auto& one : all) fixture::put(folder / one, "");
  as_root([&] {
    auto there = coro::directory::open(folder.path());
    BOOST_REQUIRE(there.has_value());
    std::set<std::string> seen;
    std::size_t count = 0;
    for (const auto& one : there->entries()) {
      BOOST_REQUIRE(one.has_value());
      BOOST_TEST((one->kind == file_kind::regular || one->kind == file_kind::unknown));
      seen.emplace(one->name);
      ++count;
    }
    BOOST_TEST(count == all.size());
    BOOST_TEST((seen == all));
    BOOST_TEST(!there->next().value().has_value());
    // Once more from the start.
    auto again = there->open_directory(".");
    BOOST_REQUIRE(again.has_value());
    std::size_t second = 0;
    while (const auto one = again->next().value()) ++second;
    BOOST_TEST(second == all.size());
  });
}

CASE_OF_EACH_CONFIG(an_empty_directory_has_no_names) {
  const fixture::scratch_folder folder;
  as_root([&] {
    auto there = coro::directory::open(folder.path());
    BOOST_REQUIRE(there.has_value());
    for (const auto& one : there->entries()) BOOST_TEST(!one.has_value(), "there is a name");
    BOOST_TEST(!there->next().value().has_value());
  });
}

CASE_OF_EACH_CONFIG(a_moved_directory_goes_on_where_it_was) {
  const fixture::scratch_folder folder;
  const auto all = many_names(20);
  for (const auto& one : all) fixture::put(folder / one, "");
  as_root([&] {
    auto first = coro::directory::open(folder.path());
    BOOST_REQUIRE(first.has_value());
    std::set<std::string> seen;
    seen.emplace(first->next().value().value().name);
    auto second = std::move(*first);
    BOOST_TEST((first->next().error() == std::errc::bad_file_descriptor));
    while (const auto one = second.next().value()) seen.emplace(one->name);
    BOOST_TEST((seen == all));
    // Names that were read of another one are gone with it.
    auto third = coro::directory::open(folder.path()).value();
    (void)third.next();
    fixture::scratch_folder other;
    third = coro::directory::open(other.path()).value();
    BOOST_TEST(!third.next().value().has_value());
  });
}

CASE_OF_EACH_CONFIG(a_directory_may_go_while_a_task_reads_it) {
  const fixture::scratch_folder folder;
  const auto all = many_names(100);
  for (const auto& one : all) fixture::put(folder / one, "");
  as_root([&] {
    // Whoever reads is told that it is gone, or has a name that came before.
    const auto is_answer = [](const auto& one) {
      return one ? one->has_value() : one.error() == std::errc::operation_canceled || one.error() == std::errc::bad_file_descriptor;
    };
    for (int round = 0; round != 50; ++round) {
      auto replaced = coro::directory::open(folder.path()).value();
      auto reader = coro::spawn([&] { BOOST_TEST(is_answer(replaced.next())); });
      coro::yield();
      replaced = {};
      BOOST_TEST(reader.join().has_value());

      auto ended = std::make_unique<typename coro::directory>(coro::directory::open(folder.path()).value());
      reader = coro::spawn([&, &of = *ended] { BOOST_TEST(is_answer(of.next())); });
      coro::yield();
      ended.reset();
      BOOST_TEST(reader.join().has_value());

      // What is in flight stays with the handle: the reader has the first name, and the new owner the others.
      auto first = coro::directory::open(folder.path()).value();
      std::set<std::string> seen;
      reader = coro::spawn([&] { seen.emplace(first.next().value().value().name); });
      coro::yield();
      auto second = std::move(first);
      BOOST_TEST(reader.join().has_value());
      while (const auto one = second.next().value()) seen.emplace(one->name);
      BOOST_TEST((seen == all));
    }
  });
}

CASE_OF_EACH_CONFIG(one_task_at_a_time_reads_a_directory) {
  const fixture::scratch_folder folder;
  const auto all = many_names(1000);
  for (const auto& one : all) fixture::put(folder / one, "");
  as_root([&] {
    auto there = coro::directory::open(folder.path()).value();
    std::multiset<std::string> seen;
    // Another one is turned away, and nothing is lost or given twice by that.
    const auto read = [&] {
      for (;;) {
        const auto one = there.next();
        if (!one) {
          BOOST_TEST((one.error() == sluice::errc::in_progress));
          coro::yield();
        } else if (*one) {
          seen.emplace((*one)->name);
        } else {
          return;
        }
      }
    };
    (void)coro::all(read, read, read);
    BOOST_TEST(seen.size() == all.size());
    BOOST_TEST((std::set<std::string>{seen.begin(), seen.end()} == all));
  });
}

CASE_OF_EACH_CONFIG(an_error_is_the_last_item) {
  const fixture::scratch_folder folder;
  for (const auto& one : many_names(1000)) fixture::put(folder / one, "");
  as_root([&] {
    std::size_t good = 0;
    std::size_t bad = 0;
    auto reader = coro::spawn([&] {
      auto there = coro::directory::open(folder.path()).value();
      for (const auto& one : there.entries()) {
        if (!one) {
          BOOST_TEST((one.error() == std::errc::operation_canceled));
          ++bad;
          continue;
        }
        // What was read before the request to end is given before it is told.
        if (++good == 1) (void)coro::sleep(std::chrono::hours{1});
      }
      // Nothing is skipped by that.
      coro::shield([&] {
        while (there.next().value()) ++good;
      });
    });
    fixture::run_others_until<coro>([&] { return good == 1U; });
    reader.request_cancel();
    (void)reader.join();
    BOOST_TEST(bad == 1U);
    BOOST_TEST(good == 1000U);
    // A directory of which nothing may be read.
    auto closed = coro::directory::open(folder.path(), open_flags::path_only).value();
    std::size_t items = 0;
    for (const auto& one : closed.entries()) {
      ++items;
      BOOST_TEST((one.error() == std::errc::bad_file_descriptor));
    }
    BOOST_TEST(items == 1U);
  });
}

CASE_OF_EACH_CONFIG(names_are_made_changed_and_removed_in_it) {
  const fixture::scratch_folder folder;
  as_root([&] {
    auto top = coro::directory::open(folder.path());
    BOOST_REQUIRE(top.has_value());
    BOOST_TEST(top->make("inner", 0700).has_value());
    BOOST_TEST((top->make("inner").error() == std::errc::file_exists));
    auto inner = top->open_directory("inner");
    BOOST_REQUIRE(inner.has_value());
    BOOST_TEST((inner->stat()->mode == 0700U));
    {
      auto made = inner->open_file("a", open_flags::write | open_flags::create);
      BOOST_REQUIRE(made.has_value());
      BOOST_TEST(made->write_all("text").has_value());
    }
    BOOST_TEST(top->stat("inner/a")->size == 4U);
    // It is the directory that counts, not its name.
    BOOST_TEST(top->rename("inner", "moved").has_value());
    BOOST_TEST(inner->open_file("a")->size().value() == 4U);
    BOOST_TEST(inner->link("a", "b").has_value());
    BOOST_TEST(inner->stat("b")->links == 2U);
    BOOST_TEST(inner->link("a", *top, "c").has_value());
    BOOST_TEST((inner->link("a", "b").error() == std::errc::file_exists));
    BOOST_TEST(inner->symlink("nowhere", "l").has_value());
    BOOST_TEST((inner->stat("l").error() == std::errc::no_such_file_or_directory));
    BOOST_TEST((inner->stat("l", false)->kind == file_kind::symbolic_link));
    BOOST_TEST((inner->remove("none").error() == std::errc::no_such_file_or_directory));
    BOOST_TEST((top->remove_directory("moved").error() == std::errc::directory_not_empty));
    BOOST_TEST((top->remove("moved").error() == std::errc::is_a_directory));
    BOOST_TEST((inner->remove_directory("a").error() == std::errc::not_a_directory));
    for (const char* const one : {"a", "b", "l"}) BOOST_TEST(inner->remove(one).has_value());
    BOOST_TEST(top->remove_directory("moved").has_value());
    BOOST_TEST((inner->open_file("a", open_flags::write | open_flags::create).error() == std::errc::no_such_file_or_directory));
  });
  BOOST_TEST(fixture::content_of(folder / "c") == "text");
}

CASE_OF_EACH_CONFIG(a_rename_replaces_only_where_it_may) {
  const fixture::scratch_folder folder;
  fixture::put(folder / "a", "a");
  fixture::put(folder / "b", "b");
  as_root([&] {
    auto top = coro::directory::open(folder.path()).value();
    BOOST_TEST((top.rename("a", "b", false).error() == std::errc::file_exists));
    BOOST_TEST(fixture::content_of(folder / "b") == "b");
    BOOST_TEST(top.rename("a", "b").has_value());
    BOOST_TEST(fixture::content_of(folder / "b") == "a");
    BOOST_TEST(top.make("there").has_value());
    const auto there = top.open_directory("there").value();
    BOOST_TEST(top.rename("b", there, "c", false).has_value());
    BOOST_TEST(fixture::content_of(folder / "there/c") == "a");
  });
}

CASE_OF_EACH_CONFIG(only_directories_are_opened_as_such_and_only_as_the_flags_say) {
  const fixture::scratch_folder folder;
  fixture::put(folder / "a", "");
  std::filesystem::create_directory_symlink("/", folder / "out");
  as_root([&] {
    BOOST_TEST((coro::directory::open(folder / "a").error() == std::errc::not_a_directory));
    BOOST_TEST((coro::directory::open(folder / "none").error() == std::errc::no_such_file_or_directory));
    auto top = coro::directory::open(folder.path()).value();
    BOOST_TEST(top.open_directory("out").has_value());
    BOOST_TEST(!top.open_directory("out", open_flags::no_follow).has_value());
    BOOST_TEST((top.open_directory("out/tmp", open_flags::beneath).error() == std::errc::cross_device_link));
    BOOST_TEST((top.open_file("../x", open_flags::read | open_flags::beneath).error() == std::errc::cross_device_link));
    BOOST_TEST(coro::directory::open_at(top.handle(), ".").has_value());
  });
}

CASE_OF_EACH_CONFIG(what_owns_nothing_says_so_for_absolute_paths_too) {
  const fixture::scratch_folder folder;
  fixture::put(folder / "a", "");
  as_root([&] {
    typename coro::directory none;
    auto top = coro::directory::open(folder.path()).value();
    const std::string path = folder / "a";
    const auto is_bad = [](const auto& outcome) { return !outcome && outcome.error() == std::errc::bad_file_descriptor; };
    BOOST_TEST(is_bad(none.next()));
    BOOST_TEST(is_bad(none.open_file(path)));
    BOOST_TEST(is_bad(none.open_directory(folder.path())));
    BOOST_TEST(is_bad(none.stat()));
    BOOST_TEST(is_bad(none.stat(path)));
    BOOST_TEST(is_bad(none.make(path)));
    BOOST_TEST(is_bad(none.remove(path)));
    BOOST_TEST(is_bad(none.remove_directory(folder.path())));
    BOOST_TEST(is_bad(none.rename(path, path)));
    BOOST_TEST(is_bad(top.rename("a", none, path)));
    BOOST_TEST(is_bad(none.symlink("x", path)));
    BOOST_TEST(is_bad(none.link(path, path)));
    BOOST_TEST(is_bad(top.link("a", none, path)));
    BOOST_TEST(none.close().has_value());
    BOOST_TEST(top.stat("a").has_value());
    // A handle that was given up is no longer read from, though names of it are at hand.
    (void)top.next();
    auto handle = typename coro::directory{top.release()};
    BOOST_TEST(is_bad(top.next()));
    BOOST_TEST(handle.close().has_value());
  });
}

BOOST_AUTO_TEST_SUITE_END()
