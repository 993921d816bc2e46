"""Bodies of statements, and the rules by which a case is judged: docs/PROTOCOL.md, "Kinds and bodies" and "Cases"."""

import datetime
import functools
import hashlib
import os
import pathlib
import re
import struct
import sys

from ratchet_vectors import Refused, digest

sys.setrecursionlimit(20_000)

BIP39_SHA256 = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
END_OF_TIME = 253_402_207_200_000
LONGEST = 3_155_760_000
WHITE = {0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0x20, *range(9, 14), *range(0x2000, 0x200B)}
REMAINS = 9
KINDS = {
    **dict(enumerate("acknowledgement read words-confirmed note relays fork-notice renewal".split(), 1)),
    **dict(enumerate("offer withdraw reject accept confirm lapse standby query answer".split(), 16)),
    **dict(enumerate("lock transport transport-acknowledged ready go suspend lines closed".split(), 32)),
    **dict(enumerate("transfer-notice breach breach-answered".split(), 40)),
}


def want(holds, what):
    if not holds:
        raise Refused(what)


def white(char):
    return ord(char) in WHITE


@functools.cache
def bip39():
    """The English list, as the program's own dependency brings it; its digest says that it is the published one."""
    home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    for source in sorted(home.glob("registry/src/*/bip39-*/src/language/english.rs")):
        words = re.findall(r'"([a-z]{3,8})"', source.read_text(encoding="utf-8"))
        if hashlib.sha256("".join(word + "\n" for word in words).encode()).hexdigest() == BIP39_SHA256:
            return words
    sys.exit("no BIP-39 word list: cargo fetch brings it")


class Reader:
    """The general encoding; whatever is not its one form is refused."""

    def __init__(self, data):
        self.data, self.at = data, 0
        self.fields = []

    def take(self, count):
        taken = self.data[self.at : self.at + count]
        want(len(taken) == count, "bytes are missing")
        self.fields.append((self.at, count))
        self.at += count
        return taken

    def end(self):
        want(self.at == len(self.data), "bytes after the value")

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize(form)))[0]

    def u8(self):
        return self.number("B")

    def u16(self):
        return self.number("H")

    def u32(self):
        return self.number("I")

    def u64(self):
        return self.number("Q")

    def i32(self):
        return self.number("i")

    def variant(self, count):
        number = self.u32()
        want(number < count, "an unknown variant")
        return number

    def word(self, count):
        number = self.u8()
        want(number < count, "an unknown word")
        return number

    def role(self):
        return self.word(2)

    def optional(self, read):
        return read() if self.word(2) else None

    def list(self, read):
        count = self.u64()
        want(count <= len(self.data) - self.at, "a list longer than what is there")
        return [read() for _ in range(count)]

    def counted(self):
        return self.take(self.u64())

    def digests(self):
        return self.list(lambda: self.take(32))

    def utf8(self, data):
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused("no UTF-8") from error

    def string(self):
        return self.utf8(self.counted())

    def text(self):
        value = self.utf8(self.take(self.u16()))
        want(len(value) <= 4000 and not all(map(white, value)), "a text")
        return value

    def maybe(self):
        return self.optional(self.text)

    def moment(self):
        value = self.u64()
        want(value <= END_OF_TIME, "a moment")
        return value

    def window(self):
        begin, end = self.u64(), self.u64()
        want(begin < end <= END_OF_TIME, "a window")
        return begin, end

    def day(self):
        year, month, day = self.u16(), self.u8(), self.u8()
        want(month != 0 or day == 0, "a day without its month")
        try:
            datetime.date(year, month or 1, day or 1)
        except ValueError as error:
            raise Refused("a day") from error
        return year, month, day

    def date(self):
        first = self.day()
        second = self.optional(self.day)
        if second is not None:
            least = (first[0], first[1] or 1, first[2] or 1)
            most = (second[0], second[1] or 12, second[2] or 31)
            want(first != second and least < most, "a range")
        return first, second

    def rising(self, values):
        want(all(one < two for one, two in zip(values, values[1:])), "what must rise")
        return values


