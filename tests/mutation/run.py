#!/usr/bin/env python3
"""Tries the mutants that cargo-mutants lists, all woven into one build as switches, each against the tests that reach it.

    python3 tests/mutation/run.py list [PART ...]   those of the four rooms, or of files whose path has a PART
    python3 tests/mutation/run.py build             weaves them into a copy of the project, leaves out what does not compile
    python3 tests/mutation/run.py reach [PART ...]  runs each test once, or each with PART in its name, for its time and
                                                    the mutants that it reaches
    python3 tests/mutation/run.py try [PART ...]    tries those not caught yet, or those of them with PART in their name;
                                                    `--secs=2` leaves out the tests that took longer
    python3 tests/mutation/run.py constants [PART ...]
                                                    tries those that the compiler computes, which can be no switch: each is
                                                    built alone, until the compiler or a test refuses it
    python3 tests/mutation/run.py left              tells what lives, and what was not tried

The crate's own tests and those of `tests/` are one program there, without those that run the programs or read the source.
The copy, cargo-mutants, and what is known of each mutant by its name are kept in target/: what was caught once is not tried again
until target/mutation is removed or its line moves. Python 3.11, no packages."""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = ROOT / "target"
WORK = TARGET / "mutation"
TREE = WORK / "tree"
VERSION = "27.1.0"
TOOLS = TARGET / "ci" / "tools"
ROOMS = ["session", "statement", "deal", "relay"]
PARTS = ["Cargo.toml", "Cargo.lock", "README.md", "src", "tests", "benches", "examples", "certs", "docs", "fuzz"]
# They run the programs, or read the source.
APART = ["cli", "house", "kept", "postgres", "power", "relay_program", "secrets"]
PROCESSES = 2
# What a run may take: so many times what it took, and a beginning.
PATIENCE, BEGINNING_SECS = 8, 20
BATCH_SECS = 5
# What holds most sizes is built and run before all others.
SIZES = ["vectors", "frames", "ratchet", "statements", "evidence"]
SETTINGS = {
    "CARGO_TARGET_DIR": str(TARGET), "CARGO_INCREMENTAL": "0", "CARGO_TERM_COLOR": "never", "CARGO_TARGET_TMPDIR": str(WORK),
}
LINTS = "#![allow(warnings, arithmetic_overflow, unconditional_panic, overflowing_literals)]\n"


def load(name, otherwise=None):
    path = WORK / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else otherwise


def keep(name, value):
    (WORK / f"{name}.json").write_text(json.dumps(value, indent=1))


def run(command, **how):
    return subprocess.run(command, env=os.environ | SETTINGS, stdin=subprocess.DEVNULL, text=True, check=False, **how)


def tool():
    there = TOOLS / "bin" / "cargo-mutants"
    if not there.exists():
        install = ["cargo", "install", "cargo-mutants", "--locked", "--version", VERSION, "--root", str(TOOLS)]
        run([*install, "--target-dir", str(TARGET / "ci" / "build")]).check_returncode()
    return str(there)


def list_all(parts):
    WORK.mkdir(parents=True, exist_ok=True)
    files = [arg for room in ROOMS for arg in ("-f", f"src/{room}/**")]
    listed = run([tool(), "mutants", "--list", "--json", *files], cwd=ROOT, stdout=subprocess.PIPE)
    listed.check_returncode()
    mutants = [it for it in json.loads(listed.stdout) if not parts or any(part in it["file"] for part in parts)]
    names = {it["name"] for it in mutants}
    if len(names) < len(mutants):
        raise SystemExit("two mutants have one name")
    keep("mutants", [it | {"number": number} for number, it in enumerate(mutants)])
    for known in ("aside", "tried"):
        keep(known, {name: it for name, it in load(known, {}).items() if name in names})
    print(f"{len(mutants)} mutants in {len({it['file'] for it in mutants})} files")


