// SPDX-License-Identifier: MIT
// Linked into every test program: the whole library in a second translation unit.
#include <sluice/sluice.hpp>
#include <sluice/version.hpp>

static_assert(SLUICE_VERSION_MAJOR >= 0 && SLUICE_VERSION_MINOR >= 0 && SLUICE_VERSION_PATCH >= 0);
