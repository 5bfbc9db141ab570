#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tree PROGRAM: it finds what find finds, in order, however odd the names and however deep the tree."""
import contextlib
import ctypes
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import tempfile

from driver import PATIENCE, case, command, main, need, on_each_backend, run, skip, start

DEEP = "d" * 200
LEVELS = 60  # times 201 bytes: three times what a path may have


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield pathlib.Path(name)


def fill(root: pathlib.Path):
    """Everything that a directory can hold without privileges."""
    for name in (b"line\nbreak", b"not \xff\xfe UTF-8", b"-dash", b" space ", b"tab\there", b"back\\slash", "\u00fc\u4e16".encode(), b"x" * 255, b"\x1b[31m", b"~"):
        pathlib.Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(name)
    (root / "empty").mkdir()
    (root / "sub.dir").mkdir()
    (root / "sub").mkdir()
    (root / "sub" / "file").write_bytes(b"in sub")
    (root / "dangling").symlink_to("nowhere")
    (root / "to a directory").symlink_to("sub")
    (root / "round").symlink_to(".")
    os.link(root / "~", root / "sub" / "another name")
    os.mkfifo(root / "fifo")
    here = socket.socket(socket.AF_UNIX)
    here.bind(str(root / "socket"))
    here.close()
    with open(root / "holes", "wb") as holes:
        holes.truncate(5_000_000_000)
    (root / "many").mkdir()
    for i in range(3000):
        (root / "many" / f"{i * 7919 % 3000}").write_bytes(b"x" * (i % 10))
    wide = root / "wide"
    for i in range(300):
        (wide / f"{i % 20}" / f"{i}").mkdir(parents=True)


def deepen(root: pathlib.Path, branches: int):
    """A chain of directories whose path no system call would take; next to each lie a file and other directories."""
    level = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for i in range(LEVELS):
        os.close(os.open(f"file {i}", os.O_WRONLY | os.O_CREAT, dir_fd=level))
        for branch in range(branches):
            os.mkdir(f"z {branch}", dir_fd=level)
        os.mkdir(DEEP, dir_fd=level)
        below = os.open(DEEP, os.O_RDONLY | os.O_DIRECTORY, dir_fd=level)
        os.close(level)
        level = below
    os.close(level)


def by_find(*roots) -> list:
    done = subprocess.run([need("find"), *roots, "-printf", "%y %s %p\\0"], capture_output=True, check=True)
    found = [line.split(b" ", 2) for line in done.stdout.split(b"\0")[:-1]]
    return [(kind, int(size), path) for kind, size, path in found]


def listed(output: bytes) -> list:
    found = []
    for line in output.split(b"\0")[:-1]:
        kind, size, path = re.fullmatch(rb"(.) +(\d+)  (.*)", line, re.S).groups()
        found.append((kind, int(size), path))
    return found


def by_tree(*arguments) -> list:
    done = run("--null", *arguments, text=False)
    assert (done.returncode, done.stderr) == (0, b""), done
    return listed(done.stdout)


def in_order(found: list) -> bool:
    paths = [path.split(b"/") for _, _, path in found]
    return paths == sorted(paths)


@case
def usage_is_explained():
    done = run("--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: tree") and done.stderr == "", done
    for wrong in (["--what"], ["--jobs", "0"], ["--jobs", "x"], ["--jobs", "1001"], ["--jobs"]):
        done = run(*wrong)
        assert done.returncode == 2 and "usage: tree" in done.stderr and done.stdout == "", done


@on_each_backend
def it_finds_what_find_finds():
    with folder() as root:
        fill(root)
        wanted = by_find(root)
        assert len(wanted) > 3300
        found = by_tree(root)
        assert sorted(found) == sorted(wanted), set(found) ^ set(wanted)
        assert in_order(found)
        for jobs in (1, 2, 100):
            assert by_tree("--jobs", jobs, root) == found


@on_each_backend
def what_is_deeper_than_a_path_can_say_is_found():
    with folder() as root:
        deepen(root, 2)
        wanted = by_find(root)
        assert max(len(path) for _, _, path in wanted) > 12_000 and len(wanted) == 1 + 4 * LEVELS
        found = by_tree(root)
        assert sorted(found) == sorted(wanted) and in_order(found)


@on_each_backend
def the_headers_of_the_system_are_found():
    root = "/usr/include"
    assert sorted(by_tree(root)) == sorted(by_find(root))


@case
def roots_are_taken_as_find_takes_them():
    with folder() as root:
        (root / "a").mkdir()
        (root / "a" / "x").write_bytes(b"1")
        (root / "link").symlink_to("a")
        (root / "file").write_bytes(b"22")
        for roots in (["a"], ["a/"], ["./a", "file"], ["link"], ["link/"], ["."], ["link/", "a", "a"]):
            done = run("--null", *roots, cwd=root, text=False)
            there = subprocess.run(["find", *roots, "-printf", "%y %s %p\\0"], cwd=root, capture_output=True, check=True).stdout
            wanted = [(kind, int(size), path) for kind, size, path in (line.split(b" ", 2) for line in there.split(b"\0")[:-1])]
            assert done.returncode == 0 and sorted(listed(done.stdout)) == sorted(wanted), (roots, done, wanted)
        assert [path for _, _, path in listed(run("-0", cwd=root, text=False).stdout)] == [b".", b"./a", b"./a/x", b"./file", b"./link"]


