#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tail_follow PROGRAM: it prints what tail prints, whatever becomes of the file, and ends when it should."""
import contextlib
import fcntl
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time

from driver import PATIENCE, appending, case, cpu_seconds, descriptors, main, need, on_each_backend, run, start, until

WAYS = ((), ("--poll", "--interval", 0.05))


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield pathlib.Path(name)


class Reader:
    """A program whose output is read as it comes."""

    def __init__(self, process: subprocess.Popen):
        self.process, self.got = process, bytearray()
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        while piece := os.read(self.process.stdout.fileno(), 1 << 16):
            self.got += piece

    def waits_for(self, what: bytes):
        until(lambda: len(self.got) >= len(what), 10, f"{len(what)} bytes")
        assert bytes(self.got) == what, (bytes(self.got[-200:]), what[-200:], len(self.got), len(what))

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        status = self.process.wait(10 * PATIENCE)
        self.thread.join()
        self.process.stdout.close()
        return status


@contextlib.contextmanager
def following(*arguments, by_tail=None):
    """Ours, and tail itself if it is to do the same."""
    errors = tempfile.NamedTemporaryFile("r")
    with appending(errors) as out:
        readers = [Reader(start(*arguments, stdout=subprocess.PIPE, stderr=out))]
    readers[0].errors = errors
    try:
        if by_tail:
            readers.append(Reader(subprocess.Popen([need("tail"), *by_tail], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)))
        yield readers
    finally:
        statuses = [one.end() for one in readers if one.process.poll() is None]
        errors.close()
    assert statuses == [0, -signal.SIGTERM][:len(readers)], statuses


def both_print(readers, what: bytes):
    for one in readers:
        one.waits_for(what)


def waiting_in(pipe) -> int:
    """Bytes that were written and not read yet."""
    return int.from_bytes(fcntl.ioctl(pipe.fileno(), termios.FIONREAD, bytes(4)), sys.byteorder)


def append(path: pathlib.Path, what: bytes):
    with open(path, "ab") as file:
        file.write(what)


@case
def usage_is_explained():
    done = run("--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: tail_follow") and done.stderr == "", done
    for wrong in ([], ["-n", "x", "f"], ["-n", "-1", "f"], ["--interval", "0", "f"], ["--what", "f"]):
        done = run(*wrong)
        assert done.returncode == 2 and "usage: tail_follow" in done.stderr, done


@on_each_backend
def the_last_lines_are_those_of_tail():
    contents = [b"", b"\n", b"no end", b"one\n", b"one\ntwo", b"\n" * 20, b"".join(b"%d\n" % i for i in range(100)), b"x" * 200_000 + b"\nlast\n",
                b"".join(b"%d" % i * 3000 + b"\n" for i in range(50)), b"a\nb\n" + b"y" * 65535 + b"\n", b"\0\n\xff\n" * 7]
    with folder() as here:
        for i, content in enumerate(contents):
            (here / "file").write_bytes(content)
            for lines in (0, 1, 2, 10, 1000):
                wanted = subprocess.run([need("tail"), "-n", str(lines), here / "file"], capture_output=True, check=True).stdout
                # It is known to be at the end when it prints what is added. Where nothing comes before that, it may not have begun.
                with following("-n", lines, here / "file") as readers:
                    readers[0].waits_for(wanted)
                    append(here / "file", b"more")
                    if wanted:
                        readers[0].waits_for(wanted + b"more")
                    else:
                        until(lambda: append(here / "file", b"more") or time.sleep(0.02) or readers[0].got, 10, "it prints what is added")
                        assert not readers[0].got.replace(b"more", b""), readers[0].got
                (here / "file").write_bytes(content)


@on_each_backend
def what_is_added_is_printed():
    for way in WAYS:
        with folder() as here:
            path = here / "file"
            path.write_bytes(b"1\n2\n3\n")
            with following("-n", 2, *way, path, by_tail=["-n", "2", "-f", "-s", "0.05", path]) as readers:
                expected = b"2\n3\n"
                both_print(readers, expected)
                for piece in (b"4\n", b"part of a line", b" and the rest\n", os.urandom(3_000_000), b"", b"\n"):
                    append(path, piece)
                    expected += piece
                    both_print(readers, expected)


