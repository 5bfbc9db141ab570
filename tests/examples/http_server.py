#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""http_server PROGRAM: what it answers, what it refuses, and that its end cuts nothing off."""
import concurrent.futures
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time

from driver import PATIENCE, Server, case, descriptors, main, most_descriptors, need, receive, receive_all, reset, run, until

LARGE = os.urandom(1 << 20) * 40  # more than the socket buffers of both ends hold
HELLO = b"hello, world\n"


@contextlib.contextmanager
def site(*options, **how):
    """A server with something to serve, a little outside of it, and a folder to put more in."""
    with tempfile.TemporaryDirectory() as folder:
        base = pathlib.Path(folder)
        root = base / "root"
        (root / "sub").mkdir(parents=True)
        (base / "secret.txt").write_bytes(b"secret")
        (root / "hello.txt").write_bytes(HELLO)
        (root / "index.html").write_bytes(b"<p>home")
        (root / "sub" / "index.html").write_bytes(b"<p>sub")
        (root / "a b+c.txt").write_bytes(b"spaces")
        (root / "empty").write_bytes(b"")
        (root / "ten").write_bytes(b"0123456789")
        (root / "large.bin").write_bytes(LARGE)
        (root / "inside").symlink_to("sub/index.html")
        (root / "outside").symlink_to("../secret.txt")
        (root / "absolute").symlink_to("/etc/passwd")
        (root / "up").symlink_to("..")
        os.mkfifo(root / "fifo")
        with Server("--root", root, *options, **how) as server:
            server.root = root
            yield server


class Answer:
    def __init__(self, peer: socket.socket, method: str = "GET"):
        head = bytearray()
        while not head.endswith(b"\r\n\r\n"):
            one = peer.recv(1)
            assert one, f"the connection ended in a head: {bytes(head)!r}"
            head += one
        lines = head.decode().split("\r\n")[:-2]
        version, status, self.reason = lines[0].split(" ", 2)
        assert version == "HTTP/1.1"
        self.status, self.fields = int(status), dict(line.lower().split(": ", 1) for line in lines[1:])
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d gmt", self.fields["date"]), self.fields
        length = 0 if method == "HEAD" else int(self.fields["content-length"])
        self.body = receive(peer, length)
        assert len(self.body) == length, f"{len(self.body)} of {length} bytes"
        self.keeps = self.fields["connection"] == "keep-alive"


def request(target: str, *fields: str, method: str = "GET", version: str = "1.1", host: str = "Host: here") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/{version}", *([host] if host else []), *fields, "", ""]).encode()


def ask(server: Server, target: str, *fields: str, method: str = "GET", **how) -> Answer:
    with server.connect() as peer:
        peer.sendall(request(target, *fields, method=method, **how))
        return Answer(peer, method)


def refuses(server: Server) -> bool:
    try:
        server.connect().close()
    except ConnectionError:
        return True
    return False


@case
def usage_is_explained():
    for wrong in ([], ["--root"], ["--root", "/", "--port", "70000"], ["--root", "/", "--idle", "x"], ["--root", "/", "more"]):
        done = run(*wrong)
        assert done.returncode == 2 and "usage: http_server" in done.stderr, done
    done = run("--root", "/no such folder")
    assert done.returncode == 1 and "No such file or directory" in done.stderr, done


@case
def files_are_served_with_their_type():
    with site() as server:
        answer = ask(server, "/hello.txt")
        assert (answer.status, answer.reason, answer.body) == (200, "OK", HELLO)
        assert answer.fields["content-type"] == "text/plain; charset=utf-8" and answer.fields["accept-ranges"] == "bytes"
        for target, body, kind in (("/", b"<p>home", "text/html; charset=utf-8"), ("/sub/", b"<p>sub", "text/html; charset=utf-8"),
                                   ("/empty", b"", "application/octet-stream"), ("/a%20b+c.txt?x=1#y", b"spaces", "text/plain; charset=utf-8"),
                                   ("//sub//index.html", b"<p>sub", "text/html; charset=utf-8"),
                                   ("/sub/../hello.txt", HELLO, "text/plain; charset=utf-8"),
                                   ("http://here/hello.txt", HELLO, "text/plain; charset=utf-8"), ("/inside", b"<p>sub", "application/octet-stream")):
            answer = ask(server, target)
            assert (answer.status, answer.body, answer.fields["content-type"]) == (200, body, kind), (target, vars(answer))


