//! Exported transcripts: round trip, and every way to damage one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod pair;

use pair::{Stage, identity, run, welcome};
use truceline::crypto::digest::Digest;
use truceline::crypto::sign::{SIGNATURE_BYTES, SignError};
use truceline::party::card::{CARD_BYTES_MAX, NAME_CHARS_MAX};
use truceline::party::role::Role;
use truceline::session::content::{Content, fragments};
use truceline::session::introduction::verify_role;
use truceline::statement::export::{self, CheckedExport, ExportError, Introduced, Preamble};
use truceline::statement::header::{HEADER_BYTES, StatementId};
use truceline::statement::kind::Kind;
use truceline::statement::list::{LINE_BYTES_MAX, LIST_LINES_MAX, List, ListError};
use truceline::statement::receipt::{ForkNotice, READ_MAX, Read};
use truceline::statement::renewal;
use truceline::statement::signed::{LISTS_MAX, STATEMENT_BYTES_MAX, Said, Statement, StatementError};
use truceline::statement::transcript::{Heading, Transcript, TranscriptError};
use truceline::time::UnixMillis;

const NAMES: &str = "Олена Марʼяненко\nŁukasz Wiśniewski\nİlayda Öztürk\n";

fn verify(role: Role, preamble: &Preamble) -> Result<(), SignError> {
    let [inviter, joiner] = &preamble.cards;
    let fingerprints = [inviter, joiner].map(|card| card.fingerprint().unwrap());
    let at = usize::from(role.number());
    let Introduced { first, signature } = &preamble.introduced[at];
    let cards = [&fingerprints[0], &fingerprints[1]];
    verify_role(role, &preamble.channel, cards, first, &preamble.cards[at], signature)
}

fn check(bytes: &[u8]) -> Result<CheckedExport, ExportError> {
    export::check(bytes, verify)
}

fn refusal(bytes: &[u8]) -> ExportError {
    check(bytes).map(drop).expect_err("the export must be refused")
}

fn said(turn: u8) -> Said {
    let list = List::new(run(turn), NAMES.lines().map(|name| name.as_bytes().to_vec()).collect()).unwrap();
    let body = format!("{turn}: {NAMES}").into_bytes();
    Said { salt: run(turn), body, lists: if turn == 2 { vec![list] } else { vec![] } }
}

/// Both parties' part in an introduction, and four statements: inviter, joiner, joiner, inviter.
fn talk() -> (Preamble, Vec<Statement>) {
    let stage = Stage::new(1);
    let (greeting, hello) = stage.greet(2);
    let accepted = stage.accept(&hello, 3).unwrap();
    let Content::Welcome(_) = welcome(&accepted) else { unreachable!() };
    let part = |part: &truceline::session::introduction::RoleSignature| Introduced {
        first: part.first,
        signature: part.signature.clone(),
    };
    let preamble = Preamble {
        channel: greeting.channel,
        cards: [stage.inviter.card().clone(), stage.joiner.card().clone()],
        introduced: [part(&accepted.inviter), part(&accepted.joiner)],
    };
    let mut transcript = Transcript::new(greeting.channel);
    let turns = [Role::Inviter, Role::Joiner, Role::Joiner, Role::Inviter];
    let statements = (1u8..)
        .zip(turns)
        .map(|(turn, author)| {
            let identity = if author == Role::Inviter { &stage.inviter } else { &stage.joiner };
            let clock = UnixMillis(u64::from(turn));
            let heading = Heading { kind: Kind::Note.number(), case: StatementId::NONE, clock };
            let header = transcript.next_header(author, heading, said(turn).commitment());
            let statement = Statement::sign(header, said(turn), identity.key()).unwrap();
            transcript.append(&statement, identity.card().key()).unwrap();
            statement
        })
        .collect();
    (preamble, statements)
}