def copy_project():
    shutil.rmtree(TREE, ignore_errors=True)
    TREE.mkdir(parents=True)
    leave = shutil.ignore_patterns("target", "__pycache__")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, TREE / part, ignore=leave)
        else:
            shutil.copy2(ROOT / part, TREE / part)


def targets():
    """The targets of `tests/` that are tried, by name."""
    paths = [*(ROOT / "tests").glob("*.rs"), *(ROOT / "tests").glob("*/main.rs")]
    named = {path.parent.name if path.stem == "main" else path.stem: path for path in sorted(paths)}
    return {name: path for name, path in named.items() if name not in APART}


def gather_tests():
    """Each target as a module of the crate's own tests, in a copy where `crate` means that module."""
    lines = ["pub mod mutation;", "#[cfg(test)]", "extern crate self as truceline;"]
    for name, path in targets().items():
        there = TREE / "gathered" / name
        for part in ("tests", "fuzz/src"):
            shutil.copytree(ROOT / part, there / part, ignore=shutil.ignore_patterns("cli", "vectors", "mutation"))
        (there / "tests" / "vectors").symlink_to(TREE / "tests" / "vectors")
        (there / "src").symlink_to(ROOT / "src")
        for file in there.glob("**/*.rs"):
            if not file.is_relative_to(there / "src"):
                file.write_text(re.sub(r"(?<!\$)\bcrate::", f"crate::of_{name}::", file.read_text()))
        lines += ["#[cfg(test)]", f'#[path = "{there / path.relative_to(ROOT)}"]', f"mod of_{name};"]
    return "\n".join(lines) + "\n"


def weave(mutants, aside):
    """Weaves all but those put aside, and puts aside what the weaver says can be no switch."""
    for file in {it["file"] for it in mutants}:
        shutil.copy2(ROOT / file, TREE / file)
    keep("woven", [it for it in mutants if it["name"] not in aside])
    manifest = str(HERE / "weave" / "Cargo.toml")
    command = ["cargo", "run", "--quiet", "--locked", "--manifest-path", manifest, "--", str(WORK / "woven.json"), str(ROOT), str(TREE)]
    woven = run(command, stdout=subprocess.PIPE)
    woven.check_returncode()
    for line in woven.stdout.splitlines():
        what, number = line.split()
        aside[mutants[int(number)]["name"]] = "does not compile" if what == "refused" else what


def guilty(error):
    """The mutant whose marks lie around what an error points to, or the last on the lines that it points to."""
    for span in sorted(error["spans"], key=lambda span: not span["is_primary"]):
        path = TREE / span["file_name"]
        if not path.is_file():
            continue
        text, around, beside = path.read_bytes(), [], []
        first, end = text.rfind(b"\n", 0, span["byte_start"]), text.find(b"\n", span["byte_end"])
        for mark in re.finditer(rb"/\*<(\d+)\*/|/\*(\d+)>\*/", text[:end]):
            if mark.start() < span["byte_end"]:
                around = [*around, mark[1]] if mark[1] else around[:-1]
            if mark[1] and mark.start() > first:
                beside.append(mark[1])
        if around or beside:
            return int((around or beside)[-1])
    return None


def constant(error, mutants):
    """Those of a function that the compiler computes somewhere, and that can hold no switch."""
    name = re.search(r"cannot call non-const \S*\s?\S+ `(?:\w+::)*(\w+)`", error["message"])
    of = lambda it: it["function"] and it["function"]["function_name"].split("::")[-1] == name[1]
    return {it["name"] for it in mutants if name and of(it)}


