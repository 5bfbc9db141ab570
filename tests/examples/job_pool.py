#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""job_pool PROGRAM: it prints what sha256sum prints, whichever job is done first, and a ^C reaches the jobs."""
import contextlib
import os
import pathlib
import pty
import select
import signal
import subprocess
import tempfile
import time

from driver import PATIENCE, case, command, cpu_seconds, main, need, run, start, until


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield pathlib.Path(name)


def by_sha256sum(*files) -> str:
    return subprocess.run([need("sha256sum"), "--", *files], capture_output=True, text=True).stdout


def open_files(pid: int) -> set:
    found = set()
    for one in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            found.add(os.readlink(f"/proc/{pid}/fd/{one}"))
    return found


@case
def usage_is_explained():
    for wrong in ([], ["--threads"], ["--threads", "2"], ["--threads", "0", "x"], ["--threads", "65", "x"], ["--threads", "x", "x"], ["--what", "x"]):
        done = run(*wrong)
        assert done.returncode == 2 and "usage: job_pool" in done.stderr, done


@case
def it_prints_what_sha256sum_prints():
    with folder() as here:
        block = 256 * 1024
        for size in (0, 1, 55, 56, 63, 64, 65, block - 1, block, block + 1, 3 * block, 30_000_003):
            (here / f"{size}").write_bytes(os.urandom(size))
        for i in range(300):
            (here / f"small {i}").write_bytes(os.urandom(i))
        for name in ("back\\slash", "new\nline", "return\r", "\\", "-", "--threads", "ü"):
            (here / name).write_bytes(name.encode())
        files = sorted(here.iterdir())
        expected = by_sha256sum(*files)
        assert expected.count("\n") == len(files)
        for threads in ((), ("--threads", 1), ("--threads", 7), ("--threads", 64)):
            done = run(*threads, *files)
            assert (done.returncode, done.stdout, done.stderr) == (0, expected, ""), done
        done = run("--", "--threads", "ü", "--threads", cwd=here)
        assert done.returncode == 0 and done.stdout.endswith("  --threads\n") and done.stdout.count("\n") == 3, done
        checked = subprocess.run([need("sha256sum"), "-c", "--quiet"], input=run(*files).stdout, text=True)
        assert checked.returncode == 0


@case
def a_file_that_fails_is_told_and_the_others_are_hashed():
    with folder() as here:
        (here / "a").write_bytes(b"a")
        (here / "b").write_bytes(b"b")
        done = run(here / "nope", here / "a", here, here / "b", here / "a" / "x")
        assert done.returncode == 1 and done.stdout == by_sha256sum(here / "a", here / "b"), done
        assert sorted(done.stderr.splitlines()) == sorted([f"job_pool: {here}/nope: No such file or directory", f"job_pool: {here}: Is a directory",
                                                           f"job_pool: {here}/a/x: Not a directory"]), done.stderr
        with open("/dev/full", "w") as full:
            done = subprocess.run(command(here / "a"), stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 1 and "No space left on device" in done.stderr, done


@case
def lines_keep_the_order_of_the_arguments_and_come_as_soon_as_they_may():
    with folder() as here:
        os.mkfifo(here / "slow")
        (here / "a").write_bytes(b"a")
        with start("--threads", 2, here / "a", here / "slow", *[here / "a"] * 50, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == by_sha256sum(here / "a")
            with open(here / "slow", "wb") as slow:
                slow.write(b"half, ")
                slow.flush()
                assert not select.select([process.stdout], [], [], 0.5)[0], "a line came before its turn"
                slow.write(b"whole")
            assert process.wait(10 * PATIENCE) == 0
            (here / "same").write_bytes(b"half, whole")
            expected = by_sha256sum(here / "same", *[here / "a"] * 50).replace("/same", "/slow")
            assert process.stdout.read() == expected


@case
def no_more_are_hashed_at_once_than_asked_for():
    with folder() as here:
        pipes = [here / f"pipe{i}" for i in range(6)]
        for pipe in pipes:
            os.mkfifo(pipe)
        with start("--threads", 3, *pipes, stdout=subprocess.PIPE, text=True) as process:
            def hashed() -> list:
                return [i for i, pipe in enumerate(pipes) if str(pipe) in open_files(process.pid)]

            until(lambda: hashed() == [0, 1, 2], 10, "three have begun")
            begun = cpu_seconds(process.pid)
            time.sleep(0.3)
            assert hashed() == [0, 1, 2] and cpu_seconds(process.pid) - begun < 0.1
            for i, after in ((1, [0, 2, 3]), (0, [2, 3, 4]), (4, [2, 3, 5])):
                pipes[i].write_bytes(b"x")
                until(lambda: hashed() == after, 10, f"{after} are open")
            for i in (2, 3, 5):
                pipes[i].write_bytes(b"x")
            assert process.wait(10 * PATIENCE) == 0 and process.stdout.read().count("\n") == 6


@case
def an_interrupt_stops_the_jobs_in_the_middle():
    with folder() as here:
        (here / "small").write_bytes(b"small")
        for name in ("endless", "other"):
            with open(here / name, "wb") as file:
                os.truncate(file.fileno(), 1 << 42)
        os.mkfifo(here / "silent")
        endless = [here / "endless"] * 5 + [here / "other"] * 5
        for number in (signal.SIGINT, signal.SIGTERM):
            for threads, files, expected in ((2, endless, 0), (8, endless, 0), (2, [here / "silent"] * 3, 0), (1, [here / "small", here / "endless"], 1),
                                             (2, [here / "endless", here / "small"], 1)):
                with start("--threads", threads, *files, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
                    until(lambda: any(str(here / name) in open_files(process.pid) for name in ("endless", "silent")), 10, "it has begun")
                    time.sleep(0.1 * PATIENCE)
                    begun = time.monotonic()
                    process.send_signal(number)
                    output, complaints = process.communicate(timeout=10 * PATIENCE)
                    spent = time.monotonic() - begun
                assert process.returncode == 130 and spent < 0.1 * PATIENCE, (process.returncode, spent)
                assert complaints == f"job_pool: interrupted; {expected} of {len(files)} files are hashed\n", complaints
                assert output == (by_sha256sum(here / "small") if expected else ""), output


@case
def the_bar_is_drawn_on_a_terminal_only():
    with folder() as here:
        (here / "a").write_bytes(bytes(30_000_000))
        keeper, terminal = pty.openpty()
        with start(here / "a", here / "a", stderr=terminal, stdout=subprocess.PIPE) as process:
            os.close(terminal)
            drawn = b""
            with contextlib.suppress(OSError):
                while piece := os.read(keeper, 4096):
                    drawn += piece
            assert process.wait(20 * PATIENCE) == 0 and process.stdout.read().decode() == by_sha256sum(here / "a", here / "a")
        os.close(keeper)
        assert b"\r[" in drawn and b"100 %  2 files  60.0 of 60.0 MB" in drawn and drawn.endswith(b"\r\n"), drawn


main()
