//! Where inputs begin: the frozen bytes of `tests/vectors/` and the examples, in each target's form.

use super::{deal, session};
use std::fs;
use std::path::{Path, PathBuf};
use truceline::crypto::digest::unhex;
use truceline::crypto::secret::Secret;
use truceline::statement::kind::Kind;
use truceline::statement::receipt::Read;

/// The root of the repository: this is compiled into two packages.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .find(|dir| dir.join("tests/vectors").is_dir())
        .expect("the repository is there")
        .to_owned()
}

fn read(path: &str) -> Vec<u8> {
    fs::read(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A file of frozen bytes.
pub fn vector(name: &str) -> Vec<u8> {
    read(&format!("tests/vectors/{name}"))
}

fn text(path: &str) -> String {
    String::from_utf8(read(path)).unwrap()
}

/// Names and values of a file of vectors, parted by `between`.
fn values(name: &str, between: &str) -> Vec<(String, String)> {
    let page = text(&format!("tests/vectors/{name}"));
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(between))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

fn bytes_of(name: &str, of: &str) -> Vec<u8> {
    let found = values(name, ": ").into_iter().find(|(name, _)| name == of);
    unhex(&found.unwrap_or_else(|| panic!("no {of} in {name}")).1).unwrap()
}

fn with(first: u8, bytes: &[u8]) -> Vec<u8> {
    [&[first], bytes].concat()
}

fn short(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_le_bytes(), bytes].concat()
}

fn frames(of: &str) -> Vec<Vec<u8>> {
    let frames = values("frames.txt", "=").into_iter().filter(|(name, _)| name.starts_with(of));
    frames.map(|(_, frame)| unhex(&frame).unwrap()).collect()
}

pub fn frame() -> Vec<Vec<u8>> {
    frames("re")
}

/// The encoding inside a frame: after its length and version.
fn said(mut frame: Vec<u8>) -> Vec<u8> {
    let length = u32::from_le_bytes(frame[..4].try_into().unwrap()) as usize;
    frame.resize(frame.len().max(4 + length), 0);
    frame[5..4 + length].to_vec()
}

pub fn request() -> Vec<Vec<u8>> {
    let all: Vec<_> = frames("request").into_iter().map(said).collect();
    let turn = |conn: u8, said: &[u8]| [vec![3, conn], short(said)].concat();
    let [reader, writer, .., get, drop, rekey, close] = &all[..] else { panic!("requests are missing") };
    let put = |index: u8| [&[2, 0, 0, 0, index, 0, 0, 0, 0, 0, 0, 0][..], &[0; 64]].concat();
    let talk = [
        turn(0, reader),
        turn(1, writer),
        turn(1, &put(0)),
        turn(1, &put(1)),
        turn(0, get),
        turn(0, drop),
        turn(0, rekey),
        turn(0, close),
    ];
    let mut seeds: Vec<_> = all.iter().map(|said| [vec![1, 0], short(said)].concat()).collect();
    // All but the puts carry no cell.
    let bare = |mut turn: Vec<u8>| {
        turn[0] = if turn[4] == 2 { 3 } else { 1 };
        turn
    };
    seeds.push(talk.into_iter().flat_map(bare).collect());
    seeds
}

pub fn reply() -> Vec<Vec<u8>> {
    let [serving, stored] = ["serving", "stored"].map(|name| bytes_of("deposit.txt", name));
    let plain = frames("reply").into_iter().map(said);
    let area = |said: &[u8], area: &[u8]| {
        [short(said), (area.len() as u32).to_le_bytes().to_vec(), area.to_vec()].concat()
    };
    plain
        .map(|said| match said.first() {
            Some(0) => area(&said, &serving),
            Some(3) => area(&said, &stored),
            _ => short(&said),
        })
        .collect()
}

pub fn deposit() -> Vec<Vec<u8>> {
    vec![bytes_of("deposit.txt", "evidence")]
}

pub fn cell() -> Vec<Vec<u8>> {
    let contents = values("ratchet.txt", ": ").into_iter().filter(|(name, _)| name.ends_with(".content"));
    let mut seeds: Vec<_> = contents.map(|(_, content)| with(1, &unhex(&content).unwrap())).collect();
    for statement in statement() {
        let length = (statement.len() as u64).to_le_bytes();
        let fragment = [&[2, 0, 0, 0][..], &[0; 8], &[0; 4], &[1, 0, 0, 0], &length, &statement].concat();
        seeds.push(with(1, &fragment));
    }
    seeds.push(vec![0, 0, 0, 0, 1, 9]);
    seeds
}

pub fn chain() -> Vec<Vec<u8>> {
    let cells = |numbers: &[u16]| {
        numbers.iter().flat_map(|number| [&number.to_le_bytes()[..], &[0, 0, 0]].concat()).collect()
    };
    vec![
        cells(&[0, 1, 2]),
        cells(&[3, 1, 1, 0]),
        cells(&[1_024, 0, 1_023]),
        cells(&[1_025]),
        vec![0, 0, 0, 0, 1, 1, 0, 7, 0, 2],
    ]
}

pub fn hello() -> Vec<Vec<u8>> {
    vec![session::hello_seed(), vec![0, 40, 0, 0, 1, 9]]
}

pub fn welcome() -> Vec<Vec<u8>> {
    vec![session::welcome_seed()]
}

/// The secret of the frozen invite.
pub fn invite_secret() -> Secret<32> {
    let secret = bytes_of("introduction.txt", "invite.secret");
    Secret::fill(|to| to.copy_from_slice(&secret))
}

pub fn offer() -> Vec<Vec<u8>> {
    vec![session::offer_seed()]
}

/// Lines, and the bytes that they print.
fn printed(prefix: &'static str) -> Vec<Vec<u8>> {
    let frozen =
        [values("introduction.txt", ": "), values("formats.txt", ": "), values("lines.txt", "| ")].concat();
    let lines =
        frozen.into_iter().map(|(_, line)| line).filter(|line| line.starts_with(&format!("{prefix}:")));
    lines
        .flat_map(|line| {
            let bytes = truceline::party::line::parse(prefix, &line).map(|bytes| with(1, &bytes));
            [Some(with(0, line.as_bytes())), bytes.ok()]
        })
        .flatten()
        .collect()
}

pub fn invite() -> Vec<Vec<u8>> {
    printed("truceline")
}

pub fn pass() -> Vec<Vec<u8>> {
    printed("truceline-pass")
}

pub fn place() -> Vec<Vec<u8>> {
    let pin = "a5".repeat(32);
    let places = [
        format!(":4433#{pin}"),
        format!("relay.example:4433#{pin}"),
        format!("[2001:db8::1]:1#{pin}#{pin}"),
        "socks5://ann:b@c:d@proxy.example:1080".to_owned(),
        format!("127.0.0.1:65535#{pin}#{}", "00".repeat(32)),
    ];
    places.map(String::into_bytes).to_vec()
}

pub fn card() -> Vec<Vec<u8>> {
    ["inviter.card", "joiner.card"].map(|name| bytes_of("introduction.txt", name)).to_vec()
}

pub fn relay_toml() -> Vec<Vec<u8>> {
    let config = truceline::service::relay_config::RelayConfig::default();
    let full = truceline::service::relay_config::RelayConfig {
        public: Some("relay.example:4433".to_owned()),
        store_bytes_max: Some(1 << 30),
        ..config.clone()
    };
    vec![config.print().into_bytes(), full.print().into_bytes()]
}

pub fn header() -> Vec<Vec<u8>> {
    let header = with(0, &statement()[0][..252]);
    let sealed = vector("inviter-2.cell");
    vec![header, with(1, &sealed[..2_312])]
}

/// The statements of the frozen export.
pub fn statement() -> Vec<Vec<u8>> {
    let export = truceline::officer::view::check_export(&vector("export.bin")).unwrap();
    export.statements.iter().map(|it| it.encode().unwrap()).collect()
}

/// `KIND HEX [SEED:LINE,LINE…]…`, as the target has it.
fn body_of(kind: u16, parts: &[&str]) -> Vec<u8> {
    let at = Kind::ALL.iter().position(|it| it.number() == kind).unwrap();
    let mut seed = vec![u8::try_from(at).unwrap(), u8::try_from(parts.len() - 1).unwrap()];
    for list in &parts[1..] {
        let lines: Vec<&str> =
            list.split_once(':').unwrap().1.split(',').filter(|line| !line.is_empty()).collect();
        seed.push(u8::try_from(lines.len()).unwrap());
        lines.iter().for_each(|line| seed.extend(short(&unhex(line).unwrap())));
    }
    seed.extend(unhex(parts[0]).unwrap_or_default());
    seed
}

fn bodies() -> Vec<(u16, Vec<String>)> {
    let page = text("tests/vectors/deal_bodies.txt");
    let lines = page.lines().map(|line| line.split(' ').skip(2).map(str::to_owned).collect::<Vec<_>>());
    lines.map(|parts| (parts[0].parse().unwrap(), parts[1..].to_vec())).collect()
}

pub fn body() -> Vec<Vec<u8>> {
    let small = |(_, parts): &(u16, Vec<String>)| {
        parts.len() < 5 && parts.iter().map(String::len).sum::<usize>() < 6_000
    };
    let mut seeds: Vec<_> = bodies()
        .into_iter()
        .filter(small)
        .map(|(kind, parts)| body_of(kind, &parts.iter().map(String::as_str).collect::<Vec<_>>()))
        .collect();
    let export = truceline::officer::view::check_export(&vector("export.bin")).unwrap();
    for statement in &export.statements {
        let at = Kind::ALL.iter().position(|it| it.number() == statement.header.kind).unwrap();
        seeds.push([vec![u8::try_from(at).unwrap(), 0], statement.said.body.clone()].concat());
    }
    seeds.push([vec![1, 0], Read::new(vec![0, 3, 999]).encode().unwrap()].concat());
    seeds.push([vec![2, 0, 1], bytes_of("introduction.txt", "words.confirmed")].concat());
    seeds.push([vec![6, 0], bytes_of("renewal.txt", "renewal")].concat());
    seeds
}

pub fn record() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (kind, parts) in bodies() {
        let lines = parts[1..].iter().flat_map(|list| list.split_once(':').unwrap().1.split(','));
        let which = u8::from(kind == Kind::Lines.number());
        seeds.extend(lines.filter_map(unhex).filter(|line| line.len() < 500).map(|line| with(which, &line)));
    }
    seeds
}

