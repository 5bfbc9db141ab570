#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""echo_server PROGRAM: everything comes back, and nothing stays behind whatever the clients do."""
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time

from driver import (PATIENCE, Server, calls_of, case, cpu_seconds, descriptors, instrumented, main, most_descriptors, need,
                    receive, receive_all, reset, run, skip, thread_sanitized, until)


def echoes(peer: socket.socket, message: bytes = b"still there?") -> bool:
    peer.sendall(message)
    return receive(peer, len(message)) == message


def back_to(server: Server, count: int):
    until(lambda: descriptors(server.pid) == count, 5, f"{count} descriptors (there are {descriptors(server.pid)})")


@case
def usage_is_explained():
    for wrong in (["--port"], ["--port", "70000"], ["--port", "12x"], ["--what"], ["1", "2"]):
        done = run(*wrong)
        assert done.returncode == 2 and "usage: echo_server" in done.stderr, done


@case
def a_port_that_is_taken_is_an_error():
    with Server() as server:
        done = run("--port", server.port)
        assert done.returncode == 1 and "Address already in use" in done.stderr, done


@case
def what_was_sent_comes_back():
    with Server() as server, server.connect() as peer:
        for size in (1, 2, 64, 4095, 4096, 4097, 100_000):
            assert echoes(peer, os.urandom(size)), size


@case
def many_connections_are_served_at_once():
    most_descriptors()
    with Server() as server:
        before = descriptors(server.pid)
        peers = [server.connect() for _ in range(300)]
        for _ in range(3):
            messages = [os.urandom(1 + i * 13 % 4000) for i in range(len(peers))]
            for peer, message in zip(peers, messages):
                peer.sendall(message)
            for peer, message in zip(reversed(peers), reversed(messages)):
                assert receive(peer, len(message)) == message
        assert descriptors(server.pid) == before + len(peers)
        for peer in peers:
            peer.close()
        back_to(server, before)


@case
def a_client_that_ends_its_half_gets_the_rest():
    message = os.urandom(3_000_000)
    with Server() as server, server.connect() as peer:
        def send():
            peer.sendall(message)
            peer.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        assert receive_all(peer) == message
        sender.join()


@case
def a_slow_reader_holds_up_nobody_else():
    with Server() as server, server.connect() as slow, server.connect() as quick:
        slow.setblocking(False)
        message, sent = bytes(1 << 16), 0
        try:
            while True:
                sent += slow.send(message)
        except BlockingIOError:
            pass
        assert sent > 0 and all(echoes(quick) for _ in range(100))


@case
def a_reset_in_the_middle_leaves_nothing():
    with Server() as server:
        before = descriptors(server.pid)
        for i in range(100):
            peer = server.connect()
            peer.sendall(os.urandom(1 + i * 3000) if i % 3 else b"x")
            if i % 2:
                peer.recv(1)
            reset(peer)
        back_to(server, before)
        with server.connect() as peer:
            assert echoes(peer)


@case
def four_thousand_clients_that_close_at_once_leave_nothing():
    clients = min(400 if thread_sanitized() else 4000, most_descriptors() - 100)
    with Server() as server:
        before = descriptors(server.pid)
        peers = [server.connect() for _ in range(clients)]
        until(lambda: descriptors(server.pid) == before + clients, 20, "all are accepted")
        for peer in peers:
            peer.close()
        back_to(server, before)
        for _ in range(clients):
            server.connect().close()
        back_to(server, before)
        with server.connect() as peer:
            assert echoes(peer)


@case
def at_the_limit_of_descriptors_it_neither_spins_nor_gives_up():
    if instrumented():
        skip("a sanitizer needs descriptors of its own")
    with Server(limit=64) as server:
        peers = [server.connect() for _ in range(300)]
        served = [peer for peer in peers[:20] if echoes(peer)]
        assert len(served) == 20
        time.sleep(0.2)
        begun = cpu_seconds(server.pid)
        time.sleep(1)
        spent = cpu_seconds(server.pid) - begun
        assert spent < 0.25, f"{spent} s of processor time in a second without anything to do"
        for peer in peers[:250]:
            peer.close()
        for peer in peers[250:]:
            assert echoes(peer)
            peer.close()


@case
def asked_to_end_it_ends_with_connections_open():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Server() as server, server.connect() as idle, server.connect() as used:
            assert echoes(used)
            server.ask_to_end(number)
            server.wait(5)
            assert receive_all(idle) == b"" and receive_all(used) == b""


@case
def asked_to_end_while_it_cannot_send_it_ends():
    with Server() as server, server.connect() as peer:
        peer.setblocking(False)
        try:
            while True:
                peer.send(bytes(1 << 16))
        except BlockingIOError:
            pass
        time.sleep(0.1)
        server.ask_to_end()
        server.wait(5)


@case
def in_steady_state_it_only_enters_the_ring():
    if instrumented():
        skip("the program makes calls that are not its own")
    with Server() as server, tempfile.NamedTemporaryFile("r") as trace:
        peers = [server.connect() for _ in range(64)]
        assert all(echoes(peer) for peer in peers)
        tracer = subprocess.Popen([need("strace"), "-f", "-c", "-o", trace.name, "-p", str(server.pid)], stderr=subprocess.DEVNULL)
        try:
            def traced():
                with open(f"/proc/{server.pid}/status", encoding="ascii") as status:
                    return "TracerPid:\t0\n" not in status.read() or tracer.poll() is not None

            until(traced, 5, "strace is attached")
            if tracer.poll() is not None:
                skip("strace may not attach here")
            rounds = 50
            for _ in range(rounds):
                for peer in peers:
                    peer.sendall(b"x" * 64)
                for peer in peers:
                    assert receive(peer, 64) == b"x" * 64
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(10 * PATIENCE)
        calls = calls_of(trace.read())
        assert set(calls) == {"io_uring_enter"}, calls
        assert calls["io_uring_enter"] <= rounds * len(peers) * 2, calls
        print(f"       {calls['io_uring_enter']} io_uring_enter for {rounds * len(peers)} messages")


main()
