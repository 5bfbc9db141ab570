#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""port_scan PROGRAM: it finds what a plain connect finds, no more at once than asked for, and ends when it should."""
import contextlib
import ctypes
import errno
import fcntl
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import time

from driver import PATIENCE, case, command, cpu_seconds, descriptors, main, run, skip, thread_sanitized, until


def free_range(count: int) -> int:
    """The first of so many ports that nobody uses, below those that the system picks by itself."""
    first = 20_000 + os.getpid() % 100 * 90
    while first < 32_000:
        try:
            with contextlib.ExitStack() as stack:
                for port in range(first, first + count):
                    stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
        except OSError:
            first += count
    skip(f"no {count} ports in a row are free")


@contextlib.contextmanager
def listening(*ports: int):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=500)) for port in ports]


@contextlib.contextmanager
def silent(*ports: int):
    """Listeners whose backlog is full: the system drops what else would connect."""
    with contextlib.ExitStack() as stack:
        for port in ports:
            stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=0))
            for _ in range(10):
                peer = stack.enter_context(socket.socket())
                peer.settimeout(0.05)
                if peer.connect_ex(("127.0.0.1", port)) != 0:
                    break
            else:
                skip("a full backlog does not silence a listener here")
        yield


def scan(*arguments, **how):
    """What it prints: the ports, the counts, the rest."""
    done = run(*arguments, **how)
    return (*found_in(done.stdout), done)


def found_in(output: str):
    lines = output.splitlines()
    ports = [int(re.fullmatch(r"(\d+) open", line)[1]) for line in lines[:-1]]
    counts = re.fullmatch(r"(\d+) open, (\d+) closed, (\d+) silent(.*) in \d+\.\d\d s", lines[-1])
    assert counts and int(counts[1]) == len(ports), output
    assert ports == sorted(set(ports)), output
    return ports, tuple(int(counts[i]) for i in (1, 2, 3)), counts[4]


@case
def usage_is_explained():
    for wrong in ([], ["127.0.0.1"], ["127.0.0.1", "80"], ["127.0.0.1", "0-3"], ["127.0.0.1", "5-4"], ["127.0.0.1", "1-65536"], ["127.0.0.1", "1-2", "3"],
                  ["127.0.0.1", "1-2", "--at-once", "0"], ["127.0.0.1", "1-2", "--timeout", "x"], ["127.0.0.1", "1-2", "--what"]):
        done = run(*wrong)
        assert done.returncode == 2 and "usage: port_scan" in done.stderr, done
    done = run("no.such.host.invalid", "1-2", timeout=60)
    assert done.returncode == 1 and done.stderr.startswith("port_scan: no.such.host.invalid: ") and done.stdout == "", done


@case
def it_finds_what_a_plain_connect_finds():
    first = free_range(600)
    ports = [first, *range(first + 7, first + 590, 13), first + 599]
    with listening(*ports):
        expected = []
        for port in range(first, first + 600):
            with socket.socket() as peer:
                if peer.connect_ex(("127.0.0.1", port)) == 0:
                    expected.append(port)
        assert expected == ports
        for host in ("127.0.0.1", "localhost"):
            for at_once in (1, 10, 1000):
                found, counts, rest, done = scan(host, f"{first}-{first + 599}", "--at-once", at_once)
                # A host may have an address of the other protocol, where nobody listens.
                assert found == ports or host == "localhost" and not found and socket.getaddrinfo(host, None)[0][0] == socket.AF_INET6, (host, found)
                assert counts == (len(found), 600 - len(found), 0) and rest == "" and (done.returncode, done.stderr) == (0, ""), done
        found, counts, _, _ = scan("127.0.0.1", f"{first}-{first}")
        assert found == [first] and counts == (1, 0, 0)


@case
def one_who_does_not_answer_costs_its_time_and_no_more():
    first = free_range(40)
    with silent(first + 3, first + 20), listening(first + 5):
        begun = time.monotonic()
        found, counts, _, done = scan("127.0.0.1", f"{first}-{first + 39}", "--timeout", 300)
        spent = time.monotonic() - begun
        assert found == [first + 5] and counts == (1, 37, 2) and done.returncode == 0, done
        assert 0.3 <= spent < 0.3 + 1 * PATIENCE, spent


