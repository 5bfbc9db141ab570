// SPDX-License-Identifier: MIT
/// @file A program that does nothing: what is left of its system calls belongs to the C library.

int main() {}
