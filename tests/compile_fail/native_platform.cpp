// SPDX-License-Identifier: MIT
// expect: [sluice.native.platform]
#undef __linux__
#include <sluice/native.hpp>
