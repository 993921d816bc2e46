//! A disk that loses power. What a file's `fsync` covered stays, and what a folder's covered of its names; of all later
//! changes any part may be there.
//!
//! **Bytes.** A write since the file's last sync is there or not, sector by sector of 512 bytes, whatever became of the
//! others: so writes are lost, torn and reordered. A sector may itself be torn: its first or its last bytes are new. A
//! change of size is there or not, and where a file has grown over bytes that were never written, zeros or anything else
//! are there. Bytes beside those written are as they were: SQLite relies on it on every file system of Linux
//! (`SQLITE_IOCAP_POWERSAFE_OVERWRITE`), and so does this program.
//!
//! **Names.** A name made, moved or removed since its folder's last sync is there or not, each by itself. POSIX promises
//! no order; a journal (ext4, XFS, Btrfs) keeps one, and its outcomes are among these. A rename is there as a whole or
//! not at all. A file's own sync does not save its name.

use crate::record::{Op, Recorded};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const SECTOR: usize = 512;

/// A file or folder, whatever its names are.
type Node = usize;
/// A name in a folder.
type Name = (Node, String);

enum Change {
    Bytes { at: usize, bytes: Vec<u8> },
    Size(usize),
}

struct Body {
    folder: bool,
    mode: u32,
    /// What the last sync covered.
    durable: Vec<u8>,
    since: Vec<Change>,
}

/// A change of names in one folder.
enum Naming {
    Put(Name, Node),
    Take(Name),
    Move(Name, Name, Node),
}

impl Naming {
    fn folder(&self) -> Node {
        let (Self::Put((folder, _), _) | Self::Take((folder, _)) | Self::Move((folder, _), ..)) = self;
        *folder
    }

    fn apply(&self, names: &mut BTreeMap<Name, Node>) {
        match self {
            Self::Put(name, node) => drop(names.insert(name.clone(), *node)),
            Self::Take(name) => drop(names.remove(name)),
            Self::Move(from, to, node) => {
                if names.get(from) == Some(node) {
                    names.remove(from);
                }
                names.insert(to.clone(), *node);
            }
        }
    }
}

/// What comes of the changes that no sync covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// None is there.
    Lost,
    /// All are there: the program was killed, and the power stayed.
    Kept,
    /// Any part, drawn from a seed.
    Drawn(u64),
}

/// Files and folders by path: mode, and bytes of a file.
pub type Tree = BTreeMap<PathBuf, (u32, Option<Vec<u8>>)>;

/// The watched folder at one moment.
pub struct Disk {
    bodies: Vec<Body>,
    now: BTreeMap<Name, Node>,
    durable: BTreeMap<Name, Node>,
    since: Vec<Naming>,
}

impl Disk {
    /// A disk with these empty folders, durable.
    pub fn new(folders: &[&str]) -> Self {
        let mut disk =
            Self { bodies: Vec::new(), now: BTreeMap::new(), durable: BTreeMap::new(), since: Vec::new() };
        let root = disk.node(true, 0o700);
        for folder in folders {
            let node = disk.node(true, 0o700);
            disk.now.insert((root, (*folder).to_owned()), node);
        }
        disk.durable = disk.now.clone();
        disk
    }

    fn node(&mut self, folder: bool, mode: u32) -> Node {
        self.bodies.push(Body { folder, mode, durable: Vec::new(), since: Vec::new() });
        self.bodies.len() - 1
    }

    fn name(&self, path: &Path) -> Name {
        let folder = path.parent().map_or(0, |parent| self.find(parent));
        (folder, path.file_name().unwrap().to_str().unwrap().to_owned())
    }

    fn find(&self, path: &Path) -> Node {
        path.iter().fold(0, |node, part| self.now[&(node, part.to_str().unwrap().to_owned())])
    }