/// Bundles that hold.
pub fn good_bundles() -> Vec<Vec<u8>> {
    let names = ["agreement", "case", "fork", "person", "statements"];
    names.map(|name| vector(&format!("evidence-{name}.bin"))).to_vec()
}

/// These, and one whose digest does not fit.
pub fn bundle() -> Vec<Vec<u8>> {
    let mut seeds = good_bundles();
    let mut damaged = seeds[0].clone();
    damaged.iter_mut().next_back().into_iter().for_each(|byte| *byte ^= 1);
    seeds.push(damaged);
    seeds
}

pub fn export() -> Vec<Vec<u8>> {
    vec![vector("export.bin")]
}

/// The examples, each with the lists beside it.
pub fn proposal_files() -> Vec<(String, Vec<(String, Vec<u8>)>)> {
    let list = |name: &str| (name.to_owned(), read(&format!("examples/{name}")));
    let lists: Vec<_> =
        ["tarrun.csv", "tarrun-counter.csv", "velmara.csv", "velmara-counter.csv"].map(list).to_vec();
    let open = "[[leg]]\ngiver = \"me\"\ncount = \"all\"\n\n[[leg]]\ngiver = \"them\"\ncount = \"2..5\"\ncategory = \"remains\"\n";
    let files =
        ["counter.toml", "exchange.toml", "package.toml"].map(|name| text(&format!("examples/{name}")));
    files.into_iter().chain([open.to_owned()]).map(|toml| (toml, lists.clone())).collect()
}

