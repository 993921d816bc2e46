#!/usr/bin/env python3
"""Checks introduction, ratchet and formats of tests/vectors with an implementation of its own, written from the formulas
alone. Transcripts and evidence: evidence.py.

Run: pip install -r tests/interop/requirements.txt && python3 tests/interop/ratchet_vectors.py

It shares no code with the program: HMAC and SHA-256 are Python's, the rest is the package
`cryptography` (OpenSSL), HKDF and XChaCha20 are written out here.
"""

import base64
import hashlib
import hmac
import pathlib
import struct
import sys

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

HERE = pathlib.Path(__file__).resolve().parent.parent / "vectors"
CELL, HEADER, BODY = 16128, 2312, 13760
MAX_SKIP = 1024
checks = 0


def same(name, made, wanted):
    global checks
    checks += 1
    if made != wanted:
        shown = [value.hex() if isinstance(value, bytes) else value for value in (made, wanted)]
        sys.exit(f"{name}: made {shown[0]}, wanted {shown[1]}")


def refused(name, errors, call):
    global checks
    checks += 1
    try:
        call()
    except errors:
        return
    sys.exit(f"{name}: accepted, and must be refused")


def page(name):
    """`name: value` lines; a name that comes again makes a list."""
    out = {}
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            key, _, value = line.partition(":")
            out.setdefault(key, []).append(value.strip())
    return out


class Page:
    def __init__(self, name):
        self.values = page(name)

    def text(self, key):
        return self.values[key][0]

    def all(self, key):
        return [bytes.fromhex(value) for value in self.values[key]]

    def __getitem__(self, key):
        return bytes.fromhex(self.values[key][0])


def cell(name):
    data = (HERE / f"{name}.cell").read_bytes()
    same(f"{name}.cell, length", len(data), CELL)
    return data


# --- primitives and their labels


def label(text):
    data = b"truceline/1/" + text.encode()
    return bytes([len(data)]) + data


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def digest(name, *parts):
    return sha(label(name), *parts)


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def extract(salt, ikm):
    return mac(salt, ikm)


def expand(prk, info, size):
    out, block, count = b"", b"", 1
    while len(out) < size:
        block = mac(prk, block, info, bytes([count]))
        out, count = out + block, count + 1
    return out[:size]


def hchacha20(key, nonce):
    """draft-irtf-cfrg-xchacha-03, section 2.2."""
    state = list(struct.unpack("<4I8I4I", b"expand 32-byte k" + key + nonce))

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            mixed = state[z] ^ state[x]
            state[z] = ((mixed << turn) | (mixed >> (32 - turn))) & 0xFFFFFFFF

    for _ in range(10):
        for at in range(4):
            quarter(at, at + 4, at + 8, at + 12)
        for at in range(4):
            quarter(at, 4 + (at + 1) % 4, 8 + (at + 2) % 4, 12 + (at + 3) % 4)
    return struct.pack("<8I", *(state[:4] + state[12:]))


def xchacha_open(key, nonce, data, sealed):
    return ChaCha20Poly1305(hchacha20(key, nonce[:16])).decrypt(bytes(4) + nonce[16:], sealed, data)


def one_time_open(key44, data, sealed):
    return ChaCha20Poly1305(key44[:32]).decrypt(key44[32:], sealed, data)


def unpad(padded):
    (length,) = struct.unpack_from("<I", padded)
    if length > len(padded) - 4 or any(padded[4 + length :]):
        raise ValueError("padding")
    return padded[4 : 4 + length]


def x25519(secret, public):
    return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))


def decapsulate(seed, ciphertext):
    return MLKEM768PrivateKey.from_seed_bytes(seed).decapsulate(ciphertext)


def hybrid_verify(card, name, message, signature):
    """Ed25519 64 and ML-DSA-65 3,309, both over label and message; the keys end the card."""
    message = label(name) + message
    Ed25519PublicKey.from_public_bytes(card[-1984:-1952]).verify(signature[:64], message)
    MLDSA65PublicKey.from_public_bytes(card[-1952:]).verify(signature[64:], message)


