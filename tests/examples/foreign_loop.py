#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""foreign_loop PROGRAM: tasks and handles of libuv go on beside each other in one thread, and neither keeps the other awake."""
import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import threading
import time

from driver import PATIENCE, Server, case, cpu_seconds, descriptors, instrumented, main, receive, receive_all, reset, run, skip, start, until


@contextlib.contextmanager
def both(*arguments):
    """The server, and where libuv listens."""
    with Server(*arguments) as server:
        said = re.fullmatch(r"libuv listens on 127\.0\.0\.1:(\d+)\n", server.process.stdout.readline())
        server.uv_port = int(said[1])
        yield server


def counts(text: str) -> dict:
    said = re.fullmatch(r"naps (\d+) ticks (\d+) heard (\d+) clients (\d+) bytes (\d+) turns (\d+)\n", text)
    assert said, text
    return dict(zip(("naps", "ticks", "heard", "clients", "bytes", "turns"), map(int, said.groups())))


def told(server: Server) -> dict:
    """What libuv tells of both."""
    with socket.create_connection(("127.0.0.1", server.uv_port), timeout=10 * PATIENCE) as peer:
        return counts(receive_all(peer).decode())


def echoed(server: Server, text: bytes):
    with server.connect() as peer:
        sender = threading.Thread(target=lambda: peer.sendall(text))
        sender.start()
        assert receive(peer, len(text)) == text
        sender.join()
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b""


@case
def usage_is_explained():
    for wrong in (["--port"], ["--port", "70000"], ["--clients", "x"], ["--what"], ["more"]):
        done = run(*wrong)
        assert done.returncode == 2 and "usage: foreign_loop" in done.stderr, done
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("--port", taken.getsockname()[1])
        assert done.returncode == 1 and "Address already in use" in done.stderr, done


@case
def without_descriptors_it_says_so_and_ends():
    if instrumented():
        skip("sanitizers look at memory by a pipe of their own")
    failed = 0
    for limit in range(3, 40):
        with start(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))) as process:
            line = process.stdout.readline()
            if line.startswith("listening on "):
                process.terminate()
                assert process.wait(10 * PATIENCE) == 0
                break
            assert process.wait(10 * PATIENCE) != 0
            complaints = process.stderr.read()
            told_why = process.returncode == 1 and complaints.startswith("foreign_loop: ")
            # With fewer still it cannot be loaded, or libuv gives up by itself.
            assert told_why or failed == 0 and (process.returncode == -signal.SIGABRT or "shared libraries" in complaints), (limit, process, complaints)
            failed += told_why
    else:
        raise AssertionError("it never has enough")
    assert failed >= 3


@case
def both_sides_make_progress():
    with both() as server:
        before = told(server)
        for size in (1, 4096, 4097, 3_000_000):
            echoed(server, os.urandom(size))
        time.sleep(0.5)
        after = told(server)
        assert after["clients"] == before["clients"] + 4 and after["bytes"] == before["bytes"] + 1 + 4096 + 4097 + 3_000_000
        assert after["naps"] > before["naps"] and after["ticks"] >= before["ticks"] + 3
        # A tick is heard before the loop sleeps again.
        assert after["heard"] == after["ticks"], after


@case
def many_clients_of_both_are_served_at_once():
    with both() as server:
        before = descriptors(server.pid)
        errors = []

        def talk(i: int):
            try:
                for _ in range(5):
                    echoed(server, os.urandom(1 + i * 300))
                    assert told(server)["turns"] > 0
            except Exception as why:  # told below, by the thread of the case
                errors.append(why)

        threads = [threading.Thread(target=talk, args=(i,)) for i in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, errors
        assert told(server)["clients"] == 200
        until(lambda: descriptors(server.pid) == before, 5, "no descriptor is left")


@case
def one_who_does_not_read_holds_up_neither():
    with both() as server, server.connect() as deaf:
        deaf.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                deaf.send(bytes(100_000))
        before = told(server)
        echoed(server, b"x" * 100_000)
        until(lambda: told(server)["naps"] > before["naps"] + 3, 5, "naps are taken")
        reset(deaf)
        until(lambda: told(server)["clients"] == before["clients"] + 2, 5, "it is gone")


@case
def at_rest_it_comes_by_for_its_timers_alone():
    with both() as server, server.connect():
        first = told(server)
        begun, spent = time.monotonic(), cpu_seconds(server.pid)
        time.sleep(1)
        last = told(server)
        timers = last["naps"] - first["naps"] + last["ticks"] - first["ticks"]
        # Each timer, the two looks, and little more: a nap is 20 ms, a tick comes every 50 ms.
        assert 0 < timers <= (time.monotonic() - begun) * 75, (first, last)
        assert last["turns"] - first["turns"] <= 2 * timers + 10, (first, last)
        assert instrumented() or cpu_seconds(server.pid) - spent < 0.2


@case
def a_nap_is_not_too_long():
    with both() as server:
        begun, first = time.monotonic(), told(server)
        time.sleep(1)
        last, spent = told(server), time.monotonic() - begun
        # 20 ms, rounded up to a millisecond of the loop's.
        assert last["naps"] - first["naps"] > spent / 0.020 / 2 / PATIENCE, (first, last)


@case
def it_ends_by_itself_after_its_last_client():
    with both("--clients", 3) as server:
        with server.connect() as first, server.connect() as second:
            for peer in (first, second):
                peer.sendall(b"here")
                assert receive(peer, 4) == b"here"
            echoed(server, b"the third")
            assert server.process.poll() is None
            # Nobody else is served.
            before = told(server)
            time.sleep(0.2)
            assert server.process.poll() is None and told(server)["naps"] > before["naps"]
        server.wait(5)
        said = counts(server.process.stdout.readline())
        assert (said["clients"], said["bytes"]) == (3, 17) and said["naps"] > 0


@case
def asked_to_end_it_ends_with_clients_connected():
    for number in (signal.SIGTERM, signal.SIGINT):
        with both() as server, server.connect() as idle, server.connect() as deaf:
            deaf.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    deaf.send(bytes(100_000))
            echoed(server, b"x")
            server.ask_to_end(number)
            server.wait(5)
            assert idle.recv(1) == b"" and counts(server.process.stdout.readline())["bytes"] >= 1


main()
