#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""crawl_local PROGRAM: it finds what a crawl in Python finds, each page once, and waits for none longer than it may."""
import collections
import contextlib
import html
import http.client
import http.server
import pathlib
import random
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

from driver import PATIENCE, Server, case, command, descriptors, main, other_example, run, until


@contextlib.contextmanager
def site(files: dict):
    """Files served by the example http_server."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        with Server("--root", folder, program=other_example("http_server")) as server:
            yield server


def page(*links: str) -> bytes:
    return b"<!DOCTYPE html><p>" + b"".join(b'<a class="x" href="%s">there</a>\n' % html.escape(link).encode() for link in links)


class Own:
    """A server of the test's own. `answers` gives for a path what to send: bytes, in a tuple if the connection is to be closed then,
    or a function of the server that gives one of both; None closes without a word."""

    def __init__(self, answers: dict):
        self.answers, self.requests, self.connections = answers, collections.Counter(), 0
        self.now, self.most, self.lock = 0, 0, threading.Lock()

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.socket.getsockname()[1]
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.socket.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.socket.accept()
                self.connections += 1
                thread = threading.Thread(target=self.serve, args=(peer,))
                self.threads.append(thread)
                thread.start()

    def serve(self, peer: socket.socket):
        with peer, peer.makefile("rb") as lines, contextlib.suppress(OSError):
            while True:
                head = []
                while line := lines.readline().rstrip(b"\r\n"):
                    head.append(line.decode())
                if not head:
                    return
                assert head[0].startswith("GET ") and head[0].endswith(" HTTP/1.1") and f"Host: 127.0.0.1:{self.port}" in head, head
                path = head[0].split()[1]
                with self.lock:
                    self.requests[path] += 1
                    self.now += 1
                    self.most = max(self.most, self.now)
                try:
                    answer = self.answers.get(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone")
                    if callable(answer):
                        answer = answer(self)
                finally:
                    with self.lock:
                        self.now -= 1
                if answer is None:
                    return
                if isinstance(answer, tuple):
                    return peer.sendall(answer[0])
                peer.sendall(answer)


def answer(body: bytes, kind: str = "text/html") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def never(own: Own):
    own.ending.wait(60)


def slowly(own: Own) -> bytes:
    time.sleep(0.1)
    return answer(page())


class Found:
    def __init__(self, port: int, output: str):
        base = re.escape(f"http://127.0.0.1:{port}")
        pages, _, broken = output.partition("broken:\n")
        self.pages, self.broken, self.left_out = {}, {}, 0
        for line in pages.splitlines():
            if more := re.fullmatch(r"(\d+) links beyond the limit were not followed", line):
                self.left_out = int(more[1])
                continue
            parts = re.fullmatch(rf"(---|\d+) (\d+) {base}(/\S*)", line)
            assert parts and parts[3] not in self.pages, (line, output)
            self.pages[parts[3]] = (0 if parts[1] == "---" else int(parts[1]), int(parts[2]))
        assert list(self.pages) == sorted(self.pages), output
        for line in broken.splitlines():
            parts = re.fullmatch(rf"{base}(/\S*): (.*?)(?:; a link of {base}(/\S*))?", line)
            assert parts and parts[1] in self.pages, (line, output)
            self.broken[parts[1]] = (parts[2], parts[3])


def crawl(port: int, *options, start: str = "/", **how):
    done = run(f"http://127.0.0.1:{port}{start}", *options, **how)
    found = Found(port, done.stdout)
    assert done.stderr == "" and done.returncode == (1 if found.broken else 0), done
    return found


def crawled_by_python(port: int, start: str = "/") -> dict:
    """Status and size of each page."""
    base = f"http://127.0.0.1:{port}"
    found, waiting = {}, [start]
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while waiting:
        target = waiting.pop()
        if target in found:
            continue
        connection.request("GET", target)
        got = connection.getresponse()
        body = got.read()
        found[target] = (got.status, len(body))
        if got.status == 200 and got.headers.get("Content-Type", "").startswith("text/html"):
            for link in re.findall(r'\shref="([^"]*)"', body.decode()):
                parts = urllib.parse.urlsplit(urllib.parse.urljoin(base + target, html.unescape(link)))
                if f"{parts.scheme}://{parts.netloc}" == base and not link.startswith("#"):
                    waiting.append((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    connection.close()
    return found


@case
def usage_is_explained():
    for wrong in ([], ["127.0.0.1"], ["https://127.0.0.1/"], ["http://"], ["http://127.0.0.1:0/"], ["http://127.0.0.1:99999/"], ["http://me@127.0.0.1/"],
                  ["http://127.0.0.1/", "more"], ["http://127.0.0.1/", "--at-once", "0"], ["http://127.0.0.1/", "--limit", "x"], ["--what"]):
        done = run(*wrong)
        assert done.returncode == 2 and "usage: crawl_local" in done.stderr, done


@case
def other_machines_are_refused_by_name():
    for host in ("192.0.2.1", "0.0.0.0", "10.0.0.1", "[2001:db8::1]", "[::]", "126.255.255.255"):
        done = run(f"http://{host}:1/")
        assert done.returncode == 1 and f"{host} is another machine" in done.stderr and done.stdout == "", done
    done = run("http://no.such.host.invalid/", timeout=60)
    assert done.returncode == 1 and "crawl_local: no.such.host.invalid: " in done.stderr, done
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = run(f"http://127.0.0.1:{port}/")
    assert done.returncode == 1 and "Connection refused" in done.stderr, done


@case
def it_finds_what_a_crawl_in_python_finds():
    chance = random.Random(7)
    names = [f"d{i % 7}/{'e/' if i % 3 else ''}p{i}.html" for i in range(150)]
    files = {"index.html": page(*names[:3], "sub/", "#here", "mailto:me@example.org"), "large.bin": bytes(5_000_000),
             "sub/index.html": page("../large.bin", ".", "..", "./x.txt", "/", "//127.0.0.1:1/other", "http://example.org/", "/index.html#part"),
             "sub/x.txt": page("/not followed since this is text"), "orphan.html": page("/"),
             "big.html": b"x" * 3_000_000 + page("/a%20b.html", "?a=1&b=2", "d0/../d0/./p0.html")}
    files["a b.html"] = page("big.html")
    for i, name in enumerate(names):
        depth = "../" * name.count("/")
        links = [depth + chance.choice(names) for _ in range(4)] + ["/" + names[(i + 1) % len(names)], "/big.html", name.rsplit("/")[-1]]
        if i % 10 == 0:
            links.append(f"broken{i}.html")
        files[name] = page(*links)
    with site(files) as server:
        before = descriptors(server.pid)
        expected = crawled_by_python(server.port)
        assert len(expected) > 160 and sum(1 for status, _ in expected.values() if status == 404) >= 15
        for at_once in (1, 16):
            found = crawl(server.port, "--at-once", at_once)
            assert found.pages == expected, set(found.pages.items()) ^ set(expected.items())
            assert set(found.broken) == {target for target, (status, _) in expected.items() if status >= 400} and found.left_out == 0
            for target, (why, on) in found.broken.items():
                assert why == "404" and files[on.lstrip("/")].count(target.rsplit("/")[-1].encode()) > 0, (target, why, on)
        assert crawl(server.port, start="/orphan.html").pages == expected | {"/orphan.html": (200, len(files["orphan.html"]))}
        until(lambda: descriptors(server.pid) == before, 5, "no connection is left")


@case
def each_page_is_fetched_once_and_connections_are_kept():
    count = 120
    answers = {"/": answer(page(*(f"/{i}" for i in range(count))))}
    answers |= {f"/{i}": answer(page("/", f"/{(i + 1) % count}", f"/{i}#x", f"{i}")) for i in range(count)}
    with Own(answers) as own:
        found = crawl(own.port, "--at-once", 5)
        assert len(found.pages) == count + 1 and set(own.requests) == set(answers) and set(own.requests.values()) == {1}
        # One more looks whether anybody listens.
        assert own.connections <= 5 + 1, own.connections


@case
def no_more_are_fetched_at_once_than_asked_for():
    answers = {"/": answer(page(*(f"/{i}" for i in range(24))))} | {f"/{i}": slowly for i in range(24)}
    for at_once in (1, 6):
        with Own(answers) as own:
            assert len(crawl(own.port, "--at-once", at_once).pages) == 25
            assert own.most == at_once, own.most


@case
def a_page_that_never_comes_costs_its_time_and_no_more():
    def half(own: Own):
        return answer(page("/"))[:-5]

    with Own({"/": answer(page("/never", "/half", "/good", "/after")), "/never": never, "/half": half, "/good": answer(page("/more")),
              "/more": answer(page()), "/after": answer(page())}) as own:
        begun = time.monotonic()
        found = crawl(own.port, "--timeout", 500)
        assert 0.5 <= time.monotonic() - begun < 0.5 + 1 * PATIENCE
        assert set(found.pages) == {"/", "/never", "/half", "/good", "/more", "/after"}
        assert {target: where for target, (_, where) in found.broken.items()} == {"/never": "/", "/half": "/"}
        assert all("deadline" in why for why, _ in found.broken.values()), found.broken


@case
def there_is_a_limit():
    endless = {f"/{i}": answer(page(f"/{i + 1}", f"/{i + 1}?again")) for i in range(200)}
    with Own({"/": answer(page("/0"))} | endless) as own:
        found = crawl(own.port, "--limit", 40, "--at-once", 1)
        assert len(found.pages) == 40 == sum(own.requests.values()) and found.left_out > 0


@case
def answers_may_come_in_any_form():
    closed = iter(range(100))

    def once_then_close(own: Own):
        # Kept by what it says, yet closed by the next request: the client has to ask again.
        return None if next(closed) % 2 == 0 else answer(page())

    answers = {
        "/": answer(page("/chunked", "/old", "/moved", "/away", "/cut", "/nonsense", "/empty", "/loop", "/nothing", "/closes")),
        "/chunked": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(
            b"%x\r\n%s\r\n" % (len(part), part) for part in re.findall(b".{1,7}", page("/in-chunks"), re.S)) + b"0\r\n\r\n",
        "/in-chunks": answer(b"", "text/plain"),
        "/old": (b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + page("/from-old"),),
        "/from-old": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        "/moved": b"HTTP/1.1 301 Moved Permanently\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n",
        "/new": answer(page()),
        "/away": b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n",
        "/loop": b"HTTP/1.1 302 Found\r\nLocation: loop\r\nContent-Length: 0\r\n\r\n",
        "/cut": (answer(page("/never-seen"))[:-3],),
        "/nonsense": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "/empty": answer(b""),
        "/nothing": b"HTTP/1.1 204 No Content\r\n\r\n",
        "/closes": once_then_close,
    }

    with Own(answers) as own:
        found = crawl(own.port, "--at-once", 1)
        size = {target: len(text) for target, text in (("/chunked", page("/in-chunks")), ("/old", page("/from-old")), ("/", page(*answers)))}
        assert found.pages["/chunked"] == (200, size["/chunked"]) and found.pages["/old"] == (200, size["/old"])
        assert found.pages["/in-chunks"] == (200, 0) and found.pages["/from-old"] == (200, 2)
        assert found.pages["/moved"] == (301, 0) and found.pages["/new"][0] == 200 and found.pages["/away"] == (302, 0) == found.pages["/loop"]
        assert found.pages["/empty"] == (200, 0) and found.pages["/nothing"] == (204, 0) and found.pages["/closes"][0] == 200
        assert set(found.broken) == {"/cut", "/nonsense"} and "/never-seen" not in found.pages, found.broken
        assert "ended before" in found.broken["/cut"][0] and "Bad message" in found.broken["/nonsense"][0], found.broken


@case
def a_link_cannot_put_a_line_into_a_request():
    with Own({"/": answer(b'<a href="/a\r\nX-Evil: 1\r\n">x</a><a href="/\xc3\xbc &amp;&quot;">y</a>')}) as own:
        found = crawl(own.port)
        assert set(found.pages) == {"/", "/a%0D%0AX-Evil:%201", "/%C3%BC%20&&quot;"}, found.pages
        assert set(own.requests) == set(found.pages)


@case
def an_interrupt_ends_it_with_what_was_found():
    for number in (signal.SIGINT, signal.SIGTERM):
        with Own({"/": answer(page("/never", "/good")), "/never": never, "/good": answer(page())}) as own:
            with subprocess.Popen(command(f"http://127.0.0.1:{own.port}/", "--timeout", 60_000), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True) as process:
                until(lambda: own.requests["/good"] and own.requests["/never"], 10, "all are asked for")
                time.sleep(0.2 * PATIENCE)
                begun = time.monotonic()
                process.send_signal(number)
                output, complaints = process.communicate(timeout=10 * PATIENCE)
                assert time.monotonic() - begun < 0.5 * PATIENCE
            assert process.returncode == 130 and complaints == "crawl_local: interrupted\n", (process.returncode, complaints)
            found = Found(own.port, output)
            assert set(found.pages) == {"/", "/good"} and not found.broken, output


main()