# --- terms of an offer


def offer_body(r):
    offer = {"base": r.u32()}
    r.optional(lambda: r.take(32))
    r.optional(lambda: r.take(32))
    r.word(2)
    r.optional(r.moment)
    legs, stages, corridors = r.list(lambda: leg(r)), r.list(lambda: stage(r)), r.list(lambda: corridor(r))
    conditions, guarantors = r.list(lambda: condition(r)), r.list(lambda: (r.text(), r.word(4), r.maybe(), r.word(4)))
    frame = r.optional(lambda: (r.moment(), r.u64()))
    r.maybe()
    roots = r.list(lambda: (r.take(32), r.u32()))
    offer |= {"legs": legs, "roots": roots}
    want(len(legs) <= 128 and len(stages) <= 64 and len(corridors) <= 64 and len(conditions) <= 64, "too many")
    want(len(guarantors) <= 16 and len(roots) <= 64, "too many")
    want(legs or offer["base"] != 0, "nothing is offered")
    want(frame is None or frame[1] <= LONGEST, "a rhythm")
    named = []
    for at, one in enumerate(legs):
        variant, *numbers = one["quantity"]
        if variant == 4:
            want(numbers[2] < len(legs) and numbers[2] != at and legs[numbers[2]]["quantity"][0] != 4, "a ratio's leg")
        want(variant != 1 or one["except"] is None, "two lists in a leg")
        named += [numbers[0]] if variant == 1 else [one["except"]] if one["except"] is not None else []
        want((one["stage"] is None) == (not stages) and (one["stage"] or 0) < max(1, len(stages)), "a leg's stage")
    want(named == list(range(len(roots))), "lists in order")
    want(all(1 <= lines <= 20_000 for _, lines in roots), "lines of a root")
    for at, (after, over) in enumerate(stages):
        want(all(before < at for before in r.rising(after)), "what a stage is after")
        want(over is None or over < len(corridors), "a stage's corridor")
    for number, lines in conditions:
        want(number < len(legs) and legs[number]["category"] != REMAINS, "a condition's leg")
        if lines:
            variant, of = legs[number]["quantity"][:2]
            want(variant == 1 and r.rising(lines)[-1] < roots[of][1], "a condition's lines")
    return offer


def leg(r):
    giver, receiver, category = r.role(), r.role(), r.word(10)
    want(giver != receiver, "giver and receiver")
    variant = r.variant(5)
    if variant == 0:
        quantity = (r.u32(),)
        want(quantity[0] > 0, "a count")
    elif variant == 1:
        quantity = (r.u16(),)
    elif variant == 2:
        quantity = (r.u32(), r.u32())
        want(quantity[0] < quantity[1], "an estimate")
    elif variant == 3:
        quantity = (r.u32(),)
    else:
        quantity = (r.u32(), r.u32(), r.u16(), r.word(3))
        want(quantity[0] > 0 and quantity[1] > 0, "a ratio")
    out = {"giver": giver, "category": category, "quantity": (variant, *quantity), "except": r.optional(r.u16)}
    criteria = r.optional(lambda: asked(r))
    r.word(5), r.word(3), r.u32()
    third = r.maybe()
    want(category != REMAINS or (criteria is None and third is None), "criteria of remains")
    out["stage"] = r.optional(r.u8)
    r.u8()
    return out


def asked(r):
    ages = r.optional(lambda: (r.u8(), r.u8(), r.day()))
    health, status, sex = r.list(lambda: r.word(8)), r.list(lambda: r.word(8)), r.optional(lambda: r.word(3))
    want(ages or health or status or sex is not None, "criteria that ask nothing")
    want(ages is None or (ages[0] <= ages[1] and ages[2][2] != 0), "ages")
    r.rising(health), r.rising(status)


def point(r):
    want(abs(r.i32()) <= 900_000_000, "a latitude")
    want(abs(r.i32()) <= 1_800_000_000, "a longitude")


