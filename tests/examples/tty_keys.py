#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tty_keys PROGRAM: it names keys, tells Escape from a sequence by time, and leaves the terminal as it was, whatever ends it."""
import contextlib
import fcntl
import os
import pty
import signal
import subprocess
import tempfile
import termios
import time

from driver import PATIENCE, appending, case, cpu_seconds, main, on_each_backend, run, start, until

ORDERS = (b"\x1b[?2004h", b"\x1b[?2004l")


class Terminal:
    """The program on a terminal of its own. Its output comes through a pipe, unless it is to go to the terminal, too."""

    def __init__(self, *options, output_there=False, controlling=True, keep=True):
        self.keeper, self.terminal = pty.openpty()
        self.before = termios.tcgetattr(self.terminal)
        self.errors = tempfile.NamedTemporaryFile("r")

        def take():
            os.setsid()
            if controlling:
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        with appending(self.errors) as errors:
            self.process = start(*options, stdin=self.terminal, stdout=self.terminal if output_there else subprocess.PIPE, stderr=errors, preexec_fn=take)
        until(lambda: not termios.tcgetattr(self.terminal)[3] & (termios.ICANON | termios.ECHO | termios.ISIG), 10, "it listens to keys")
        if not keep:
            os.close(self.terminal)
            self.terminal = -1
        self.got = b""

    def __enter__(self):
        return self

    def type(self, what: bytes):
        os.write(self.keeper, what)

    def lines(self, count: int) -> list:
        """So many lines more, as names and bytes."""
        while self.got.count(b"\n") < count:
            piece = os.read(self.process.stdout.fileno(), 1 << 16)
            assert piece, self.got
            self.got += piece
        found = self.got.split(b"\n", count)
        self.got = found.pop()
        split = [line.decode().rsplit("  ", 1) for line in found]
        return [(name.strip(), bytes.fromhex(code.replace("...", ""))) for name, code in split]

    def names(self, what: bytes, count: int) -> list:
        self.type(what)
        return [name for name, _ in self.lines(count)]

    def complaints(self) -> str:
        self.errors.seek(0)
        return self.errors.read()

    def ends_with(self, *statuses: int):
        assert self.process.wait(10 * PATIENCE) in statuses, (self.process.returncode, self.complaints())
        if self.terminal >= 0:
            assert termios.tcgetattr(self.terminal) == self.before, "the terminal is not as it was"

    def orders(self) -> bytes:
        """What the terminal was told."""
        os.set_blocking(self.keeper, False)
        told = b""
        with contextlib.suppress(OSError):
            while piece := os.read(self.keeper, 4096):
                told += piece
        return told

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for descriptor in (self.keeper, self.terminal):
            if descriptor >= 0:
                os.close(descriptor)
        if self.process.stdout:
            self.process.stdout.close()
        if kind is not None:
            print(self.complaints(), end="")
        self.errors.close()


