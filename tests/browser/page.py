"""Looks at a page of `truceline report --html` in a real browser. Python's standard library alone.

    page.py PROGRAM          PROGRAM is the truceline to try

The demonstration plays an exchange; the page of one of its vaults is then read by a strict parser, and by headless
Chromium, driven over its DevTools pipe: on a phone, on a desk, in the dark, and on paper. BROWSER names another browser,
KEEP a folder where screenshots and the PDF are left.
"""

import base64
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from html.parser import HTMLParser
from pathlib import Path

DEADLINE_SECS = 120
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe",
]
VOID = {"meta", "br", "link", "hr", "img", "input"}
HEADINGS = {f"h{level}": level for level in range(1, 7)}
EVIL = "<script>document.title='taken'</script><img src=x onerror=alert(1)> \u202egnp.exe\u200b &lt; \"quoted\" שלום 100 for 5"


def check(is_so, what):
    if not is_so:
        raise SystemExit(f"page.py: FAILED: {what}")


class Strict(HTMLParser):
    """Refuses what is not closed, not nested, or not allowed on the page."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.text, self.levels, self.policy = [], [], [], None
        self.svg_titles = self.svgs = 0

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        check(tag not in {"script", "link", "iframe", "object", "embed", "base", "form", "img", "a"}, f"<{tag}> on the page")
        check(len(names) == len(set(names)), f"an attribute twice in <{tag}>")
        attrs = dict(attrs)
        for name, value in attrs.items():
            check(not name.startswith("on") and name not in {"style", "src", "href"}, f"{name} in <{tag}>")
            check(value is not None, f"{name} without a value in <{tag}>")
        if attrs.get("http-equiv") == "Content-Security-Policy":
            self.policy = attrs["content"]
        if tag == "html":
            check(attrs.get("lang") == "en", "the page names its language")
        if tag == "th":
            check(attrs.get("scope") in {"col", "row"}, "a table's head without its scope")
        if tag in HEADINGS:
            self.levels.append(HEADINGS[tag])
        if tag == "svg" and attrs.get("role") == "img":
            self.svgs += 1
        if tag == "title" and "svg" in self.open:
            self.svg_titles += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        check(self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}")
        self.open.pop()

    def handle_startendtag(self, tag, attrs):
        check(False, f"<{tag}/> closes itself")

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)


def parse(path):
    """The page's text, once it is found well-formed and harmless."""
    source = path.read_text(encoding="utf-8")
    page = Strict()
    page.feed(source)
    page.close()
    check(not page.open, f"left open: {page.open}")
    policy = page.policy or ""
    check("default-src 'none'" in policy and "script" not in policy, f"the policy is {policy!r}")
    check("http:" not in source and "https:" not in source and "url(" not in source, "the page names something outside")
    check(page.levels[0] == 1 and page.levels.count(1) == 1, "one h1 comes first")
    steps = zip(page.levels, page.levels[1:])
    check(all(after <= before + 1 for before, after in steps), f"headings skip a level: {page.levels}")
    check(page.svgs > 0 and page.svg_titles == page.svgs, "a picture without a title")
    hostile = [c for c in source if re.match("[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]", c)]
    check(not hostile, f"characters that hide or reorder: {hostile}")
    return "".join(page.text)


class Browser:
    """Chromium at the other end of a pipe: requests and answers are JSON, each ended by a zero byte."""

    def __init__(self, program, folder):
        to_read, self.to = os.pipe()
        self.of, of_write = os.pipe()

        def pipes():
            # High numbers first: 3 and 4 may be the very pipes.
            read, write = os.dup(to_read), os.dup(of_write)
            os.dup2(read, 3)
            os.dup2(write, 4)

        self.process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"], preexec_fn=pipes, pass_fds=(3, 4),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(of_write)
        self.number, self.rest, self.events, self.session = 0, b"", [], None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.ask(f"{domain}.enable")

    def message(self):
        deadline = time.monotonic() + DEADLINE_SECS
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.of], [], [], max(0, deadline - time.monotonic()))
            check(ready, "the browser says nothing more")
            part = os.read(self.of, 1 << 20)
            check(part, f"the browser ended with {self.process.poll()}")
            self.rest += part
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def ask(self, method, **params):
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.to, json.dumps(request).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                check("error" not in answer, f"{method}: {answer.get('error')}")
                return answer["result"]
            self.events.append(answer)

    def wait(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.message())

    def run(self, script):
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        check("exceptionDetails" not in answer, f"{script[:60]}: {answer.get('exceptionDetails')}")
        return answer["result"].get("value")

    def show(self, path):
        self.events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        self.wait("Page.loadEventFired")

    def close(self):
        self.process.terminate()
        self.process.wait(DEADLINE_SECS)