    /// Does what was recorded.
    pub fn apply(&mut self, Recorded { op, path, .. }: &Recorded) {
        match op {
            Op::Create { mode } | Op::MakeFolder { mode } => {
                let node = self.node(matches!(op, Op::MakeFolder { .. }), *mode);
                self.rename(Naming::Put(self.name(path), node));
            }
            Op::Remove => self.rename(Naming::Take(self.name(path))),
            Op::Rename { to } => {
                let (from, to, node) = (self.name(path), self.name(to), self.find(path));
                assert_eq!(from.0, to.0, "a move from one folder to another is not modelled");
                self.rename(Naming::Move(from, to, node));
            }
            Op::Link { to } => self.rename(Naming::Put(self.name(to), self.find(path))),
            Op::Write { at, bytes } => {
                let change = Change::Bytes { at: *at as usize, bytes: bytes.clone() };
                let node = self.find(path);
                self.bodies[node].since.push(change);
            }
            Op::Size(size) => {
                let node = self.find(path);
                self.bodies[node].since.push(Change::Size(*size as usize));
            }
            Op::Sync => self.sync(path),
        }
    }

    fn rename(&mut self, naming: Naming) {
        naming.apply(&mut self.now);
        self.since.push(naming);
    }

    fn sync(&mut self, path: &Path) {
        let node = self.find(path);
        let body = &mut self.bodies[node];
        if !body.folder {
            let since = std::mem::take(&mut body.since);
            since.iter().for_each(|change| change.apply(&mut body.durable));
            return;
        }
        let (covered, later) =
            std::mem::take(&mut self.since).into_iter().partition(|it| it.folder() == node);
        self.since = later;
        let covered: Vec<Naming> = covered;
        covered.iter().for_each(|naming| naming.apply(&mut self.durable));
    }

    /// What lies below `top` when the power is back.
    pub fn after(&self, top: &str, fate: Fate) -> Tree {
        let mut rng = ChaCha20Rng::seed_from_u64(if let Fate::Drawn(seed) = fate { seed } else { 0 });
        let mut names = self.durable.clone();
        for naming in &self.since {
            if fate == Fate::Kept || fate != Fate::Lost && rng.next_u32().is_multiple_of(2) {
                naming.apply(&mut names);
            }
        }
        let mut tree = Tree::new();
        let top = (Path::new(top).to_owned(), names[&(0, top.to_owned())]);
        let mut folders = vec![top];
        while let Some((path, folder)) = folders.pop() {
            tree.insert(path.clone(), (self.bodies[folder].mode, None));
            let inside = (folder, String::new())..(folder + 1, String::new());
            for ((_, name), node) in names.range(inside) {
                let (path, body) = (path.join(name), &self.bodies[*node]);
                if body.folder {
                    folders.push((path, *node));
                } else {
                    tree.insert(path, (body.mode, Some(body.after(fate, &mut rng))));
                }
            }
        }
        tree
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Size(size) => file.resize(*size, 0),
            Self::Bytes { at, bytes } => {
                let end = at + bytes.len();
                file.resize(file.len().max(end), 0);
                file[*at..end].copy_from_slice(bytes);
            }
        }
    }
}

impl Body {
    fn after(&self, fate: Fate, rng: &mut ChaCha20Rng) -> Vec<u8> {
        let mut file = self.durable.clone();
        match fate {
            Fate::Lost => {}
            Fate::Kept => self.since.iter().for_each(|change| change.apply(&mut file)),
            Fate::Drawn(_) => {
                // Mostly lost, mostly there, or in between.
                let share = [64, 128, 192, 240][rng.next_u32() as usize % 4];
                let unwritten = if rng.next_u32().is_multiple_of(2) { 0 } else { 0xa5 };
                for change in &self.since {
                    match change {
                        Change::Size(_) if rng.next_u32() % 256 < share => change.apply(&mut file),
                        Change::Size(_) => {}
                        Change::Bytes { at, bytes } => draw(&mut file, *at, bytes, share, unwritten, rng),
                    }
                }
            }
        }
        file
    }
}

/// Writes some of the sectors that `bytes` lie in, and of some of these a part.
fn draw(file: &mut Vec<u8>, at: usize, bytes: &[u8], share: u32, unwritten: u8, rng: &mut ChaCha20Rng) {
    let mut from = 0;
    while from < bytes.len() {
        let to = bytes.len().min(from + SECTOR - (at + from) % SECTOR);
        let mut part = from..to;
        from = to;
        if rng.next_u32() % 256 >= share {
            // The file may have grown, and what should be there is not.
            if rng.next_u32().is_multiple_of(2) {
                file.resize(file.len().max(at + part.end), unwritten);
            }
            continue;
        }
        if rng.next_u32().is_multiple_of(8) {
            let torn = part.start + rng.next_u32() as usize % part.len();
            part = if rng.next_u32().is_multiple_of(2) { part.start..torn } else { torn..part.end };
        }
        file.resize(file.len().max(at + part.end), unwritten);
        file[at + part.start..at + part.end].copy_from_slice(&bytes[part]);
    }
}