def tree_root(leaves):
    """RFC 6962, section 2.1, as it is written there."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha(b"\x01", tree_root(leaves[:split]), tree_root(leaves[split:]))


# --- the ratchet: Signal's specification, revision 4, sections 3.5 and 4.4, with the ML-KEM secret beside DH


def direction(channel, role):
    return label("cell/data") + channel + bytes([role])


def open_header(key, channel, sender, data):
    header = xchacha_open(key, data[:24], direction(channel, sender), data[24 : 24 + HEADER + 16])
    dh, kem, ciphertext = header[:32], header[32:1216], header[1216:2304]
    previous, number = struct.unpack("<II", header[2304:])
    return dh, kem, ciphertext, previous, number


def body_key(message_key, nonce):
    return expand(extract(nonce, message_key), label("cell/body"), 44)


def open_body(message_key, channel, sender, data):
    aad = direction(channel, sender) + data[: 24 + HEADER + 16]
    return unpad(one_time_open(body_key(message_key, data[:24]), aad, data[24 + HEADER + 16 :]))


def root_step(root, dh, kem, step):
    keys = expand(extract(root, dh + kem), label("ratchet/root") + step, 96)
    return keys[:32], keys[32:64], keys[64:]


class Refused(Exception):
    pass


class Party:
    """One side. Its key pairs come from the vectors, in the order in which it makes them."""

    def __init__(self, role, channel, root, pairs):
        self.role, self.channel, self.root, self.pairs = role, channel, root, pairs
        self.own = pairs.pop(0)
        self.sending_header = self.next_sending_header = None
        self.receiving_header = self.next_receiving_header = None
        self.chain, self.number = None, 0
        self.skipped = {}

    def skip(self, until):
        if self.chain is None:
            return
        if until > self.number + MAX_SKIP:
            raise Refused("too far ahead")
        while self.number < until:
            self.skipped[self.receiving_header, self.number] = mac(self.chain, label("chain/message"))
            self.chain = mac(self.chain, label("chain/next"))
            self.number += 1

    def send_step(self, step):
        """The root step of the own next chain: the secret that goes to the peer comes from the vectors."""
        pair, agreed, shared, info = step
        self.own = pair
        self.root, self.sending_chain, following = root_step(self.root, agreed, shared, info)
        self.sending_header, self.next_sending_header = self.next_sending_header, following

    def open(self, data):
        peer = 1 - self.role
        for (key, number), message_key in list(self.skipped.items()):
            try:
                found = open_header(key, self.channel, peer, data)
            except InvalidTag:
                continue
            if found[4] == number:
                content = open_body(message_key, self.channel, peer, data)
                del self.skipped[key, number]
                return content
        header = None
        for key, new in ((self.receiving_header, False), (self.next_receiving_header, True)):
            if key is not None and header is None:
                try:
                    header, fresh = open_header(key, self.channel, peer, data), new
                except InvalidTag:
                    pass
        if header is None:
            raise Refused("no header key opens")
        dh, kem, ciphertext, previous, number = header
        if fresh:
            self.skip(previous)
            info = digest("ratchet/step", dh, kem, ciphertext)
            agreed, shared = x25519(self.own[0], dh), decapsulate(self.own[1], ciphertext)
            self.receiving_header = self.next_receiving_header
            self.root, self.chain, self.next_receiving_header = root_step(self.root, agreed, shared, info)
            self.number = 0
            self.last_step = (agreed, shared, info, self.root, self.chain, self.next_receiving_header)
        elif number < self.number:
            raise Refused("opened before")
        self.skip(number)
        self.message_key = mac(self.chain, label("chain/message"))
        content = open_body(self.message_key, self.channel, peer, data)
        self.chain = mac(self.chain, label("chain/next"))
        self.number += 1
        return content


def check_introduction():
    v = Page("introduction.txt")
    raw = v.text("invite.line").removeprefix("truceline:")
    raw = base64.b32decode(raw + "=" * (-len(raw) % 8))
    same("invite, check value", sha(b"truceline", raw[:-4])[:4], raw[-4:])
    same("invite, secret", raw[-76:-44], v["invite.secret"])
    same("invite, offer digest", raw[-44:-12], v["offer.digest"])
    secret = v["invite.secret"]
    for at, pin in enumerate(v.all("offer.queue.pin")):
        made = expand(secret, label("offer/reader-id") + pin, 32)
        same("offer queue, reader id", made, v.all("offer.queue.reader-id")[at])
        key = Ed25519PrivateKey.from_private_bytes(expand(secret, label("offer/reader-key") + pin, 32))
        made = key.public_key().public_bytes_raw()
        same("offer queue, reader key", made, v.all("offer.queue.reader-key")[at])
    data = cell("offer")
    key = expand(extract(data[:24], secret), label("offer/seal"), 44)
    offer = unpad(one_time_open(key, b"", data[24:]))
    same("offer, digest", digest("offer", offer), v["offer.digest"])
    inviter, joiner = v["inviter.card"], v["joiner.card"]
    same("offer, version and card", offer[: 1 + len(inviter)], b"\x01" + inviter)
    same("inviter, fingerprint", digest("card", inviter), v["inviter.fingerprint"])
    same("joiner, fingerprint", digest("card", joiner), v["joiner.fingerprint"])
    hybrid_verify(inviter, "offer/sign", offer[:-3373], offer[-3373:])
    refused(
        "offer, altered",
        InvalidSignature,
        lambda: hybrid_verify(inviter, "offer/sign", offer[:-3374] + b"\xff", offer[-3373:]),
    )
    keys = offer[1 + len(inviter) :]
    one_time, seed = v["one-time.x25519"], v["one-time.mlkem-seed"]
    made = X25519PrivateKey.from_private_bytes(one_time).public_key().public_bytes_raw()
    same("offer, X25519 key", made, keys[:32])
    made = MLKEM768PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()
    same("offer, ML-KEM key", made, keys[32:1216])

    data = cell("hello")
    clear, sealed = data[:1121], data[1121:]
    same("hello, version", clear[:1], b"\x01")
    agreed, shared = x25519(one_time, clear[1:33]), decapsulate(seed, clear[33:])
    same("hello, X25519 secret", agreed, v["hello.x25519-secret"])
    same("hello, ML-KEM secret", shared, v["hello.mlkem-secret"])
    prk = extract(secret, agreed + shared)
    same("hello, extract", prk, v["hello.extract"])
    bound = digest("hello/bound", v["offer.digest"], clear)
    same("hello, bound", bound, v["hello.bound"])
    key = expand(prk, label("hello/key") + bound, 44)
    same("hello, key", key, v["hello.key"])
    signed = unpad(one_time_open(key, b"", sealed))
    content, signature = signed[:-3373], signed[-3373:]
    same("hello, card", content[: len(joiner)], joiner)
    channel = digest("channel", v["offer.digest"], digest("hello/clear", clear), digest("hello/content", content))
    same("channel", channel, v["channel"])
    first = content[-1216:]
    joiner_first = digest("ratchet/keys", first)
    message = channel + v["inviter.fingerprint"] + v["joiner.fingerprint"] + joiner_first
    hybrid_verify(joiner, "introduce/joiner", message, signature)
    refused(
        "hello, signed in the other role",
        InvalidSignature,
        lambda: hybrid_verify(joiner, "introduce/inviter", message, signature),
    )
    keys = expand(prk, label("channel/keys") + channel, 96)
    for at, name in enumerate(("root", "header-inviter", "header-joiner-next")):
        same(f"channel, {name}", keys[32 * at : 32 * at + 32], v[f"channel.{name}"])

    bits = int.from_bytes(digest("words", channel, v["inviter.fingerprint"], v["joiner.fingerprint"]), "big")
    numbers = [(bits >> (256 - 11 * (at + 1))) & 2047 for at in range(12)]
    same("words, numbers", " ".join(map(str, numbers)), v.text("words.numbers"))
    same("words, confirmed", digest("words/text", v.text("words").encode()), v["words.confirmed"])
    return v, keys, first


def check_ratchet(intro, keys, first):
    v = Page("ratchet.txt")
    channel = intro["channel"]
    pair = lambda at: (v[f"step.{at}.x25519"], v[f"step.{at}.mlkem-seed"])
    joiner_first = (v["joiner.first.x25519"], v["joiner.first.mlkem-seed"])
    made = X25519PrivateKey.from_private_bytes(joiner_first[0]).public_key().public_bytes_raw()
    made += MLKEM768PrivateKey.from_seed_bytes(joiner_first[1]).public_key().public_bytes_raw()
    same("joiner, first keys", made, first)

    # A sender's own secret comes from the vectors: encapsulation is random, and the receiver checks it.
    sends = lambda at: (pair(at), v[f"step.{at}.x25519-secret"], v[f"step.{at}.mlkem-secret"], v[f"step.{at}.digest"])
    inviter = Party(0, channel, keys[:32], [pair(0)])
    inviter.next_sending_header, inviter.next_receiving_header = keys[32:64], keys[64:]
    inviter.send_step(sends(0))
    joiner = Party(1, channel, keys[:32], [joiner_first])
    joiner.next_receiving_header, joiner.next_sending_header = keys[32:64], keys[64:]

    def deliver(reader, name, step=None):
        data = cell(name)
        for at in (0, 23, 24, 24 + HEADER, 24 + HEADER + 16, CELL - 1):
            altered = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            probe = Party.__new__(Party)
            probe.__dict__ = {**reader.__dict__, "skipped": dict(reader.skipped)}
            refused(f"{name}, byte {at} altered", (Refused, InvalidTag), lambda: probe.open(altered))
        content = reader.open(data)
        same(f"{name}, content", content, v[f"cell.{name}.content"])
        same(f"{name}, hash", digest("cell", data), v[f"cell.{name}.hash"])
        if step is not None:
            values = ("x25519-secret", "mlkem-secret", "digest", "root", "chain", "next-header-key")
            for value, made in zip(values, reader.last_step):
                same(f"step {step}, {value}", made, v[f"step.{step}.{value}"])
            same(f"step {step}, header key", reader.receiving_header, v[f"step.{step}.header-key"])
        if step is not None or name == "joiner-1":
            same(f"{name}, message key", reader.message_key, v[f"cell.{name}.message-key"])
            same(f"{name}, body key", body_key(reader.message_key, data[:24]), v[f"cell.{name}.body-key"])
        replay = lambda: reader.open(data)
        refused(f"{name}, replayed", (Refused, InvalidTag), replay)
        return content

    welcome = deliver(joiner, "welcome", 0)
    header = open_header(keys[32:64], channel, 0, cell("welcome"))
    inviter_first = digest("ratchet/keys", header[0], header[1])
    message = channel + intro["inviter.fingerprint"] + intro["joiner.fingerprint"] + inviter_first
    hybrid_verify(intro["inviter.card"], "introduce/inviter", message, welcome[-3373:])
    joiner.send_step(sends(1))
    deliver(inviter, "joiner-1", 1)
    inviter.send_step(sends(2))
    deliver(joiner, "inviter-1", 2)
    joiner.send_step(sends(3))
    deliver(inviter, "joiner-2", 3)
    inviter.send_step(sends(4))
    deliver(inviter, "joiner-0")
    deliver(joiner, "inviter-2", 4)
    same("nothing is owed", (len(inviter.skipped), len(joiner.skipped)), (0, 0))


def commitment(salt, body, lists):
    parts = [salt, struct.pack("<Q", len(body)), body]
    for seed, lines in lists:
        parts += [list_root(seed, lines), struct.pack("<I", len(lines))]
    return digest("body", *parts)


def list_root(seed, lines):
    leaves = []
    for at, line in enumerate(lines):
        index = struct.pack("<Q", at)
        salt = mac(seed, label("list/salt"), index)
        leaves.append(sha(b"\x00", label("list/line"), index, salt, line))
    return tree_root(leaves)


def check_formats():
    v = Page("formats.txt")
    lines = v.all("list.line")
    same("list, root", list_root(v["list.seed"], lines), v["list.root"])
    made = commitment(v["said.salt"], v["said.body"], [(v["list.seed"], lines)])
    same("commitment", made, v["said.commitment"])
    with_length = lambda data: struct.pack("<Q", len(data)) + data
    said = v["said.salt"] + with_length(v["said.body"]) + struct.pack("<Q", 1) + v["list.seed"]
    said += struct.pack("<Q", len(lines)) + b"".join(map(with_length, lines))
    same("said", said, v["said"])
    ids = [bytes([n]) * 32 for n in range(5)]
    for count in range(6):
        same(f"tree of {count}", tree_root(ids[:count]), v[f"tree.{count}"])
    run = lambda first: bytes((first + at) % 256 for at in range(32))
    header = struct.pack("<BBH", 1, 1, 4) + run(0x73) + run(0x74) + struct.pack("<Q", 3) + ids[2]
    header += tree_root(ids[:3]) + struct.pack("<Q", 5) + ids[4] + tree_root(ids)
    header += struct.pack("<Q", 1_800_000_000_000) + made
    same("header, length", len(header), 252)
    same("header", header, v["statement.header"])
    same("statement, id", sha(b"\x00", header), v["statement.id"])
    same("read receipt", b"\x01" + struct.pack("<4Q", 3, 0, 2, 3), v["read.body"])
    for at in range(4):
        token = expand(v["pass.seed"], label("pass/token") + struct.pack("<I", at), 32)
        same(f"pass, token {at}", token, v[f"pass.token.{at}"])
        same(f"pass, token {at}, hash", digest("pass/token-hash", token), v[f"pass.token.{at}.hash"])
    raw = b"\x01" + struct.pack("<I", 4) + v["pass.seed"]
    line = base64.b32encode(raw + sha(b"truceline-pass", raw)[:4]).decode().rstrip("=")
    same("pass, line", "truceline-pass:" + line, v.text("pass.line"))
    key = Ed25519PrivateKey.from_private_bytes(v["queue.seed"])
    same("queue, key", key.public_key().public_bytes_raw(), v["queue.key"])
    queue, exporter = v["queue.id"], v["queue.exporter"]
    for number, role in enumerate(("reader", "writer")):
        made = key.sign(label("queue/prove") + exporter + bytes([number]) + queue)
        same(f"queue, proof of the {role}", made, v[f"queue.prove.{role}"])
    made = key.sign(label("queue/put") + queue + struct.pack("<Q", 7) + v["queue.cell-hash"])
    same("queue, put", made, v["queue.put.index-7"])
    made = key.sign(label("queue/rekey") + queue + v["queue.rekey.writer"] + v["queue.rekey.key"])
    same("queue, rekey", made, v["queue.rekey"])


def main():
    same(
        "HChaCha20, draft-irtf-cfrg-xchacha-03, section 2.2.1",
        hchacha20(bytes(range(32)), bytes.fromhex("000000090000004a0000000031415927")).hex(),
        "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc",
    )
    check_ratchet(*check_introduction())
    check_formats()
    print(f"{checks} checks hold")


if __name__ == "__main__":
    main()
