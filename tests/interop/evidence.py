#!/usr/bin/env python3
"""Checks exported transcripts, evidence, deposits and renewals by docs/PROTOCOL.md alone.

    evidence.py              checks the frozen vectors, and that every alteration they list is refused
    evidence.py FILE...      tells what each file shows, as one line of JSON; 1 where it does not hold

It shares no code with the program. What judges a case is in cases.py, the primitives in ratchet_vectors.py.
"""

import ipaddress
import json
import re
import struct
import sys
import unicodedata

import cases
import ratchet_vectors as house
from cases import Bodies, Reader, want
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from ratchet_vectors import HERE, Page, Refused, commitment, digest, direction, label, list_root, one_time_open, refused
from ratchet_vectors import same, sha, unpad

ROLES = ("inviter", "joiner")
ZEROS, EMPTY = bytes(32), sha(b"")
SIGNATURE, HEADER, CELL = 3373, 252, 16128
STATEMENT, PATH, PROOFS = 8_388_608, 128, 67_108_864
PRIME = 2**255 - 19
FRAGMENT, FRAGMENTS = 13_728, 612


# --- signatures


def small_order():
    """The y of the eight points of small order on Curve25519's Edwards form, as RFC 8032 writes points."""
    d = -121665 * pow(121666, -1, PRIME) % PRIME
    root = pow(2, (PRIME - 1) // 4, PRIME)
    # Points of order 8: x^2 = y^2 = (-1 + sqrt(1 + d)) / d, of which one sign gives a square.
    found = {0, 1, PRIME - 1}
    one_d = pow(1 + d, (PRIME + 3) // 8, PRIME)
    one_d = one_d if one_d * one_d % PRIME == (1 + d) % PRIME else one_d * root % PRIME
    for sign in (one_d, PRIME - one_d):
        square = (sign - 1) * pow(d, -1, PRIME) % PRIME
        y = pow(square, (PRIME + 3) // 8, PRIME)
        for candidate in (y, y * root % PRIME):
            if candidate * candidate % PRIME == square:
                found |= {candidate, PRIME - candidate}
    return found


SMALL = small_order()


def strict_point(data):
    y = int.from_bytes(data, "little") & (2**255 - 1)
    want(y < PRIME and y not in SMALL, "a point that is not canonical, or of small order")


def signed(keys, name, message, signature):
    """Both keys (Ed25519 32, ML-DSA-65 1,952) over label and message; Ed25519 strictly."""
    message = label(name) + message
    strict_point(keys[:32])
    strict_point(signature[:32])
    try:
        Ed25519PublicKey.from_public_bytes(keys[:32]).verify(signature[:64], message)
        MLDSA65PublicKey.from_public_bytes(keys[32:]).verify(signature[64:], message)
    except (InvalidSignature, ValueError) as error:
        raise Refused(f"a signature under {name} does not hold") from error


# --- trees of RFC 6962, and proofs over them as RFC 9162, 2.1.3.2 and 2.1.4.2, checks them


def node(left, right):
    return sha(b"\x01", left, right)


class Tree:
    """A growing tree: the roots of its complete subtrees, the largest first; and its root at every count from where it began."""

    def __init__(self, size=0, peaks=()):
        want(len(peaks) == size.bit_count(), "peaks")
        self.size, self.peaks = size, list(peaks)
        self.first, self.roots = size, [self.root()]

    def root(self):
        if not self.peaks:
            return EMPTY
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node(peak, root)
        return root

    def push(self, leaf):
        size = self.size
        while size & 1:
            leaf, size = node(self.peaks.pop(), leaf), size >> 1
        self.peaks.append(leaf)
        self.size += 1
        self.roots.append(self.root())

    def at(self, count):
        return self.roots[count - self.first]


def inclusion(leaf, index, size, path, root):
    want(index < size, "a leaf past its tree")
    fn, sn, made = index, size - 1, leaf
    for step in path:
        want(sn != 0, "a path too long")
        if fn & 1 or fn == sn:
            made = node(step, made)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            made = node(made, step)
        fn, sn = fn >> 1, sn >> 1
    want(sn == 0 and made == root, "an inclusion proof does not hold")


def consistency(first, first_root, second, second_root, path):
    """Both sizes above 0."""
    want(0 < first <= second, "sizes of a consistency proof")
    if first == second:
        want(first_root == second_root and not path, "a consistency proof does not hold")
        return
    path = ([] if first & (first - 1) else [first_root]) + path
    want(path, "an empty proof")
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for step in path[1:]:
        want(sn != 0, "a proof too long")
        if fn & 1 or fn == sn:
            fr, sr = node(step, fr), node(step, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, step)
        fn, sn = fn >> 1, sn >> 1
    want(sn == 0 and fr == first_root and sr == second_root, "a consistency proof does not hold")


# --- parties


def format_or_worse(char):
    code = ord(char)
    return (
        unicodedata.category(char) == "Cc"
        or code in (0xAD, 0x61C, 0xFEFF)
        or any(low <= code <= high for low, high in ((0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F)))
    )


class Card:
    def __init__(self, data):
        want(len(data) <= 2249, "a card too long")
        reader = Reader(data)
        want(reader.u8() == 1, "a card's version")
        self.name = reader.string()
        want(1 <= len(self.name) <= 64 and not any(map(format_or_worse, self.name)), "a name")
        want(not cases.white(self.name[0]) and not cases.white(self.name[-1]), "a name")
        self.keys = reader.take(32 + 1952)
        reader.end()
        self.fingerprint = digest("card", data)


class Parties:
    """Channel, cards and introductions, as an export and evidence begin with them."""

    def __init__(self, reader):
        self.channel = reader.take(32)
        self.cards = [Card(reader.counted()) for _ in ROLES]
        parts = [(reader.take(32), reader.take(SIGNATURE)) for _ in ROLES]
        one, two = (card.keys for card in self.cards)
        want(one[:32] != two[:32] and one[32:] != two[32:], "the cards share a key")
        prints = b"".join(card.fingerprint for card in self.cards)
        for card, (first, signature), role in zip(self.cards, parts, ROLES):
            signed(card.keys, f"introduce/{role}", self.channel + prints + first, signature)
        bits = int.from_bytes(digest("words", self.channel, prints), "big")
        self.words = [(bits >> (256 - 11 * (at + 1))) & 2047 for at in range(12)]
        text = " ".join(cases.bip39()[at] for at in self.words)
        self.words_text, self.confirmed = text, digest("words/text", text.encode())


class Header:
    def __init__(self, data):
        self.data = data
        reader = Reader(data)
        want(reader.u8() == 1, "a header's version")
        self.author, self.kind = reader.role(), reader.u16()
        self.channel, self.case = reader.take(32), reader.take(32)
        self.sequence, self.previous, self.own_root = reader.u64(), reader.take(32), reader.take(32)
        self.count, self.peer_head, self.peer_root = reader.u64(), reader.take(32), reader.take(32)
        self.clock, self.commitment = reader.u64(), reader.take(32)
        reader.end()
        self.id = sha(b"\x00", data)

    @classmethod
    def read(cls, reader):
        return cls(reader.take(HEADER))


def signed_header(reader):
    return Header.read(reader), reader.take(SIGNATURE)


class Said:
    """Salt, body and lists, whole."""

    def __init__(self, reader):
        self.salt, self.body = reader.take(32), reader.counted()
        self.lists = reader.list(lambda: (reader.take(32), reader.list(reader.counted)))
        want(len(self.lists) <= 64, "lists")
        for _, lines in self.lists:
            want(1 <= len(lines) <= 20_000 and all(len(line) <= 4096 for line in lines), "lines of a list")
        self.commitment = commitment(self.salt, self.body, self.lists)
        self.roots = [(list_root(*one), len(one[1])) for one in self.lists]
        self.lines = [dict(enumerate(lines)) for _, lines in self.lists]
        self.size = 32 + 8 + len(self.body) + 8 + sum(40 + sum(8 + len(line) for line in lines) for _, lines in self.lists)
        want(HEADER + SIGNATURE + self.size <= STATEMENT, "a statement too long")


class Part:
    """Salt and body; of each list the lines that are shown, each with its own salt."""

    def __init__(self, reader):
        self.salt, self.body = reader.take(32), reader.counted()
        self.roots, self.lines = [], []
        for root, count, shown in reader.list(lambda: self.part_list(reader)):
            want(1 <= count <= 20_000, "lines of a list")
            last = -1
            for index, salt, line, path in shown:
                want(last < index, "shown lines rise")
                want(len(line) <= 4096 and len(path) <= PATH, "a shown line")
                at = struct.pack("<Q", index)
                inclusion(sha(b"\x00", label("list/line"), at, salt, line), index, count, path, root)
                last = index
            self.roots.append((root, count))
            self.lines.append({index: line for index, _, line, _ in shown})
        want(1 <= len(self.roots) <= 64, "lists of a part")
        want(HEADER + SIGNATURE + 32 + 8 + len(self.body) <= STATEMENT, "a statement too long")
        parts = [root + struct.pack("<I", count) for root, count in self.roots]
        self.commitment = digest("body", self.salt, struct.pack("<Q", len(self.body)), self.body, *parts)

    @staticmethod
    def part_list(reader):
        shown = lambda: (reader.u32(), reader.take(32), reader.counted(), reader.digests())
        return reader.take(32), reader.u32(), reader.list(shown)


class Transcript:
    """An export, checked from its first statement."""

    MAGIC = b"truceline transcript 1\n"

    def __init__(self, data):
        reader = Reader(data)
        want(reader.take(len(self.MAGIC)) == self.MAGIC, "no export")
        self.parties = Parties(reader)
        self.chains, self.trees, self.order = ([], []), (Tree(), Tree()), []
        for _ in range(reader.u64()):
            self.append(reader.counted())
        reader.end()
        self.fields = reader.fields

    def append(self, data):
        want(len(data) <= STATEMENT, "a statement too long")
        reader = Reader(data)
        header, signature = signed_header(reader)
        said = Said(reader)
        reader.end()
        own, peer = self.chains[header.author], self.chains[1 - header.author]
        want(header.channel == self.parties.channel and header.sequence == len(own), "channel or sequence")
        want(header.previous == (own[-1][0].id if own else ZEROS), "previous id")
        want(header.own_root == self.trees[header.author].at(len(own)), "own root")
        want((own[-1][0].count if own else 0) <= header.count <= len(peer), "peer count")
        want(header.peer_head == (peer[header.count - 1][0].id if header.count else ZEROS), "peer head")
        want(header.peer_root == self.trees[1 - header.author].at(header.count), "peer root")
        want(header.commitment == said.commitment, "commitment")
        signed(self.parties.cards[header.author].keys, "statement/sign", header.data, signature)
        own.append((header, said))
        self.trees[header.author].push(header.id)
        self.order.append((header, said))

    def bodies(self):
        """Headers and what they say, for the judge: everything is there."""
        return Bodies(self.parties, [dict(enumerate(chain)) for chain in self.chains])

    def verdict(self):
        judge = self.bodies()
        return {
            "channel": self.parties.channel.hex(),
            "first": min((header.clock for header, _ in self.order), default=None),
            "last": max((header.clock for header, _ in self.order), default=None),
            "parties": [
                {
                    "role": ROLES[role],
                    "name": card.name,
                    "fingerprint": card.fingerprint.hex(),
                    "statements": len(chain),
                    "head": chain[-1][0].id.hex() if chain else None,
                    "words_confirmed": judge.confirmed_at(role) is not None,
                }
                for role, (card, chain) in enumerate(zip(self.parties.cards, self.chains))
            ],
            "cases": judge.cases(),
        }


# --- deposits


def place(reader):
    address, pin = reader.string(), reader.take(32)
    want(len(address.encode()) <= 259 and re.fullmatch(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[1-9][0-9]{0,4}", address), "an address")
    host, _, port = address.rpartition(":")
    want(int(port) <= 65_535, "a port")
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError as error:
            raise Refused("an address") from error
    return address, pin


def tree_of(reader):
    return reader.u64(), reader.take(32), reader.take(SIGNATURE)


def path_of(reader):
    position, digests = reader.u64(), reader.digests()
    want(len(digests) <= 24, "an audit path too long")
    return position, digests


def check_deposit(key, writer, index, cell_hash, clock, tree, path):
    size, root, signature = tree
    leaf = label("deposit") + writer + struct.pack("<Q", index) + cell_hash + struct.pack("<Q", clock)
    inclusion(sha(b"\x00", leaf), path[0], size, path[1], root)
    signed(key, "deposit/sign", struct.pack("<Q", size) + root, signature)


class Deposit:
    """Evidence of the deposit of one cell, and the fragment in it."""

    def __init__(self, data, channel, sender):
        want(len(data) <= 24_576, "evidence of a deposit too long")
        reader = Reader(data)
        want(reader.u8() == 1, "the version of evidence of a deposit")
        self.place, key, self.source = place(reader), reader.take(1984), reader.variant(2)
        writer, index, self.clock = reader.take(32), reader.u64(), reader.u64()
        tree, path = tree_of(reader), path_of(reader)
        cell, opening = reader.take(CELL), reader.take(44)
        reader.end()
        check_deposit(key, writer, index, digest("cell", cell), self.clock, tree, path)
        aad = direction(channel, sender) + cell[:2352]
        try:
            content = unpad(one_time_open(opening, aad, cell[2352:]))
        except (InvalidTag, ValueError) as error:
            raise Refused("a cell's body does not open") from error
        reader = Reader(content)
        want(reader.u32() == 2, "no fragment")
        self.sequence, self.index, self.count, self.bytes = reader.u64(), reader.u32(), reader.u32(), reader.counted()
        reader.end()
        want(self.index < self.count <= FRAGMENTS, "a fragment's place")
        last = self.index + 1 == self.count
        want(1 <= len(self.bytes) <= FRAGMENT and (last or len(self.bytes) == FRAGMENT), "a fragment's length")
        self.key = digest("deposit/key", key)
        self.relay = (self.place, key, self.source)


# --- evidence


class Chain:
    """What evidence shows of a party: head, consistency proof, run."""

    def __init__(self, reader):
        self.head, self.signature = reader.optional(lambda: signed_header(reader)) or (None, None)
        self.consistency = reader.digests()
        want(len(self.consistency) <= PATH, "a proof too long")
        run = reader.optional(lambda: (reader.u64(), reader.digests(), reader.list(lambda: Header.read(reader))))
        self.run, self.tree = None, None
        if run is not None:
            self.first, self.peaks, headers = run
            self.run = headers + [self.head]
        self.size = self.head.sequence if self.head else None
        self.count = self.head.count if self.head else 0
        self.shown = {}

    def check_run(self, channel, author):
        want(self.head is not None, "a run without a head")
        self.tree = Tree(self.first, self.peaks)
        before = None
        for at, header in enumerate(self.run):
            want(header.sequence == self.first + at and header.channel == channel and header.author == author, "a run's place")
            want((header.previous == ZEROS) == (header.sequence == 0), "previous id")
            want(before is None or (header.previous == before.id and before.count <= header.count), "a run's links")
            want(header.own_root == self.tree.root(), "own root")
            self.tree.push(header.id)
            before = header

    def check_peer(self, other):
        for header in self.run:
            want(header.count or header.peer_head == ZEROS, "peer head")
            if header.count >= other.first:
                want(header.count <= other.tree.size, "a count past the other's run")
                want(header.peer_root == other.tree.at(header.count), "peer root")
            if header.count > other.first:
                want(header.peer_head == other.run[header.count - 1 - other.first].id, "peer head")


class Shown:
    """One statement of evidence."""

    def __init__(self, reader, chains):
        self.proved = reader.variant(2) == 1
        if self.proved:
            self.header, self.signature = signed_header(reader)
            self.own_path, self.peer_path = reader.digests(), reader.digests()
            want(len(self.own_path) <= PATH and len(self.peer_path) <= PATH, "a path too long")
        else:
            author, sequence = reader.role(), reader.u64()
            want(sequence in chains[author].shown, "a place that nothing shows")
            self.header = chains[author].shown[sequence]
        self.form = ("withheld", "whole", "part")[reader.variant(3)]
        self.said = {"withheld": lambda _: None, "whole": Said, "part": Part}[self.form](reader)
        self.deposits = []

    def place(self):
        return self.header.author, self.header.sequence


class Evidence:
    MAGIC = b"truceline evidence 1\n"

    def __init__(self, data):
        reader = Reader(data)
        want(reader.take(len(self.MAGIC)) == self.MAGIC, "no evidence")
        self.parties = Parties(reader)
        self.scope = self.read_scope(reader)
        self.chains = [Chain(reader) for _ in ROLES]
        self.heads()
        self.runs()
        self.statements = reader.list(lambda: Shown(reader, self.chains))
        self.check_statements()
        self.forks = reader.list(lambda: (signed_header(reader), signed_header(reader)))
        self.check_forks()
        self.deposits = reader.list(lambda: (reader.role(), reader.u64(), reader.list(reader.counted)))
        self.check_deposits()
        self.digest = reader.take(32)
        reader.end()
        self.fields = reader.fields
        want(self.digest == digest("evidence", data[:-32]), "the digest")
        known = [{}, {}]
        for role, chain in enumerate(self.chains):
            for header in chain.run or ():
                known[role][header.sequence] = (header, None)
        for one in self.statements:
            known[one.header.author][one.header.sequence] = (one.header, one.said)
        self.judge = Bodies(self.parties, known)
        self.check_scope()

    @staticmethod
    def read_scope(reader):
        number = reader.variant(5)
        fields = {1: ("case",), 2: ("case", "offer"), 3: ("offer",)}.get(number, ())
        scope = {"kind": ("statements", "case", "agreement", "person", "fork")[number]}
        scope |= {name: reader.take(32) for name in fields}
        if number == 3:
            scope |= {"leg": reader.u16(), "line": reader.u32()}
        return scope

    def heads(self):
        for role, chain in enumerate(self.chains):
            other, head = self.chains[1 - role], chain.head
            if other.head is not None:
                want((other.head.peer_head == ZEROS) == (other.count == 0), "peer head")
                want(other.count != 0 or other.head.peer_root == EMPTY, "peer root")
            if head is None:
                want(other.count == 0 and not chain.consistency and chain.run is None, "a party without a head")
                continue
            want(head.author == role and head.channel == self.parties.channel, "a head's author or channel")
            signed(self.parties.cards[role].keys, "statement/sign", head.data, chain.signature)
            want((head.previous == ZEROS) == (head.sequence == 0), "previous id")
            want(head.sequence != 0 or head.own_root == EMPTY, "own root")
            if other.head is not None:
                self.check_seen(chain, other)
            else:
                want(not chain.consistency, "a proof for nobody")

    @staticmethod
    def check_seen(chain, other):
        head, by, size, count = chain.head, other.head, chain.size, other.count
        want(count <= size + 1, "a count past the head")
        if count == size + 1:
            want(by.peer_head == head.id, "peer head")
        elif count == size and count != 0:
            want(by.peer_head == head.previous, "peer head")
        want(count != 1 or by.peer_root == by.peer_head, "peer root")
        if size == 0 or count == 0 or size == count:
            want(not chain.consistency, "a proof of nothing")
            want(size != count or by.peer_root == head.own_root, "roots")
        elif size < count:
            consistency(size, head.own_root, count, by.peer_root, chain.consistency)
        else:
            consistency(count, by.peer_root, size, head.own_root, chain.consistency)

    def runs(self):
        for role, chain in enumerate(self.chains):
            if chain.run is not None:
                chain.check_run(self.parties.channel, role)
            for header in chain.run or ([chain.head] if chain.head else []):
                chain.shown[header.sequence] = header
        one, two = self.chains
        if one.run is not None and two.run is not None:
            one.check_peer(two)
            two.check_peer(one)

    def check_statements(self):
        last = None
        for one in self.statements:
            header = one.header
            want(last is None or last < one.place(), "statements rise")
            last = one.place()
            chain, other = self.chains[header.author], self.chains[1 - header.author]
            if one.proved:
                want(header.sequence not in chain.shown, "proved where it is shown")
                want(chain.head is not None and header.channel == self.parties.channel, "a statement's channel")
                signed(self.parties.cards[header.author].keys, "statement/sign", header.data, one.signature)
                inclusion(header.id, header.sequence, chain.size, one.own_path, chain.head.own_root)
                if header.sequence < other.count:
                    inclusion(header.id, header.sequence, other.count, one.peer_path, other.head.peer_root)
                else:
                    want(not one.peer_path, "a path to nothing")
            want(one.said is None or one.said.commitment == header.commitment, "commitment")

    def check_forks(self):
        last = None
        for (one, first), (two, second) in self.forks:
            at = (one.author, one.sequence)
            want(last is None or last < at, "forks rise")
            last = at
            want(at == (two.author, two.sequence) and one.id < two.id, "a fork's headers")
            for header, signature in ((one, first), (two, second)):
                want(header.channel == self.parties.channel, "a fork's channel")
                signed(self.parties.cards[one.author].keys, "statement/sign", header.data, signature)

    def check_deposits(self):
        whole = {one.place(): one for one in self.statements if one.form == "whole"}
        last = None
        for author, sequence, proofs in self.deposits:
            want(last is None or last < (author, sequence), "deposits rise")
            last = (author, sequence)
            want(last in whole and proofs, "a deposit of nothing")
            want(sum(map(len, proofs)) <= PROOFS, "proofs too long")
            one, left = whole[last], [Deposit(proof, self.parties.channel, author) for proof in proofs]
            relays = []
            while left:
                group, left = left[: left[0].count], left[left[0].count :]
                first = group[0]
                want(len(group) == first.count and all(each.relay == first.relay for each in group), "one relay after another")
                for index, each in enumerate(group):
                    want((each.sequence, each.index, each.count) == (sequence, index, first.count), "fragments in order")
                (address, pin), key = first.place, first.key
                relays.append((f"{address}#{pin.hex()}".encode(), key))
                want(len(relays) == 1 or relays[-2] < relays[-1], "relays rise")
                reader = Reader(b"".join(each.bytes for each in group))
                header, _ = signed_header(reader)
                said = Said(reader)
                reader.end()
                want(header.data == one.header.data, "another statement was deposited")
                want((said.salt, said.body, said.lists) == (one.said.salt, one.said.body, one.said.lists), "another statement")
                one.deposits.append((first.place, first.key, first.source, max(each.clock for each in group)))

    # --- scope

    def by_id(self, name):
        found = [one for one in self.statements if one.header.id == name]
        want(found, "the statement that it is about is not there")
        return found[0]

    def check_scope(self):
        kind = self.scope["kind"]
        if kind in ("case", "agreement"):
            self.check_case()
        elif kind == "person":
            one = self.by_id(self.scope["offer"])
            want(one.header.kind == 16 and one.said is not None, "no offer")
            offer = self.judge.offer(one.header, one.said)
            want(offer is not None and self.scope["leg"] < len(offer["legs"]), "no such leg")
            variant, number = offer["legs"][self.scope["leg"]]["quantity"][:2]
            want(variant == 1 and self.scope["line"] in one.said.lines[number], "the line is not shown")
        elif kind == "fork":
            want(self.forks, "no fork")

    def check_case(self):
        opening = self.by_id(self.scope["case"]).header
        want(opening.kind == 16 and opening.case == ZEROS, "no opening")
        whole = {one.place(): one for one in self.statements if one.form == "whole"}
        for role, chain in enumerate(self.chains):
            if chain.head is None:
                continue
            want(chain.run is not None, "a case without a run")
            begin = opening.sequence if role == opening.author else opening.count
            want(chain.first <= begin or (len(chain.run) == 1 and chain.head.sequence < begin), "a run that begins too late")
            if chain.first != 0:
                earlier = [one for (author, at), one in whole.items() if author == role and at < chain.first]
                want(any(self.judge.confirms(one.header, one.said) for one in earlier), "a run after no confirmation")
            for header in chain.run:
                if header.case == opening.id or header.id == opening.id or header.kind == 3:
                    want((role, header.sequence) in whole, "a statement of the case is not whole")
        want((opening.author, opening.sequence) in whole, "the opening is not whole")
        self.state = self.judge.case(opening.id)
        want(self.state is not None, "the case does not open")
        if self.scope["kind"] == "agreement":
            want(self.scope["offer"] in self.state["sealed"], "the agreement is not sealed")

    # --- what it shows

    def had(self, header):
        """The first header of the other, of those that are here, that acknowledges it."""
        other = 1 - header.author
        seen = list(self.chains[other].shown.values()) + [one.header for one in self.statements if one.header.author == other]
        return min((one.sequence for one in seen if one.count > header.sequence), default=None)

    def read(self, header):
        """The first read receipt of the other, of those that are whole here, that names it."""
        for one in self.statements:
            if one.header.author != header.author and one.header.kind == 2 and one.said is not None:
                if header.sequence in self.judge.reads(one.header, one.said):
                    return one.header.sequence
        return None

    def verdict(self):
        scope = {name: value.hex() if isinstance(value, bytes) else value for name, value in self.scope.items()}
        if "leg" in scope:
            scope |= {"leg": scope["leg"] + 1, "line": scope["line"] + 1}
        parties = []
        for role, (card, chain) in enumerate(zip(self.parties.cards, self.chains)):
            confirms = any(self.judge.confirms(one.header, one.said) for one in self.statements if one.header.author == role)
            parties.append(
                {
                    "role": ROLES[role],
                    "name": card.name,
                    "fingerprint": card.fingerprint.hex(),
                    "statements": 0 if chain.head is None else chain.size + 1,
                    "head": None if chain.head is None else chain.head.id.hex(),
                    "words_confirmed": confirms,
                }
            )
        statements = [
            {
                "id": one.header.id.hex(),
                "author": ROLES[one.header.author],
                "sequence": one.header.sequence,
                "case": None if one.header.case == ZEROS else one.header.case.hex(),
                "kind": cases.KINDS.get(one.header.kind),
                "said": one.header.clock,
                "delivered": self.had(one.header),
                "read": self.read(one.header),
                "shown": {"withheld": "header"}.get(one.form, one.form),
                "lines": [[number, at] for number, lines in enumerate(one.said.lines) for at in lines] if one.said else [],
                "deposits": [[where[0], key.hex(), source == 0, clock] for where, key, source, clock in one.deposits],
            }
            for one in self.statements
        ]
        forks = [
            {"author": ROLES[one.author], "sequence": one.sequence, "ids": [one.id.hex(), two.id.hex()]}
            for (one, _), (two, _) in self.forks
        ]
        state = self.state if self.scope["kind"] in ("case", "agreement") else None
        return {
            "digest": self.digest.hex(),
            "channel": self.parties.channel.hex(),
            "about": scope,
            "parties": parties,
            "statements": statements,
            "forks": forks,
            "case": state and {"version": state["version"], "sealed": [one.hex() for one in state["sealed"]], "void": state["void"]},
        }


def read(data):
    """A file of either kind, checked."""
    return (Evidence if data.startswith(Evidence.MAGIC) else Transcript)(data)


def check(data):
    return read(data).verdict()


# --- renewals


def renewal(body):
    """The old channel, and of each chain there how many statements, the head and the root that are cited."""
    want(len(body) == 177 and body[0] == 1, "a renewal")
    reader = Reader(body[1:])
    return reader.take(32), [(reader.u64(), reader.take(32), reader.take(32)) for _ in ROLES]


def renewal_that_counts(transcript, role):
    """A party's first renewal said once both had confirmed the words."""
    words = transcript.bodies().words
    for header, said in transcript.chains[role]:
        past = (header.sequence, header.count) if role == 0 else (header.count, header.sequence)
        if header.kind == 7 and not said.roots and all(at is not None and at < past[by] for by, at in enumerate(words)):
            try:
                channel, cited = renewal(said.body)
            except Refused:
                continue
            if channel != transcript.parties.channel:
                return channel, cited
    raise Refused(f"no renewal by the {ROLES[role]}")


def as_one(old, new):
    """Old and new transcript, both checked, as one: of each party of the old, the inviter first, what is cited."""
    prints = [[card.fingerprint for card in each.parties.cards] for each in (old, new)]
    want(sorted(prints[0]) == sorted(prints[1]), "other parties")
    renewals = [renewal_that_counts(new, role) for role in range(2)]
    for channel, cited in renewals:
        want(channel == old.parties.channel, "a renewal of another channel")
        for role, (count, head, root) in enumerate(cited):
            chain = old.chains[role]
            want(count <= len(chain), "an older transcript with fewer statements than are cited")
            want(head == (chain[count - 1][0].id if count else ZEROS) and root == old.trees[role].at(count), "a citation")
    out = []
    for role, party in enumerate(prints[0]):
        counts = [cited[role][0] for _, cited in renewals]
        then, now = old.chains[role], new.chains[prints[1].index(party)]
        told = [{"count": len(chain), "id": chain[-1][0].id.hex() if chain else None} for chain in (then, now)]
        out.append({"fingerprint": party.hex(), "old": told[0], "new": told[1], "cited": {"both": min(counts), "one": max(counts)}})
    return out


# --- the frozen vectors


def altered(data, at, xor):
    return data[:at] + bytes([data[at] ^ xor]) + data[at + 1 :]


def fitted(data):
    """With the digest at the end of evidence made to fit again."""
    return data[:-32] + digest("evidence", data[:-32])


def check_export():
    page, data = Page("export.txt"), (HERE / "export.bin").read_bytes()
    export = Transcript(data)
    for party, role in zip(export.verdict()["parties"], ROLES):
        same(f"export, {role}'s count", str(party["statements"]), page.text(f"{role}.count"))
        same(f"export, {role}'s head", party["head"], page.text(f"{role}.head"))
    for at, (header, said) in enumerate(export.order):
        same(f"export, statement {at}", header.id, page[f"statement.{at}.id"])
        same(f"export, body {at}", said.body, page[f"statement.{at}.body"])
    rejections = [(key, value[0].split()) for key, value in page.values.items() if key.startswith("reject.")]
    same("export, some rejections", len(rejections) > 20, True)
    for name, (at, xor, *_) in rejections:
        refused(f"export, {name}", Refused, lambda: Transcript(altered(data, int(at), int(xor, 16))))
    refused("export, cut", Refused, lambda: Transcript(data[:-1]))
    refused("export, longer", Refused, lambda: Transcript(data + b"\0"))


def check_evidence():
    page = Page("evidence.txt")
    for kind in ("statements", "case", "agreement", "person", "fork"):
        data = (HERE / f"evidence-{kind}.bin").read_bytes()
        evidence = Evidence(data)
        verdict = evidence.verdict()
        same(f"{kind}, kind", verdict["about"]["kind"], kind)
        same(f"{kind}, digest", verdict["digest"], page.text(f"{kind}.digest"))
        same(f"{kind}, channel", verdict["channel"], page.text(f"{kind}.channel"))
        for party, role in zip(verdict["parties"], ROLES):
            same(f"{kind}, {role}", f"{party['statements']} {party['head']}", page.text(f"{kind}.{role}"))
        for at, (one, told) in enumerate(zip(evidence.statements, verdict["statements"])):
            had = "-" if told["delivered"] is None else told["delivered"]
            made = f"{told['id']} author {one.header.author} sequence {told['sequence']} had {had} {one.form}"
            made += "" if one.said is None else f" {len(one.said.body)}"
            made += "" if one.form != "part" else " lines " + " ".join(str(at) for lines in one.said.lines for at in lines)
            same(f"{kind}, statement {at}", made, page.text(f"{kind}.statement.{at}"))
        same(f"{kind}, no further statement", f"{kind}.statement.{len(evidence.statements)}" in page.values, False)
        made = [" ".join([one["id"], key, str(at)]) for one in verdict["statements"] for _, key, _, at in one["deposits"]]
        same(f"{kind}, deposits", made, page.values.get(f"{kind}.deposit", []))
        same(f"{kind}, forks", [" ".join(one["ids"]) for one in verdict["forks"]], page.values.get(f"{kind}.fork", []))
        case = verdict["case"]
        made = [f"{evidence.scope['case'].hex()} version {case['version']}"] if case else []
        same(f"{kind}, case", made, page.values.get(f"{kind}.case", []))
        same(f"{kind}, sealed", case["sealed"] if case else [], page.values.get(f"{kind}.sealed", []))
        same(f"{kind}, rejections", len(page.values[f"{kind}.refused"]), 16)
        for value in page.values[f"{kind}.refused"]:
            at, xor = value.split()
            refused(f"{kind}, {value}", Refused, lambda: Evidence(fitted(altered(data, int(at), int(xor, 16)))))
        refused(f"{kind}, another digest", Refused, lambda: Evidence(altered(data, len(data) - 1, 1)))
        refused(f"{kind}, cut", Refused, lambda: Evidence(data[:-1]))
        refused(f"{kind}, longer", Refused, lambda: Evidence(fitted(data + bytes(8))))


def check_deposits():
    page = Page("deposit.txt")
    key = page["serving"]
    same("deposit key, digest", digest("deposit/key", key), page["key.digest"])
    reader = Reader(page["stored"])
    tree, paths = tree_of(reader), reader.list(lambda: path_of(reader))
    reader.end()
    same("stored, size and root", tree[:2], (3, page["root"]))
    writer, clock = b"\xbb" * 32, 1_795_000_000_123
    for index, path in zip(range(5, 8), paths, strict=True):
        cell = bytes(range(index, index + 32))
        leaf = label("deposit") + writer + struct.pack("<Q", index) + cell + struct.pack("<Q", clock)
        same(f"leaf {index}", sha(b"\x00", leaf), page[f"leaf.{index}"])
        check_deposit(key, writer, index, cell, clock, tree, path)
        refused(f"leaf {index}, a later time", Refused, lambda: check_deposit(key, writer, index, cell, clock + 1, tree, path))
    data, channel = page["evidence"], b"\xc4" * 32
    deposit = Deposit(data, channel, 0)
    same("deposit, fragment", deposit.bytes, b"a whole statement")
    same("deposit, key and clock", (deposit.key, deposit.clock), (page["key.digest"], clock))
    refused("deposit, by the other", Refused, lambda: Deposit(data, channel, 1))
    refused("deposit, of another channel", Refused, lambda: Deposit(data, bytes(32), 0))
    claims = len(data) - 44 - CELL - 8 - 8 - 32 - 1984 - 3373 - 8 - 32 - 16 - 64
    for at in range(claims, len(data), 397):
        refused(f"deposit, byte {at}", Refused, lambda: Deposit(altered(data, at, 1), channel, 0))


def check_renewal():
    body = Page("renewal.txt")["renewal"]
    cited = [(7, b"\x10" * 32, b"\x11" * 32), (0, ZEROS, b"\x21" * 32)]
    same("renewal", renewal(body), (b"\xc0" * 32, cited))
    refused("renewal, longer", Refused, lambda: renewal(body + b"\0"))
    refused("renewal, version 2", Refused, lambda: renewal(b"\x02" + body[1:]))


def check_trees():
    """Published proofs, those that must be refused, and roots as RFC 6962 computes them."""
    page = Page("merkle.txt")
    digests = page.all("digest")
    named = lambda words: [digests[int(word[1:])] for word in words]
    for name, (value, *_) in page.values.items():
        kind, _, what = name.partition(".")
        if kind == "digest":
            continue
        verdict, one, two, *rest = value.split()
        one, two, (first, second, *path) = int(one), int(two), named(rest)
        if kind == "inclusion":
            call = lambda: inclusion(second, one, two, path, first)
        else:
            call = lambda: consistency(one, first, two, second, path)
        if verdict == "refused":
            refused(f"{name}", Refused, call)
        else:
            call()
            house.checks += 1
    leaves = [sha(bytes([at])) for at in range(33)]
    tree = Tree()
    for at, leaf in enumerate(leaves):
        same(f"tree of {at}", tree.root(), house.tree_root(leaves[:at]))
        tree.push(leaf)
    # Of the points of small order, as cofactored verifiers list them: one each of order 1, 2, 4 and 8.
    for one in ("01" + "00" * 31, "ec" + "ff" * 30 + "7f", "00" * 31 + "80", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"):
        refused(f"point {one[:8]}", Refused, lambda: strict_point(bytes.fromhex(one)))


def main():
    if len(sys.argv) > 1:
        for name in sys.argv[1:]:
            with open(name, "rb") as file:
                data = file.read()
            try:
                print(json.dumps(check(data), ensure_ascii=False))
            except Refused as error:
                sys.exit(f"{name}: {error}")
        return
    check_trees()
    check_export()
    check_evidence()
    check_deposits()
    check_renewal()
    print(f"{house.checks} checks hold")


if __name__ == "__main__":
    main()
