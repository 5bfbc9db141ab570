#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""shell_pipeline PROGRAM: it does what a shell does, tells how each command ended, and leaves nobody behind."""
import hashlib
import os
import pathlib
import pty
import re
import shlex
import signal
import subprocess
import tempfile
import time

from driver import PATIENCE, PREFIX, PROGRAM, case, catches, main, need, on_each_backend, run, start, until

SUICIDE = ["sh", "-c", "kill -9 $$"]


def words(*commands) -> list:
    """The commands with what separates them."""
    all_of_them = list(commands[0])
    for command in commands[1:]:
        all_of_them += ["|", *command]
    return all_of_them


def by_bash(*commands, source=b"") -> tuple:
    """What a shell makes of the same: output, how each ended, the exit code."""
    script = " | ".join(shlex.join(command) for command in commands)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([need("bash"), "-c", f'{script}; all=("${{PIPESTATUS[@]}}"); echo "${{all[@]}}" > {folder}/status; exit "${{all[-1]}}"'], input=source,
                              capture_output=True, timeout=60 * PATIENCE)
        return done.stdout, [int(one) for one in pathlib.Path(folder, "status").read_text().split()], done.returncode


def codes(complaints: bytes) -> list:
    """How each command ended, as a shell counts."""
    found = re.findall(rb"^\d+: .*: (exit code|signal) (\w+)(?:, core dumped)?$", complaints, re.M)
    return [int(what) if kind == b"exit code" else 128 + signal.Signals[what.decode()].value for kind, what in found]


def by_us(*commands, source=b"", options=()) -> tuple:
    done = run("--status", *options, *words(*commands), text=False, input=source, timeout=60)
    return done.stdout, codes(done.stderr), done.returncode