pub fn proposal() -> Vec<Vec<u8>> {
    let csv = read("examples/velmara.csv");
    proposal_files().into_iter().map(|(toml, _)| [toml.as_bytes(), &[0], &csv].concat()).collect()
}

pub fn persons() -> Vec<Vec<u8>> {
    let bags = "bag,place,date,extent,claimed_side,claimed_identity,disc,dna_reference,laboratory\nA-1,Kelda,2031-05,whole,me,K,7,d,l\nA-2,,,,them,,,,\n";
    let persons = ["tarrun", "velmara", "velmara-counter"].map(|name| read(&format!("examples/{name}.csv")));
    let mut seeds: Vec<_> = persons.iter().flat_map(|csv| [with(0, csv), with(2, csv)]).collect();
    seeds.push(with(1, bags.as_bytes()));
    seeds
}

pub fn lines() -> Vec<Vec<u8>> {
    let filled = "leg,line,outcome,cause,detail,evidence,remedy,deadline\n1,1,not delivered,list error,\"a, b\",photograph,none,14 days\n";
    let mut seeds: Vec<_> =
        deal::templates().iter().zip(0..).map(|(template, at)| with(at, template.as_bytes())).collect();
    // Twice the same, a line past the list's end, and one of a leg that is not there.
    let wrong = [
        "1,1,delivered as listed\n1,1,not delivered\n",
        "1,20000,delivered as listed\n",
        "99,1,delivered as listed\n",
    ];
    let wrong = wrong.map(|rows| format!("leg,line,outcome\n{rows}"));
    seeds.extend((0..4).flat_map(|at| wrong.iter().map(move |file| with(at, file.as_bytes()))));
    seeds.extend((0..4).map(|at| with(at, filled.as_bytes())));
    seeds
}