def stage(r):
    r.maybe()
    after = r.list(r.u8)
    r.optional(lambda: (r.text(), r.optional(lambda: point(r))))
    r.optional(r.window)
    over = r.optional(r.u8)
    r.word(2), r.word(3)
    return after, over


def corridor(r):
    r.text()
    points = len(r.list(lambda: point(r)))
    want(points == 0 or 2 <= points <= 64, "points of a corridor")
    r.u32(), r.optional(r.window)


def condition(r):
    number, lines = r.u16(), r.list(r.u32)
    r.word(6), r.maybe()
    end = r.variant(3)
    if end == 0:
        want(1 <= r.u64() <= LONGEST, "seconds")
    elif end == 1:
        r.moment()
    else:
        r.text()
    r.maybe(), r.text()
    return number, lines


# --- lines


def name(r):
    return [r.maybe() for _ in range(3)]


def listed(r):
    """A person (0) or remains (1)."""
    form = r.variant(2)
    if form == 1:
        r.text(), r.maybe(), r.optional(r.date), r.word(4)
        [r.maybe() for _ in range(5)]
        r.optional(r.role)
        return form
    own, aliases = name(r), r.list(r.text)
    want(any(own) or aliases, "a person without a name")
    want(any((r.optional(lambda: (name(r), r.text())) or [[True]])[0]), "romanised without a name")
    r.optional(r.date), r.maybe(), r.word(3)
    [r.maybe() for _ in range(9)]
    r.word(8), r.word(4), r.word(8), r.word(5)
    r.list(lambda: (r.word(6), r.date()))
    r.word(4), r.maybe()
    return form


def outcome(r):
    """What became of whom: the leg, and whether a record names a person (0) or remains (1)."""
    variant, number = r.variant(3), r.u16()
    want(number < 128, "a leg")
    form = listed(r) if variant == 2 else r.u32() and None
    r.word(11), r.word(8), r.maybe(), r.maybe(), r.word(6), r.optional(r.u64)
    return number, form


def transport(r):
    version = r.u32()
    r.word(10)
    want(len(r.list(lambda: (r.text(), r.maybe()))) <= 64, "vehicles")
    r.optional(r.u32), r.optional(r.u8), r.maybe(), r.optional(r.window), r.optional(r.window), r.maybe()
    return {"version": version}


def round_of(r):
    return r.u32(), r.u32()


def transfer(r):
    out = {"offer": r.take(32)}
    want(r.u16() < 128, "a leg")
    r.rising(r.list(r.u32)), r.text(), r.optional(r.date), r.maybe(), r.maybe()
    return out


def breach(r):
    out = {"offer": r.take(32)}
    want(r.u16() < 64, "a condition")
    r.rising(r.list(r.u32)), r.optional(r.date), r.text(), r.word(6), r.optional(r.u64)
    return out


BODIES = {
    4: lambda r: {"text": r.text()},
    16: offer_body,
    17: lambda r: {"offer": r.take(32), "reason": r.maybe()},
    18: lambda r: {"offer": r.take(32), "reason": r.maybe()},
    19: lambda r: {"offer": r.take(32), "hold": r.u64(), "remark": r.maybe()},
    20: lambda r: {"acceptance": r.take(32)},
    21: lambda r: {"acceptance": r.take(32), "reason": r.maybe()},
    22: lambda r: {"until": r.optional(r.u64), "reason": r.maybe()},
    23: lambda r: {"about": r.optional(lambda: r.take(32)), "text": r.text(), "by": r.optional(r.u64)},
    24: lambda r: {"query": r.take(32), "reply": r.word(6), "text": r.maybe()},
    32: lambda r: {"version": r.u32(), "lists": r.take(32)},
    33: transport,
    34: lambda r: {"notice": r.take(32)},
    35: lambda r: {"version": r.u32(), "round": round_of(r)},
    36: lambda r: {"version": r.u32(), "round": round_of(r), "window": r.optional(r.window)},
    37: lambda r: {"version": r.u32(), "round": round_of(r), "reason": r.maybe()},
    38: lambda r: {"version": r.u32(), "roots": [(r.take(32), r.u32())]},
    39: lambda r: {"version": r.u32(), "remark": r.maybe()},
    40: transfer,
    41: breach,
    42: lambda r: {"breach": r.take(32), "answer": r.word(4), "text": r.maybe()},
}


