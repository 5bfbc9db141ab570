// SPDX-License-Identifier: MIT
#include <sluice/result.hpp>

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <expected>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace {

using sluice::errc;
using sluice::result;

struct expectation {
  errc code;
  std::errc same;
};

constexpr expectation expectations[] = {
    {errc::timed_out, std::errc::timed_out},
    {errc::not_found, std::errc::no_such_file_or_directory},
    {errc::in_progress, std::errc::connection_already_in_progress},
    {errc::deadlock, std::errc::resource_deadlock_would_occur},
    {errc::closed, std::errc::broken_pipe},
    {errc::already_running, std::errc::operation_not_permitted},
    {errc::ring_unsupported, std::errc::function_not_supported},
    {errc::ring_forbidden, std::errc::operation_not_permitted},
    {errc::ring_denied, std::errc::permission_denied},
    {errc::ring_memory, std::errc::not_enough_memory},
    {errc::ring_descriptors, std::errc::too_many_files_open},
    {errc::ring_flag_unsupported, std::errc::invalid_argument},
    {errc::ring_feature_missing, std::errc::function_not_supported},
    {errc::flag_sqpoll, std::errc::invalid_argument},
    {errc::flag_iopoll, std::errc::invalid_argument},
    {errc::flag_submit_all, std::errc::invalid_argument},
    {errc::flag_coop_taskrun, std::errc::invalid_argument},
    {errc::flag_taskrun_flag, std::errc::invalid_argument},
    {errc::flag_single_issuer, std::errc::invalid_argument},
    {errc::flag_defer_taskrun, std::errc::invalid_argument},
    {errc::flag_hybrid_iopoll, std::errc::invalid_argument},
    {errc::flag_other, std::errc::invalid_argument},
    {errc::shadow_stack, std::errc::not_supported},
    {errc::stack_size, std::errc::invalid_argument},
    {errc::no_handle, std::errc::not_supported},
    {errc::end_of_stream, std::errc::broken_pipe},
    {errc::no_such_host, std::errc::address_not_available},
    {errc::resolver_failed, std::errc::resource_unavailable_try_again},
    {errc::ring_processor, std::errc::invalid_argument},
    {errc::ring_size, std::errc::invalid_argument},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(result_)

BOOST_AUTO_TEST_CASE(each_error_equals_the_system_error_behind_it) {
  for (const auto [code, same] : expectations) {
    const std::error_code made = code;
    BOOST_TEST_CONTEXT(made.message()) {
      BOOST_TEST((made == same));
      BOOST_TEST((made == std::make_error_condition(same)));
      BOOST_TEST((made != std::errc::address_in_use));
    }
  }
}

BOOST_AUTO_TEST_CASE(each_error_has_a_sentence_of_its_own) {
  std::set<std::string> sentences;
  for (const auto [code, same] : expectations) {
    const std::string sentence = make_error_code(code).message();
    BOOST_TEST_CONTEXT(sentence) {
      BOOST_TEST(sentences.insert(sentence).second);
      BOOST_TEST(sentence.size() > 15U);
      BOOST_TEST(sentence.find("unknown") == std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_error_is_expected_above_and_no_other_number_is_one) {
  std::set<int> known;
  for (const auto [code, same] : expectations) known.insert(static_cast<int>(code));
  for (int number = 0; number < 256; ++number) {
    const bool is_one = sluice::error_category().message(number) != "unknown sluice error";
    BOOST_TEST((is_one == (known.count(number) == 1)), "errc " << number);
  }
}

BOOST_AUTO_TEST_CASE(a_refused_ring_says_what_to_do) {
  for (const errc code : {errc::ring_unsupported, errc::ring_forbidden, errc::ring_denied, errc::ring_memory, errc::ring_descriptors,
                          errc::ring_flag_unsupported, errc::ring_feature_missing, errc::flag_sqpoll, errc::flag_defer_taskrun,
                          errc::shadow_stack, errc::stack_size, errc::no_handle, errc::ring_processor, errc::ring_size}) {
    const std::string sentence = make_error_code(code).message();
    BOOST_TEST(sentence.find("; ") != std::string::npos, sentence);  // cause; remedy
  }
}

BOOST_AUTO_TEST_CASE(our_deadline_is_another_code_than_the_system_s) {
  const std::error_code ours = errc::timed_out;
  const std::error_code system{ETIMEDOUT, std::system_category()};
  BOOST_TEST(ours != system);
  BOOST_TEST((ours == std::errc::timed_out));
  BOOST_TEST((system == std::errc::timed_out));
}

BOOST_AUTO_TEST_CASE(there_is_one_category) {
  BOOST_TEST((make_error_code(errc::closed).category() == sluice::error_category()));
  BOOST_TEST(std::string_view{sluice::error_category().name()} == "sluice");
  BOOST_TEST((sluice::error_category() != std::system_category()));
}

BOOST_AUTO_TEST_CASE(error_results_are_made_from_either_kind_of_code) {
  const result<int> system = sluice::system_error(EADDRINUSE);
  BOOST_REQUIRE(!system);
  BOOST_TEST((system.error() == std::errc::address_in_use));
  const result<void> as_system = sluice::failure(std::errc::address_in_use);
  BOOST_TEST((as_system.error() == system.error()));
  BOOST_TEST((as_system.error() == std::errc::address_in_use));
  const result<void> ours = sluice::failure(errc::deadlock);
  BOOST_REQUIRE(!ours);
  BOOST_TEST((ours.error() == errc::deadlock));
}

BOOST_AUTO_TEST_CASE(canceled_is_the_system_s_own_code) {
  const result<int> one = sluice::canceled();
  BOOST_REQUIRE(!one);
  BOOST_TEST((one.error() == std::error_code{ECANCELED, std::system_category()}));
  BOOST_TEST((one.error() == std::errc::operation_canceled));
}

BOOST_AUTO_TEST_CASE(one_level_of_result_is_flattened) {
  static_assert(std::is_same_v<sluice::result_of_t<int>, result<int>>);
  static_assert(std::is_same_v<sluice::result_of_t<const int&>, result<int>>);
  static_assert(std::is_same_v<sluice::result_of_t<void>, result<void>>);
  static_assert(std::is_same_v<sluice::result_of_t<result<int>>, result<int>>);
  static_assert(std::is_same_v<sluice::result_of_t<result<void>>, result<void>>);
  static_assert(std::is_same_v<sluice::result_of_t<result<result<int>>>, result<result<int>>>);
  static_assert(std::is_same_v<sluice::result_of_t<std::expected<int, std::string>>, result<std::expected<int, std::string>>>);
  BOOST_TEST(true);
}

BOOST_AUTO_TEST_SUITE_END()