fn write(preamble: &Preamble, statements: &[&Statement]) -> Vec<u8> {
    let bytes: Vec<_> = statements.iter().map(|statement| statement.encode().unwrap()).collect();
    export::write(preamble, bytes.iter().map(Vec::as_slice)).unwrap()
}

#[test]
fn an_export_comes_back_byte_for_byte() {
    let (preamble, statements) = talk();
    let all: Vec<_> = statements.iter().collect();
    let bytes = write(&preamble, &all);
    let checked = check(&bytes).unwrap();
    assert_eq!((&checked.preamble, &checked.statements), (&preamble, &statements));
    assert_eq!(checked.transcript.channel(), &preamble.channel);
    assert_eq!(checked.heads(), [(2, statements[3].id()), (2, statements[2].id())]);
    assert_eq!(write(&checked.preamble, &checked.statements.iter().collect::<Vec<_>>()), bytes);
    assert!(String::from_utf8(checked.statements[1].said.body.clone()).unwrap().ends_with(NAMES));
    let empty = write(&preamble, &[]);
    assert_eq!(check(&empty).unwrap().heads(), [(0, StatementId::NONE); 2]);
}

#[test]
fn an_export_with_any_byte_altered_is_refused() {
    let (preamble, statements) = talk();
    let bytes = write(&preamble, &[&statements[0], &statements[1]]);
    let first =
        bytes.len() - 8 * 2 - statements[..2].iter().map(|s| s.encode().unwrap().len()).sum::<usize>();
    let every = (0..64).chain(first - 16..first + 8 + HEADER_BYTES).chain(bytes.len() - 200..bytes.len());
    for at in every.chain((64..bytes.len()).step_by(37)) {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        assert!(check(&altered).is_err(), "byte {at} of {}", bytes.len());
    }
    assert!(check(&bytes).is_ok());
}

#[test]
fn a_cut_or_extended_export_is_named_as_such() {
    let (preamble, statements) = talk();
    let bytes = write(&preamble, &[&statements[0], &statements[1]]);
    for cut in (0..23).step_by(11) {
        assert_eq!(refusal(&bytes[..cut]), ExportError::NotAnExport, "{cut}");
    }
    for cut in (23..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        assert_eq!(refusal(&bytes[..cut]), ExportError::Cut(cut));
    }
    assert_eq!(refusal(&[&bytes[..], &[0]].concat()), ExportError::Cut(bytes.len()));
    assert_eq!(refusal(b"truceline transcript 2\n"), ExportError::NotAnExport);
}

#[test]
fn statements_dropped_repeated_or_in_another_order_are_refused_by_name() {
    let (preamble, statements) = talk();
    let [a, b, c, d] = [&statements[0], &statements[1], &statements[2], &statements[3]];
    let broken = |order: &[&Statement]| match refusal(&write(&preamble, order)) {
        ExportError::Transcript { at, error } => (at, error),
        other => panic!("{other}"),
    };
    use TranscriptError::{AcknowledgesUnknown, OutOfSequence};
    assert_eq!(broken(&[b, c, d]), (0, AcknowledgesUnknown { claimed: 1, held: 0 }), "the first is missing");
    assert_eq!(broken(&[a, c, d]), (1, OutOfSequence { found: 1, next: 0 }), "one is missing between");
    assert_eq!(
        broken(&[a, b, d]),
        (2, AcknowledgesUnknown { claimed: 2, held: 1 }),
        "an acknowledged one is missing"
    );
    assert_eq!(broken(&[a, a, b]), (1, OutOfSequence { found: 0, next: 1 }), "one twice");
    assert_eq!(broken(&[a, c, b]), (1, OutOfSequence { found: 1, next: 0 }), "two exchanged");
    assert_eq!(broken(&[a, b, d, c]), (2, AcknowledgesUnknown { claimed: 2, held: 1 }));
    assert!(check(&write(&preamble, &[a, b, c])).is_ok(), "the end can be missing: a check says up to where");
}