def program(mutants, aside):
    """Builds the tests; the program's path, or none where mutants were put aside."""
    command = ["cargo", "test", "-p", "truceline", "--lib", "--no-run", "--message-format", "json", "-j2"]
    built = run(command, cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    messages = [json.loads(line) for line in built.stdout.splitlines() if line.startswith("{")]
    errors = [it["message"] for it in messages if it["reason"] == "compiler-message" and it["message"]["level"] == "error"]
    if built.returncode == 0:
        return next(it["executable"] for it in messages if it.get("executable"))
    found = {mutants[number]["name"] for number in map(guilty, errors) if number is not None}
    computed = {name for error in errors for name in constant(error, mutants)} - set(aside)
    aside |= dict.fromkeys(found, "does not compile") | dict.fromkeys(computed, "constant")
    found |= computed
    print(f"{len(errors)} errors, {len(found)} mutants put aside", flush=True)
    if not found:
        raise SystemExit("\n".join(error["rendered"] for error in errors[:10]) or "the build failed")
    return None


def build():
    mutants, aside = load("mutants"), load("aside", {})
    copy_project()
    shutil.copy2(HERE / "switch.rs", TREE / "src" / "mutation.rs")
    source = TREE / "src" / "lib.rs"
    source.write_text(LINTS + source.read_text() + gather_tests())
    path = None
    while not path:
        weave(mutants, aside)
        path = program(mutants, aside)
        keep("aside", aside)
    shutil.copy2(path, WORK / "tests")
    print(f"{len(mutants) - len(aside)} mutants woven in, {len(aside)} put aside")


def look(names, env, limit=None):
    """Runs tests by name; whether they passed, what failed, and the time."""
    began = time.monotonic()
    command = [str(WORK / "tests"), "--exact", "--test-threads=1", *names]
    how = {"cwd": TREE, "env": os.environ | env, "stdin": subprocess.DEVNULL, "text": True, "errors": "replace"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True, **how) as child:
        try:
            out, _ = child.communicate(timeout=limit)
            failed = re.search(r"^failures:\n    (\S+)$", out, re.MULTILINE)
            by = failed[1] if failed else names[-1]
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)
            by = "time"
    return child.returncode == 0, by, time.monotonic() - began


def names_of(*more):
    listed = subprocess.run([str(WORK / "tests"), "--list", "--format=terse", *more], stdout=subprocess.PIPE, text=True, check=True)
    return {line.removesuffix(": test") for line in listed.stdout.splitlines() if line.endswith(": test")}


def reach(parts):
    mutants, known = load("mutants"), load("reach", {}) if parts else {}

    def one(name):
        seen = WORK / "seen" / name.replace("::", ".")
        passed, _, secs = look([name], {"MUTANTS_SEEN": str(seen)})
        numbers = {int(it) for it in seen.read_text().split()} if seen.exists() else set()
        return name, {"secs": secs, "passed": passed, "mutants": [mutants[number]["name"] for number in sorted(numbers)]}

    shutil.rmtree(WORK / "seen", ignore_errors=True)
    (WORK / "seen").mkdir()
    names = [name for name in sorted(names_of() - names_of("--ignored")) if not parts or any(part in name for part in parts)]
    with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
        found = dict(pool.map(one, names))
    keep("reach", known | found)
    for name in (name for name, it in found.items() if not it["passed"]):
        print(f"fails without a mutant, and is left out: {name}")
    print(f"{len(found)} tests, {sum(it['secs'] for it in found.values()):.0f} s")


def attempt(number, tests):
    """The quickest tests first, in batches that grow; what caught it, or none."""
    left, spent = sorted(tests), 0
    while left:
        batch, secs = [], 0
        while left and (not batch or secs + left[0][0] <= min(BATCH_SECS, spent)):
            took, name = left.pop(0)
            batch.append(name)
            secs += took
        spent += secs + 0.1
        passed, by, _ = look(batch, {"MUTANT": str(number)}, secs * PATIENCE + BEGINNING_SECS)
        if not passed:
            return by
    return None