def running(time_of_it: str) -> list:
    """Those that sleep so long. A process that was made and has not begun its program yet looks like the one that made it."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cmdline").read_bytes() == b"sleep\0%s\0" % time_of_it.encode():
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


def unlikely_time(number: int) -> str:
    """A long time that no other process waits for."""
    return f"{1000 + number}.{os.getpid()}"


@case
def usage_is_explained():
    done = run("--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: shell_pipeline") and done.stderr == "", done
    for wrong in ([], ["|"], ["true", "|"], ["|", "true"], ["true", "|", "|", "true"], ["--timeout", "x", "true"], ["--what"]):
        done = run(*wrong)
        assert done.returncode == 2 and "usage: shell_pipeline" in done.stderr, done


@on_each_backend
def it_does_what_a_shell_does():
    text = b"".join(b"%d line %d\n" % (i * 7919 % 1000, i) for i in range(5000))
    for commands in ([["cat"]], [["true"]], [["false"]], [["cat"], ["sort", "-n"], ["tail", "-3"]], [["sh", "-c", "exit 3"], ["cat"], ["sh", "-c", "exit 5"]],
                     [["printf", "%s|%s\n", "a b", "$HOME *"], ["cat"]], [["tr", "a-z", "A-Z"], ["grep", "LINE 4"], ["wc", "-l"]],
                     [["echo", ""], ["sh", "-c", "cat; echo error >&2"], ["cat"]], [["cat"]] * 30, [SUICIDE, ["cat"]], [["cat"], SUICIDE],
                     [["true"], SUICIDE, ["cat"]], [["sh", "-c", "kill -TERM $$"], ["true"]], [["sleep", "0.1"], ["true"]], [["no such command"], ["cat"]],
                     [["cat"], ["no such command"]], [["/etc/passwd"], ["cat"]], [["true"], ["/no/such"], ["cat"]]):
        assert by_us(*commands, source=text) == by_bash(*commands, source=text), commands


@on_each_backend
def a_reader_that_ends_early_ends_the_writer():
    for commands in ([["yes"], ["head", "-1"]], [["yes"], ["cat"], ["cat"], ["head", "-c", "1000000"]], [["yes"], ["true"]], [["yes"], ["no such command"]]):
        output, ended, code = by_us(*commands)
        wanted = by_bash(*commands)
        assert (output, code) == (wanted[0], wanted[2]), commands
        assert ended == wanted[1] and ended[0] == 128 + signal.SIGPIPE, (commands, ended)


@on_each_backend
def why_a_command_does_not_start_is_said():
    with tempfile.TemporaryDirectory() as folder:
        plain = pathlib.Path(folder, "plain")
        plain.write_text("x")
        for command, code, why in (("no such command", 127, "No such file or directory"), (str(plain), 126, "Permission denied"), (f"{plain}/x", 127, "Not a directory")):
            done = run("echo", "lost", "|", command)
            assert (done.returncode, done.stdout, done.stderr) == (code, "", f"shell_pipeline: {command}: {why}\n"), done


@on_each_backend
def much_goes_through_unchanged():
    data = os.urandom(1 << 20) * 40
    digest = hashlib.sha256(data).hexdigest().encode()
    assert by_us(["cat"], ["cat"], ["cat"], source=data) == (data, [0, 0, 0], 0)
    assert by_us(["cat"], ["cat"], ["sha256sum"], source=data)[0].split()[0] == digest
    assert by_us(["head", "-c", "30000000", "/dev/zero"], ["cat"], options=["--hold"]) == (bytes(30_000_000), [0, 0], 0)


@on_each_backend
def it_feeds_what_it_is_given():
    done = run("--input", "b\na\n", *words(["sort"], ["tr", "a", "x"]), input="not this")
    assert (done.returncode, done.stdout, done.stderr) == (0, "x\nb\n", ""), done
    assert run("-i", "", "cat").stdout == ""
    # More than a pipe holds, and nobody who wants it.
    done = run("--input", "x" * 120_000, "true")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert run("--input", "x" * 120_000, "wc", "-c").stdout.strip() == "120000"


@on_each_backend
def output_that_is_held_back_is_printed_only_if_all_succeed():
    assert run("--hold", *words(["echo", "x"], ["cat"])).stdout == "x\n"
    for commands in ([["false"], ["echo", "x"]], [["echo", "x"], SUICIDE, ["cat"]], [["echo", "x"], ["sh", "-c", "cat; exit 4"]]):
        done = run("--hold", *words(*commands))
        assert done.stdout == "", done
    assert run("--hold", "--timeout", 0.3, "sh", "-c", "echo x; sleep 100").stdout == ""


@on_each_backend
def the_exit_code_is_that_of_the_last_or_of_the_last_that_failed():
    commands = words(["sh", "-c", "exit 3"], ["sh", "-c", "exit 4"], ["true"])
    assert run(*commands).returncode == 0 and run("--pipefail", *commands).returncode == 4
    assert run("--pipefail", *words(SUICIDE, ["true"])).returncode == 128 + 9
    assert run(*words(["true"], SUICIDE)).returncode == 128 + 9
    assert run("--pipefail", "true", "|", "true").returncode == 0


@case
def another_separator_lets_commands_have_that_word():
    done = run("--separator", "then", "echo", "|", "then", "tr", "|", "/")
    assert (done.returncode, done.stdout) == (0, "/\n"), done


@on_each_backend
def the_time_is_limited():
    for commands in ([["sleep", unlikely_time(1)], ["cat"]], [["yes"], ["sh", "-c", f"sleep {unlikely_time(1)}"]], [["echo", "x"], ["sleep", unlikely_time(1)]]):
        begun = time.monotonic()
        done = run("--status", "--timeout", 0.3, *words(*commands), text=False)
        spent = time.monotonic() - begun
        assert done.returncode == 124 and 0.25 < spent < 2 * PATIENCE, (done, spent)
        assert 128 + signal.SIGTERM in codes(done.stderr) and len(codes(done.stderr)) == 2, done.stderr
        assert not running(unlikely_time(1))


@on_each_backend
def whoever_does_not_end_is_killed_with_what_it_started():
    stubborn = f"trap '' TERM; sleep {unlikely_time(2)} & while :; do sleep {unlikely_time(3)}; done"
    done = run("--status", "--timeout", 0.3, "--grace", 0.3, *words(["sh", "-c", stubborn], ["cat"]), text=False)
    assert done.returncode == 124 and codes(done.stderr)[0] == 128 + signal.SIGKILL, done
    until(lambda: not running(unlikely_time(2)) and not running(unlikely_time(3)), 5, "nobody is left")


@on_each_backend
def asked_to_end_it_ends_all():
    for number in (signal.SIGINT, signal.SIGTERM):
        with start("--status", *words(["sleep", unlikely_time(4)], ["cat"], ["sleep", unlikely_time(4)]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                   stderr=subprocess.PIPE) as process:
            until(lambda: catches(process.pid, number) and len(running(unlikely_time(4))) == 2, 10, "all run")
            process.send_signal(number)
            _, complaints = process.communicate(timeout=20 * PATIENCE)
            assert process.returncode == 130 and codes(complaints) == [143, codes(complaints)[1], 143], complaints
            assert not running(unlikely_time(4))


@on_each_backend
def on_a_terminal_an_interrupt_reaches_all_and_what_is_typed_the_first():
    keeper, terminal = pty.openpty()
    try:
        with start("--status", *words(["head", "-1"], ["tr", "a-z", "A-Z"]), stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                   start_new_session=True) as process:
            os.write(keeper, b"typed\n")
            output, complaints = process.communicate(timeout=20 * PATIENCE)
            assert (output, codes(complaints)) == (b"TYPED\n", [0, 0]), (output, complaints)
        # The terminal becomes the one that controls a new session, as under a window.
        shell = 'import os, sys, fcntl, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])'
        if PREFIX:
            return
        with subprocess.Popen(["python3", "-c", shell, PROGRAM, "--status", *words(["cat"], ["sleep", unlikely_time(5)])], stdin=terminal, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            until(lambda: len(running(unlikely_time(5))) == 1, 10, "all run")
            os.write(keeper, b"\x03")
            _, complaints = process.communicate(timeout=20 * PATIENCE)
            assert process.returncode == 130 and codes(complaints)[1] in (130, 143), complaints
            assert not running(unlikely_time(5))
    finally:
        os.close(keeper)
        os.close(terminal)


@on_each_backend
def commands_have_three_descriptors_and_no_odd_signals():
    def plain(text: str) -> str:
        # The C library ignores two signals of its own, 32 and 33, in what it spawns.
        return re.sub(r"(?<=SigIgn:\t)\w+", lambda found: f"{int(found[0], 16) & ~0x1_8000_0000:016x}", text)

    for command in (["ls", "/proc/self/fd"], ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]):
        for options in ((), ("--input", "x"), ("--hold",)):
            for commands in ([command], [command, ["cat"]], [["true"], command]):
                ours = plain(run(*options, *words(*commands), input="").stdout)
                theirs, _, _ = by_bash(*commands)
                assert ours == theirs.decode() and len(ours.splitlines()) in (2, 4), (ours, theirs)


@on_each_backend
def it_waits_for_its_processes():
    # The second one ends first; whoever reads the output must not find the first one running.
    for _ in range(5):
        done = run("--status", *words(["sh", "-c", "exec >&-; sleep 0.2; exit 7"], ["cat"]), text=False)
        assert codes(done.stderr) == [7, 0], done


@case
def it_says_which_backend_it_has():
    assert "taken: " in run("--verbose", "true").stderr


main()
