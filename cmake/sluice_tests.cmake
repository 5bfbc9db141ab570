# SPDX-License-Identifier: MIT
# sluice_add_tests(): each tests/<path>/<name>.cpp is one program and one ctest entry `<path>/<name>`.
# compile_fail, consume, laws and support hold no such programs; odr.cpp is a part of each.

# What a test program prints tells which of its cases passed, failed or were skipped, and why one was skipped.
# A crash ends the program: the handlers of Boost.Test would jump out of a signal on whatever stack is running.
set(SLUICE_TEST_ARGUMENTS --catch_system_errors=no --color_output=no --log_level=test_suite --report_level=short)

# Sanitizers map fixed address ranges; where the system allows it the tests run without address randomisation.
function(sluice_test_launcher out)
  set(${out} "" PARENT_SCOPE)
  if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=(thread|address)")
    find_program(SLUICE_SETARCH setarch)
    mark_as_advanced(SLUICE_SETARCH)
    if(SLUICE_SETARCH)
      execute_process(COMMAND "${SLUICE_SETARCH}" -R true RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
      if(NOT failed)
        set(${out} "${SLUICE_SETARCH}" -R PARENT_SCOPE)
      endif()
    endif()
  endif()
endfunction()

function(sluice_add_test name)
  string(REPLACE "/" "." target "test.${name}")
  get_filename_component(folder "${name}" DIRECTORY)
  get_filename_component(output "${name}" NAME)
  add_executable(${target} "${name}.cpp")
  target_link_libraries(${target} PRIVATE sluice_test)
  # Tests that include an example read everything under the name that they give to its main().
  if(NOT name MATCHES "^examples/")
    target_precompile_headers(${target} REUSE_FROM sluice_test_objects)
  endif()
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME "${output}" RUNTIME_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/bin/${folder}")
  add_test(NAME "${name}" COMMAND ${SLUICE_TEST_LAUNCHER} $<TARGET_FILE:${target}> ${SLUICE_TEST_ARGUMENTS})
  set_tests_properties("${name}" PROPERTIES
    TIMEOUT ${SLUICE_TEST_TIMEOUT}
    REQUIRED_FILES $<TARGET_FILE:${target}>
    ENVIRONMENT "SLUICE_TEST=${name};SLUICE_EXAMPLES=${PROJECT_BINARY_DIR}/examples;${SLUICE_TEST_RECORDS};${SLUICE_TEST_ENVIRONMENT}")
endfunction()

# Each program leaves a record of the rules and operations that it covered; `coverage` runs last and reads them all.
set(SLUICE_TEST_RECORDS "SLUICE_RECORDS=${CMAKE_CURRENT_BINARY_DIR}/records;SLUICE_PROGRAMS=${CMAKE_CURRENT_BINARY_DIR}/programs")

function(sluice_is_left_out out name)
  set(${out} OFF PARENT_SCOPE)
  foreach(pattern IN LISTS SLUICE_TEST_EXCEPT)
    if(name MATCHES "${pattern}")
      set(${out} ON PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

function(sluice_add_tests)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}" *.cpp)
  list(FILTER sources EXCLUDE REGEX "^(compile_fail|consume|laws|support)/")
  list(REMOVE_ITEM sources odr.cpp)
  foreach(source IN LISTS sources)
    string(REGEX REPLACE "\\.cpp$" "" name "${source}")
    sluice_is_left_out(left_out "${name}")
    if(left_out)
      continue()
    endif()
    sluice_add_test("${name}")
    list(APPEND names "${name}")
  endforeach()
  list(JOIN names "\n" lines)
  file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/programs" "${lines}\n")
  list(REMOVE_ITEM names coverage)
  set_tests_properties(coverage PROPERTIES DEPENDS "${names}")
endfunction()