@on_each_backend
def a_file_that_is_truncated_is_read_anew():
    for way in WAYS:
        with folder() as here:
            path = here / "file"
            path.write_bytes(b"old 1\nold 2\n")
            with following(*way, path, by_tail=["-f", "-s", "0.05", path]) as readers:
                expected = b"old 1\nold 2\n"
                both_print(readers, expected)
                for content in (b"new\n", b"n\n", b"x"):
                    path.write_bytes(b"")
                    # Whoever looks must see that it is shorter: what is written later than that is seen as new.
                    time.sleep(0.3)
                    append(path, content)
                    expected += content
                    both_print(readers, expected)
                until(lambda: "was truncated" in pathlib.Path(f"/proc/self/fd/{readers[0].errors.fileno()}").read_text(), 5, "it says so")


@on_each_backend
def a_name_is_followed_from_file_to_file():
    for way in WAYS:
        with folder() as here:
            path = here / "log"
            path.write_bytes(b"first\n")
            with following("-F", *way, path, by_tail=["-F", "-s", "0.05", path]) as readers:
                expected = b"first\n"
                both_print(readers, expected)
                for i in range(4):
                    append(path, b"before %d\n" % i)
                    expected += b"before %d\n" % i
                    both_print(readers, expected)
                    # As log files are rotated: renamed and made anew, replaced at once, or removed and made anew after a while.
                    new = here / "new"
                    new.write_bytes(b"after %d, with more than there was before\n" % i)
                    if i == 0:
                        path.rename(here / "log.1")
                        new.rename(path)
                    elif i == 1:
                        new.rename(path)
                    elif i == 2:
                        path.unlink()
                        time.sleep(0.3)
                        new.rename(path)
                    else:
                        path.rename(here / "log.2")
                        time.sleep(0.3)
                        new.rename(path)
                    expected += b"after %d, with more than there was before\n" % i
                    both_print(readers, expected)
                path.write_bytes(b"")
                time.sleep(0.3)
                append(path, b"end\n")
                both_print(readers, expected + b"end\n")


@on_each_backend
def without_the_name_it_stays_with_the_file():
    for way in WAYS:
        with folder() as here:
            path = here / "file"
            path.write_bytes(b"1\n")
            with following(*way, path, by_tail=["-f", "-s", "0.05", path]) as readers:
                both_print(readers, b"1\n")
                path.rename(here / "moved")
                path.write_bytes(b"another\n")
                append(here / "moved", b"2\n")
                both_print(readers, b"1\n2\n")


@on_each_backend
def what_is_written_to_the_old_file_before_the_new_one_is_there_is_not_lost():
    for way in WAYS:
        with folder() as here:
            path = here / "log"
            path.write_bytes(b"1\n")
            with following("-F", *way, path) as readers:
                readers[0].waits_for(b"1\n")
                path.rename(here / "log.1")
                append(here / "log.1", b"2\n")
                readers[0].waits_for(b"1\n2\n")
                path.write_bytes(b"3\n")
                readers[0].waits_for(b"1\n2\n3\n")


@on_each_backend
def a_name_need_not_be_there_yet():
    for way in WAYS:
        with folder() as here:
            path = here / "later" / "log"
            options = way or ("--interval", 0.05)
            with following("-F", *options, path, by_tail=["-F", "-s", "0.05", path]) as readers:
                time.sleep(0.3)
                path.parent.mkdir()
                time.sleep(0.2)
                path.write_bytes(b"here\n")
                both_print(readers, b"here\n")
                path.unlink()
                path.parent.rmdir()
                time.sleep(0.2)
                path.parent.mkdir()
                path.write_bytes(b"again\n")
                readers[0].waits_for(b"here\nagain\n")


@on_each_backend
def several_files_have_headers():
    with folder() as here:
        one, other = here / "one", here / "other"
        one.write_bytes(b"1\n")
        other.write_bytes(b"2\n")
        for way in WAYS:
            with following(*way, one, other, by_tail=["-f", "-s", "0.05", one, other]) as readers:
                expected = b"==> %s <==\n%s\n==> %s <==\n%s" % (os.fsencode(one), one.read_bytes(), os.fsencode(other), other.read_bytes())
                both_print(readers, expected)
                for path in (other, one, one, other):
                    append(path, b"more\n")
                    index = expected.rindex(b"==> ")
                    if not expected[index:].startswith(b"==> %s <==" % os.fsencode(path)):
                        expected += b"\n==> %s <==\n" % os.fsencode(path)
                    expected += b"more\n"
                    both_print(readers, expected)


