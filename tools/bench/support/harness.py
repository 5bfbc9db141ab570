# SPDX-License-Identifier: MIT
"""What tools/bench/run and tools/bench/instructions share: building programs, keeping figures, printing them."""

import ctypes
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent.parent
ROOT = BENCH.parent.parent
BUILD = ROOT / "build" / "bench"
BIN = BUILD / "bin"
OURS = "sluice"


def say(text):
    print(text, file=sys.stderr, flush=True)


def require(*tools):
    """Ends with a sentence when a tool is missing."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        sys.exit(f"missing: {', '.join(missing)}; `tools/setup build bench` installs what the benchmarks need")


def program_target(program):
    return program if program == "load_echo" else f"bench_{program}"


def build(programs):
    """Builds the programs (Release, -O2); gives the set of those that are up to date now."""
    require("cmake", "ninja", "pkg-config", os.environ.get("CXX", "g++"))
    configure = ["cmake", "-S", str(BENCH), "-B", str(BUILD), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                 "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG"]
    if shutil.which("ccache"):
        configure.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    done = subprocess.run(configure, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"the benchmarks cannot be configured:\n{done.stdout}{done.stderr}")
    known = subprocess.run(["ninja", "-C", str(BUILD), "-t", "targets", "all"], capture_output=True, text=True).stdout
    programs = [p for p in programs if re.search(rf"^{re.escape(program_target(p))}: ", known, re.MULTILINE)]
    say(f"building {len(programs)} programs in {BUILD.relative_to(ROOT)}")
    ninja = ["ninja", "-C", str(BUILD)]
    done = subprocess.run([*ninja, "-k", "0", "-j", str(min(2, os.cpu_count() or 1)), *map(program_target, programs)],
                          capture_output=True, text=True)
    if done.returncode == 0:
        return set(programs)
    errors = [line for line in done.stdout.splitlines() if "error:" in line]
    say("\n".join(errors[:20]) or done.stdout + done.stderr)
    fresh = set()
    for program in programs:
        dry = subprocess.run([*ninja, "-n", program_target(program)], capture_output=True, text=True)
        if "no work to do" in dry.stdout:
            fresh.add(program)
        else:
            say(f"{program} does not build: left out")
    return fresh


def processors():
    """The processor of what is measured, and that of the load beside it."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[-1], allowed[-2] if len(allowed) > 1 else allowed[-1]


def pinned(*processors):
    """What a new process does first: it stays on one processor, or some, and does not outlive this one."""
    libc = ctypes.CDLL(None)

    def prepare():
        os.sched_setaffinity(0, processors)
        libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

    return prepare


class Figures:
    """All figures of a run, by what they are of, in the order in which they first came."""

    def __init__(self):
        self.values = {}   # (bench, case, subject, metric) -> [unit, [value, ...]]
        self.ratios = {}   # (bench, case, partner) -> [better, [ratio, ...]]
        self.failures = []

    def add(self, bench, case, subject, metric, unit, value):
        self.values.setdefault((bench, case, subject, metric), [unit, []])[1].append(value)

    def add_ratio(self, bench, case, partner, better, ratio):
        self.ratios.setdefault((bench, case, partner), [better, []])[1].append(ratio)

    def median(self, bench, case, subject, metric):
        found = self.values.get((bench, case, subject, metric))
        return statistics.median(found[1]) if found else None

    def fail(self, text):
        if text not in self.failures:
            say(text)
            self.failures.append(text)

    def write(self, path):
        """One JSON object a line."""
        def number(value):
            return float(f"{value:.6g}")

        with open(path, "w", encoding="utf-8") as file:
            for (bench, case, subject, metric), (unit, values) in self.values.items():
                file.write(json.dumps({"bench": bench, "case": case, "subject": subject, "metric": metric, "unit": unit,
                                       "median": number(statistics.median(values)), "min": number(min(values)),
                                       "max": number(max(values)), "runs": len(values)}) + "\n")
            for (bench, case, partner), (better, ratios) in self.ratios.items():
                file.write(json.dumps({"bench": bench, "case": case, "partner": partner,
                                       "ratio": number(statistics.median(ratios)), "ratio_min": number(min(ratios)),
                                       "ratio_max": number(max(ratios)), "better": better}) + "\n")


def machine():
    """One line about where the figures come from."""
    model = "unknown processor"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            found = re.search(r"model name\s*: (.*)", file.read())
            model = found.group(1) if found else model
    except OSError:
        pass
    compiler = subprocess.run([os.environ.get("CXX", "g++"), "-dumpfullversion"], capture_output=True, text=True)
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}, g++ {compiler.stdout.strip()}, -O2"


def show(value):
    """A figure with three or four digits that matter."""
    if value is None:
        return "-"
    for limit, unit in ((1e9, "G"), (1e6, "M")):
        if abs(value) >= limit:
            return f"{value / limit:.4g} {unit}"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def table(head, rows):
    """Prints rows under a head, columns as wide as they must be; numbers stand right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    right = [all(re.fullmatch(r"[-\d.<=>]?[\d. GMk%-]*", row[i]) for row in rows) for i in range(len(head))]
    for row in [head, ["-" * width for width in widths], *rows]:
        print("  ".join(cell.rjust(width) if r else cell.ljust(width)
                        for cell, width, r in zip(row, widths, right)).rstrip())
