#!/usr/bin/env python3
"""Breaks the program on purpose, one defect at a time, and requires that the check named in the patch fails, and fails
for the reason named there. All patches of this folder, or those named: `python3 tests/broken/run.py label-dropped`.

Works on a copy of the project in target/broken and leaves the project as it is. Python 3.11, no packages."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TREE = ROOT / "target" / "broken"
PARTS = ["Cargo.toml", "Cargo.lock", "README.md", "src", "tests", "benches", "examples", "certs", "docs", "fuzz"]
# The program alone is built anew for each patch, which takes seconds.
SETTINGS = {"CARGO_TARGET_DIR": str(ROOT / "target"), "CARGO_TERM_COLOR": "never"}


def copy_project():
    shutil.rmtree(TREE, ignore_errors=True)
    TREE.mkdir(parents=True)
    leave = shutil.ignore_patterns("target", "__pycache__")
    for part in PARTS:
        there = ROOT / part
        if there.is_dir():
            shutil.copytree(there, TREE / part, ignore=leave)
        elif there.exists():
            shutil.copy2(there, TREE / part)


def said(patch, what):
    found = re.search(rf"^{what}: (.+)$", patch.split("\ndiff ")[0], re.MULTILINE)
    if not found:
        raise SystemExit(f"the patch does not say: {what}")
    return found.group(1).strip()


def hunks(patch):
    """Each hunk as file, text before, text after."""
    file, before, after = None, [], []
    for line in patch.split("\ndiff ", 1)[1].splitlines() + ["@@"]:
        if line.startswith(("@@", "diff ")) and (before or after):
            yield file, "\n".join(before), "\n".join(after)
            before, after = [], []
        if line.startswith("+++ b/"):
            file = line[6:]
        elif line.startswith(("@@", "---", "diff ", "index ", "a/")) or file is None:
            continue
        else:
            if line[:1] in ("", " ", "-"):
                before.append(line[1:])
            if line[:1] in ("", " ", "+"):
                after.append(line[1:])


def change(patch, back=False):
    for file, before, after in hunks(patch):
        if back:
            before, after = after, before
        path = TREE / file
        text = path.read_text()
        if text.count(before) != 1:
            raise SystemExit(f"{file}: the patch does not fit any more, make it anew:\n{before}")
        path.write_text(text.replace(before, after))


def caught(name):
    patch = (HERE / f"{name}.patch").read_text()
    check, reason = said(patch, "Check"), said(patch, "Fails with")
    change(patch)
    began = time.monotonic()
    run = subprocess.run(
        shlex.split(check), cwd=TREE, env=os.environ | SETTINGS, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )
    change(patch, back=True)
    if run.returncode == 0:
        print(f"{name}: NOT CAUGHT by: {check}")
    elif reason not in run.stdout:
        lines = run.stdout.splitlines()
        said_so = [line for at, line in enumerate(lines) if "panicked at" in "".join(lines[max(at - 1, 0) : at + 1]) or line.startswith("error")]
        print("\n".join([*said_so, *lines[-10:], f"{name}: the check fails, and not with: {reason}"]))
    else:
        print(f"{name}: caught in {time.monotonic() - began:.0f} s by: {check}\n    {reason}", flush=True)
        return True
    return False


def main():
    names = sys.argv[1:] or sorted(path.stem for path in HERE.glob("*.patch"))
    copy_project()
    missed = [name for name in names if not caught(name)]
    if missed:
        raise SystemExit(f"not caught as they should be: {', '.join(missed)}")


if __name__ == "__main__":
    main()