KEYS = {
    b"a": "a", b"~": "~", b" ": "Space", b"\r": "Enter", b"\t": "Tab", b"\x7f": "Backspace", b"\0": "Ctrl+Space", b"\x01": "Ctrl+A", b"\x1a": "Ctrl+Z", b"\x1c": "Ctrl+\\",
    b"\x1f": "Ctrl+_", b"\n": "Ctrl+J", b"\x11": "Ctrl+Q", b"\x13": "Ctrl+S",
    b"\x1b[A": "Up", b"\x1b[B": "Down", b"\x1b[C": "Right", b"\x1b[D": "Left", b"\x1bOA": "Up", b"\x1b[H": "Home", b"\x1bOF": "End", b"\x1b[1~": "Home", b"\x1b[2~": "Insert",
    b"\x1b[3~": "Delete", b"\x1b[5~": "PageUp", b"\x1b[6~": "PageDown", b"\x1bOP": "F1", b"\x1bOS": "F4", b"\x1b[[A": "F1", b"\x1b[[E": "F5", b"\x1b[15~": "F5", b"\x1b[17~": "F6",
    b"\x1b[21~": "F10", b"\x1b[23~": "F11", b"\x1b[24~": "F12", b"\x1b[34~": "F20", b"\x1b[Z": "Shift+Tab", b"\x1b[1;2A": "Shift+Up", b"\x1b[1;5C": "Ctrl+Right",
    b"\x1b[1;3D": "Alt+Left", b"\x1b[1;8H": "Ctrl+Alt+Shift+Home", b"\x1b[3;5~": "Ctrl+Delete", b"\x1b[1;2P": "Shift+F1", b"\x1b[97;5u": "Ctrl+a", b"\x1b[I": "focus gained",
    b"\x1b[O": "focus lost", b"\x1ba": "Alt+a", b"\x1b\r": "Alt+Enter", b"\x1b\x1b[A": "Alt+Up", b"\x1b\x7f": "Alt+Backspace", b"\x1bOM": "Keypad Enter", b"\x1bOp": "Keypad 0",
    b"\x1b[99~": "unknown sequence", b"\x1b[?1;2c": "unknown sequence", b"\x1b[1;2X": "unknown sequence",
    "\u00fc".encode(): "\u00fc U+00FC", "\u4e16".encode(): "\u4e16 U+4E16", "\U0001f600".encode(): "\U0001f600 U+1F600", "\u0085".encode(): "U+0085", "\x1b\u00fc".encode(): "Alt+\u00fc U+00FC",
    b"\xff": "byte 0xff", b"\xc0": "byte 0xc0",
}


