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
# c-ares is needed by one policy only, resolver::c_ares.
find_library(SLUICE_C_ARES cares)
find_path(SLUICE_C_ARES_HEADER ares.h)
mark_as_advanced(SLUICE_C_ARES SLUICE_C_ARES_HEADER)
if(SLUICE_C_ARES AND SLUICE_C_ARES_HEADER)
  target_link_libraries(sluice_program INTERFACE "${SLUICE_C_ARES}")
endif()
target_compile_options(sluice_program INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
# GCC looks for garbage of its own each time that it has twice as much as before; with room for a gigabyte it spares a tenth of the time.
target_compile_options(sluice_program INTERFACE
  "$<$<CXX_COMPILER_ID:GNU>:SHELL:--param ggc-min-expand=400 --param ggc-min-heapsize=1048576>")

if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(SLUICE_CCACHE ccache)
  mark_as_advanced(SLUICE_CCACHE)
  if(SLUICE_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${SLUICE_CCACHE}")
    # It keeps nothing of what was compiled with precompiled headers.
    set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
  endif()
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
