//! Changes of inputs: of bits and bytes, of lengths and numbers, of parts and lines, and of one input by another. The same seed
//! makes the same ones.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// Bytes of an input, at most.
const BYTES_MAX: usize = 80_000;
/// Where decoders count: ends of types, and limits of this program.
const NUMBERS: [u64; 20] = [
    0,
    1,
    2,
    4,
    16,
    64,
    127,
    128,
    255,
    256,
    1_024,
    4_096,
    16_384,
    20_000,
    65_535,
    65_536,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 62,
    u64::MAX,
];

/// The words of a dictionary as libFuzzer reads it: each in quotes, with `\\`, `\"` and `\xNN`.
pub fn tokens(page: &str) -> Vec<Vec<u8>> {
    let quoted = |line: &str| line.split_once('"')?.1.rsplit_once('"').map(|(word, _)| word.to_owned());
    page.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(quoted)
        .map(|word| unescaped(&word))
        .collect()
}

fn unescaped(word: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), word.as_bytes());
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'\\', [b'x', a, b, after @ ..]) => {
                out.push(u8::from_str_radix(std::str::from_utf8(&[*a, *b]).unwrap(), 16).unwrap());
                rest = after;
            }
            (b'\\', [escaped, after @ ..]) => {
                out.push(*escaped);
                rest = after;
            }
            _ => out.push(*first),
        }
    }
    out
}

/// Makes inputs out of inputs.
pub struct Mutator {
    rng: ChaCha20Rng,
    tokens: Vec<Vec<u8>>,
}

impl Mutator {
    /// One that begins at `seed` and knows these words.
    pub fn new(seed: u64, tokens: Vec<Vec<u8>>) -> Self {
        Self { rng: ChaCha20Rng::seed_from_u64(seed), tokens }
    }

    fn below(&mut self, end: usize) -> usize {
        (self.rng.next_u64() % (end.max(1) as u64)) as usize
    }

    /// A range within `length`: mostly short.
    fn part(&mut self, length: usize) -> std::ops::Range<usize> {
        let at = self.below(length + 1);
        let most = if self.below(4) == 0 { length } else { 16 };
        let end = at + self.below(most.min(length - at) + 1);
        at..end
    }

    /// A changed copy of one of `inputs`.
    pub fn next(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let at = self.below(inputs.len());
        let mut bytes = inputs[at].clone();
        let changes = 1 << self.below(4);
        for _ in 0..changes {
            self.change(&mut bytes, inputs);
        }
        bytes.truncate(BYTES_MAX);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let length = bytes.len();
        let at = self.below(length);
        match self.below(if self.tokens.is_empty() { 9 } else { 14 }) {
            0 if length > 0 => bytes[at] ^= 1 << self.below(8),
            1 if length > 0 => bytes[at] = self.rng.next_u32() as u8,
            2 | 3 => {
                let (number, width) = (NUMBERS[self.below(NUMBERS.len())], 1 << self.below(4));
                let number = if self.below(4) == 0 { number.wrapping_sub(1) } else { number };
                bytes
                    .iter_mut()
                    .skip(at)
                    .take(width)
                    .zip(number.to_le_bytes())
                    .for_each(|(to, from)| *to = from);
            }
            4 => {
                let new: Vec<u8> = (0..=self.below(8)).map(|_| self.rng.next_u32() as u8).collect();
                bytes.splice(at..at, new);
            }
            5 => drop(bytes.drain(self.part(length))),
            6 => {
                let again = bytes[self.part(length)].to_vec();
                bytes.splice(at..at, again);
            }
            7 => {
                let other = &inputs[self.below(inputs.len())];
                let (from, to) = (self.part(other.len()), self.part(length));
                bytes.splice(to, other[from].iter().copied());
            }
            8 => {
                let other = &inputs[self.below(inputs.len())];
                let from = self.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            }
            9..=11 => {
                let (word, to) = (self.below(self.tokens.len()), self.part(length));
                let to = if self.below(2) == 0 { at..at } else { to };
                bytes.splice(to, self.tokens[word].iter().copied());
            }
            _ => self.change_lines(bytes),
        }
    }

    /// Moves, doubles or drops a line.
    fn change_lines(&mut self, bytes: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> =
            bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let (from, to) = (self.below(lines.len()), self.below(lines.len() + 1));
        match self.below(3) {
            _ if lines.is_empty() => {}
            0 => drop(lines.remove(from)),
            1 => lines.insert(to, lines[from].clone()),
            _ => {
                let line = lines.remove(from);
                lines.insert(to.min(lines.len()), line);
            }
        }
        *bytes = lines.concat();
    }
}

#[test]
fn a_dictionary_is_read_as_libfuzzer_reads_it() {
    let page = "# words\nkey=\"count = \"\n\"a\\\\b\\\"c\\x00\\xff\"\n\n";
    assert_eq!(tokens(page), [b"count = ".to_vec(), b"a\\b\"c\x00\xff".to_vec()]);
}

#[test]
fn a_seed_makes_the_same_changes_and_another_makes_others() {
    let inputs = [b"one line\nanother\n".to_vec(), vec![0; 40]];
    let made = |seed| {
        let mut mutator = Mutator::new(seed, vec![b"word".to_vec()]);
        (0..200).map(|_| mutator.next(&inputs)).collect::<Vec<_>>()
    };
    assert_eq!(made(1), made(1));
    assert_ne!(made(1), made(2));
    assert!(made(1).iter().filter(|made| !inputs.contains(made)).count() > 150, "most inputs are changed");
}