@case
def usage_is_explained():
    done = run("--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: tty_keys") and done.stderr == "", done
    for wrong in (["--what"], ["--escape-time", "x"], ["more"]):
        done = run(*wrong)
        assert done.returncode == 2 and "usage: tty_keys" in done.stderr, done
    done = run(stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and "is no terminal" in done.stderr and done.stdout == "", done


@on_each_backend
def keys_have_names():
    with Terminal() as here:
        for code, name in KEYS.items():
            here.type(code)
            assert here.lines(1) == [(name, code)], (code, name)
        here.type(b"\x04")
        assert here.lines(1) == [("Ctrl+D", b"\x04")]
        here.ends_with(0)
        assert here.complaints() == "" and here.orders() == b"".join(ORDERS)


@on_each_backend
def keys_that_come_together_are_told_apart():
    with Terminal() as here:
        codes = [code for code in KEYS for _ in range(3)]
        here.type(b"".join(codes[:len(codes) // 2]))
        here.type(b"".join(codes[len(codes) // 2:]))
        assert here.lines(len(codes)) == [(KEYS[code], code) for code in codes]


@on_each_backend
def keys_that_come_in_pieces_are_put_together():
    with Terminal("--escape-time", 5000) as here:
        for code, name in KEYS.items():
            if len(code) > 1 and len(code) < 5:
                for one in code:
                    here.type(bytes([one]))
                    time.sleep(0.002)
                assert here.lines(1) == [(name, code)], (code, name)


@on_each_backend
def only_time_tells_escape_from_a_sequence():
    with Terminal("--escape-time", 100) as here:
        begun = time.monotonic()
        assert here.names(b"\x1b", 1) == ["Escape"]
        assert 0.09 < time.monotonic() - begun < 0.5 * PATIENCE
        here.type(b"\x1b")
        assert here.lines(1) == [("Escape", b"\x1b")]
        assert here.names(b"[A", 2) == ["[", "A"]
        assert here.names(b"\x1b[", 1) == ["Alt+["]
        assert here.names(b"\x1bO", 1) == ["Alt+O"]
        assert here.names(b"\x1b\x1b", 1) == ["Alt+Escape"]
        assert here.names(b"\x1b[1;", 1) == ["unknown sequence"]
        assert here.names(b"\xe4\xb8", 2) == ["byte 0xe4", "byte 0xb8"]
        assert here.names(b"\xe4\xb8x", 3) == ["byte 0xe4", "byte 0xb8", "x"]
        assert here.names(b"\xed\xa0\x80", 3) == ["byte 0xed", "byte 0xa0", "byte 0x80"]


@on_each_backend
def a_paste_is_one_thing_however_long_it_takes():
    with Terminal("--escape-time", 30) as here:
        for text in (b"", b"hello", b"\x03\x04 is no end, \x1b[A is no key\r\n", b"x" * 3000):
            code = b"\x1b[200~" + text + b"\x1b[201~"
            here.type(code)
            assert here.lines(1) == [(f"paste of {len(text)} bytes", code[:32])], text
        here.type(b"\x1b[200~slow")
        time.sleep(0.2)
        here.type(b" and slower\x1b[20")
        time.sleep(0.2)
        here.type(b"1~z")
        assert [name for name, _ in here.lines(2)] == ["paste of 15 bytes", "z"]


@on_each_backend
def the_terminal_is_as_it_was_whatever_ends_it():
    for typed, status in ((b"\x03", 130), (b"\x04", 0), (b"abc\x1b[A\x04 never read", 0)):
        with Terminal() as here:
            here.type(typed)
            here.ends_with(status)
            assert here.orders() == b"".join(ORDERS)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        for waiting in (b"", b"\x1b[200~"):
            with Terminal() as here:
                here.type(b"x" + waiting)
                assert here.lines(1) == [("x", b"x")]
                here.process.send_signal(number)
                here.ends_with(128 + number)
                assert here.orders() == b"".join(ORDERS) and here.complaints() == ""
    with Terminal() as here:
        here.process.stdout.close()
        here.type(b"x")
        here.ends_with(1)
        assert "Broken pipe" in here.complaints() and here.orders() == b"".join(ORDERS)
        here.process.stdout = None


@on_each_backend
def a_terminal_that_hangs_up_ends_it():
    for controlling in (True, False):
        with Terminal(controlling=controlling, keep=False) as here:
            here.type(b"x")
            assert here.lines(1) == [("x", b"x")]
            os.close(here.keeper)
            here.keeper = -1
            here.ends_with(*((1, 128 + signal.SIGHUP) if controlling else (1,)))
            if here.process.returncode == 1:
                assert "the terminal" in here.complaints(), here.complaints()


@on_each_backend
def a_terminal_that_takes_no_output_does_not_keep_it():
    with Terminal(output_there=True) as here:
        deadline = time.monotonic() + 1
        os.set_blocking(here.keeper, False)
        # Each byte that is typed gives a line of thirty: soon it cannot write.
        while time.monotonic() < deadline:
            with contextlib.suppress(BlockingIOError):
                os.write(here.keeper, b"y" * 200)
            time.sleep(0.01)
        here.process.send_signal(signal.SIGTERM)
        here.ends_with(128 + signal.SIGTERM)


@on_each_backend
def on_the_terminal_lines_begin_at_its_left():
    with Terminal(output_there=True) as here:
        here.type(b"a\x04")
        here.ends_with(0)
        told = here.orders()
        assert told.startswith(ORDERS[0] + b"a ") and b" 61\r\nCtrl+D" in told and told.endswith(b" 04\r\n" + ORDERS[1]), told


@on_each_backend
def with_nothing_typed_it_sleeps():
    with Terminal() as here:
        here.type(b"\x1b[200~")
        time.sleep(0.1)
        begun = cpu_seconds(here.process.pid)
        time.sleep(1)
        assert cpu_seconds(here.process.pid) - begun < 0.05 * PATIENCE


@case
def the_backend_is_said():
    with Terminal("--verbose") as here:
        here.type(b"\x04")
        here.ends_with(0)
        assert "taken: " in here.complaints()


main()