#[test]
fn a_statement_of_another_channel_author_or_key_is_refused() {
    let (preamble, statements) = talk();
    let (other, _) = talk();
    let mut elsewhere = other.clone();
    elsewhere.channel = Digest([1; 32]);
    assert!(matches!(refusal(&write(&elsewhere, &[])), ExportError::IntroductionUnsigned(_)));
    let stranger = identity("Tarrun", 151);
    let mut exchanged = preamble.clone();
    exchanged.cards[1] = stranger.card().clone();
    assert!(matches!(refusal(&write(&exchanged, &[])), ExportError::IntroductionUnsigned(_)));
    exchanged.cards = [preamble.cards[1].clone(), preamble.cards[0].clone()];
    exchanged.introduced = [preamble.introduced[1].clone(), preamble.introduced[0].clone()];
    assert!(
        matches!(refusal(&write(&exchanged, &[])), ExportError::IntroductionUnsigned(_)),
        "roles exchanged"
    );
    exchanged.cards = [preamble.cards[0].clone(), preamble.cards[0].clone()];
    assert_eq!(refusal(&write(&exchanged, &[])), ExportError::CardsShareKey);
    let forged = Statement::sign(statements[0].header.clone(), said(1), stranger.key()).unwrap();
    let ExportError::Transcript { at: 0, error } = refusal(&write(&preamble, &[&forged])) else { panic!() };
    assert!(matches!(error, TranscriptError::Statement(StatementError::SignatureInvalid(_))));
    let mut misattributed = statements[0].clone();
    misattributed.header.author = Role::Joiner;
    let ExportError::Transcript { at: 0, error } = refusal(&write(&preamble, &[&misattributed])) else {
        panic!()
    };
    assert!(matches!(error, TranscriptError::Statement(StatementError::SignatureInvalid(_))));
}

/// ML-DSA signatures are randomised: another valid one over the same header is the same statement.
#[test]
fn a_statement_signed_again_has_the_same_id() {
    let (_, statements) = talk();
    let again = Statement::sign(statements[0].header.clone(), said(1), identity("Velmara", 1).key()).unwrap();
    assert_ne!(again.signature, statements[0].signature);
    assert_eq!(again.id(), statements[0].id());
    assert!(again.verify(identity("Velmara", 1).card().key()).is_ok());
}

#[test]
fn body_salt_and_every_line_of_a_list_are_committed_to() {
    let (_, statements) = talk();
    let good = &statements[1];
    let key = identity("Tarrun", 101);
    assert!(good.verify(key.card().key()).is_ok());
    let lines = |change: fn(&mut Vec<Vec<u8>>)| {
        let mut lines = good.said.lists[0].lines().to_vec();
        change(&mut lines);
        vec![List::new(run(2), lines).unwrap()]
    };
    let mut others = vec![good.said.clone(); 8];
    others[0].body.push(b'\n');
    others[1].salt[31] ^= 1;
    others[2].lists.clear();
    others[3].lists = lines(|lines| lines.swap(0, 1));
    others[4].lists = lines(|lines| lines[2].push(b' '));
    others[5].lists = lines(|lines| drop(lines.pop()));
    others[6].lists = vec![List::new(run(3), good.said.lists[0].lines().to_vec()).unwrap()];
    others[7].lists.push(good.said.lists[0].clone());
    for (which, said) in others.into_iter().enumerate() {
        let other = Statement { said, ..good.clone() };
        assert_eq!(other.verify(key.card().key()), Err(StatementError::CommitmentBroken), "{which}");
    }
}

