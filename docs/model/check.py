#!/usr/bin/env python3
"""Runs the models of this directory through Verifpal and holds every verdict against what is written beside the query.

    python3 docs/model/check.py [--verifpal PATH] [--short] [--only NAME] [--timeout SECONDS] [--list]

A model is a .vp file whose comments say what is expected:

    // sessions: 2, under an edit 1   how many sessions of each party the search has (2 where nothing is said)
    // edit NAME -- what it means     a change to the model; with 'long' before '--' it is left out by --short, with 'holds' no verdict
                                      may change under it
    code  // if NAME                  under this edit the line is gone
    code  // if NAME: other code      under this edit the line reads 'other code'
    // expect: pass -- meaning        before each query: what Verifpal must say of it, pass or fail
    // flips: NAME, NAME              the edits under which it must say the opposite

Each model is run as it stands and once under each of its edits. The exit code is 1 where a verdict differs, a query has no
expectation, a search is cut short or does not end in time; 2 where the models or the call make no sense.
"""

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
QUERY = re.compile(r"^\s*((?:confidentiality|authentication|freshness|unlinkability|equivalence)\?.*?)\s*$")
MARK = re.compile(r"//\s*if\s+([a-z-]+)(?::\s*(.*?))?\s*(?=//\s*if\s|$)")
OPPOSITE = {"pass": "fail", "fail": "pass"}


class Nonsense(Exception):
    """A model that does not say what it must."""


class Model:
    """A model's text, its edits and what is expected of its queries."""

    def __init__(self, path):
        self.path = path
        self.lines = path.read_text(encoding="utf-8").splitlines()
        self.sessions = self.sessions_edited = 2
        self.edits = {}  # name: (meaning, long, holds)
        self.queries = []  # (text, verdict, meaning, flips)
        self.read()
        self.check()

    def read(self):
        expected, flips = None, []
        for line in self.lines:
            if found := re.match(r"^// sessions: (\d+)(?:, under an edit (\d+))?$", line):
                self.sessions = int(found[1])
                self.sessions_edited = int(found[2] or found[1])
            elif found := re.match(r"^// edit ([a-z-]+)( long)?( holds)? -- (.+)$", line):
                self.edits[found[1]] = (found[4], bool(found[2]), bool(found[3]))
            elif found := re.match(r"^\s*// expect: (pass|fail) -- (.+)$", line):
                expected = (found[1], found[2])
            elif found := re.match(r"^\s*// flips: (.+)$", line):
                flips = found[1].split(", ")
            elif found := QUERY.match(line):
                if expected is None:
                    raise Nonsense(f"{self.path.name}: no expectation before '{found[1]}'")
                self.queries.append((found[1], *expected, flips))
                expected, flips = None, []

    def check(self):
        """Every edit has a line and a query, and every line and query an edit that is declared."""
        marked = {name for line in self.lines for name, _ in MARK.findall(line)}
        flipped = {name for query in self.queries for name in query[3]}
        named = set(self.edits)
        holding = {name for name, edit in self.edits.items() if edit[2]}
        if not self.queries:
            raise Nonsense(f"{self.path.name}: no query")
        if marked != named or flipped != named - holding:
            odd = ", ".join(sorted((marked ^ named) | (flipped ^ (named - holding))))
            raise Nonsense(f"{self.path.name}: not declared, marked and flipping all three: {odd}")

    def text(self, edit):
        """The model under an edit, or as it stands for None, without the marks."""
        out = []
        for line in self.lines:
            for name, other in MARK.findall(line):
                if name == edit:
                    out.append(other)
                    break
            else:
                out.append(MARK.sub("", line))
        return "\n".join(out) + "\n"

    def sessions_under(self, edit):
        return self.sessions_edited if edit else self.sessions

    def expected(self, edit):
        return [OPPOSITE[verdict] if edit in flips else verdict for _, verdict, _, flips in self.queries]


