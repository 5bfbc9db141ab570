# SPDX-License-Identifier: MIT
# Finds liburing and defines the imported target liburing::liburing. Installed beside the package configuration, so
# that a project that uses sluice finds it in the same way.
find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
  pkg_check_modules(PC_LIBURING QUIET liburing)
endif()

find_path(liburing_INCLUDE_DIR liburing.h HINTS ${PC_LIBURING_INCLUDEDIR} ${PC_LIBURING_INCLUDE_DIRS})
find_library(liburing_LIBRARY uring HINTS ${PC_LIBURING_LIBDIR} ${PC_LIBURING_LIBRARY_DIRS})
mark_as_advanced(liburing_INCLUDE_DIR liburing_LIBRARY)

# The header tells its own version from 2.4 on only; before that pkg-config alone knows it.
set(liburing_VERSION "${PC_LIBURING_VERSION}")
if(NOT liburing_VERSION AND EXISTS "${liburing_INCLUDE_DIR}/liburing/io_uring_version.h")
  file(STRINGS "${liburing_INCLUDE_DIR}/liburing/io_uring_version.h" lines REGEX "IO_URING_VERSION_M[AJIN]+OR +[0-9]+")
  list(TRANSFORM lines REPLACE ".*OR +([0-9]+).*" "\\1")
  list(JOIN lines "." liburing_VERSION)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(liburing
  REQUIRED_VARS liburing_LIBRARY liburing_INCLUDE_DIR
  VERSION_VAR liburing_VERSION
  REASON_FAILURE_MESSAGE "sluice needs liburing 2.3 or newer (Debian and Ubuntu: apt-get install liburing-dev pkg-config)")

if(liburing_FOUND AND NOT TARGET liburing::liburing)
  add_library(liburing::liburing UNKNOWN IMPORTED)
  set_target_properties(liburing::liburing PROPERTIES
    IMPORTED_LOCATION "${liburing_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${liburing_INCLUDE_DIR}")
endif()
