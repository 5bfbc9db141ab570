#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ring_loop PROGRAM: every line once, in order, whenever the thread wakes the ring; a failed write ends it."""
import subprocess

from driver import PATIENCE, case, command, main, run

LINES = "".join(f"{i}: line {i} of 100\n" for i in range(1, 101))


@case
def every_line_comes_out_once_and_in_order():
    for _ in range(50):
        done = run()
        assert done.returncode == 0, done
        assert done.stdout == LINES, done
        assert "100 lines\n" in done.stderr, done


@case
def a_write_that_fails_ends_it_with_the_reason():
    with open("/dev/full", "w") as full:
        done = subprocess.run(command(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=20 * PATIENCE)
    assert done.returncode == 1, done
    assert "ring_loop: No space left on device\n" in done.stderr, done


@case
def a_reader_that_left_ends_it_without_a_signal():
    process = subprocess.Popen(command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    complaints = process.stderr.read()
    process.stderr.close()
    status = process.wait(20 * PATIENCE)
    assert (status == 1 and "Broken pipe" in complaints) or (status == 0 and "100 lines" in complaints), (status, complaints)


main()
