#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""redis_like PROGRAM: clients of Redis find what they find there, and nothing stays behind."""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

from driver import PATIENCE, Server, case, cpu_seconds, descriptors, instrumented, main, need, receive, receive_all, reset, run, until


@contextlib.contextmanager
def redis():
    """The real one. Debian's redis-tools holds it under another name, by which it would do something else."""
    program = shutil.which("redis-server") or need("redis-check-rdb")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
                               executable=program, stdout=subprocess.DEVNULL)
    try:
        until(lambda: answers(port), 10, "redis-server answers")
        yield port
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


def cli(port: int, *command: str) -> str:
    done = subprocess.run([need("redis-cli"), "-h", "127.0.0.1", "-p", str(port), "--no-raw", *command], capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr


def command(*words) -> bytes:
    encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


def asks(peer: socket.socket, *words) -> bytes:
    """One command, and the line that begins its reply."""
    peer.sendall(command(*words))
    return line(peer)


def resident(pid: int) -> int:
    """The memory that a process has, in kB."""
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1])


def line(peer: socket.socket) -> bytes:
    got = b""
    while not got.endswith(b"\r\n"):
        piece = peer.recv(1)
        assert piece, got
        got += piece
    return got


@case
def usage_is_explained():
    for wrong in (["--port"], ["--port", "70000"], ["--what"], ["1", "2"]):
        done = run(*wrong)
        assert done.returncode == 2 and "usage: redis_like" in done.stderr, done


@case
def what_redis_answers_it_answers():
    commands = [line.split() for line in """
        PING|PING hello|ECHO there|GET nothing|SET a 1|GET a|set a 2 NX|set b 2 nx|set c 3 xx|set b 4 XX|GET b|GET c
        INCR a|INCR fresh|INCRBY a 40|DECR a|DECRBY a 2|SET t text|INCR t|INCRBY a x|GET|SET a|GET a b|DEL a b c|DEL a|EXISTS t t nothing
        SET n 9223372036854775807|INCR n|DECRBY n -9223372036854775808|SET m -9223372036854775808|DECR m
        SET e 1 EX 100|TTL e|PERSIST e|PERSIST e|TTL e|TTL nothing|PTTL nothing|EXPIRE e 200|TTL e|EXPIRE nothing 1|EXPIRE e x
        SET e 2|TTL e|SET e 3 EX 0|SET e 3 EX x|SET e 3 PX|SET e 3 NX XX|SET e 3 EX 50 KEEPTTL|SET e 4 EX 70|SET e 5 KEEPTTL|TTL e
        SET e 6 KEEPTTL EX 9|SET e 6 EX 9 KEEPTTL|SET e 6 EX 9 PX 9|SET e 6 KEEPTTL KEEPTTL|SET e 6 EX 9 EX 8|TTL e|SET e 6 xx xx|SET e 7 nx nx|SET e 7 xx nx|GET e
        SET z 01|INCR z|SET z -0|INCR z|SET z +1|INCR z|SET z 00|INCR z|SET z -01|INCR z|SET z 0|INCR z|SET z -7|INCR z|INCRBY z 01|DECRBY z -0
        EXPIRE z 9223372036854775807|EXPIRE z -9223372036854775808|PEXPIRE z 9223372036854775807|SET z 1 PX 9223372036854775807|EXPIRE z 01|DEL z
        EXPIRE e -1|GET e|MSET x 1 y 2|MGET x nothing y|MSET x 1 y|DBSIZE|FLUSHALL|DBSIZE|SELECT 0|SELECT 99|UNLINK x|GETX y
    """.replace("\n", "|").split("|") if line.strip()]
    with Server() as server, redis() as port:
        for words in commands:
            ours, theirs = cli(server.port, *words), cli(port, *words)
            # An unknown command is quoted in full there.
            same = ours == theirs or "unknown command" in ours and "unknown command" in theirs
            assert same, (words, ours, theirs)


@case
def a_value_ends_when_it_should():
    with Server() as server, server.connect() as peer:
        assert asks(peer, "SET", "a", "1", "PX", 60) == b"+OK\r\n"
        begun = time.monotonic()
        assert asks(peer, "GET", "a") == b"$1\r\n" and receive(peer, 3) == b"1\r\n"
        until(lambda: asks(peer, "EXISTS", "a") == b":0\r\n", 5, "it has ended")
        assert time.monotonic() - begun > 0.05
        for i in range(1000):
            asks(peer, "SET", f"key{i}", "1", "PX", 50)
        until(lambda: asks(peer, "DBSIZE") == b":0\r\n", 5, "what nobody asks for ends too")


@case
def many_commands_at_once_are_answered_in_order():
    with Server() as server, server.connect() as peer:
        count = 20_000
        sender = threading.Thread(target=lambda: peer.sendall(b"".join(command("INCR", "n") for _ in range(count))))
        sender.start()
        expected = b"".join(b":%d\r\n" % (i + 1) for i in range(count))
        assert receive(peer, len(expected)) == expected
        sender.join()


