# SPDX-License-Identifier: MIT
# What every program of this project (test, example, benchmark) is built with.
find_package(Threads REQUIRED)

# Boost.Context is needed by one policy only, context::boost; whoever compares with it links it too.
find_package(Boost 1.74 QUIET OPTIONAL_COMPONENTS context)

add_library(sluice_program INTERFACE)
target_link_libraries(sluice_program INTERFACE sluice::sluice Threads::Threads)
if(TARGET Boost::context)
  target_link_libraries(sluice_program INTERFACE Boost::context)
endif()
target_compile_options(sluice_program INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)

if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(SLUICE_CCACHE ccache)
  mark_as_advanced(SLUICE_CCACHE)
  if(SLUICE_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${SLUICE_CCACHE}")
  endif()
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