@on_each_backend
def a_hundred_files_are_followed_at_once():
    with folder() as here:
        paths = [here / f"{i:03}" for i in range(100)]
        for path in paths:
            path.write_bytes(b"")
        with following("-F", *paths) as readers:
            expected = b"\n".join(b"==> %s <==\n" % os.fsencode(path) for path in paths)
            readers[0].waits_for(expected)
            for path in paths[::7]:
                append(path, b"x\n")
                expected += b"\n==> %s <==\nx\n" % os.fsencode(path)
                readers[0].waits_for(expected)


@on_each_backend
def rotations_leave_nothing_open():
    with folder() as here:
        path = here / "log"
        path.write_bytes(b"0\n")
        with following("-F", path) as readers:
            expected = b"0\n"
            readers[0].waits_for(expected)
            counts = []
            for i in range(20):
                path.rename(here / "old")
                path.write_bytes(b"%d\n" % i)
                expected += b"%d\n" % i
                readers[0].waits_for(expected)
                counts.append(descriptors(readers[0].process.pid))
            assert max(counts[2:]) <= counts[1] + 1 and counts[-1] <= counts[1] + 1, counts


@on_each_backend
def with_nothing_to_do_it_does_nothing():
    with folder() as here:
        path = here / "file"
        path.write_bytes(b"x\n")
        with following("-F", path) as readers:
            readers[0].waits_for(b"x\n")
            begun = cpu_seconds(readers[0].process.pid)
            time.sleep(0.5)
            # What happens to other names in the directory wakes it, but is none of its business.
            for i in range(50):
                (here / f"other {i}").write_bytes(b"")
                time.sleep(0.01)
            assert cpu_seconds(readers[0].process.pid) - begun < 0.1 * PATIENCE


@on_each_backend
def asked_to_end_it_ends():
    with folder() as here:
        path = here / "file"
        path.write_bytes(b"x\n")
        for way in WAYS:
            for number in (signal.SIGTERM, signal.SIGINT):
                reader = Reader(start(*way, path, stdout=subprocess.PIPE))
                reader.waits_for(b"x\n")
                assert reader.end(number) == 0


@on_each_backend
def asked_to_end_while_nobody_reads_it_ends():
    with folder() as here:
        path = here / "file"
        path.write_bytes(bytes(3_000_000))
        with start("-n", 10, path, stdout=subprocess.PIPE) as process:
            until(lambda: waiting_in(process.stdout) > 60_000, 10, "the pipe is full")
            process.send_signal(signal.SIGTERM)
            assert process.wait(10 * PATIENCE) == 0


@on_each_backend
def it_ends_when_its_reader_does():
    with folder() as here:
        path = here / "file"
        path.write_bytes(b"x\n")
        for way in WAYS:
            with start(*way, path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                assert process.stdout.read(2) == b"x\n"
                process.stdout.close()
                # Nothing is added to the file: it has to notice by itself.
                assert process.wait(10 * PATIENCE) == 0
                assert process.stderr.read() == b""


@on_each_backend
def what_cannot_be_followed_is_told():
    with folder() as here:
        os.mkfifo(here / "fifo")
        (here / "file").write_bytes(b"x\n")
        for name, why in (("nope", "No such file or directory"), (".", "is not a regular file"), ("fifo", "is not a regular file"), ("file/x", "Not a directory")):
            done = run(here / name)
            assert done.returncode == 1 and done.stdout == "", done
            assert done.stderr == f"tail_follow: {here / name}: {why}\ntail_follow: nothing is left to follow\n".replace("/./", "/"), done
        with following(here / "nope", here / "file") as readers:
            readers[0].waits_for(b"==> %s <==\nx\n" % os.fsencode(here / "file"))


@case
def the_output_may_be_a_file():
    with folder() as here:
        (here / "file").write_bytes(b"x\n")
        with open(here / "out", "wb") as out, start(here / "file", stdout=out) as process:
            until(lambda: (here / "out").read_bytes() == b"x\n", 10, "it prints")
            append(here / "file", b"y\n")
            until(lambda: (here / "out").read_bytes() == b"x\ny\n", 10, "it prints what is added")
            process.send_signal(signal.SIGTERM)
            assert process.wait(10 * PATIENCE) == 0


@case
def the_backend_is_said():
    done = run("-v", "/no such file")
    assert "taken: " in done.stderr, done


main()