def try_all(parts, secs_max):
    mutants, aside, reached, tried = load("mutants"), load("aside"), load("reach"), load("tried", {})
    tests = {}
    for test, it in reached.items():
        for name in it["mutants"] if it["passed"] else []:
            tests.setdefault(name, []).append((it["secs"], test))
    asked = [it for it in mutants if it["name"] not in aside and not tried.get(it["name"], {}).get("by")]
    asked = [it for it in asked if not parts or any(part in it["name"] for part in parts)]

    def one(mutant):
        of_it = tests.get(mutant["name"], [])
        now = [it for it in of_it if secs_max is None or it[0] <= secs_max]
        return mutant["name"], {"by": attempt(mutant["number"], now), "tests": len(now), "of": len(of_it)}

    with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
        for nth, done in enumerate(concurrent.futures.as_completed([pool.submit(one, it) for it in asked]), 1):
            name, result = done.result()
            tried[name] = result
            if not result["by"]:
                print(f"lives after {result['tests']} of {result['of']} tests: {name}", flush=True)
            keep("tried", tried)
            if nth % 50 == 0:
                print(f"{nth} of {len(asked)}", flush=True)
    print(f"{sum(not tried[it['name']]['by'] for it in asked)} of {len(asked)} live")


def fails():
    """What fails of the copy as it is, or none."""
    named = lambda names: [arg for name in names for arg in ("--test", name)]
    for asked in (named(SIZES), ["--lib"], named(name for name in targets() if name not in SIZES)):
        ran = run(["cargo", "test", *asked], cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
        if ran.returncode:
            failed = re.search(r"^failures:\n    (\S+)$", ran.stdout, re.MULTILINE)
            return failed[1] if failed else "the compiler"
    return None


def alone(mutant):
    """What fails with the mutant in place of the program's text."""
    path = TREE / mutant["file"]
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    place = lambda at: sum(map(len, lines[: at["line"] - 1])) + at["column"] - 1
    first, end = (place(mutant["span"][at]) for at in ("start", "end"))
    path.write_text(text[:first] + mutant["replacement"] + text[end:])
    by = fails()
    path.write_text(text)
    return by


def constants(parts):
    mutants, aside, tried = load("mutants"), load("aside", {}), load("tried", {})
    copy_project()
    # The weaver knows them; its work is undone.
    weave(mutants, aside)
    keep("aside", aside)
    copy_project()
    if by := fails():
        raise SystemExit(f"fails without a mutant: {by}")
    asked = [it for it in mutants if aside.get(it["name"]) == "constant" and not tried.get(it["name"], {}).get("by")]
    asked = [it for it in asked if not parts or any(part in it["name"] for part in parts)]
    for nth, mutant in enumerate(asked, 1):
        by = alone(mutant)
        print(f"{nth} of {len(asked)}, {'caught' if by else 'LIVES'}: {mutant['name']}", flush=True)
        tried[mutant["name"]] = {"by": by, "tests": 1, "of": 1}
        keep("tried", tried)


def left():
    aside, tried, states = load("aside", {}), load("tried", {}), {}
    for name in (it["name"] for it in load("mutants")):
        it = tried.get(name)
        if it is None:
            state = aside.get(name, "not tried")
        elif it["by"]:
            state = "caught, being too slow" if it["by"] == "time" else "caught"
        else:
            state = "lives" if it["tests"] == it["of"] else "lives, and slow tests were left out"
        states.setdefault(state, []).append(name)
    for state, names in sorted(states.items()):
        if state not in ("caught", "does not compile"):
            print("\n".join(f"{state}: {name}" for name in names))
    print(", ".join(f"{state}: {len(names)}" for state, names in sorted(states.items())))


def main():
    command, *parts = sys.argv[1:] or ["help"]
    secs_max = next((float(part.removeprefix("--secs=")) for part in parts if part.startswith("--secs=")), None)
    parts = [part for part in parts if not part.startswith("--")]
    known = {"list": lambda: list_all(parts), "build": build, "reach": lambda: reach(parts), "try": lambda: try_all(parts, secs_max), "constants": lambda: constants(parts), "left": left}
    if command not in known:
        raise SystemExit(__doc__)
    known[command]()


if __name__ == "__main__":
    main()