def parsed(kind, said):
    """The body of a negotiation as its kind has it; lists, as far as they are there, as its legs have them."""
    want(len(said.body) <= 262_144, "a body too long")
    reader = Reader(said.body)
    want(reader.u8() == 1, "a body's format")
    out = BODIES[kind](reader)
    reader.end()
    want(said.roots == out.get("roots", []), "lists beside the body")
    if kind == 16:
        for one in out["legs"]:
            number = one["quantity"][1] if one["quantity"][0] == 1 else one["except"]
            for line in said.lines[number].values() if number is not None else ():
                want(whole(line, listed) == (one["category"] == REMAINS), "a line of another form")
    elif kind == 38:
        out["lines"] = [whole(line, outcome) for line in said.lines[0].values()]
    return out


def whole(data, read):
    reader = Reader(data)
    value = read(reader)
    reader.end()
    return value


# --- the judge


class Bodies:
    """Statements by author and sequence, each (header, said or None); what they come to."""

    def __init__(self, parties, known):
        self.parties, self.known = parties, known
        self.words = [self.confirmed_at(role) for role in range(2)]

    def confirms(self, header, said):
        return header.kind == 3 and said is not None and not said.roots and said.body == b"\x01" + self.parties.confirmed

    def confirmed_at(self, role):
        """The sequence of the first confirmation of the words."""
        return min((at for at, (header, said) in self.known[role].items() if self.confirms(header, said)), default=None)

    def reads(self, header, said):
        reader = Reader(said.body)
        try:
            want(len(said.body) <= 16_384 and not said.roots and reader.u8() == 1, "a read receipt")
            named = reader.rising(reader.list(reader.u64))
            reader.end()
        except Refused:
            return []
        return named if len(named) <= 1024 and all(at < header.count for at in named) else []

    def offer(self, header, said):
        try:
            return parsed(header.kind, said)
        except Refused:
            return None

    def case(self, name):
        """What a case comes to with all that is here, or None where it does not open."""
        judge = Case(self, name)
        if not judge.opens():
            return None
        view = judge.view(tuple(max(one, default=-1) + 1 for one in self.known))
        void = sorted(header.id.hex() for header, _ in judge.statements if not judge.valid(header))
        return {"version": view.version, "sealed": view.sealed, "void": void}

    def cases(self):
        found = []
        for chain in self.known:
            for header, said in chain.values():
                if header.kind == 16 and header.case == bytes(32) and said is not None:
                    state = self.case(header.id)
                    if state is not None:
                        found.append({"id": header.id.hex(), "version": state["version"], "sealed": [one.hex() for one in state["sealed"]], "void": state["void"]})
        return sorted(found, key=lambda one: one["id"])


class Case:
    def __init__(self, bodies, name):
        self.bodies, self.name = bodies, name
        self.statements, self.body, self.by_id, self.memo, self.views = [], {}, {}, {}, {}
        for chain in bodies.known:
            for _, (header, said) in sorted(chain.items()):
                if said is not None and name in (header.case, header.id) and (header.kind in BODIES):
                    self.statements.append((header, said))
                    self.by_id[header.id] = header
                    self.body[header.id] = bodies.offer(header, said)
        self.opening = self.by_id.get(name)
        # The largest peer count in a party's first n statements.
        self.counts = []
        for chain in bodies.known:
            self.counts.append(sorted((at, header.count) for at, (header, _) in chain.items()))

    def opens(self):
        first = self.opening
        return first is not None and first.kind == 16 and first.case == bytes(32) and self.valid(first)

    def seen(self, role, until):
        """How much of the other's chain a party's first statements acknowledge."""
        return max((count for at, count in self.counts[role] if at < until), default=0)

    def past(self, header):
        bounds = [0, 0]
        bounds[header.author] = header.sequence
        bounds[1 - header.author] = self.seen(header.author, header.sequence + 1)
        return tuple(bounds)

    def view(self, bounds):
        if bounds not in self.views:
            self.views[bounds] = View(self, bounds)
        return self.views[bounds]

    def valid(self, header):
        if header.id not in self.memo:
            self.memo[header.id] = self.judge(header)
        return self.memo[header.id]

    def judge(self, header):
        body, kind, past = self.body[header.id], header.kind, self.past(header)
        if body is None:
            return False
        words = self.bodies.words
        if any(at is None or at >= past[role] for role, at in enumerate(words)):
            remains = kind == 16 and body["legs"] and all(one["category"] == REMAINS for one in body["legs"])
            if kind != 4 and not remains:
                return False
        if header.id == self.name:
            return kind == 16 and body["base"] == 0
        if kind in (4, 22, 23, 24):
            return True
        first = self.opening
        if first is None or first.kind != 16 or first.case != bytes(32):
            return False
        if first.sequence >= past[first.author] or not self.valid(first):
            return False
        return bool(self.view(past).allows(header, body))