def pixels(png):
    """Width, height, and the rows of a PNG of 8-bit RGB or RGBA, unfiltered (PNG specification, section 9)."""
    check(png[:8] == b"\x89PNG\r\n\x1a\n", "a screenshot that is no PNG")
    at, data, head = 8, b"", None
    while at < len(png):
        size, kind = int.from_bytes(png[at:at + 4], "big"), png[at + 4:at + 8]
        body = png[at + 8:at + 8 + size]
        check(zlib.crc32(kind + body) == int.from_bytes(png[at + 8 + size:at + 12 + size], "big"), "a broken PNG")
        head = body if kind == b"IHDR" else head
        data += body if kind == b"IDAT" else b""
        at += 12 + size
    width, height, depth, colour = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:8], "big"), head[8], head[9]
    check(depth == 8 and colour in (2, 6) and head[12] == 0, "a PNG of another form")
    unit = 3 if colour == 2 else 4
    raw, rows, above = zlib.decompress(data), [], bytes(width * unit)
    for y in range(height):
        start = y * (width * unit + 1)
        method, row = raw[start], bytearray(raw[start + 1:start + 1 + width * unit])
        for x in range(len(row)) if method else ():
            left = row[x - unit] if x >= unit else 0
            corner = above[x - unit] if x >= unit else 0
            if method == 1:
                guess = left
            elif method == 2:
                guess = above[x]
            elif method == 3:
                guess = (left + above[x]) // 2
            else:
                p = left + above[x] - corner
                guess = min((left, above[x], corner), key=lambda it: abs(p - it))
            row[x] = (row[x] + guess) & 255
        rows.append(bytes(row))
        above = rows[-1]
    return width, height, [[row[x:x + 3] for x in range(0, len(row), unit)] for row in rows]


# The least contrast of any text with what lies behind it (WCAG 2.2, 1.4.3), with the text.
CONTRAST = r"""(() => {
  const rgb = text => { const m = text.match(/[\d.]+/g).map(Number); return [m[0], m[1], m[2], m.length > 3 ? m[3] : 1]; };
  const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
                       return .2126 * r + .7152 * g + .0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] > 0) return c; }
                        return [255, 255, 255, 1]; };
  let least = [99, ''];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    if (!n.textContent.trim() || n.parentElement.closest('title, desc, style')) continue;
    const e = n.parentElement, style = getComputedStyle(e);
    const a = light(rgb(e.closest('svg') ? style.fill : style.color).slice(0, 3)), b = light(behind(e).slice(0, 3));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < least[0]) least = [ratio, n.textContent.trim().slice(0, 40)];
  }
  return least;
})()"""
# Words of the timeline that stick out of the picture, or run into the other side's lane.
STICKING_OUT = r"""[...document.querySelectorAll('.timeline > svg')].flatMap(svg => {
  const box = svg.viewBox.baseVal;
  return [...svg.querySelectorAll('text')].filter(t => { const b = t.getBBox();
    const inner = t.classList.contains('label');
    return b.x < (inner ? 60 : 0) || b.x + b.width > (inner ? 340 : box.width) || b.y + b.height > box.height; }).map(t => t.textContent);
})"""


