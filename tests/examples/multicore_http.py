#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""multicore_http PROGRAM: several threads serve one port, and end together."""
import contextlib
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import tempfile
import threading

from driver import PATIENCE, PREFIX, Server, case, descriptors, main, need, receive_all, run, skip, until

LARGE = os.urandom(3_000_000)


@contextlib.contextmanager
def site(threads: int):
    with tempfile.TemporaryDirectory() as root:
        pathlib.Path(root, "hello.txt").write_text("hello\n")
        pathlib.Path(root, "large.bin").write_bytes(LARGE)
        with Server("--root", root, "--threads", threads) as server:
            assert listeners(server.port) == threads, "every core listens when it says so"
            yield server


def listeners(port: int) -> int:
    """How many sockets listen on a port."""
    return len(re.findall(rf"^ *\d+: 0100007F:{port:04X} 00000000:0000 0A", pathlib.Path("/proc/net/tcp").read_text(), re.M))


@case
def a_core_that_cannot_serve_ends_all():
    if PREFIX:
        skip("it would have descriptors that are not its own")
    with tempfile.TemporaryDirectory() as root:
        # Twelve are needed: three that it is given, a ring to begin with, one for signals, one for the port; a ring, a folder and a listener for
        # each core. Which core finds none left is anybody's guess.
        for limit in (8, 9, 10, 11) * 3:
            done = run("--root", root, "--threads", 2, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
            assert (done.returncode, done.stdout, done.stderr) == (1, "", "multicore_http: Too many open files\n"), (limit, done)


def get(port: int, path: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30 * PATIENCE) as peer:
        peer.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        return receive_all(peer).split(b"\r\n\r\n", 1)[1]


@case
def usage_is_explained():
    for wrong in ([], ["--root"], ["--root", ".", "--threads", "x"], ["--root", ".", "--port", "70000"], ["--what"]):
        done = run(*wrong)
        assert done.returncode == 2 and "usage: multicore_http" in done.stderr, done


@case
def a_port_that_is_taken_and_a_root_that_is_not_there_are_errors():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("--root", ".", "--port", taken.getsockname()[1])
        assert done.returncode == 1 and "Address already in use" in done.stderr, done
    done = run("--root", "/nowhere", "--threads", "3")
    assert done.returncode == 1 and "No such file" in done.stderr, done


@case
def every_core_serves():
    with site(4) as server:
        before = descriptors(server.pid)
        peers = []
        got = [None] * 200

        def fetch(i: int):
            got[i] = get(server.port, "/large.bin" if i % 10 == 0 else "/hello.txt")

        threads = [threading.Thread(target=fetch, args=(i,)) for i in range(len(got))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(got[i] == (LARGE if i % 10 == 0 else b"hello\n") for i in range(len(got)))
        tasks = [pathlib.Path(f"/proc/{server.pid}/task/{task}/comm").read_text() for task in os.listdir(f"/proc/{server.pid}/task")]
        assert len([one for one in tasks if not one.startswith("iou-")]) >= 5, tasks
        until(lambda: descriptors(server.pid) == before, 5, "no descriptor is left")


@case
def asked_to_end_it_finishes_the_downloads_in_hand():
    curl = need("curl")
    for number in (signal.SIGTERM, signal.SIGINT):
        with site(3) as server, tempfile.TemporaryDirectory() as out:
            files = [pathlib.Path(out, str(i)) for i in range(6)]
            downloads = [subprocess.Popen([curl, "-sS", "--limit-rate", "3M", "-o", file, f"http://127.0.0.1:{server.port}/large.bin"]) for file in files]
            until(lambda: all(file.exists() and file.stat().st_size > 100_000 for file in files), 10, "all have begun")
            server.ask_to_end(number)
            assert [download.wait(30 * PATIENCE) for download in downloads] == [0] * 6
            server.wait()
            assert all(file.read_bytes() == LARGE for file in files)


@case
def wrk_finds_no_error():
    wrk = need("wrk")
    with site(2) as server:
        before = descriptors(server.pid)
        done = subprocess.run([wrk, "-t1", "-c64", "-d2s", f"http://127.0.0.1:{server.port}/hello.txt"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout
        print("       " + re.search(r"Requests/sec: .*", done.stdout)[0])
        until(lambda: descriptors(server.pid) == before, 5, "no descriptor is left")


main()