pub fn mandate() -> Vec<Vec<u8>> {
    let rule = "[[rule]]\nname = \"n\"\nissue = \"give\"\nclass = \"negotiable\"\n";
    // Two of one name, bounds in no order, a price where none belongs.
    let wrong = [
        rule.to_owned(),
        "opening = 9\ntarget = 3\nbottom = 5\n".to_owned(),
        "price = { at_least = 1 }\n".to_owned(),
    ];
    let wrong = wrong
        .map(|more| format!("number = 1\nvalid_until = 2040-01-01T00:00:00Z\n{rule}{more}").into_bytes());
    let good = [read("examples/mandate.toml"), bytes_of("mandate.txt", "mandate.text")];
    good.into_iter().chain(wrong).collect()
}

pub fn signed_mandate() -> Vec<Vec<u8>> {
    vec![bytes_of("mandate.txt", "mandate.signed")]
}

pub fn approval() -> Vec<Vec<u8>> {
    vec![bytes_of("mandate.txt", "approval")]
}

pub fn draft() -> Vec<Vec<u8>> {
    vec![with(0, &bytes_of("mandate.txt", "draft")), with(1, &bytes_of("mandate.txt", "draft.file"))]
}

pub fn row() -> Vec<Vec<u8>> {
    let which = |name: &str| match name.split('.').next().unwrap() {
        "identity" => 0,
        "settings" => 1,
        "thread" => 2,
        "cell" => 3,
        "places" => 4,
        "fragment" => 5,
        "mark" => 6,
        "opened" => 7,
        "place" => 8,
        "chain" => 9,
        "deposit" => 10,
        "retired" => 11,
        _ => 13,
    };
    values("officer_rows.txt", ": ")
        .into_iter()
        .map(|(name, row)| with(which(&name), &unhex(&row).unwrap()))
        .collect()
}

pub fn vault_rows() -> Vec<Vec<u8>> {
    vec![
        vec![],
        vec![3, 0, 1],
        vec![9, 0, 0, 5, 0, 1, 7],
        vec![4, 0, 2, 1, 0, 9],
        vec![6, 0, 3, 9, 0],
        vec![0, 0, 4, 9, 1, 0, 1, 2, 0, 3, 4],
    ]
}

pub fn relay_rows() -> Vec<Vec<u8>> {
    let mut whole = Vec::new();
    for (step, row) in values("relay_rows.txt", ": ") {
        let Some((place, value)) = row.split_once(" = ").filter(|_| !step.ends_with(".file")) else {
            continue;
        };
        let (table, key) = place.split_once(' ').unwrap();
        let value = unhex(value).map(|value| short(&value));
        let key = short(&unhex(key).unwrap());
        whole.extend(
            [vec![table.parse().unwrap(), u8::from(value.is_none())], key, value.unwrap_or(vec![0, 0])]
                .concat(),
        );
    }
    // The last number that a queue can have.
    let last = [&[1, 1, 8, 0][..], &[0xff; 8], &[0, 0]].concat();
    vec![whole, last]
}

/// Changes to a file: none, one near its beginning, one in its middle, and an end.
pub fn patches() -> Vec<Vec<u8>> {
    vec![
        vec![],
        vec![18, 0, 0, 1, 2],
        vec![0, 96, 0, 2, 1, 1],
        vec![0, 128, 0, 0],
        vec![100, 16, 0, 4, 0, 0, 0, 0],
    ]
}

/// A byte of a header, of a row that is deleted, and of a short row that is written; the last batch gone, and one between.
pub fn journal() -> Vec<Vec<u8>> {
    vec![
        vec![],
        vec![28, 0, 0, 1, 9],
        vec![60, 0, 0, 1, 9],
        vec![48 + 100, 16, 0, 1, 9],
        vec![0, 100, 0, 0],
        vec![0, 16, 0, 4, 0, 0, 0, 0],
    ]
}

pub fn wrapped_key() -> Vec<Vec<u8>> {
    vec![with(1, b"another one"), vec![0], vec![0, 1, 0, 0, 4, 0, 0, 0, 1], vec![0, 80, 0, 0, 1, 7]]
}

pub fn backup() -> Vec<Vec<u8>> {
    let row = |table: u8, key: &[u8], value: &[u8]| [vec![table, 2], short(key), short(value)].concat();
    let rows =
        [row(1, b"", b"seeds"), row(3, b"1", b"thread"), row(4, b"1", b"one"), row(4, b"2", b"two")].concat();
    // Out of order, and newer than the root.
    let disorder = [row(4, b"2", b"two"), row(4, b"1", b"one")].concat();
    let newer = [vec![4, 8], short(b"1"), short(b"one")].concat();
    vec![
        with(0, &rows),
        with(0, &disorder),
        with(0, &newer),
        with(3, &rows),
        with(3, &row(3, b"1", b"thread")),
        with(1, &[row(0, b"", &[0; 24]), rows.clone()].concat()),
        with(2, &[[0; 26].as_slice(), &rows].concat()),
    ]
}
