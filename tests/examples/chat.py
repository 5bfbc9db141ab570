#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""chat PROGRAM: all hear the same in the same order, and nobody is held up by one who does not listen."""
import contextlib
import re
import signal
import socket
import threading
import time

from driver import PATIENCE, Server, case, cpu_seconds, descriptors, main, receive_all, reset, run, thread_sanitized, until


class Talker:
    """A client with a name. Lines come out one by one, without their end."""

    def __init__(self, server: Server, name: str):
        self.name, self.peer = name, server.connect()
        self.input = self.peer.makefile("rb")
        self.say(name)
        self.greeting = self.hear()
        assert re.fullmatch(rf"\* hello {re.escape(name)}, others here: \d+", self.greeting), self.greeting

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.input.close()
        self.peer.close()

    def say(self, *lines: str):
        self.peer.sendall("".join(line + "\n" for line in lines).encode())

    def hear(self) -> str:
        line = self.input.readline()
        assert line.endswith(b"\n"), f"{self.name} hears {line!r}"
        return line[:-1].decode()

    def hears(self, *lines: str):
        for line in lines:
            heard = self.hear()
            assert heard == line, (self.name, heard, line)

    def hears_end(self):
        rest = self.input.read()
        assert rest == b"", rest


def refused(server: Server, sent: bytes) -> str:
    """What a client is told before it is left alone."""
    with server.connect() as peer:
        peer.sendall(sent)
        return receive_all(peer).decode()


def rests(server: Server):
    """Waits until the server has done all that there is to do."""
    def done() -> bool:
        begun = cpu_seconds(server.pid)
        time.sleep(0.2)
        return cpu_seconds(server.pid) == begun
    until(done, 10, "the server rests")


@case
def usage_is_explained():
    for wrong in (["--port"], ["--port", "70000"], ["--queue", "0"], ["--queue", "x"], ["--what"], ["more"]):
        done = run(*wrong)
        assert done.returncode == 2 and "usage: chat" in done.stderr, done
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("--port", taken.getsockname()[1])
        assert done.returncode == 1 and "Address already in use" in done.stderr, done


@case
def what_one_says_all_others_hear():
    with Server() as server, Talker(server, "ann") as ann:
        assert ann.greeting.endswith(": 0")
        with Talker(server, "bob") as bob, Talker(server, "eve") as eve:
            assert eve.greeting.endswith(": 2")
            ann.hears("* bob has joined", "* eve has joined")
            bob.hears("* eve has joined")
            ann.say("hello", "", "how are you?\r", "  ü\t")
            for one in (bob, eve):
                one.hears("ann: hello", "ann: how are you?", "ann:   ü\t")
            eve.say("fine")
            ann.hears("eve: fine")
            bob.hears("eve: fine")
            bob.peer.shutdown(socket.SHUT_WR)
            bob.hears_end()
            ann.hears("* bob has left")
            eve.hears("* bob has left")
            # A name is free again when its owner has left.
            with Talker(server, "bob") as other:
                ann.hears("* bob has joined")
                other.say("it is me")
                ann.hears("bob: it is me")


@case
def a_line_may_come_in_pieces_and_half_a_line_is_none():
    with Server() as server, Talker(server, "ann") as ann, Talker(server, "bob") as bob:
        ann.hears("* bob has joined")
        bob.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"byte by byte\nand ":
            bob.peer.sendall(bytes([byte]))
            time.sleep(0.001)
        ann.hears("bob: byte by byte")
        bob.say("the rest", "x" * 1023, "one more")
        ann.hears("bob: and the rest", "bob: " + "x" * 1023, "bob: one more")
        bob.peer.sendall(b"never ends")
        bob.peer.shutdown(socket.SHUT_WR)
        ann.hears("* bob has left")


@case
def what_cannot_be_a_name_or_a_line_is_refused_with_a_sentence():
    with Server() as server, Talker(server, "ann") as ann:
        before = descriptors(server.pid)
        for sent, why in ((b"\n", "a name is needed"), (b"\r\n", "a name is needed"), (b"ann\n", "this name is taken"), (b"two words\n", "a name is one word"),
                          (b"bell\a\n", "a name is one word"), (b"x" * 33 + b"\n", "a name has at most 32 bytes"),
                          (b"x" * 100_000, "a line has at most 1023 bytes"), (b"ann\n" + b"x\n" * 50_000, "this name is taken")):
            told = refused(server, sent)
            assert told == f"! {why}\n", (sent[:20], told)
        with server.connect() as peer:
            peer.sendall(b"half a name")
            peer.shutdown(socket.SHUT_WR)
            assert receive_all(peer) == b"! a name is needed\n"
        with Talker(server, "bob") as bob:
            ann.hears("* bob has joined")
            bob.say("fine", "x" * 1024, "not told")
            bob.hears("! a line has at most 1023 bytes")
            bob.hears_end()
        # None of those whose names were refused was ever there.
        ann.hears("bob: fine", "* bob has left")
        until(lambda: descriptors(server.pid) == before, 5, "no descriptor is left")


