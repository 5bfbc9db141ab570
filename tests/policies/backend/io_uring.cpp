// SPDX-License-Identifier: MIT
#include <laws/backend_blocking.hpp>
#include <laws/backend_cancel.hpp>
#include <laws/backend_files.hpp>
#include <laws/backend_links.hpp>
#include <laws/backend_messages.hpp>
#include <laws/backend_operations.hpp>
#include <laws/backend_order.hpp>
#include <laws/backend_processes.hpp>
#include <laws/backend_results.hpp>
#include <laws/backend_threads.hpp>
#include <laws/backend_time.hpp>
#include <support/uring_models.hpp>

#include <tuple>

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_AUTO_TEST_SUITE(io_uring)

using model = std::tuple<models::deferred>;
LAWS_OF_BACKEND_RESULTS(model)
LAWS_OF_BACKEND_FILES(model)
LAWS_OF_BACKEND_MESSAGES(model)
LAWS_OF_BACKEND_PROCESSES(model)
LAWS_OF_BACKEND_ORDER(model)
LAWS_OF_BACKEND_LINKS(model)
LAWS_OF_BACKEND_CANCEL(model)
LAWS_OF_BACKEND_OPERATIONS(model)
LAWS_OF_BACKEND_BLOCKING(model)
LAWS_OF_BACKEND_TIME(model)
LAWS_OF_BACKEND_THREADS(model)

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
