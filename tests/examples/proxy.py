#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""proxy PROGRAM: what passes through it comes out whole, ends are passed on, failures too, and nothing stays behind."""
import contextlib
import hashlib
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time

from driver import (PATIENCE, Server, case, cpu_seconds, descriptors, instrumented, main, most_descriptors, need, on_each_backend, other_example, receive, receive_all,
                    reset, run, skip, thread_sanitized, until)

WAYS = ((), ("--no-splice",))
LARGE = os.urandom(1 << 20) * 48


def proxy(port: int, *options, **how) -> Server:
    return Server(f"127.0.0.1:{port}", listen=(*options, "127.0.0.1:0"), **how)


@contextlib.contextmanager
def target(backlog: int = 100):
    """A listener that the test itself accepts from."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as listener:
        listener.settimeout(10 * PATIENCE)
        yield listener


def port_of(listener: socket.socket) -> int:
    return listener.getsockname()[1]


@contextlib.contextmanager
def pair(server: Server, listener: socket.socket):
    """Both ends of a connection through the proxy."""
    with server.connect() as client:
        far, _ = listener.accept()
        with far:
            far.settimeout(10 * PATIENCE)
            yield client, far


def held(server: Server) -> int:
    """Its sockets and pipes. What a backend makes for itself when it first needs it is no concern of a connection."""
    count = 0
    for number in os.listdir(f"/proc/{server.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            count += os.readlink(f"/proc/{server.pid}/fd/{number}").startswith(("socket:", "pipe:"))
    return count


def back_to(server: Server, count: int):
    until(lambda: held(server) == count, 5, f"{count} sockets and pipes (there are {held(server)})")


def is_reset(peer: socket.socket) -> bool:
    """Whether it was reset; an end of the stream is none."""
    try:
        while peer.recv(1 << 16):
            pass
    except ConnectionResetError:
        return True
    return False


@case
def usage_is_explained():
    done = run("--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: proxy") and done.stderr == "", done
    for wrong in ([], ["127.0.0.1:0"], ["127.0.0.1:0", "127.0.0.1:1", "x"], ["127.0.0.1", "127.0.0.1:1"], ["127.0.0.1:0", "here:80"], ["127.0.0.1:0", "127.0.0.1:0"],
                  ["--idle", "x", "127.0.0.1:0", "127.0.0.1:1"], ["--grace", "-1", "127.0.0.1:0", "127.0.0.1:1"], ["--what"]):
        done = run(*wrong)
        assert done.returncode == 2 and "usage: proxy" in done.stderr, done
    with target() as listener:
        done = run(f"127.0.0.1:{port_of(listener)}", "127.0.0.1:1")
        assert done.returncode == 1 and "Address already in use" in done.stderr, done


@on_each_backend
def a_web_server_behind_it_gives_what_it_gives_without_it():
    curl = [need("curl"), "-sS", "--max-time", str(30 * PATIENCE)]
    with tempfile.TemporaryDirectory() as folder, Server("--root", folder, program=other_example("http_server")) as web:
        pathlib.Path(folder, "large").write_bytes(LARGE)
        pathlib.Path(folder, "small").write_bytes(b"small")
        for way in WAYS:
            with proxy(web.port, *way) as server:
                before = held(server)
                hashes = set()
                for port in (web.port, server.port):
                    body = subprocess.run([*curl, f"http://127.0.0.1:{port}/large"], check=True, capture_output=True).stdout
                    hashes.add(hashlib.sha256(body).hexdigest())
                assert hashes == {hashlib.sha256(LARGE).hexdigest()}, way
                url = f"http://127.0.0.1:{server.port}"
                done = subprocess.run([*curl, "-o", "/dev/null", "-o", "/dev/null", "-w", "%{http_code} %{num_connects} ", f"{url}/small", f"{url}/nope"],
                                      check=True, capture_output=True, text=True)
                assert done.stdout == "200 1 404 0 ", done
                back_to(server, before)


@on_each_backend
def socat_gets_back_what_it_sends():
    socat = need("socat")
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "source")
        source.write_bytes(LARGE)
        for way in WAYS:
            with target() as free:
                port = port_of(free)
            with subprocess.Popen([socat, "-t", str(20 * PATIENCE), f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork", "EXEC:cat"]) as echo:
                try:
                    until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 10, "socat listens")
                    with proxy(port, *way) as server, source.open("rb") as file:
                        before = held(server)
                        back = subprocess.run([socat, "-t", str(20 * PATIENCE), "-", f"TCP:127.0.0.1:{server.port}"], stdin=file, capture_output=True,
                                              check=True, timeout=60 * PATIENCE).stdout
                        assert len(back) == len(LARGE) and back == LARGE, (way, len(back))
                        back_to(server, before)
                finally:
                    echo.terminate()


@on_each_backend
def each_direction_ends_alone():
    for way in WAYS:
        with target() as listener, proxy(port_of(listener), *way) as server:
            before = held(server)
            for first in (0, 1):
                with pair(server, listener) as ends:
                    one, other = ends[first], ends[1 - first]
                    one.sendall(b"question")
                    one.shutdown(socket.SHUT_WR)
                    assert receive_all(other) == b"question"
                    time.sleep(0.05)
                    for i in range(5):
                        other.sendall(b"part %d." % i)
                        assert receive(one, 7) == b"part %d." % i
                    other.shutdown(socket.SHUT_WR)
                    assert receive_all(one) == b""
                back_to(server, before)


@on_each_backend
def both_directions_run_at_once():
    for way in WAYS:
        with target() as listener, proxy(port_of(listener), *way) as server, pair(server, listener) as ends:
            def send(peer):
                peer.sendall(LARGE)
                peer.shutdown(socket.SHUT_WR)

            senders = [threading.Thread(target=send, args=[peer]) for peer in ends]
            got = [None, None]

            def take(i):
                got[i] = receive_all(ends[i])

            takers = [threading.Thread(target=take, args=[i]) for i in (0, 1)]
            for thread in senders + takers:
                thread.start()
            for thread in senders + takers:
                thread.join()
            assert got[0] == LARGE and got[1] == LARGE


@on_each_backend
def a_reset_is_passed_on_as_a_reset():
    for way in WAYS:
        with target() as listener, proxy(port_of(listener), *way, may_complain=True) as server:
            before = held(server)
            # One that comes very soon is what the connect ends with, of which it tells.
            for i in range(20):
                with pair(server, listener) as ends:
                    one, other = ends[i % 2], ends[1 - i % 2]
                    if i % 4 < 2:
                        one.sendall(b"x" * 100_000)
                        receive(other, 10)
                    reset(one)
                    assert is_reset(other), i
            # It has to be noticed also by whoever cannot get rid of what it has.
            for i in (0, 1):
                with pair(server, listener) as ends:
                    ends[i].setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        while True:
                            ends[i].send(bytes(1 << 16))
                    reset(ends[1 - i])
                    ends[i].setblocking(True)
                    ends[i].settimeout(10 * PATIENCE)
                    assert is_reset(ends[i])
            back_to(server, before)


@on_each_backend
def a_thousand_connections_at_once():
    most_descriptors()
    many = 100 if thread_sanitized() else 1000
    for way in WAYS:
        with Server(program=other_example("echo_server")) as echo, proxy(echo.port, *way) as server:
            before = held(server)
            peers = [server.connect(timeout=30) for _ in range(many)]
            for turn in range(2):
                messages = [os.urandom(1 + (i * 131 + turn) % 6000) for i in range(many)]
                for peer, message in zip(peers, messages):
                    peer.sendall(message)
                for peer, message in zip(peers, messages):
                    assert receive(peer, len(message)) == message
            assert held(server) >= before + 2 * many
            begun = cpu_seconds(server.pid)
            time.sleep(0.5)
            assert cpu_seconds(server.pid) - begun < 0.2 * PATIENCE, "with nothing to do it works"
            for i, peer in enumerate(peers):
                if i % 3 == 0:
                    reset(peer)
                elif i % 3 == 1:
                    peer.close()
                else:
                    peer.shutdown(socket.SHUT_WR)
                    assert receive_all(peer) == b""
                    peer.close()
            back_to(server, before)


@on_each_backend
def whoever_does_not_read_holds_up_the_sender_and_nobody_else():
    for way in WAYS:
        with target() as listener, proxy(port_of(listener), *way) as server, pair(server, listener) as (client, far), pair(server, listener) as others:
            client.setblocking(False)
            sent, quiet = 0, 0
            while quiet < 20:
                try:
                    sent += client.send(bytes(1 << 16))
                    quiet = 0
                except BlockingIOError:
                    time.sleep(0.01)
                    quiet += 1
                assert sent < 200_000_000, "it takes whatever it is given"
            for i in range(50):
                others[0].sendall(b"%03d" % i)
                assert receive(others[1], 3) == b"%03d" % i
            client.setblocking(True)
            client.shutdown(socket.SHUT_WR)
            assert len(receive_all(far)) == sent


@on_each_backend
def without_pipes_it_copies():
    if instrumented():
        skip("a sanitizer needs descriptors of its own")
    with Server(program=other_example("echo_server")) as echo:
        with proxy(echo.port) as server:
            most = descriptors(server.pid)
        # Room for one connection with its pipes, and for another one without; a backend may make one descriptor more for itself.
        with proxy(echo.port, limit=most + 1 + 6 + 3) as server, server.connect() as one, server.connect() as other:
            for peer in (one, other):
                message = os.urandom(300_000)
                sender = threading.Thread(target=peer.sendall, args=[message])
                sender.start()
                assert receive(peer, len(message)) == message
                sender.join()


@on_each_backend
def a_target_that_refuses_is_told_of_and_the_client_is_reset():
    with target() as listener:
        port = port_of(listener)
    with proxy(port, may_complain=True) as server:
        before = held(server)
        # The reset may come before the connect has returned.
        try:
            with server.connect() as client:
                assert is_reset(client)
        except ConnectionResetError:
            pass
        until(lambda: f"proxy: 127.0.0.1:{port}: Connection refused\n" in server.complaints(), 5, "it says why")
        back_to(server, before)


@on_each_backend
def a_target_that_does_not_answer_is_waited_for_so_long():
    with target(backlog=0) as listener, contextlib.ExitStack() as all_of_them:
        # Once nobody may wait any more, who knocks gets no answer.
        for _ in range(3):
            waiting = all_of_them.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        with proxy(port_of(listener), "--connect-timeout", 0.3, may_complain=True) as server, server.connect() as client:
            begun = time.monotonic()
            assert is_reset(client)
            assert 0.25 < time.monotonic() - begun < 3 * PATIENCE
            assert server.complaints() == f"proxy: 127.0.0.1:{port_of(listener)}: does not answer\n", server.complaints()


@on_each_backend
def an_idle_connection_is_ended_and_a_slow_one_is_not():
    for way in WAYS:
        with target() as listener, proxy(port_of(listener), "--idle", 0.6, *way) as server, pair(server, listener) as idle, pair(server, listener) as slow:
            begun = time.monotonic()
            # Only one direction of it moves anything.
            for i in range(8):
                slow[1].sendall(b"x")
                assert slow[0].recv(1) == b"x"
                time.sleep(0.2)
            assert is_reset(idle[0]) and is_reset(idle[1])
            assert time.monotonic() - begun > 0.6
            assert is_reset(slow[0])


@on_each_backend
def asked_to_end_it_lets_transfers_end():
    for way in WAYS:
        for number in (signal.SIGTERM, signal.SIGINT):
            with target() as listener, proxy(port_of(listener), "--grace", 30, *way) as server, pair(server, listener) as (client, far):
                def refused():
                    try:
                        server.connect().close()
                    except ConnectionError:
                        return True
                    return False

                sender = threading.Thread(target=far.sendall, args=[LARGE])
                sender.start()
                first = receive(client, 1000)
                server.ask_to_end(number)
                until(refused, 5, "nobody can connect any more")
                time.sleep(0.1)
                assert server.process.poll() is None, "it waits for the transfer"
                rest = receive(client, len(LARGE) - 1000)
                sender.join()
                assert first + rest == LARGE
                client.close()
                far.close()
                listener.close()  # and with it whoever knocked just before
                server.wait(5)


@on_each_backend
def what_has_not_ended_by_the_deadline_is_reset():
    for way in WAYS:
        with target() as listener, proxy(port_of(listener), "--grace", 0.3, *way) as server, pair(server, listener) as (client, far):
            client.sendall(b"x")
            assert far.recv(1) == b"x"
            begun = time.monotonic()
            server.ask_to_end()
            assert is_reset(client) and is_reset(far)
            assert time.monotonic() - begun > 0.25
            server.wait(5)


@case
def what_became_of_a_connection_is_said():
    with target() as listener, proxy(port_of(listener), "--verbose", may_complain=True) as server:
        with pair(server, listener) as (client, far):
            client.sendall(b"12345")
            client.shutdown(socket.SHUT_WR)
            assert receive_all(far) == b"12345"
            far.sendall(b"123")
            far.close()
            assert receive_all(client) == b"123"
        until(lambda: "connection 1: 5 bytes there, 3 back, complete\n" in server.complaints(), 5, "it says what moved")
        assert "taken: " in server.complaints()


main()