class View:
    """A case as a past shows it."""

    def __init__(self, case, bounds):
        self.case, self.bounds = case, bounds
        self.valid = [one for one, _ in case.statements if one.sequence < bounds[one.author] and case.valid(one)]
        self.valid.sort(key=lambda one: (one.author, one.sequence))
        self.ids = {one.id for one in self.valid}
        self.opener = case.opening.author if case.opening is not None else 0
        gone = {self.body(one)["offer"] for one in self.of(17)}
        lapsed = {self.body(one)["acceptance"] for one in self.of(21)}
        self.withdrawn, self.lapsed = gone, lapsed
        self.rejected = {self.body(one)["offer"] for one in self.of(18)}
        self.sealed, self.version = [], 0
        while True:
            agreed = self.agreement()
            if agreed is None:
                break
            self.sealed.append(agreed)
            self.version += 1

    def body(self, header):
        return self.case.body[header.id]

    def of(self, kind, author=None):
        return [one for one in self.valid if one.kind == kind and author in (None, one.author)]

    def get(self, name, kind):
        """A valid statement of this past, of this case and kind."""
        header = self.case.by_id.get(name)
        return header if header is not None and name in self.ids and header.kind == kind else None

    def acknowledges(self, role, header):
        return self.case.seen(role, self.bounds[role]) > header.sequence

    def live(self, author=None):
        out = []
        for one in self.of(19, author):
            offer = self.get(self.body(one)["offer"], 16)
            if offer and self.body(offer)["base"] == self.version and offer.id not in self.withdrawn and one.id not in self.lapsed:
                out.append(one)
        return out

    def agreement(self):
        """The offer that is sealed on the current version."""
        live = self.live()
        for one in live:
            for confirm in self.of(20, 1 - one.author):
                if self.body(confirm)["acceptance"] == one.id and self.acknowledges(one.author, confirm):
                    return self.body(one)["offer"]
        by = [[one for one in live if one.author == role] for role in range(2)]
        if by[0] and by[1] and self.acknowledges(0, by[1][0]) and self.acknowledges(1, by[0][0]):
            return self.body(by[1 - self.opener][0])["offer"]
        return None

    def open(self, offer):
        return (
            offer is not None
            and self.body(offer)["base"] == self.version
            and offer.id not in self.withdrawn
            and offer.id not in self.rejected
        )

    def hanging(self, role):
        confirmed = {self.body(one)["acceptance"] for one in self.of(20, role)}
        return bool(self.live(role)) or any(one.id in confirmed for one in self.live(1 - role))

    # --- handover

    def on(self, kind, author=None):
        return [one for one in self.of(kind, author) if self.body(one)["version"] == self.version]

    def legs(self):
        return self.body(self.case.by_id[self.sealed[-1]])["legs"] if self.sealed else []

    def breaks(self, notice):
        """Whether a notice breaks a round off."""
        past = self.case.view(self.case.past(notice))
        return bool(past.on(33, notice.author)) or any(self.body(one)["round"] == past.round for one in past.on(35, notice.author))

    @property
    def round(self):
        found = [len(self.on(37, role)) + sum(map(self.breaks, self.on(33, role))) for role in range(2)]
        return found[self.opener], found[1 - self.opener]

    def in_round(self, kind, role):
        return [one for one in self.on(kind, role) if self.body(one)["round"] == self.round]

    def gone(self, role):
        return bool(self.in_round(36, role))

    def effective(self):
        return all(self.gone(role) for role in range(2))

    def lists(self):
        offer = self.sealed[-1]
        roots = [root + struct.pack("<I", lines) for root, lines in self.body(self.case.by_id[offer])["roots"]]
        return digest("lock", struct.pack("<I", self.version), offer, *roots)

    def names_lists(self, role):
        return any(self.body(one)["lists"] == self.lists() for one in self.on(32, role))

    def locked(self):
        return all(self.names_lists(role) for role in range(2))

    def notice(self, role):
        found = self.on(33, role)
        return found[-1] if found else None

    def acknowledged(self, notice):
        return any(self.body(one)["notice"] == notice.id for one in self.of(34, 1 - notice.author))

    def settled(self):
        notices = [self.notice(role) for role in range(2)]
        return all(notices[one["giver"]] for one in self.legs()) and all(self.acknowledged(one) for one in notices if one)

    # --- what a statement's past must have

    def allows(self, header, body):
        kind, author, other = header.kind, header.author, 1 - header.author
        if kind in (32, 33, 35, 36, 37, 38, 39):
            if body["version"] != self.version or self.version == 0 or not self.legs():
                return False
        if kind in (35, 36, 37) and body["round"] != self.round:
            return False
        offer = self.get(body["offer"], 16) if "offer" in body else None
        accepted = self.get(body["acceptance"], 19) if "acceptance" in body else None
        if kind == 16:
            return body["base"] == self.version and not self.hanging(author) and not self.gone(author)
        if kind == 17:
            return self.open(offer) and offer.author == author and not self.hanging(author)
        if kind == 18:
            mine = [self.body(one)["offer"] for one in self.live(author)]
            return self.open(offer) and offer.author == other and offer.id not in mine
        if kind == 19:
            free = not self.hanging(author) and not self.gone(author)
            return self.open(offer) and offer.author == other and free and not self.live(other)
        if kind == 20:
            if accepted not in self.live(other) or self.hanging(author) or self.gone(author):
                return False
            return all(self.acknowledges(other, one) for one in self.of(21, author) if self.on_version(one))
        if kind == 21:
            confirmed = [self.body(one)["acceptance"] for one in self.of(20, other)]
            return accepted in self.live(author) and accepted.id not in confirmed and not self.live(other)
        if kind == 32:
            return not self.hanging(author) and not self.names_lists(author)
        if kind == 33:
            return self.locked() and not self.gone(author)
        if kind == 34:
            current = self.notice(other)
            return current is not None and current.id == body["notice"] and not self.acknowledged(current)
        if kind == 35:
            return not self.hanging(author) and self.locked() and self.settled() and not self.in_round(35, author)
        if kind == 36:
            ready = all(self.in_round(35, role) for role in range(2))
            return ready and not self.hanging(author) and not self.gone(author)
        if kind == 37:
            return not self.gone(author)
        if kind == 38:
            closed = bool(self.on(39, author))
            numbers = [number for number, _ in body["lines"]]
            legs = self.legs()
            fits = all(number < len(legs) for number in numbers)
            return self.effective() and fits and not (closed and any(legs[number]["category"] != REMAINS for number in numbers))
        if kind == 39:
            return self.effective() and not self.on(39, author)
        if kind == 40:
            return offer is not None
        if kind == 41:
            return offer is not None and offer.id in self.sealed
        return kind == 42 and (named := self.get(body["breach"], 41)) is not None and named.author == other

    def on_version(self, lapse):
        offer = self.case.by_id[self.body(self.case.by_id[self.body(lapse)["acceptance"]])["offer"]]
        return self.body(offer)["base"] == self.version