@case
def what_is_not_there_or_no_file_is_404():
    with site() as server:
        for target in ("/nope", "/hello.txt/", "/sub", "/sub/nope", "/fifo", "/hello.txt/x"):
            answer = ask(server, target)
            assert (answer.status, answer.keeps) == (404, True), (target, vars(answer))
        assert ask(server, "/" + "x" * 300).status == 414


@case
def nothing_outside_the_root_is_reached():
    with site() as server:
        for target in ("/../secret.txt", "/%2e%2e/secret.txt", "/sub/../../secret.txt", "/..%2fsecret.txt", "/outside", "/absolute", "/up/secret.txt",
                       "//etc/passwd", "/%2fetc/passwd", "/../../../../../../etc/passwd", "/./../secret.txt"):
            answer = ask(server, target)
            assert answer.status == 404 and b"secret" not in answer.body and b"root:" not in answer.body, (target, vars(answer))


@case
def head_gives_the_fields_alone():
    with site() as server, server.connect() as peer:
        peer.sendall(request("/hello.txt", method="HEAD") + request("/nope", method="HEAD") + request("/hello.txt"))
        first, second, third = Answer(peer, "HEAD"), Answer(peer, "HEAD"), Answer(peer)
        assert (first.status, first.fields["content-length"]) == (200, str(len(HELLO)))
        assert (second.status, third.body) == (404, HELLO)


@case
def ranges():
    with site() as server:
        for field, body, where in (("0-0", b"0", "0-0"), ("2-5", b"2345", "2-5"), ("5-", b"56789", "5-9"), ("-3", b"789", "7-9"), ("-99", b"0123456789", "0-9"),
                                   ("8-99", b"89", "8-9"), ("0-99999999999999999999", b"0123456789", "0-9")):
            answer = ask(server, "/ten", f"Range: bytes={field}")
            assert (answer.status, answer.body, answer.fields["content-range"]) == (206, body, f"bytes {where}/10"), (field, vars(answer))
        for field in ("10-", "10-20", "-0", "99999999999999999999-"):
            answer = ask(server, "/ten", f"Range: bytes={field}")
            assert (answer.status, answer.fields["content-range"], answer.keeps) == (416, "bytes */10", True), (field, vars(answer))
        for field in ("bytes=5-2", "bytes=a-b", "bytes=1-2,4-5", "lines=1-2", "bytes=", "bytes=-", "bytes=1-2x", "bytes 1-2"):
            answer = ask(server, "/ten", f"Range: {field}")
            assert (answer.status, answer.body) == (200, b"0123456789"), (field, vars(answer))
        assert ask(server, "/ten", "Range: bytes=2-5", 'If-Range: "x"').status == 200
        assert ask(server, "/empty", "Range: bytes=0-").status == 416
        answer = ask(server, "/large.bin", "Range: bytes=1000000-21000000")
        assert answer.status == 206 and answer.body == LARGE[1000000:21000001]


@case
def other_methods_and_bodies_are_refused_and_the_answer_arrives():
    with site() as server:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "BREW"):
            with server.connect() as peer:
                peer.sendall(request("/hello.txt", "Content-Length: 100000", method=method) + bytes(100000))
                answer = Answer(peer)
                assert (answer.status, answer.fields.get("allow"), answer.keeps) == (405, "get, head", False), vars(answer)
                assert peer.recv(1) == b""
        for field in ("Content-Length: 5", "Transfer-Encoding: chunked"):
            answer = ask(server, "/hello.txt", field)
            assert (answer.status, answer.keeps) == (413, False), vars(answer)


@case
def what_is_no_request_is_400():
    with site() as server:
        for bytes_ in (b"hello\r\n\r\n", b"GET\r\n\r\n", b"GET /hello.txt\r\n\r\n", b"\0\1\2\r\n\r\n", request("/hello.txt", host=""), request("/%zz"),
                       request("/%4"), request("/%00"), request("hello.txt"), request("*"), request("/hello.txt", "Host: there"),
                       request("/hello.txt", "No colon"), request("/hello.txt", "Content-Length: x")):
            with server.connect() as peer:
                peer.sendall(bytes_)
                answer = Answer(peer)
                assert (answer.status, answer.keeps) == (400, False), (bytes_, vars(answer))
                assert peer.recv(1) == b""
        assert ask(server, "/", version="2.0").status == 505
        assert ask(server, "/", "X: " + "y" * 9000).status == 431
        assert ask(server, "/" + "y" * 9000).status == 431