def read(answer):
    """The verdicts in Verifpal's answer, and what in it is no verdict: a search that was cut short proves nothing."""
    (told,) = answer["models"]
    if not told["ok"]:
        return [], [f"refused: {json.dumps(told)[:500]}"]
    queries = told["analysis"]["queries"]
    cut = [f"search cut short: {query['query']}" for query in queries
           if not query["resolved"] and (not query["envelope"]["exhausted"] or query["envelope"]["truncations"])]
    return ["fail" if query["resolved"] else "pass" for query in queries], cut


def run(tool, model, edit, timeout):
    """What Verifpal says of each query, the CPU seconds it took, and what else is wrong."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.vp")
        path.write_text(model.text(edit), encoding="utf-8")
        call = [tool, "verify", str(path), "--sessions", str(model.sessions_under(edit)), "--format", "json"]
        try:
            done = subprocess.run(call, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
                                  env=dict(os.environ, VERIFPAL_THREADS="1"))
        except subprocess.TimeoutExpired:
            return [], float(timeout), [f"no verdict within {timeout} s"]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    try:
        verdicts, wrong = read(json.loads(done.stdout))
    except (ValueError, KeyError, IndexError, TypeError) as problem:
        return [], cpu, [f"exit code {done.returncode}, answer not understood ({problem!r}): {done.stdout[-500:]} {done.stderr[-500:]}"]
    return verdicts, cpu, wrong


def judge(tool, model, edit, timeout):
    """Prints the verdicts on a model under an edit; the CPU seconds and whether all are as expected."""
    name = f"{model.path.name} {f'under {edit}: {model.edits[edit][0]}' if edit else 'as it stands'}"
    verdicts, cpu, wrong = run(tool, model, edit, timeout)
    expected = model.expected(edit)
    if not wrong and len(verdicts) != len(expected):
        wrong = [f"{len(verdicts)} verdicts on {len(expected)} queries"]
    print(f"\n{name}  [{model.sessions_under(edit)} sessions, {cpu:.1f} s]")
    for (query, _, meaning, flips), want, got in zip(model.queries, expected, verdicts):
        sign = "ok   " if want == got else "WRONG"
        flipped = " (flipped)" if edit in flips else ""
        print(f"  {sign} {got}{flipped}  {query}  -- {meaning}")
        if want != got:
            wrong.append(f"{query}: expected {want}, is {got}")
    for problem in wrong:
        print(f"  WRONG {problem}")
    sys.stdout.flush()
    return cpu, not wrong


def tool_path(told):
    for candidate in (told,) if told else (HERE.parent.parent / "target/ci/tools/bin/verifpal", shutil.which("verifpal")):
        if candidate and Path(candidate).is_file():
            return str(candidate)
    raise Nonsense("no verifpal: cargo install verifpal --version 1.6.7 --locked --ignore-rust-version, or name it by --verifpal")


def main():
    words = argparse.ArgumentParser(description="Holds the models against what is expected of them.")
    words.add_argument("--verifpal", help="the program; else target/ci/tools/bin/verifpal, else the one in PATH")
    words.add_argument("--short", action="store_true", help="leave out the edits marked long")
    words.add_argument("--only", help="the model of this name alone")
    words.add_argument("--timeout", type=int, default=600, help="seconds for one search")
    words.add_argument("--list", action="store_true", help="print queries and edits, run nothing")
    asked = words.parse_args()
    try:
        models = [Model(path) for path in sorted(HERE.glob("*.vp")) if asked.only in (None, path.stem)]
        if not models:
            raise Nonsense("no model")
        tool = None if asked.list else tool_path(asked.verifpal)
    except Nonsense as problem:
        print(problem, file=sys.stderr)
        return 2
    runs, cpu, failed = 0, 0.0, []
    for model in models:
        for edit in [None, *model.edits]:
            if asked.list:
                print(model.path.name, edit or "as it stands", " ".join(model.expected(edit)))
            elif not (asked.short and edit and model.edits[edit][1]):
                spent, good = judge(tool, model, edit, asked.timeout)
                runs, cpu = runs + 1, cpu + spent
                failed += [] if good else [f"{model.path.name} {edit or 'as it stands'}"]
    if not asked.list:
        print(f"\n{len(models)} models, {runs} searches, {cpu:.0f} s of CPU, {len(failed)} not as expected")
        for name in failed:
            print(f"  {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
