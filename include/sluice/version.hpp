// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The library's version as macros, so that `#if` can read it; the build takes the project's version from here.

/// Changes when source that used the library must be changed.
#define SLUICE_VERSION_MAJOR 0
/// Changes when something is added; below 1.0 it may also mean a change of interface.
#define SLUICE_VERSION_MINOR 1
/// Changes when only behaviour was mended.
#define SLUICE_VERSION_PATCH 0