def look(browser, path, folder, width, scheme):
    """One window: how wide the page is, what is seen, whether it can be read."""
    browser.ask("Emulation.setEmulatedMedia", media="screen", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
    browser.show(path)
    where = f"{width} wide, {scheme}"
    sizes = browser.ask("Page.getLayoutMetrics")["cssContentSize"]
    check(sizes["width"] <= width, f"{where}: the page is {sizes['width']} wide")
    least, text = browser.run(CONTRAST)
    check(least >= 4.5, f"{where}: a contrast of {least:.2f} in {text!r}")
    out = browser.run(STICKING_OUT)
    check(out == [], f"{where}: sticks out of the timeline: {out}")
    shot = base64.b64decode(browser.ask("Page.captureScreenshot", format="png")["data"])
    (folder / f"page-{width}-{scheme}.png").write_bytes(shot)
    across, down, rows = pixels(shot)
    check((across, down) == (width, 900), f"{where}: a screenshot of {across} x {down}")
    seen = [pixel for row in rows[::3] for pixel in row[::3]]
    ground = max(set(seen), key=seen.count)
    check((sum(ground) > 600) == (scheme == "light"), f"{where}: the ground is {tuple(ground)}")
    drawn = sum(pixel != ground for pixel in seen) / len(seen)
    check(len(set(seen)) > 20 and 0.01 < drawn < 0.6, f"{where}: {drawn:.1%} drawn in {len(set(seen))} colours")
    return f"{where}: fits, contrast {least:.1f} at least, {drawn:.0%} drawn"


def paper(browser, path, folder):
    """A4: pages, and rows that stay whole."""
    browser.ask("Emulation.clearDeviceMetricsOverride")
    browser.ask("Emulation.setEmulatedMedia", media="print", features=[])
    browser.show(path)
    cut = browser.run("[...document.querySelectorAll('tr, .said, .timeline > svg')].filter(e => getComputedStyle(e).breakInside != 'avoid').length")
    check(cut == 0, f"{cut} rows may be cut by the end of a sheet")
    ground = browser.run("getComputedStyle(document.body).backgroundColor + getComputedStyle(document.body).color")
    check(ground == "rgb(255, 255, 255)rgb(0, 0, 0)", f"paper is {ground}")
    pdf = base64.b64decode(browser.ask("Page.printToPDF", preferCSSPageSize=True, printBackground=False)["data"])
    (folder / "page.pdf").write_bytes(pdf)
    pages = len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))
    boxes = {tuple(round(float(n)) for n in box.split()) for box in re.findall(rb"/MediaBox\s*\[([^\]]*)\]", pdf)}
    check(pdf.startswith(b"%PDF") and 3 <= pages <= 60, f"{pages} sheets")
    check(all(abs(box[2] - 595) <= 1 and abs(box[3] - 842) <= 1 for box in boxes) and boxes, f"sheets of {boxes}")
    return f"paper: {pages} sheets of A4"


def harmless(browser, path):
    """Nothing ran, nothing was asked of anybody, nothing was refused."""
    wanted = [e["params"]["request"]["url"] for e in browser.events if e.get("method") == "Network.requestWillBeSent"]
    check(wanted == [path.as_uri()], f"the page asked for {wanted}")
    said = [e for e in browser.events if e.get("method") in {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"}]
    check(not said, f"the browser complained: {said}")


def main():
    check(len(sys.argv) == 2, "usage: page.py PROGRAM")
    program = str(Path(sys.argv[1]).resolve())
    names = [os.environ.get("BROWSER"), "chromium", "chromium-browser", "google-chrome"]
    found = next((path for path in map(shutil.which, filter(None, names)) if path), None)
    check(found, "there is no browser: install Debian's chromium, or name one in BROWSER")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        keep = Path(os.environ.get("KEEP", made)).resolve()
        keep.mkdir(parents=True, exist_ok=True)
        demo = folder / "demo"
        subprocess.run([program, "demo", "--keep", str(demo)], check=True, stdout=subprocess.DEVNULL, timeout=900)
        officer = [program, "--vault", str(demo / "velmara"), "--passphrase-file", str(demo / "passphrase")]
        page = keep / "page.html"
        report = [*officer, "report", "--html", str(page)]
        subprocess.run([*officer, "say", EVIL], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        page.unlink(missing_ok=True)
        subprocess.run(report, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        check(page.stat().st_mode & 0o777 == 0o600, "others can read the page")
        again = subprocess.run(report, capture_output=True)
        check(again.returncode != 0 and b"--force" in again.stderr, "a page was written over")
        told = parse(page)
        for word in ("Velmara", "Tarrun", "Вельгин Андрей Андреевич", "Velʹgin", "sealed, version 1", "Fingerprint", "deposited", "Not as listed"):
            check(word in told, f"the page does not tell of {word!r}")
        check("\\u{202e}gnp.exe\\u{200b}" in told, "what hides is shown by its number")
        browser = Browser(found, folder / "browser")
        try:
            for width in (360, 768, 1280):
                for scheme in ("light", "dark"):
                    print(look(browser, page, keep, width, scheme))
                    harmless(browser, page)
            check(browser.run("document.title") == "Velmara and Tarrun", "a name took the page over")
            isolated = browser.run("[...document.querySelectorAll('bdi[dir=rtl], p[dir=auto]')].some(e => e.textContent.includes('שלום'))")
            check(isolated, "words from right to left stand unisolated")
            dom = browser.run("document.documentElement.outerHTML")
            check("Вельгин Андрей" in dom and dom.count("<tr") > 80, "the browser holds the lists")
            print(paper(browser, page, keep))
        finally:
            browser.close()
    print("page.py: the page is well-formed, fits its windows, can be read and printed, and asks nobody for anything")


if __name__ == "__main__":
    main()