@case
def a_connection_is_kept_or_closed_as_asked():
    with site() as server:
        for version, field, keeps in (("1.1", "X: y", True), ("1.1", "Connection: close", False), ("1.0", "X: y", False),
                                      ("1.0", "Connection: keep-alive", True)):
            with server.connect() as peer:
                for _ in range(3 if keeps else 1):
                    peer.sendall(request("/hello.txt", field, version=version))
                    answer = Answer(peer)
                    assert (answer.body, answer.keeps) == (HELLO, keeps), (version, field)
                if not keeps:
                    assert peer.recv(1) == b""


@case
def pipelined_requests_are_answered_in_order():
    with site() as server, server.connect() as peer:
        targets = ["/hello.txt", "/ten", "/nope", "/", "/empty"] * 40
        sent = b"".join(map(request, targets))
        for at in range(0, len(sent), 977):  # cut anywhere
            peer.sendall(sent[at:at + 977])
        bodies = {"/hello.txt": HELLO, "/ten": b"0123456789", "/nope": b"Not Found\n", "/": b"<p>home", "/empty": b""}
        for target in targets:
            assert Answer(peer).body == bodies[target]


@case
def a_head_may_come_byte_by_byte():
    with site() as server, server.connect() as peer:
        for one in request("/hello.txt"):
            peer.sendall(bytes([one]))
        assert Answer(peer).body == HELLO


@case
def many_downloads_at_once_are_whole():
    with site() as server, concurrent.futures.ThreadPoolExecutor(8) as pool:
        before = descriptors(server.pid)
        for answer in pool.map(lambda i: ask(server, "/large.bin" if i % 3 == 0 else "/ten"), range(24)):
            assert answer.body in (LARGE, b"0123456789")
        until(lambda: descriptors(server.pid) == before, 5, "no descriptor is left")


@case
def clients_that_leave_in_the_middle_leave_nothing():
    with site() as server:
        before = descriptors(server.pid)
        for i in range(60):
            peer = server.connect()
            peer.sendall(request("/large.bin") if i % 2 else b"GET / HT")
            if i % 3:
                peer.recv(1000) if i % 2 else None
            reset(peer) if i % 5 else peer.close()
        until(lambda: descriptors(server.pid) == before, 5, "no descriptor is left")
        assert ask(server, "/hello.txt").body == HELLO


@case
def four_thousand_clients_that_close_at_once_leave_nothing():
    clients = min(4000, most_descriptors() - 100)
    with site() as server:
        before = descriptors(server.pid)
        peers = [server.connect() for _ in range(clients)]
        until(lambda: descriptors(server.pid) == before + clients, 20, "all are accepted")
        for peer in peers:
            peer.close()
        until(lambda: descriptors(server.pid) == before, 10, "no descriptor is left")
        assert ask(server, "/hello.txt").body == HELLO


@case
def an_idle_connection_is_closed_and_a_slow_head_is_408():
    with site("--idle", 1) as server, server.connect() as idle, server.connect() as slow:
        begun = time.monotonic()
        slow.sendall(b"GET / HT")
        assert idle.recv(1) == b""
        assert 0.9 < time.monotonic() - begun < 1 + 2 * PATIENCE
        answer = Answer(slow)
        assert (answer.status, answer.keeps) == (408, False)


@case
def a_download_that_nobody_takes_has_a_deadline():
    with site("--limit", 1) as server:
        before = descriptors(server.pid)
        with server.connect() as peer:
            peer.sendall(request("/large.bin"))
            first = receive(peer, 1000)
            assert descriptors(server.pid) == before + 2, "the connection and the file"
            until(lambda: descriptors(server.pid) == before, 5, "the connection is given up")
            assert len(first) + len(receive_all(peer)) < len(LARGE)


@case
def asked_to_end_it_finishes_the_download_in_hand():
    for number in (signal.SIGTERM, signal.SIGINT):
        with site() as server, server.connect() as idle, server.connect() as busy, server.connect() as kept:
            kept.sendall(request("/ten"))
            assert Answer(kept).keeps
            busy.sendall(request("/large.bin") + request("/ten"))
            first = receive(busy, 100_000)
            server.ask_to_end(number)
            assert idle.recv(1) == b"" and kept.recv(1) == b"", "idle connections end at once"
            until(lambda: refuses(server), 5, "nobody can connect any more")
            time.sleep(0.5)
            assert server.process.poll() is None, "it waits for the download"
            rest = receive_all(busy)
            head, body = (first + rest).split(b"\r\n\r\n", 1)
            assert b"200 OK" in head and body[:len(LARGE)] == LARGE, (len(body), len(LARGE))
            # The second request is answered as the last one, or not begun: it is never cut.
            assert body[len(LARGE):] == b"" or body.endswith(b"0123456789"), body[len(LARGE):]
            server.wait()


