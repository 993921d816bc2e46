#!/usr/bin/env python3
"""Compares the program with the independent checker on files that the program made just now.

    fresh.py TRUCELINE [RELAY]      RELAY is truceline-relay, beside TRUCELINE where it is not named

The demonstration plays an exchange; then a statement is deposited that nobody fetches, and the channel is renewed. Both vaults
export the transcript and make evidence of every kind: both programs must find the same in each. Then one of each is
altered at seeded places, the digest of evidence made to fit again: both refuse, or both find that nothing proven changed. What no alteration reaches is forged, with signatures that hold: forge.py.
TRUCELINE_SEED plays the same alterations again.
"""

import concurrent.futures
import datetime
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile

import evidence
import forge
from ratchet_vectors import Refused, same

PLACES = 200


def run(command, codes=(0,)):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, check=False)
    if done.returncode not in codes:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Officer:
    def __init__(self, program, folder, name):
        self.name, self.folder = name, folder
        self.start = [program, "--vault", folder / name.lower(), "--passphrase-file", folder / "passphrase", "--json"]

    def __call__(self, *args):
        return json.loads(run([*self.start, *args]).stdout)

    def channel(self, label):
        return next(one for one in self("status")["channels"] if one["label"] == label)


def moment(value):
    """A time as the program prints it, in milliseconds."""
    at = datetime.datetime.fromisoformat(value)
    return round((at - datetime.datetime.fromtimestamp(0, datetime.timezone.utc)) / datetime.timedelta(milliseconds=1))


# --- what both must find


def of_transcript(told):
    """What the program says of an export, as the checker says it."""
    return {
        "channel": told["channel"],
        "first": moment(told["first"]),
        "last": moment(told["last"]),
        "parties": told["parties"],
    }


def of_evidence(told):
    at = lambda receipt: receipt and receipt["sequence"]
    return {
        "channel": told["channel"],
        "about": {name: told["about"][name] for name in ("kind", "case", "offer", "leg", "line") if name in told["about"]},
        "parties": told["parties"],
        "statements": [
            {
                **{name: one[name] for name in ("id", "author", "sequence", "case", "kind", "shown")},
                "said": moment(one["said"]),
                "delivered": at(one["delivered"]),
                "read": at(one["read"]),
                "deposits": [[each["key"], moment(each["at"])] for each in one["deposits"]],
            }
            for one in told["statements"]
        ],
        "forks": told["forks"],
        "version": int((re.search(r"version (\d+)", told["state"] or "") or [0, 0])[1]),
        "void": sorted(one["id"] for one in told["statements"] if one["void"]),
    }


def found(data):
    """The same, by the independent checker; None where it refuses. A relay's place and whose key it is are claims: not compared."""
    try:
        made = evidence.check(data)
    except Refused:
        return None
    if "about" not in made:
        made.pop("cases")
        return made
    made.pop("digest")
    case = made.pop("case")
    made |= {"version": case["version"] if case else 0, "void": case["void"] if case else []}
    made["about"].pop("case" if made["about"]["kind"] == "person" else "", None)
    for one in made["statements"]:
        one.pop("lines")
        one["deposits"] = [[key, at] for _, key, _, at in one["deposits"]]
    return made


class Program:
    def __init__(self, path, folder):
        self.path, self.folder = path, folder

    def told(self, data, name):
        """What the program finds in the bytes; None where it refuses them."""
        file = self.folder / name
        file.write_bytes(data)
        bundle = data.startswith(evidence.Evidence.MAGIC) or b"evidence" in data[:20]
        command = [self.path, "--json", *(["evidence", "check"] if bundle else ["verify"]), file]
        done = run(command, codes=(0, 6, 7))
        file.unlink()
        if done.returncode:
            return None
        told = json.loads(done.stdout)
        return of_evidence(told) if bundle else of_transcript(told)


def compare(program, name, data):
    told, made = program.told(data, "whole"), found(data)
    same(f"{name}: what both find", json.dumps(made, sort_keys=True), json.dumps(told, sort_keys=True))
    same(f"{name}: something", made is not None, True)
    return made


def alter(program, name, data, dice):
    """Alterations at seeded places, half of them in short fields, which signatures and lists outweigh; how many both accepted."""
    whole, bundle = found(data), data.startswith(evidence.Evidence.MAGIC)
    short = [(at, size) for at, size in evidence.read(data).fields if size <= 8]

    def one(job):
        number, at, bit = job
        altered = evidence.altered(data, at, 1 << bit)
        if bundle and at < len(data) - 32:
            altered = evidence.fitted(altered)
        told, made = program.told(altered, f"altered-{number}"), found(altered)
        same(f"{name}, bit {bit} of byte {at} altered: accepted", made is not None, told is not None)
        if made is not None:
            same(f"{name}, bit {bit} of byte {at} altered: what the checker finds", made, whole)
            same(f"{name}, bit {bit} of byte {at} altered: what the program finds", told, whole)
        return made is not None

    def place(number):
        at, size = dice.choice(short) if number % 2 else (0, len(data))
        return at + dice.randrange(size)

    jobs = [(number, place(number), dice.randrange(8)) for number in range(PLACES)]
    # Where a relay is said to be is a claim of who made the evidence: another address is accepted, and changes nothing else.
    address = data.find(b"127.0.0.1:")
    claims = [(PLACES, address + 8, 1)] if address >= 0 else []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        accepted = sum(pool.map(one, jobs + claims))
    same(f"{name}: another claim is accepted", accepted >= len(claims), True)
    return accepted


