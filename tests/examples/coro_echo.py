#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""coro_echo PROGRAM: the burst comes back, every time, in few system calls."""
import subprocess
import tempfile

from driver import PROGRAM, calls_of, case, instrumented, main, need, run, skip


@case
def five_messages_come_back():
    for _ in range(20):
        done = run()
        assert done.returncode == 0, done
        assert done.stdout == "5 messages came back unchanged\n", done


@case
def it_enters_the_kernel_five_times_at_most():
    if instrumented():
        skip("the program makes calls that are not its own")
    counts = []
    # A busy machine may deliver a segment only after the call that sent it, which costs one more wait: the least counts.
    for _ in range(60):
        with tempfile.NamedTemporaryFile("r") as trace:
            done = subprocess.run([need("strace"), "-f", "-c", "-o", trace.name, PROGRAM], capture_output=True, text=True, timeout=60)
            calls = calls_of(trace.read())
        if not calls:
            skip(f"strace may not trace here: {done.stderr.strip()}")
        assert done.returncode == 0, done
        counts.append(calls["io_uring_enter"])
        if counts[-1] <= 5:
            return
    assert False, counts


main()