def slow_client(server: Server) -> socket.socket:
    """One whose system holds little, so that the other end holds much that was sent."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    peer.settimeout(10 * PATIENCE)
    peer.connect(("127.0.0.1", server.port))
    return peer


@case
def the_last_answer_is_whole_for_a_client_that_has_sent_more():
    with site() as server, slow_client(server) as peer:
        peer.sendall(request("/large.bin", "Connection: close") + b"x" * 20_000)
        answer = Answer(peer)
        assert (answer.status, answer.body == LARGE, answer.keeps) == (200, True, False), len(answer.body)
        assert peer.recv(1) == b""


@case
def asked_to_end_it_finishes_a_download_behind_which_the_next_request_waits():
    with site() as server:
        with slow_client(server) as peer:
            peer.sendall(request("/large.bin"))
            first = receive(peer, 100_000)
            peer.sendall(request("/ten"))  # nobody reads it as long as the first one is answered
            server.ask_to_end()
            until(lambda: refuses(server), 5, "nobody can connect any more")
            body = (first + receive_all(peer)).split(b"\r\n\r\n", 1)[1]
            assert body[:len(LARGE)] == LARGE, (len(body), len(LARGE))
            assert body[len(LARGE):] == b"" or body.endswith(b"0123456789"), body[len(LARGE):]
        server.wait()


@case
def asked_to_end_during_a_download_that_nobody_takes_it_ends_by_the_deadline():
    with site("--limit", 2) as server, server.connect() as peer:
        peer.sendall(request("/large.bin"))
        receive(peer, 1000)
        server.ask_to_end()
        server.wait(5)


@case
def curl_agrees():
    curl = [need("curl"), "-sS", "--max-time", str(20 * PATIENCE)]
    with site() as server, tempfile.TemporaryDirectory() as folder:
        url = f"http://127.0.0.1:{server.port}"
        subprocess.run([*curl, "-o", f"{folder}/large", f"{url}/large.bin"], check=True)
        assert pathlib.Path(folder, "large").read_bytes() == LARGE
        subprocess.run([*curl, "-o", f"{folder}/part", "-r", "5-", f"{url}/large.bin"], check=True)
        assert pathlib.Path(folder, "part").read_bytes() == LARGE[5:]
        pathlib.Path(folder, "resumed").write_bytes(LARGE[:1_000_000])
        subprocess.run([*curl, "-o", f"{folder}/resumed", "-C", "-", f"{url}/large.bin"], check=True)
        assert pathlib.Path(folder, "resumed").read_bytes() == LARGE
        connects = subprocess.run([*curl, "-o", "/dev/null", "-o", "/dev/null", "-w", "%{num_connects} ", f"{url}/ten", f"{url}/hello.txt"],
                                  check=True, capture_output=True, text=True).stdout
        assert connects == "1 0 ", connects


@case
def curl_gets_all_of_a_slow_download_that_the_end_meets():
    curl = need("curl")
    with site() as server, tempfile.NamedTemporaryFile() as out:
        with subprocess.Popen([curl, "-sS", "--limit-rate", "20M", "-o", out.name, f"http://127.0.0.1:{server.port}/large.bin"]) as download:
            until(lambda: os.path.getsize(out.name) > 1_000_000, 10, "the download has begun")
            server.ask_to_end()
            assert download.wait(30 * PATIENCE) == 0
        server.wait()
        assert pathlib.Path(out.name).read_bytes() == LARGE


@case
def wrk_finds_no_error():
    wrk = need("wrk")
    with site() as server:
        before = descriptors(server.pid)
        done = subprocess.run([wrk, "-t1", "-c64", "-d2s", f"http://127.0.0.1:{server.port}/hello.txt"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout
        print("       " + re.search(r"Requests/sec: .*", done.stdout)[0])
        until(lambda: descriptors(server.pid) == before, 5, "no descriptor is left")


main()