# --- the files


def export(officer, label, folder):
    file = folder / f"{officer.name}-{label}.export"
    officer("--channel", label, "transcript", "export", file)
    data = file.read_bytes()
    file.unlink()
    return data


def make(officer, label, folder, *what):
    file = folder / f"{officer.name}.evidence"
    officer("--channel", label, "evidence", "make", *what, "--out", file)
    data = file.read_bytes()
    file.unlink()
    return data


def play(program, relay, folder):
    """Every kind of file, by name; and the old and the new transcript of a channel that was renewed."""
    kept = folder / "demo"
    run([program, "demo", "--keep", kept])
    velmara, tarrun = officers = [Officer(program, kept, name) for name in ("Velmara", "Tarrun")]
    labels = {velmara: "Tarrun", tarrun: "Velmara"}
    serving = subprocess.Popen([relay, "serve", kept / "relay"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        said = velmara("say", "Deposited, and not fetched yet. " * 100)["id"]
        velmara("sync")
        files = {}
        case = velmara("cases")["cases"][0]
        offer = case["acceptances"][0]["offer"]
        for officer in officers:
            label, own = labels[officer], case["id"]
            files[f"{officer.name}: export"] = export(officer, label, folder)
            files[f"{officer.name}: case"] = make(officer, label, folder, "--case", own)
            files[f"{officer.name}: agreement"] = make(officer, label, folder, "--agreement", own)
            for person in (f"{own}#1.1", f"{offer}#2.3"):
                files[f"{officer.name}: person {person[64:]}"] = make(officer, label, folder, "--person", person)
            first = [one["id"] for one in officer("log")["statements"] if one["kind"] in ("note", "transport")][:3]
            files[f"{officer.name}: statements"] = make(officer, label, folder, "--statements", ",".join(first))
        files["Velmara: deposited"] = make(velmara, "Tarrun", folder, "--statements", said)
        tarrun("sync")
        return files, renew(velmara, tarrun, relay, kept / "relay", folder)
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.wait(30)


def renew(velmara, tarrun, relay, place, folder):
    at = lambda: ["--relay", velmara.channel("Tarrun")["relays"]["own"][0], "--pass", re.search(r"truceline-pass:[A-Z2-7]+", run([relay, "pass", place]).stdout)[0]]
    line = velmara("channel", "renew", "Tarrun", *at())["invite"]
    tarrun("join", line, "--renews", "Velmara", "--yes", "--allow-private", *at())
    for officer in (velmara, tarrun, velmara, tarrun):
        officer("sync")
    for officer, label in ((velmara, "Tarrun-2"), (tarrun, "Velmara-2")):
        words = " ".join(officer("--channel", label, "words")["safety_words"])
        officer("--channel", label, "words", "--confirm", words)
        for each in (velmara, tarrun, velmara, tarrun):
            each("sync")
    return words, export(velmara, "Tarrun", folder), export(tarrun, "Velmara-2", folder)


def check_renewed(program, folder, words, old, new):
    names = [folder / "old", folder / "new"]
    for name, data in zip(names, (old, new)):
        name.write_bytes(data)
    told = json.loads(run([program, "--json", "verify", *names]).stdout)
    then, now = evidence.Transcript(old), evidence.Transcript(new)
    same("safety words", now.parties.words_text, words)
    made = evidence.as_one(then, now)
    told = [{name: one[name] for name in ("fingerprint", "old", "new", "cited")} for one in told["parties"]]
    same("old and new as one", json.dumps(made, sort_keys=True), json.dumps(told, sort_keys=True))
    try:
        evidence.as_one(now, then)
    except Refused:
        return
    sys.exit("the new transcript, taken for the old one, was accepted")


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    relay = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else program.with_name("truceline-relay")
    seed = int(os.environ.get("TRUCELINE_SEED", os.getpid()))
    print(f"again with TRUCELINE_SEED={seed}")
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        files, (words, old, new) = play(program, relay, folder)
        checker = Program(program, folder)
        kinds = set()
        for name, data in {**files, "renewed: export": new}.items():
            shown = compare(checker, name, data)
            kind = name.partition(": ")[2]
            if kind in kinds:
                continue
            kinds.add(kind)
            if kind == "deposited":
                same("deposited: its relay's address", b"127.0.0.1:" in data, True)
                same("deposited: a proof", len(shown["statements"][-1]["deposits"]), 1)
            accepted = alter(checker, name, data, dice)
            print(f"{name}: {len(data)} bytes; altered at {PLACES} places, {accepted} of them claims that prove nothing")
        for name, data, holds in forge.all_kinds():
            same(f"forged, {name}: the checker accepts", found(data) is not None, holds)
            same(f"forged, {name}: the program accepts", checker.told(data, "forged") is not None, holds)
        check_renewed(program, folder, words, old, new)
    print(f"{evidence.house.checks} checks hold")


if __name__ == "__main__":
    main()