@case
def no_more_are_tried_at_once_than_asked_for():
    first = free_range(24)
    with silent(*range(first, first + 24)):
        for at_once, rounds in ((6, 4), (24, 1)):
            begun = time.monotonic()
            with subprocess.Popen(command("127.0.0.1", f"{first}-{first + 23}", "--timeout", 400, "--at-once", at_once), stdout=subprocess.PIPE,
                                  text=True) as process:
                most = 0
                while process.poll() is None:
                    with contextlib.suppress(OSError):
                        most = max(most, sum(1 for one in os.listdir(f"/proc/{process.pid}/fd")
                                             if os.readlink(f"/proc/{process.pid}/fd/{one}").startswith("socket:")))
                    time.sleep(0.005)
                found, counts, _ = found_in(process.stdout.read())
            assert process.returncode == 0 and found == [] and counts == (0, 0, 24)
            assert most == at_once, (most, at_once)
            spent = time.monotonic() - begun
            assert rounds * 0.4 <= spent < rounds * 0.4 + 1 * PATIENCE, spent


@case
def it_raises_its_limit_of_descriptors_and_keeps_below_it():
    first = free_range(300)
    ports = list(range(first, first + 300, 9))
    with listening(*ports), silent(first + 1, first + 2):
        for soft, hard in ((20, 64), (64, 64), (20, 4096)):
            def confine():
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

            found, counts, rest, done = scan("127.0.0.1", f"{first}-{first + 299}", "--timeout", 200, preexec_fn=confine)
            assert found == ports and counts == (len(ports), 298 - len(ports), 2) and rest == "", done


@case
def an_interrupt_ends_it_at_once_with_what_was_found():
    first = free_range(120)
    with listening(first, first + 1), silent(*range(first + 60, first + 80)):
        for number in (signal.SIGINT, signal.SIGTERM):
            with subprocess.Popen(command("127.0.0.1", f"{first}-{first + 119}", "--timeout", 60_000, "--at-once", 8), stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True) as process:
                def waits() -> bool:
                    begun = cpu_seconds(process.pid)
                    time.sleep(0.1)
                    return cpu_seconds(process.pid) == begun and descriptors(process.pid) >= 8 + 3

                until(waits, 10, "eight attempts wait")
                begun = time.monotonic()
                process.send_signal(number)
                output, complaints = process.communicate(timeout=10 * PATIENCE)
                assert time.monotonic() - begun < 0.5 * PATIENCE
            assert process.returncode == 130 and "interrupted" in complaints, (process.returncode, complaints)
            found, counts, rest = found_in(output)
            assert found == [first, first + 1] and counts == (2, 58, 0) and rest == ", 60 not tried", output


def alone():
    """Before a program is executed: it gets a network of its own, in which nobody listens."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x4000_0000 | (0 if os.geteuid() == 0 else 0x1000_0000)) != 0:
        raise OSError(ctypes.get_errno(), "no network of its own")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", b"lo", 0x1))  # SIOCSIFFLAGS, IFF_UP


@case
def nobody_is_found_where_nobody_listens():
    # The system picks the ports of this side from those that are tried, and an attempt may meet itself.
    first, rounds = (55_536, 1) if thread_sanitized() else (1, 3)
    try:
        for _ in range(rounds):
            found, counts, rest, done = scan("127.0.0.1", f"{first}-65535", preexec_fn=alone, timeout=60)
            assert (found, counts, rest, done.returncode) == ([], (0, 65_536 - first, 0), "", 0), done
    except subprocess.SubprocessError as why:
        skip(f"there is no network of its own: {why}")


@case
def what_cannot_be_reached_is_told():
    try:
        done = run("192.0.2.1", "1-50", preexec_fn=alone)
    except subprocess.SubprocessError as why:
        skip(f"there is no network of its own: {why}")
    found, counts, rest = found_in(done.stdout)
    assert found == [] and counts == (0, 0, 0) and done.returncode == 1, done
    assert rest == f", 50 failed ({os.strerror(errno.ENETUNREACH)})", done


main()