#[test]
fn limits_of_lists_hold_when_a_statement_is_read_as_when_it_is_made() {
    let list = |lines: usize, bytes: usize| List::new([1; 32], vec![vec![7; bytes]; lines]);
    assert!(list(LIST_LINES_MAX, 1).is_ok() && list(1, LINE_BYTES_MAX).is_ok());
    assert_eq!(list(LIST_LINES_MAX + 1, 1).err(), Some(ListError::TooManyLines(LIST_LINES_MAX + 1)));
    let long = ListError::LineTooLong { line: 0, bytes: LINE_BYTES_MAX + 1 };
    assert_eq!(list(1, LINE_BYTES_MAX + 1).err(), Some(long));
    let (_, statements) = talk();
    let mut bytes = statements[0].encode().unwrap();
    bytes.truncate(HEADER_BYTES + SIGNATURE_BYTES + 32);
    bytes.extend([0; 8]);
    let with = |lists: &[u8], count: u64| [&bytes[..], &count.to_le_bytes(), lists].concat();
    assert!(Statement::decode(&with(&[], 0)).is_ok());
    let empty = [&[5; 32][..], &[0; 8]].concat();
    let many = with(&empty.repeat(LISTS_MAX + 1), LISTS_MAX as u64 + 1);
    assert_eq!(Statement::decode(&many).err(), Some(StatementError::TooManyLists));
    let least = [&[5; 32][..], &1u64.to_le_bytes(), &[0; 8]].concat();
    assert!(Statement::decode(&with(&least.repeat(LISTS_MAX), LISTS_MAX as u64)).is_ok());
    let line = (LINE_BYTES_MAX as u64 + 1).to_le_bytes();
    let one = [&[5; 32][..], &1u64.to_le_bytes(), &line, &vec![0; LINE_BYTES_MAX + 1]].concat();
    assert_eq!(Statement::decode(&with(&one, 1)).err(), Some(StatementError::List(long)));
}

#[test]
fn a_statement_and_a_card_may_be_as_long_as_their_limits() {
    let (mut preamble, statements) = talk();
    let around = HEADER_BYTES + SIGNATURE_BYTES + 32 + 8 + 8;
    let mut long = statements[0].clone();
    long.said.body = vec![7; STATEMENT_BYTES_MAX - around];
    assert_eq!(long.encode().unwrap().len(), STATEMENT_BYTES_MAX);
    long.said.body.push(7);
    assert!(long.encode().is_err());
    // No name takes more bytes than one of so many characters of four.
    preamble.cards[0] = identity(&"𝒱".repeat(NAME_CHARS_MAX), 1).card().clone();
    assert_eq!(preamble.cards[0].encode().unwrap().len(), CARD_BYTES_MAX);
    let bytes = export::beginning(&preamble, 0).unwrap();
    assert_eq!(export::Reader::new(&bytes[..]).beginning(), Ok((preamble, 0)));
}

#[test]
fn a_header_of_another_version_or_author_is_malformed() {
    let (_, statements) = talk();
    let bytes = statements[0].encode().unwrap();
    for (at, value) in [(0, 0), (0, 2), (1, 2), (1, 255)] {
        let mut other = bytes.clone();
        other[at] = value;
        assert!(
            matches!(Statement::decode(&other), Err(StatementError::Malformed(_))),
            "byte {at} = {value}"
        );
    }
    for cut in [0, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + SIGNATURE_BYTES, bytes.len() - 1] {
        assert!(matches!(Statement::decode(&bytes[..cut]), Err(StatementError::Malformed(_))), "{cut}");
    }
}

#[test]
fn a_statement_is_the_sum_of_its_fragments_and_each_is_sound() {
    let bytes: Vec<u8> = (0..40_000u32).map(|at| at as u8).collect();
    let mut joined = Vec::new();
    for content in fragments(7, &bytes) {
        let encoded = content.encode().unwrap();
        let Content::Fragment(fragment) = Content::decode(&encoded).unwrap() else { panic!() };
        assert!(fragment.is_sound());
        let mut short = fragment.clone();
        short.bytes.pop();
        assert_eq!(short.is_sound(), fragment.index + 1 == fragment.count, "only the last may be shorter");
        let mut past = fragment.clone();
        past.index = past.count;
        assert!(!past.is_sound());
        joined.extend(fragment.bytes);
    }
    assert_eq!(joined, bytes);
}

