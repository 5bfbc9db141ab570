// SPDX-License-Identifier: MIT
#include <sluice/concept/operation.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>

namespace {

struct good {
  int anything = 0;
  using result_type = std::size_t;
};
struct that_gives_nothing {
  using result_type = void;
};
struct without_a_result {
  int anything = 0;
};
struct that_stays_where_it_is {
  using result_type = int;
  that_stays_where_it_is() = default;
  that_stays_where_it_is(const that_stays_where_it_is&) = delete;
  auto operator=(const that_stays_where_it_is&) -> that_stays_where_it_is& = delete;
};

static_assert(sluice::operation_struct<good>);
static_assert(sluice::operation_struct<that_gives_nothing>);
static_assert(!sluice::operation_struct<without_a_result>);
static_assert(!sluice::operation_struct<that_stays_where_it_is>);
static_assert(!sluice::operation_struct<good&>);
static_assert(!sluice::operation_struct<int>);
static_assert(!sluice::operation_struct<void>);

}  // namespace

BOOST_AUTO_TEST_SUITE(concept_)
BOOST_AUTO_TEST_SUITE(operation)

BOOST_AUTO_TEST_CASE(an_operation_is_a_value) {
  const good one{.anything = 3};
  const good two = one;
  BOOST_TEST(two.anything == 3);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
