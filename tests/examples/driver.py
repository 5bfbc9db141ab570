# SPDX-License-Identifier: MIT
"""What the tests of the examples share: cases that are sentences, a server under test, a look at a process from outside.

A case is a function with the decorator `case`; it fails by an assertion or any other exception, and is skipped by
`skip(reason)`. `main()` runs all of them and prints what Boost.Test would.
"""
import ctypes
import os
import pathlib
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else ""
# A prefix such as "valgrind --error-exitcode=9", under which the example is run.
PREFIX = os.environ.get("SLUICE_EXAMPLE_PREFIX", "").split()
# How much slower than usual the example may be.
PATIENCE = 10 if PREFIX else 3

# The backend that the running case asks for: None leaves it to the program.
_backend = None
_cases = []


class Skipped(Exception):
    pass


def skip(reason: str):
    raise Skipped(reason)


def case(function):
    _cases.append(function)
    return function


def on_each_backend(function):
    """A case that is run twice: as it is, and where io_uring is forbidden, as it is in many containers."""
    for backend in ("io_uring", "epoll"):
        def one(backend=backend):
            global _backend
            _backend = backend
            try:
                function()
            finally:
                _backend = None

        one.__name__ = f"{function.__name__}, {backend}"
        case(one)
    return function


_libc = ctypes.CDLL(None, use_errno=True)


def _refusal_of(number: int):
    """A filter of system calls that refuses one of them with EPERM."""
    steps = ((0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x0005_0001), (0x06, 0, 0, 0x7fff_0000))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    return code, ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))


_no_ring = _refusal_of(425)


def forbid_io_uring():
    """Before a program is executed: it may make no ring, and neither may whatever it starts."""
    if _libc.prctl(38, 1, 0, 0, 0) or _libc.prctl(22, 2, _no_ring[1], 0, 0):
        raise OSError(ctypes.get_errno(), "no filter of system calls")