#[test]
fn a_read_receipt_names_rising_acknowledged_statements_and_no_more_than_it_may() {
    let decode = |sequences: Vec<u64>, peer_count| {
        Read::decode(&Read::new(sequences).encode().unwrap(), peer_count).map(|read| read.sequences.len())
    };
    assert!(decode(vec![0, 2, 3], 3).is_err(), "not acknowledged");
    assert!(decode(vec![0, 2, 2], 4).is_err(), "twice");
    assert!(decode(vec![2, 0], 4).is_err(), "falling");
    assert_eq!(decode(vec![0, 2, 3], 4), Ok(3));
    let most = READ_MAX as u64;
    assert_eq!(decode((0..most).collect(), most), Ok(READ_MAX));
    let mut more = vec![1];
    more.extend((most + 1).to_le_bytes());
    more.extend((0..=most).flat_map(u64::to_le_bytes));
    assert!(Read::decode(&more, most + 1).is_err(), "one too many");
    let mut other = Read::new(vec![0]).encode().unwrap();
    other[0] = 2;
    assert!(Read::decode(&other, 1).is_err(), "version 2");
}

#[test]
fn one_statement_shown_twice_proves_no_fork() {
    let (preamble, statements) = talk();
    let signed = |at: usize| (statements[at].header.clone(), statements[at].signature.clone());
    let proves = |one, other| {
        let body = ForkNotice::new(signed(one), signed(other)).encode().unwrap();
        ForkNotice::proves(&body, &preamble.channel, Role::Inviter, preamble.cards[0].key())
    };
    let notice = |at: usize| ForkNotice::new(signed(at), signed(at));
    assert_eq!([0, 3].map(|at| notice(at).sequence()), [0, 1]);
    assert!(!proves(0, 0) && !proves(0, 3));
}

#[test]
fn a_fork_is_proved_by_two_signed_statements_of_one_author_at_one_place_of_the_channel() {
    let (preamble, statements) = talk();
    let stage = Stage::new(1);
    let first = &statements[0];
    let make = |clock, key| {
        let header =
            truceline::statement::header::Header { clock: UnixMillis(clock), ..first.header.clone() };
        let other = Statement::sign(header, said(1), key).unwrap();
        (other.header, other.signature)
    };
    let stored = (first.header.clone(), first.signature.clone());
    let other = make(99, stage.inviter.key());
    let key = preamble.cards[0].key();
    let proves = |stored: &(_, _), other: &(_, _), channel, author| {
        let body = ForkNotice::new(stored.clone(), other.clone()).encode().unwrap();
        ForkNotice::proves(&body, channel, author, key)
    };
    assert!(proves(&stored, &other, &preamble.channel, Role::Inviter));
    assert!(!proves(&stored, &other, &Digest([9; 32]), Role::Inviter), "of another channel");
    assert!(!proves(&stored, &other, &preamble.channel, Role::Joiner), "of another author");
    let forged = (other.0.clone(), stored.1.clone());
    assert!(!proves(&stored, &forged, &preamble.channel, Role::Inviter), "not signed");
    assert!(!proves(&forged, &stored, &preamble.channel, Role::Inviter), "not signed");
}

#[test]
fn a_list_and_a_shown_line_are_printed_without_a_word_of_theirs() {
    let list = &said(2).lists[0];
    assert_eq!(format!("{list:?}"), "List(3 lines)");
    assert_eq!(format!("{:?}", list.show(1).unwrap()), "ShownLine(1)");
}

#[test]
fn a_succession_depends_on_renewals_and_confirmations_of_the_words_alone() {
    let matter = (0..=u16::MAX).filter(|kind| renewal::matters(*kind));
    let mut kinds = [Kind::Renewal.number(), Kind::WordsConfirmed.number()];
    kinds.sort_unstable();
    assert_eq!(matter.collect::<Vec<_>>(), kinds);
}