@case
def all_hear_the_lines_of_all_in_one_order():
    with Server("--queue", 2000) as server:
        count = 12
        with contextlib.ExitStack() as stack:
            talkers = [stack.enter_context(Talker(server, f"t{i}")) for i in range(count)]
            listener = stack.enter_context(Talker(server, "listener"))
            lines = 150
            heard = {}

            def follow(one: Talker, expected: int):
                got = []
                while len(got) < expected:
                    line = one.hear()
                    if not line.startswith("* "):
                        got.append(line)
                heard[one.name] = got

            def chatter(one: Talker):
                for i in range(0, lines, 10):
                    one.say(*(f"line {i + k}" for k in range(10)))

            threads = [threading.Thread(target=chatter, args=(one,)) for one in talkers]
            threads += [threading.Thread(target=follow, args=(one, (count - 1) * lines)) for one in talkers]
            threads.append(threading.Thread(target=follow, args=(listener, count * lines)))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            order = heard.pop("listener")
            for i in range(count):
                assert [line for line in order if line.startswith(f"t{i}: ")] == [f"t{i}: line {k}" for k in range(lines)]
            assert len(heard) == count
            for name, got in heard.items():
                assert got == [line for line in order if not line.startswith(f"{name}: ")], name


@case
def one_who_reads_too_slowly_is_dropped_and_nobody_else_waits():
    with Server("--queue", 50) as server:
        before = descriptors(server.pid)
        with Talker(server, "loud") as loud, Talker(server, "quick") as quick, Talker(server, "slow") as slow:
            assert loud.hear() == "* quick has joined" and loud.hear() == quick.hear() == "* slow has joined"
            dropped, said, longest = False, 0, 0.0
            while not dropped:
                assert said < 100_000, "the slow one is never dropped"
                loud.say("x" * 1000)
                begun = time.monotonic()
                line = quick.hear()
                longest = max(longest, time.monotonic() - begun)
                if line.startswith("* "):
                    assert line == "* slow was dropped: it reads too slowly"
                    dropped = True
                    line = quick.hear()
                assert line == "loud: " + "x" * 1000
                said += 1
            assert longest < 0.5 * PATIENCE, longest
            loud.hears("* slow was dropped: it reads too slowly")
            # What the system held for it comes, then the end: whole lines, at most one cut.
            with contextlib.suppress(ConnectionResetError):
                rest = slow.input.read().split(b"\n")
                assert 0 < len(rest) < said + 2 and set(rest[:-1]) == {b"loud: " + b"x" * 1000}, rest[-3:]
            quick.say("still here")
            loud.hears("quick: still here")
            until(lambda: descriptors(server.pid) == before + 2, 5, "no descriptor of it is left")


@case
def many_lines_at_once_drop_nobody_who_reads():
    with Server("--queue", 20) as server, Talker(server, "loud") as loud, Talker(server, "ann") as ann, Talker(server, "bob") as bob:
        count = 20_000
        loud.say(*(str(i) for i in range(count)))
        ann.hears("* bob has joined", *(f"loud: {i}" for i in range(count)))
        bob.hears(*(f"loud: {i}" for i in range(count)))


@case
def a_client_that_resets_leaves_and_its_name_is_free():
    with Server() as server, Talker(server, "ann") as ann:
        before = descriptors(server.pid)
        for i in range(30):
            bob = Talker(server, "bob")
            ann.hears("* bob has joined")
            bob.say("here")
            ann.hears("bob: here")
            if i % 2:
                ann.say("to one who does not read")
            bob.input.close()
            reset(bob.peer)
            ann.hears("* bob has left")
        # So does one that resets before it has a name.
        for i in range(30):
            peer = server.connect()
            peer.sendall(b"nam"[:i % 4])
            reset(peer)
        until(lambda: descriptors(server.pid) == before, 5, "no descriptor is left")


@case
def two_hundred_clients_talk_and_all_are_told_goodbye():
    with Server("--queue", 1000) as server, contextlib.ExitStack() as stack:
        count = 50 if thread_sanitized() else 200
        before = descriptors(server.pid)
        talkers = [stack.enter_context(Talker(server, f"client{i}")) for i in range(count)]
        assert descriptors(server.pid) == before + count
        for one in talkers:
            one.say(f"I am {one.name}")
        for i, one in enumerate(talkers):
            heard = [one.hear() for _ in range(count - 1 - i + count - 1)]
            joined = [line for line in heard if line.startswith("* ")]
            assert joined == [f"* client{k} has joined" for k in range(i + 1, count)]
            assert {line for line in heard if not line.startswith("* ")} == {f"client{k}: I am client{k}" for k in range(count) if k != i}
        begun = cpu_seconds(server.pid)
        time.sleep(0.5)
        assert cpu_seconds(server.pid) - begun < 0.1, "it does not rest"
        server.ask_to_end()
        for one in talkers:
            one.hears("* goodbye")
            one.hears_end()
        server.wait()


@case
def asked_to_end_it_waits_for_nobody():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Server("--queue", 10_000) as server, server.connect() as nameless, Talker(server, "ann") as ann, Talker(server, "deaf") as deaf:
            ann.hears("* deaf has joined")
            # More than the system holds for one who takes nothing, and does not close either.
            for _ in range(80):
                ann.say(*["x" * 1000] * 100)
            ann.say("last")
            rests(server)
            begun = time.monotonic()
            server.ask_to_end(number)
            ann.hears("* goodbye")
            server.wait(5)
            assert time.monotonic() - begun < 3 * PATIENCE
            assert nameless.recv(1) == b""


main()
