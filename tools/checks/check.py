# SPDX-License-Identifier: MIT
"""What the checks share: which files the project has, how a verdict is counted, how a tool is called."""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDERS = ("include", "policies", "tests", "examples", "tools", "cmake", ".ci")
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror")
CXX_FLAGS = ("-std=c++23", "-I", str(ROOT / "include"), "-I", str(ROOT / "policies"))

_passed = 0
_failed = 0


def ok(number: int = 1) -> None:
    global _passed
    _passed += number


def bad(message: str) -> None:
    global _failed
    _failed += 1
    print(message)


def verdict(message: str) -> None:
    """One pass if there is nothing to say, else one failure that says it."""
    if message:
        bad(message)
    else:
        ok()


def finish() -> None:
    print(f"{_passed} passed, {_failed} failed, 0 skipped")
    sys.exit(1 if _failed or not _passed else 0)


def files(*suffixes: str, folders=FOLDERS, top: bool = True) -> list:
    """The project's files with these suffixes (all if none is given), without what a build leaves behind."""
    found = [path for path in ROOT.iterdir() if path.is_file()] if top else []
    for folder in folders:
        for here, below, names in os.walk(ROOT / folder):
            below[:] = [name for name in below if name not in ("__pycache__", "build")]
            found += [pathlib.Path(here, name) for name in names]
    return sorted(path for path in found if not suffixes or path.suffix in suffixes)


def headers() -> list:
    return files(".hpp", folders=("include", "policies"), top=False)


def shown(path: pathlib.Path) -> str:
    return str(path.relative_to(ROOT))


def need(tool: str) -> str:
    """The tool's path; a tool that is not there is a failure of the check and ends it."""
    found = shutil.which(tool)
    if not found:
        bad(f"{tool} is not installed (tools/setup lint installs it)")
        finish()
    return found


def run(command, **options) -> subprocess.CompletedProcess:
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          cwd=ROOT, **options)


def each(function, items) -> list:
    """The function's results for all items, worked out on all cores."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))