@case
def a_command_may_come_byte_by_byte_or_typed():
    with Server() as server, server.connect() as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in command("SET", "key", "two words\r\n"):
            peer.sendall(bytes([byte]))
        assert line(peer) == b"+OK\r\n"
        peer.sendall(b"\r\n  get \t key\r\n*0\r\nping\n")
        assert receive(peer, 25) == b"$11\r\ntwo words\r\n\r\n+PONG\r\n"


@case
def values_are_bytes_of_any_kind_and_size():
    with Server() as server, server.connect() as peer:
        for size in (0, 1, 16_383, 16_384, 1_000_000, 20_000_000):
            value = os.urandom(size)
            sender = threading.Thread(target=lambda: peer.sendall(command("SET", b"\0key", value) + command("GET", b"\0key")))
            sender.start()
            assert line(peer) == b"+OK\r\n"
            head = b"$%d\r\n" % size
            assert receive(peer, len(head) + size + 2) == head + value + b"\r\n", size
            sender.join()


@case
def nonsense_is_told_and_ends_the_connection():
    with Server() as server:
        before = descriptors(server.pid)
        for sent in (b"*x\r\n", b"*1\r\n+OK\r\n", b"*1\r\n$-5\r\n", b"*1\r\n$3\r\nPINGPING\r\n", b"*9999999999\r\n", b"*1\r\n$99999999999\r\n", b"x" * 100_000):
            with server.connect() as peer:
                peer.sendall(command("SET", "a", "1") + sent)
                got = receive_all(peer)
                assert got == b"+OK\r\n-ERR Protocol error\r\n", (sent[:20], got)
        until(lambda: descriptors(server.pid) == before, 5, "no descriptor is left")
        with server.connect() as peer:
            assert asks(peer, "GET", "a") == b"$1\r\n"


@case
def a_client_that_quits_or_leaves_in_the_middle_leaves_nothing():
    with Server() as server:
        before = descriptors(server.pid)
        with server.connect() as peer:
            peer.sendall(command("QUIT") + command("SET", "a", "1"))
            assert receive_all(peer) == b"+OK\r\n"
        for last, reply in ((b"QUIT\r\n", b"+OK\r\n"), (b"*1\r\n$-5\r\n", b"-ERR Protocol error\r\n")):
            with server.connect() as peer:
                peer.sendall(last + bytes(200_000))
                assert receive_all(peer) == reply, "whatever else was sent, the last reply arrives"
        for i in range(100):
            peer = server.connect()
            peer.sendall(command("SET", "a", "x" * 5000)[:1 + i * 50])
            reset(peer) if i % 2 else peer.close()
        until(lambda: descriptors(server.pid) == before, 5, "no descriptor is left")


@case
def one_who_does_not_take_replies_holds_up_nobody():
    with Server() as server, server.connect() as slow, server.connect() as quick:
        asks(quick, "SET", "big", "x" * 100_000)
        slow.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                slow.send(command("GET", "big") * 100)
        assert all(asks(quick, "PING") == b"+PONG\r\n" for _ in range(100))
        begun = cpu_seconds(server.pid)
        time.sleep(0.5)
        assert cpu_seconds(server.pid) - begun < 0.2
        assert resident(server.pid) < 400_000


@case
def an_end_that_is_put_off_again_and_again_takes_no_room():
    with Server() as server, server.connect() as peer:
        asks(peer, "SET", "session", "1")
        for many in (1_000, 400_000):
            before = resident(server.pid)
            for _ in range(0, many, 1_000):
                peer.sendall(command("EXPIRE", "session", 100_000) * 1_000)
                assert receive(peer, 4_000) == b":1\r\n" * 1_000
        assert instrumented() or resident(server.pid) - before < 4_000
        asks(peer, "PEXPIRE", "session", 1)
        until(lambda: asks(peer, "DBSIZE") == b":0\r\n", 5, "the last one counts")


@case
def redis_benchmark_finds_no_error():
    benchmark = need("redis-benchmark")
    with Server() as server:
        before = descriptors(server.pid)
        for depth in (1, 16):
            done = subprocess.run([benchmark, "-h", "127.0.0.1", "-p", str(server.port), "-c", "50", "-n", "20000", "-P", str(depth), "-r", "1000",
                                   "-t", "ping,set,get,incr,mset", "--csv"], capture_output=True, text=True, timeout=100)
            assert done.returncode == 0 and not re.search("error", done.stdout + done.stderr, re.I), done
            rows = re.findall(r'^"([^"]*)","([\d.]+)"', done.stdout, re.M)
            assert len(rows) == 6, done.stdout
            print(f"       -P {depth}: " + ", ".join(f"{name.split()[0]} {float(rate):.0f}/s" for name, rate in rows))
        until(lambda: descriptors(server.pid) == before, 5, "no descriptor is left")


@case
def asked_to_end_it_ends_with_clients_connected():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Server() as server, server.connect() as idle, server.connect() as other:
            assert asks(other, "PING") == b"+PONG\r\n"
            server.ask_to_end(number)
            server.wait(5)
            assert idle.recv(1) == b""


main()