@case
def a_line_stays_a_line():
    with folder() as root:
        fill(root)
        done = run(root, text=False)
        lines = done.stdout.splitlines()
        assert done.returncode == 0 and len(lines) == len(by_find(root))
        for name in (rb"line\nbreak", b"not \xff\xfe UTF-8", rb"tab\011here", rb"back\\slash", rb"\033[31m"):
            assert any(line.endswith(b"/" + name) for line in lines), name
        assert b"\x1b" not in done.stdout and b"\t" not in done.stdout


@on_each_backend
def a_summary_counts_each_file_once():
    with folder() as root:
        (root / "a" / "b").mkdir(parents=True)
        (root / "a" / "one").write_bytes(b"x" * 1000)
        os.link(root / "a" / "one", root / "a" / "b" / "two")
        os.link(root / "a" / "one", root / "three")
        (root / "link").symlink_to("a")
        os.mkfifo(root / "fifo")
        folders = sum(size for kind, size, _ in by_find(root) if kind == b"d")
        done = run("--summary", root)
        wanted = f"3 directories, 3 files, 1 symbolic link, 1 other, {folders + 1000 + 1} bytes\n"
        assert (done.returncode, done.stdout, done.stderr) == (0, wanted, ""), (done, wanted)


def confined():
    """Not even root may read what it has no permission to."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):
        libc.prctl(24, capability, 0, 0, 0)


@on_each_backend
def what_cannot_be_read_is_told_and_counted():
    with folder() as root:
        (root / "open").mkdir()
        (root / "open" / "file").write_bytes(b"1")
        for name in ("closed", "z"):
            (root / name).mkdir()
            (root / name / "hidden").write_bytes(b"1")
            (root / name).chmod(0)
        (root / "names only").mkdir()
        (root / "names only" / "what").write_bytes(b"1")
        (root / "names only").chmod(0o400)
        try:
            done = run(root, "no\nsuch", preexec_fn=confined)
            assert done.returncode == 1
            complaints = [f"tree: {root}/closed: Permission denied", f"tree: {root}/names only/what: Permission denied", f"tree: {root}/z: Permission denied",
                          r"tree: no\nsuch: No such file or directory"]
            assert done.stderr.splitlines() == complaints, done.stderr
            names = [line.split("  ", 1)[1].strip().rsplit("/", 1)[-1] for line in done.stdout.replace(str(root), "/root").splitlines()]
            assert [name.split("  ")[-1] for name in names] == ["root", "closed", "names only", "open", "file", "z"], done.stdout
            summary = run("-s", root, preexec_fn=confined)
            assert summary.returncode == 1 and "5 directories, 1 file," in summary.stdout and len(summary.stderr.splitlines()) == 3, summary
        finally:
            for name in ("closed", "z", "names only"):
                (root / name).chmod(0o700)


@on_each_backend
def few_descriptors_are_enough():
    with folder() as root:
        for i in range(1000):
            (root / f"{i}").mkdir()
        deepen(root, 0)

        def confine():
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

        done = run("-s", root, preexec_fn=confine)
        assert (done.returncode, done.stderr) == (0, "") and f"{1001 + LEVELS} directories" in done.stdout, done


@on_each_backend
def without_descriptors_it_says_so():
    with folder() as root:
        deepen(root, 2)

        def confine():
            resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))

        # One at a time: nobody else opens what waits on the way, so each level keeps its handle.
        done = run("-s", "--jobs", 1, root, preexec_fn=confine)
        assert done.returncode == 1 and "Too many open files" in done.stderr, done


@on_each_backend
def a_directory_that_holds_itself_is_entered_once():
    unshare, mount = need("unshare"), need("mount")
    with folder() as root:
        (root / "outer" / "inner").mkdir(parents=True)
        (root / "outer" / "file").write_bytes(b"1")
        script = '"$1" --bind "$2" "$2/inner" 2>/dev/null || exit 77; shift 2; exec "$@"'
        done = subprocess.run([unshare, "-m", "sh", "-c", script, "sh", mount, root / "outer", *command(root / "outer")], capture_output=True, text=True,
                              timeout=20 * PATIENCE)
        if done.returncode == 77 or done.stderr.startswith("unshare:"):
            skip("nothing may be mounted here")
        assert done.returncode == 1, done
        assert done.stderr == f"tree: {root}/outer/inner: is a directory that holds it, and is not entered again\n", done
        assert len(done.stdout.splitlines()) == 3, done


@on_each_backend
def whoever_has_seen_enough_may_close_the_pipe():
    process = start("/usr/include", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait(20 * PATIENCE) == 0
    process.stderr.close()


@on_each_backend
def an_interrupt_ends_it():
    for number in (signal.SIGINT, signal.SIGTERM):
        # Most of what it prints is not read: it cannot end by itself. A signal before it has begun would find nothing to interrupt.
        with start("--jobs", 2, "/usr/include", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout.read(1) == "d"
            process.send_signal(number)
            assert process.wait(20 * PATIENCE) == 130
            assert process.stderr.read() == "tree: interrupted\n"


@case
def the_backend_is_said():
    with folder() as root:
        said = run("-s", "-v", root).stderr
        assert re.search(r"^taken: (io_uring|epoll)\n$", said, re.M), said


main()
