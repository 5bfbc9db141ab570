#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""file_copy PROGRAM: copies are whole, have their final name only then, and a ^C leaves nothing behind."""
import contextlib
import os
import pathlib
import pty
import resource
import signal
import subprocess
import tempfile
import time

from driver import PATIENCE, case, command, main, run, until


@contextlib.contextmanager
def folders():
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder, "from"), pathlib.Path(folder, "to")
        source.mkdir()
        target.mkdir()
        yield source, target


def files_of(folder: pathlib.Path) -> list:
    return sorted(path.name for path in folder.iterdir())


@case
def copies_are_whole():
    with folders() as (source, target):
        block = 128 * 1024
        sizes = [0, 1, 4095, 4096, 4097, block - 1, block, block + 1, 8 * block, 8 * block + 1, 20_000_003]
        for size in sizes:
            (source / f"{size}").write_bytes(os.urandom(size))
        for i in range(200):
            (source / f"small {i}").write_bytes(os.urandom(i * 97))
        done = run(*source.iterdir(), target)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
        assert files_of(source) == files_of(target)
        for path in source.iterdir():
            assert path.read_bytes() == (target / path.name).read_bytes(), path.name
            subprocess.run(["cmp", path, target / path.name], check=True)


@case
def one_file_may_get_another_name_and_replaces_what_was_there():
    with folders() as (source, target):
        (source / "a").write_bytes(b"new")
        for old in (None, b"old and longer"):
            if old:
                (target / "b").write_bytes(old)
            assert run(source / "a", target / "b").returncode == 0
            assert (target / "b").read_bytes() == b"new" and files_of(target) == ["b"]
        done = run("a", "c", cwd=source)
        assert done.returncode == 0 and (source / "c").read_bytes() == b"new", done
        # A link is replaced, not followed.
        (target / "link").symlink_to(source / "c")
        (source / "a").write_bytes(b"newer")
        assert run(source / "a", target / "link").returncode == 0
        assert not (target / "link").is_symlink() and (source / "c").read_bytes() == b"new"


@case
def the_mode_is_kept():
    with folders() as (source, target):
        for mode in (0o600, 0o444, 0o755, 0o4711, 0o777):
            path = source / f"{mode:o}"
            path.write_bytes(b"x")
            path.chmod(mode)
        assert run(*source.iterdir(), target, umask=0o077).returncode == 0
        for path in target.iterdir():
            assert path.stat().st_mode & 0o7777 == int(path.name, 8), path


@case
def what_makes_no_sense_is_refused_before_anything_is_copied():
    with folders() as (source, target):
        (source / "a").write_bytes(b"a")
        (source / "b").write_bytes(b"b")
        (target / "dup").mkdir()
        (target / "dup" / "a").write_bytes(b"other")
        for arguments, why in (((source / "a", source / "nope", target), "does not exist"), ((source / "a", source, target), "is not a regular file"),
                               ((source / "a", source / "b", target / "nope"), "is not a directory"),
                               ((source / "a", target / "dup" / "a", target), "would be written twice"),
                               ((source / "a", source), "is the same file as its copy"), ((source / "a", source / "a"), "is the same file as its copy")):
            done = run(*arguments)
            assert done.returncode == 1 and why in done.stderr, done
        assert files_of(target) == ["dup"] and (source / "a").read_bytes() == b"a"
        assert run(source / "a").returncode == 2
        done = run(source / "a", target / "nope" / "a")
        assert done.returncode == 1 and "No such file or directory" in done.stderr, done


@case
def a_target_that_cannot_be_looked_at_is_an_error_like_others():
    with folders() as (source, target):
        (source / "a").write_bytes(b"a")
        (target / "loop").symlink_to("loop")
        (target / "file").write_bytes(b"")
        for to, why in ((target / ("x" * 300), "File name too long"), (target / "loop" / "a", "Too many levels of symbolic links"),
                        (target / "file" / "a", "Not a directory"), (target / "nope" / "a", "No such file or directory")):
            done = run(source / "a", to)
            assert (done.returncode, done.stderr) == (1, f"file_copy: {source / 'a'} to {to}: {why}\n"), done
        assert files_of(target) == ["file", "loop"]
        # A link that leads nowhere is replaced, too.
        assert run(source / "a", target / "loop").returncode == 0 and (target / "loop").read_bytes() == b"a"


@case
def a_file_that_fails_leaves_nothing_and_the_others_are_copied():
    with folders() as (source, target):
        (source / "large").write_bytes(bytes(5_000_000))
        (source / "small").write_bytes(b"small")

        def confine():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

        done = run(source / "large", source / "small", target, preexec_fn=confine)
        assert (done.returncode, done.stderr) == (1, f"file_copy: {source / 'large'} to {target / 'large'}: File too large\n"), done
        assert files_of(target) == ["small"]


@case
def an_interrupt_leaves_no_partial_file():
    with folders() as (source, target):
        content = os.urandom(1 << 20) * 200
        names = ["a", "b"]
        for name in names:
            (source / name).write_bytes(content)
        met = 0
        for attempt in range(20):
            number = signal.SIGINT if attempt % 2 else signal.SIGTERM
            process = subprocess.Popen(command(*(source / name for name in names), target), stderr=subprocess.PIPE, text=True)
            until(lambda: any(name.endswith(".part") for name in files_of(target)) or process.poll() is not None, 10, "it has begun")
            time.sleep(0.005 * attempt)
            process.send_signal(number)
            _, complaints = process.communicate(timeout=20 * PATIENCE)
            assert process.returncode in (0, 130), (process.returncode, complaints)
            left = files_of(target)
            assert set(left) <= set(names), left
            for name in left:
                assert (target / name).stat().st_size == len(content)
                (target / name).unlink()
            if process.returncode == 130:
                assert "interrupted" in complaints
                met += len(left) < len(names)
            if met == 3:
                break
        assert met > 0, "every copy was complete before the signal came"


@case
def the_bar_is_drawn_on_a_terminal_only():
    with folders() as (source, target):
        (source / "a").write_bytes(bytes(30_000_000))
        assert run(source / "a", target).stderr == ""
        keeper, terminal = pty.openpty()
        with subprocess.Popen(command(source / "a", target), stderr=terminal) as process:
            os.close(terminal)
            drawn = b""
            with contextlib.suppress(OSError):
                while piece := os.read(keeper, 4096):
                    drawn += piece
            assert process.wait(20 * PATIENCE) == 0
        os.close(keeper)
        assert b"\r[" in drawn and b"100 %  1 files  30.0 of 30.0 MB" in drawn and drawn.endswith(b"\r\n"), drawn


main()
