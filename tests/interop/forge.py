"""Evidence that two made-up parties signed, written by docs/PROTOCOL.md alone: what no alteration of a signed file reaches."""

import struct

import evidence
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from evidence import EMPTY, ZEROS
from ratchet_vectors import digest, label, mac, sha, tree_root

CHANNEL = bytes(range(32))
SALT, SEED = b"\x05" * 32, b"\x06" * 32
LINES = [b"first line", b"second line"]
NOTE = b"\x01\x05\x00truce"
POINT_OF_ORDER_1 = b"\x01" + bytes(31)


def counted(data):
    return struct.pack("<Q", len(data)) + data


def listed(values):
    return struct.pack("<Q", len(values)) + b"".join(values)


class Party:
    def __init__(self, seed, name, weak=False, ed_seed=None):
        self.ed = Ed25519PrivateKey.from_private_bytes(bytes([ed_seed or seed]) * 32)
        self.ml = MLDSA65PrivateKey.from_seed_bytes(bytes([seed + 1]) * 32)
        self.weak = weak
        key = POINT_OF_ORDER_1 if weak else self.ed.public_key().public_bytes_raw()
        self.card = b"\x01" + counted(name.encode()) + key + self.ml.public_key().public_bytes_raw()
        self.print = digest("card", self.card)

    def sign(self, name, message):
        message = label(name) + message
        # Under a key of order 1 this "signature" holds for every message where points are not looked at.
        one = POINT_OF_ORDER_1 + bytes(32) if self.weak else self.ed.sign(message)
        return one + self.ml.sign(message)


def salts(index):
    return mac(SEED, label("list/salt"), struct.pack("<Q", index))


LEAVES = [sha(b"\x00", label("list/line"), struct.pack("<Q", at), salts(at), line) for at, line in enumerate(LINES)]
ROOT = tree_root(LEAVES)


def commitment(root=ROOT, lines=2, lists=True):
    tail = root + struct.pack("<I", lines) if lists else b""
    return digest("body", SALT, counted(NOTE), tail)


def shown(index):
    return struct.pack("<I", index) + salts(index) + counted(LINES[index]) + listed([LEAVES[1 - index]])


def part(lines, root=ROOT, count=2):
    return struct.pack("<I", 2) + SALT + counted(NOTE) + listed([root + struct.pack("<I", count) + listed(lines)])


def whole(lists):
    return struct.pack("<I", 1) + SALT + counted(NOTE) + listed([SEED + listed([counted(line) for line in lines]) for lines in lists])


def bundle(
    parties=None,
    kind=4,
    sequence=0,
    previous=ZEROS,
    own_root=EMPTY,
    peer=(0, ZEROS, EMPTY),
    committed=None,
    said=None,
    place=b"\0" * 4 + b"\0" + bytes(8),
    consistency=(),
    option=b"\x01",
    statements=1,
):
    """One statement of the inviter, shown as its head; the joiner has said nothing."""
    parties = parties or (Party(1, "Velmara"), Party(3, "Tarrun"))
    header = struct.pack("<BBH", 1, 0, kind) + CHANNEL + ZEROS + struct.pack("<Q", sequence) + previous + own_root
    header += struct.pack("<Q", peer[0]) + peer[1] + peer[2] + struct.pack("<Q", 1_800_000_000_000) + (committed or commitment())
    out = evidence.Evidence.MAGIC + CHANNEL + b"".join(counted(one.card) for one in parties)
    for one, role in zip(parties, evidence.ROLES):
        first = one.print[::-1]
        out += first + one.sign(f"introduce/{role}", CHANNEL + parties[0].print + parties[1].print + first)
    out += struct.pack("<I", 0)
    out += option + header + parties[0].sign("statement/sign", header) + listed(list(consistency)) + b"\0"
    out += b"\0" + listed([]) + b"\0"
    out += listed([place + (part([shown(1)]) if said is None else said)] * statements) + listed([]) + listed([])
    return out + digest("evidence", out)


def all_kinds():
    """Name, bytes, whether they hold."""
    tarrun = Party(3, "Tarrun")
    named = lambda name: bundle(parties=(Party(1, name), tarrun))
    yield "one line of two", bundle(), True
    yield "both lines", bundle(said=part([shown(0), shown(1)])), True
    yield "no line", bundle(said=part([])), True
    yield "withheld, of an unknown kind", bundle(kind=999, said=bytes(4)), True
    yield "whole", bundle(said=whole([LINES])), True
    yield "without lists", bundle(committed=commitment(lists=False), said=whole([])), True
    yield "a name of 64 characters", named("я" * 64), True
    yield "nothing but a head", bundle(statements=0), True
    yield "the statement twice", bundle(statements=2), False
    yield "lines that fall", bundle(said=part([shown(1), shown(0)])), False
    yield "a line twice", bundle(said=part([shown(1), shown(1)])), False
    yield "a list of no lines, in part", bundle(committed=commitment(EMPTY, 0), said=part([], EMPTY, 0)), False
    yield "a list of no lines", bundle(committed=commitment(EMPTY, 0), said=whole([[]])), False
    yield "a list of 20,001 lines", bundle(committed=commitment(ROOT, 20_001), said=part([], ROOT, 20_001)), False
    yield "a list of 20,000 lines", bundle(committed=commitment(ROOT, 20_000), said=part([], ROOT, 20_000)), True
    yield "another number of lines", bundle(committed=commitment(ROOT, 3), said=part([shown(1)], ROOT, 3)), False
    yield "a part of no list", bundle(committed=commitment(lists=False), said=struct.pack("<I", 2) + SALT + counted(NOTE) + listed([])), False
    yield "a name of 65 characters", named("я" * 65), False
    yield "no name", named(""), False
    yield "a name with white space before it", named("\u00a0Velmara"), False
    yield "a name with a mark that turns it", named("Vel\u202emara"), False
    yield "a name with a line's end", named("Vel\nmara"), False
    yield "an Ed25519 key of small order", bundle(parties=(Party(1, "Velmara", weak=True), tarrun)), False
    yield "a shared Ed25519 key", bundle(parties=(Party(1, "Velmara", ed_seed=3), tarrun)), False
    yield "a previous id at the first place", bundle(previous=b"\x07" * 32), False
    yield "an own root at the first place", bundle(own_root=b"\x07" * 32), False
    yield "no previous id at the second place", bundle(sequence=1, place=bytes(5) + struct.pack("<Q", 1)), False
    yield "a count of a party without a head", bundle(peer=(1, b"\x07" * 32, b"\x07" * 32)), False
    yield "a peer head of nothing", bundle(peer=(0, b"\x07" * 32, EMPTY)), False
    yield "a peer root of nothing", bundle(peer=(0, ZEROS, ZEROS)), False
    yield "a consistency proof for nobody", bundle(consistency=[ZEROS]), False
    yield "an option byte of 2", bundle(option=b"\x02"), False
    yield "a place that nothing shows", bundle(place=bytes(5) + struct.pack("<Q", 1)), False
    yield "a party that said nothing", bundle(place=bytes(4) + b"\x01" + bytes(8)), False