def before(step=None):
    """What is done in a new process before the example is executed there."""
    backend = _backend

    def all_of_it():
        if backend == "epoll":
            forbid_io_uring()
        if step:
            step()

    return all_of_it


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler of its own for a signal."""
    found = re.search(r"^SigCgt:\s*(\w+)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    return bool(found) and bool(int(found[1], 16) >> (number - 1) & 1)


def instrumented() -> bool:
    """Whether the program makes system calls that are not its own: those of a sanitizer or of valgrind."""
    return bool(PREFIX) or any(mark in pathlib.Path(PROGRAM).read_bytes() for mark in (b"__asan_init", b"__tsan_init"))


def thread_sanitized() -> bool:
    """Whether each task of the program costs most of a megabyte and milliseconds, and all of them together are limited."""
    return b"__tsan_init" in pathlib.Path(PROGRAM).read_bytes()


def command(*arguments, program: str = PROGRAM) -> list:
    return [*PREFIX, program, *map(argument, arguments)]


def other_example(name: str) -> str:
    """The program of another example, built beside this one."""
    found = pathlib.Path(PROGRAM).with_name(name)
    if not found.exists():
        skip(f"{name} is not built")
    return str(found)


def argument(one):
    return one if isinstance(one, bytes) else str(one)


def run(*arguments, timeout: float = 20, text: bool = True, preexec_fn=None, **options) -> subprocess.CompletedProcess:
    return subprocess.run(command(*arguments), capture_output=True, text=text, timeout=timeout * PATIENCE, preexec_fn=before(preexec_fn), **options)


def start(*arguments, preexec_fn=None, **options) -> subprocess.Popen:
    return subprocess.Popen(command(*arguments), preexec_fn=before(preexec_fn), **options)


def until(condition, seconds: float, what: str):
    """Waits until the condition gives something true, and gives that."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"after {seconds * PATIENCE} s still not: {what}"
        time.sleep(0.01)


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_seconds(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def most_descriptors() -> int:
    """Raises the limit of this process, and of those that it starts, as far as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


def calls_of(trace: str) -> dict:
    """System calls by name, from the summary that `strace -c` writes."""
    found = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+\d+)?\s+(\w+)$", trace, re.M)
    return {name: int(count) for count, name in found if name != "total"}


def appending(file):
    """The same file for a program to write: through a description of its own, since who reads from one moves the place where it writes."""
    return open(file.name, "ab")


class Server:
    """An example as a server. It must say where it listens, and end with status 0 and nothing to complain about, unless it `may_complain`."""

    def __init__(self, *arguments, limit: int = 0, program: str = PROGRAM, listen=("--port", 0), may_complain: bool = False):
        self.arguments, self.limit, self.ended = arguments, limit, False
        self.program, self.listen, self.may_complain = program, listen, may_complain

    def __enter__(self):
        def confine():
            if self.limit:
                resource.setrlimit(resource.RLIMIT_NOFILE, (self.limit, self.limit))

        self.errors = tempfile.NamedTemporaryFile("r")
        with appending(self.errors) as errors:
            self.process = subprocess.Popen(command(*self.listen, *self.arguments, program=self.program), stdout=subprocess.PIPE, stderr=errors,
                                            text=True, preexec_fn=before(confine) if self.program == PROGRAM else confine)
        ready, _, _ = select.select([self.process.stdout], [], [], 10 * PATIENCE)
        line = self.process.stdout.readline() if ready else ""
        said = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", line)
        if not said:
            self.process.kill()
            raise AssertionError(f"the server does not say where it listens: {line!r} {self.complaints()}")
        self.port = int(said[1])
        return self

    @property
    def pid(self) -> int:
        return self.process.pid

    def complaints(self) -> str:
        self.errors.seek(0)
        return self.errors.read()

    def connect(self, timeout: float = 10) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout * PATIENCE)

    def ask_to_end(self, number: int = signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, seconds: float = 10):
        """Waits for the end and looks at it."""
        self.ended = True
        try:
            status = self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server still runs {seconds * PATIENCE} s after it was asked to end") from None
        complaints = self.complaints()
        assert status == 0, f"the server ended with {status}: {complaints}"
        assert PREFIX or self.may_complain or complaints == "", f"the server complains: {complaints}"

    def __exit__(self, kind, value, trace):
        if kind is not None and self.process.poll() is None:
            self.process.kill()
        if self.ended or kind is not None:
            self.process.wait()
            if kind is not None:
                print(self.complaints(), end="")
        else:
            self.ask_to_end()
            self.wait()
        self.process.stdout.close()
        self.errors.close()


def receive(peer: socket.socket, count: int) -> bytes:
    """So many bytes, or as many as come before the end."""
    got = bytearray()
    while len(got) < count:
        piece = peer.recv(min(count - len(got), 1 << 16))
        if not piece:
            break
        got += piece
    return bytes(got)


def receive_all(peer: socket.socket) -> bytes:
    return receive(peer, 1 << 40)


def reset(peer: socket.socket):
    """Closes so that the other side sees a reset."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()


def need(tool: str) -> str:
    found = shutil.which(tool)
    if not found:
        skip(f"{tool} is not installed")
    return found


def main():
    only = sys.argv[2:]
    passed, failed, skipped = 0, 0, 0
    chosen = [one for one in _cases if not only or one.__name__ in only or one.__name__.split(",")[0] in only]
    for one in chosen:
        begun = time.monotonic()
        try:
            one()
        except Skipped as reason:
            skipped += 1
            print(f'Test case "{one.__name__}" is skipped because {reason}', flush=True)
        except Exception:
            failed += 1
            print(f"FAILED {one.__name__}", flush=True)
            traceback.print_exc(file=sys.stdout)
        else:
            passed += 1
            print(f"ok     {one.__name__} ({time.monotonic() - begun:.2f} s)", flush=True)
    for number, fate in ((passed, "passed"), (failed, "failed"), (skipped, "skipped")):
        if number:
            print(f"  {number} test case{'' if number == 1 else 's'} out of {len(chosen)} {fate}")
    sys.exit(1 if failed or not chosen else 0)