/// Writes a tree below `place`.
pub fn lay(tree: &Tree, place: &Path) {
    for (path, (mode, bytes)) in tree {
        let path = place.join(path);
        match bytes {
            None => std::fs::create_dir_all(&path).unwrap(),
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(*mode)).unwrap();
    }
}

/// Reads what lies at `place`/`top`, as [`Disk::after`] gives it.
pub fn read(place: &Path, top: &str) -> Tree {
    let mut tree = Tree::new();
    let mut paths = vec![PathBuf::from(top)];
    while let Some(path) = paths.pop() {
        let at = place.join(&path);
        let mode = std::fs::metadata(&at).unwrap().permissions().mode() & 0o7777;
        if at.is_dir() {
            paths.extend(std::fs::read_dir(&at).unwrap().map(|entry| path.join(entry.unwrap().file_name())));
            tree.insert(path, (mode, None));
        } else {
            let bytes = std::fs::read(&at).unwrap();
            tree.insert(path, (mode, Some(bytes)));
        }
    }
    tree
}

#[test]
fn what_was_synced_stays_and_all_else_may_be_there_or_not() {
    let record = |op, path: &str| Recorded { op, path: PathBuf::from(path), end: 0 };
    let write = |bytes: &[u8]| Op::Write { at: 0, bytes: bytes.to_vec() };
    let mut disk = Disk::new(&["m"]);
    let mut apply = |recorded: &[Recorded]| {
        recorded.iter().for_each(|recorded| disk.apply(recorded));
        let outcomes = (0..200).map(|seed| disk.after("m", Fate::Drawn(seed)));
        let outcomes: BTreeSet<Tree> = outcomes.collect();
        assert!(
            outcomes.contains(&disk.after("m", Fate::Lost))
                && outcomes.contains(&disk.after("m", Fate::Kept))
        );
        let names = |tree: &Tree| {
            let names =
                tree.keys().skip(1).map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
            names.collect::<Vec<_>>().join(" ")
        };
        let texts = |name: &str| {
            let file = PathBuf::from("m").join(name);
            let texts = outcomes.iter().filter_map(|tree| tree.get(&file)?.1.clone());
            texts.collect::<BTreeSet<Vec<u8>>>()
        };
        (outcomes.iter().map(names).collect::<BTreeSet<String>>(), texts("a"), texts("b"))
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    // A file's own sync saves its bytes and not its name.
    let (names, a, _) = apply(&[
        record(Op::Create { mode: 0o600 }, "m/a"),
        record(write(b"one"), "m/a"),
        record(Op::Sync, "m/a"),
    ]);
    assert_eq!((names, a.len()), (set(&["", "a"]), 1));
    let (names, a, _) = apply(&[record(Op::Sync, "m"), record(write(b"two"), "m/a")]);
    assert_eq!(names, set(&["a"]));
    // Torn within its sector, too.
    assert!(
        [&b"one"[..], b"two", b"twe", b"onr"].iter().filter(|text| a.contains(**text)).count() >= 2,
        "{a:?}"
    );
    assert!(
        a.iter().all(|text| text
            .iter()
            .zip(b"one")
            .zip(b"two")
            .all(|((is, old), new)| is == old || is == new))
    );
    // A name moves as a whole or not at all.
    let (names, _, b) =
        apply(&[record(Op::Sync, "m/a"), record(Op::Rename { to: PathBuf::from("m/b") }, "m/a")]);
    assert_eq!((names, b), (set(&["a", "b"]), BTreeSet::from([b"two".to_vec()])));
    let (names, ..) = apply(&[record(Op::Sync, "m"), record(Op::Remove, "m/b")]);
    assert_eq!(names, set(&["", "b"]));
}
