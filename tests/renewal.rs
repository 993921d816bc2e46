//! Renewed channels through the real engines, what they sign of the old one, and whether two transcripts are one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod sim;

use sim::forge::Forger;
use sim::world::World;
use truceline::codec;
use truceline::crypto::digest::{Digest, hex, unhex};
use truceline::crypto::sign::SIGNATURE_BYTES;
use truceline::deal::body::{Content as Deal, Note};
use truceline::deal::word::Text;
use truceline::officer::adopt::{AdoptError, Adopted};
use truceline::officer::command::CommandError;
use truceline::officer::compose::ComposeError;
use truceline::officer::evidence::{Asked, MakeError, check};
use truceline::officer::renewal::{Counterpart, Old};
use truceline::officer::thread::{Halt, Stage};
use truceline::officer::view::check_export;
use truceline::party::role::Role::{self, Inviter, Joiner};
use truceline::party::words::SafetyWords;
use truceline::session::invite::UntrustedInvite;
use truceline::statement::export::CheckedExport;
use truceline::statement::header::{Header, StatementId, VERSION};
use truceline::statement::kind::Kind;
use truceline::statement::list::List;
use truceline::statement::receipt::{ForkNotice, WordsConfirmed};
use truceline::statement::renewal::{
    CitationError, Cited, Renewal, Succession, SuccessionError, renewal_by, succession,
};
use truceline::statement::signed::{Said, Statement};
use truceline::time::{Millis, UnixMillis};

fn pair(names: &[&str]) -> (World, u32, u32) {
    let mut world = World::new(5, names, 1);
    let (a, b) = world.introduce(0, 1, &[0], &[0]);
    world.run_for(Millis::minutes(5));
    (world, a, b)
}

fn say(world: &mut World, node: usize, thread: u32, text: &str) -> Result<StatementId, CommandError> {
    let note = Deal::Note(Note { text: Text::new(text).unwrap() });
    world.command(node, |officer, now, rng| officer.say(thread, None, &note, Vec::new(), now, rng))
}

fn invite(world: &mut World, node: usize, old: Old) -> Result<u32, CommandError> {
    let leave = world.leave(&[0], 4);
    let number = world.command(node, |officer, now, rng| {
        officer.renew(old, format!("renews {}", old.thread), &leave, now.plus(Millis::days(2)), now, rng)
    })?;
    world.run_for(Millis::minutes(1));
    Ok(number)
}

fn join(world: &mut World, node: usize, line: &str, old: Old) -> Result<u32, CommandError> {
    join_as(world, node, &format!("renews {}", old.thread), line, old)
}

fn join_as(world: &mut World, node: usize, label: &str, line: &str, old: Old) -> Result<u32, CommandError> {
    let invite = UntrustedInvite::parse(line).unwrap().verify(UnixMillis(world.now)).unwrap();
    let offer = invite.open_offer(&world.fetch(&invite, 0).unwrap()).unwrap();
    let leave = world.leave(&[0], 4);
    world.command(node, |officer, now, rng| {
        officer.join_renewal(old, label.into(), &invite, &offer, &leave, now, rng)
    })
}

const fn of(thread: u32) -> Old {
    Old { thread, new_identity: false }
}

/// Both confirm the words, and both renewals arrive.
fn agree(world: &mut World, threads: [(usize, u32); 2]) {
    for (node, thread) in threads {
        let words = world.nodes[node].officer.channel(thread).unwrap().session().unwrap().words().to_string();
        world.command(node, |officer, now, rng| officer.confirm_words(thread, &words, now, rng)).unwrap();
        world.run_for(Millis::minutes(5));
    }
    world.run_for(Millis::minutes(5));
}

/// The new threads, once both have said their renewals. The joiner of the old channel invites to the new one.
fn renew(world: &mut World, a: u32, b: u32) -> (u32, u32) {
    let theirs = invite(world, 1, of(b)).unwrap();
    let line = world.invite_line(1, theirs);
    let ours = join(world, 0, &line, of(a)).unwrap();
    world.run_for(Millis::minutes(10));
    agree(world, [(0, ours), (1, theirs)]);
    (ours, theirs)
}

fn export(world: &World, node: usize, thread: u32) -> CheckedExport {
    check_export(&world.nodes[node].officer.channel(thread).unwrap().export().unwrap().unwrap()).unwrap()
}

fn one(old: &CheckedExport, new: &CheckedExport) -> Result<Succession, SuccessionError> {
    let at = |role: Role, count: u64| Cited::of(old.transcript.chain(role), count);
    succession(&old.preamble, at, &new.preamble, new.statements.iter())
}

fn halt(world: &World, node: usize, thread: u32) -> Option<Halt> {
    world.nodes[node].officer.channel(thread).unwrap().session().unwrap().halt
}

#[test]
fn a_healthy_channel_is_renewed_and_both_transcripts_of_both_sides_are_one() {
    let (mut world, a, b) = pair(&["Velmara", "Tarrun"]);
    say(&mut world, 0, a, "statement 1").unwrap();
    say(&mut world, 1, b, "statement 2").unwrap();
    world.run_for(Millis::minutes(10));
    let (ours, theirs) = renew(&mut world, a, b);
    for (node, old, new) in [(0, a, ours), (1, b, theirs)] {
        let officer = &world.nodes[node].officer;
        assert_eq!(officer.channel(old).unwrap().thread.renewed_as, Some(new));
        assert!(matches!(officer.counterpart_renews(new), Some(Counterpart::Agrees(_))));
        let refused = say(&mut world, node, old, "statement 3");
        assert!(matches!(refused, Err(CommandError::Compose(ComposeError::Renewed))));
        say(&mut world, node, new, "statement 4").unwrap();
        let again = invite(&mut world, node, of(old));
        assert!(matches!(again, Err(CommandError::AlreadyRenewed)));
    }
    world.run_for(Millis::minutes(10));
    assert_eq!(world.heads(0, ours), world.heads(1, theirs));
    for (old, new) in [((0, a), (1, theirs)), ((1, b), (0, ours))] {
        let both = one(&export(&world, old.0, old.1), &export(&world, new.0, new.1)).unwrap();
        assert_eq!(both.before, [Role::Joiner, Role::Inviter]);
        for of in Role::BOTH {
            let by = both.renewals.each_ref().map(|renewal| renewal.cited(of).count);
            assert_eq!(both.cited(of), (by[0].min(by[1]), by[0].max(by[1])));
            assert!(both.cited(of).0 > 1);
        }
    }
    // A program that is killed says it no second time.
    world.kill_officer(0);
    world.run_for(Millis::minutes(5));
    let new = export(&world, 0, ours);
    let renewals = new.statements.iter().filter(|it| it.header.kind == Kind::Renewal.number());
    assert_eq!(renewals.count(), 2);
}

#[test]
fn what_does_not_belong_together_is_not_one() {
    let (mut world, a, b) = pair(&["Velmara", "Tarrun"]);
    let before = export(&world, 0, a);
    say(&mut world, 0, a, "statement 1").unwrap();
    world.run_for(Millis::minutes(10));
    let (ours, theirs) = renew(&mut world, a, b);
    let (old, new) = (export(&world, 0, a), export(&world, 0, ours));
    assert!(one(&old, &new).is_ok());
    // An older export of the same channel does not reach what was cited.
    let error = one(&before, &new).unwrap_err();
    assert!(
        matches!(error, SuccessionError::Citation { error: CitationError::Beyond { .. }, .. }),
        "{error}"
    );
    // Another channel of the same parties.
    let (again, _) = renew(&mut world, ours, theirs);
    let third = export(&world, 0, again);
    assert!(one(&new, &third).is_ok());
    assert_eq!(one(&old, &third).unwrap_err(), SuccessionError::OtherChannel(Role::Inviter));
    assert_eq!(one(&new, &old).unwrap_err(), SuccessionError::Unsaid(Role::Inviter));
    // Other parties of the same names.
    let mut others = World::new(9, &["Velmara", "Tarrun"], 1);
    let (c, _) = others.introduce(0, 1, &[0], &[0]);
    let strangers = export(&others, 0, c);
    assert_eq!(one(&strangers, &new).unwrap_err(), SuccessionError::OtherParty(Role::Inviter));
    // Without one party's renewal, or with what the words were confirmed by after it.
    for author in Role::BOTH {
        let without = |kind: Kind| {
            let of = |it: &&_| !is(it, author, kind);
            let at = |role: Role, count: u64| Cited::of(old.transcript.chain(role), count);
            succession(&old.preamble, at, &new.preamble, new.statements.iter().filter(of)).unwrap_err()
        };
        assert_eq!(without(Kind::Renewal), SuccessionError::Unsaid(author));
        assert_eq!(without(Kind::WordsConfirmed), SuccessionError::Unsaid(Role::Inviter));
    }
}

fn is(it: &truceline::statement::signed::Statement, author: Role, kind: Kind) -> bool {
    it.header.author == author && it.header.kind == kind.number()
}

#[test]
fn an_older_copy_takes_in_what_it_lacks_and_is_renewed() {
    let (mut world, a, b) = pair(&["Velmara", "Tarrun"]);
    let old = world.nodes[0].store.clone();
    say(&mut world, 0, a, "statement 1").unwrap();
    world.run_for(Millis::minutes(5));
    say(&mut world, 1, b, "statement 2").unwrap();
    world.run_for(Millis::minutes(10));
    let whole = world.heads(1, b);
    let theirs = export(&world, 1, b);
    let adopt = |world: &mut World| world.command(0, |officer, now, rng| officer.adopt(a, &theirs, now, rng));
    assert!(matches!(adopt(&mut world), Err(CommandError::Adopt(AdoptError::NotOlder))));
    world.set_connected(0, false);
    world.restore_disk(0, old);
    // Known before any relay shows it: our own signature on what this vault does not hold.
    let Adopted { own, peer } = adopt(&mut world).unwrap();
    assert!(own >= 1 && peer >= 1);
    assert_eq!((halt(&world, 0, a), world.heads(0, a)), (Some(Halt::RolledBack), whole));
    world.kill_officer(0);
    assert_eq!(world.heads(0, a), whole);
    let puts = world.puts_on_the_wire;
    world.set_connected(0, true);
    world.run_for(Millis::minutes(10));
    assert_eq!(world.puts_on_the_wire, puts);
    let (ours, theirs) = renew(&mut world, a, b);
    assert!(one(&export(&world, 0, a), &export(&world, 1, theirs)).is_ok());
    assert!(one(&export(&world, 1, b), &export(&world, 0, ours)).is_ok());
}

#[test]
fn an_older_copy_that_has_spoken_vouches_only_for_what_the_other_acknowledged() {
    let (mut world, a, b) = pair(&["Velmara", "Tarrun"]);
    let old = world.nodes[0].store.clone();
    say(&mut world, 0, a, "statement 1").unwrap();
    world.run_for(Millis::minutes(5));
    world.set_connected(0, false);
    world.restore_disk(0, old);
    say(&mut world, 0, a, "statement 2, never sent").unwrap();
    let theirs = export(&world, 1, b);
    let differs = world.command(0, |officer, now, rng| officer.adopt(a, &theirs, now, rng));
    assert!(matches!(differs, Err(CommandError::Adopt(AdoptError::Differs { author: Role::Inviter, .. }))));
    world.set_connected(0, true);
    world.run_for(Millis::minutes(10));
    assert_eq!(halt(&world, 0, a), Some(Halt::RolledBack));
    let (ours, _) = renew(&mut world, a, b);
    assert!(one(&export(&world, 1, b), &export(&world, 0, ours)).is_ok());
    // The older copy itself is not what was acknowledged.
    assert!(one(&export(&world, 0, a), &export(&world, 0, ours)).is_err());
    let said = world.nodes[0].officer.counterpart_renews(ours);
    assert!(matches!(said, Some(Counterpart::Differs(_))), "{said:?}");
}

#[test]
fn a_forked_channel_is_renewed_from_before_its_fork() {
    let (mut world, a, b) = pair(&["Velmara", "Tarrun"]);
    let mut forger = Forger::of(&mut world, 1, b);
    let at = forger.transcript.chain(Role::Joiner).count();
    for body in [b"one".to_vec(), b"other".to_vec()] {
        let statement = forger.statement(Kind::Note.number(), body, |_| ());
        forger.put_statement(&mut world, 0, &statement);
    }
    world.run_for(Millis::minutes(2));
    assert_eq!(halt(&world, 0, a), Some(Halt::Forked { sequence: at }));
    world.kill_officer(0);
    let channel = world.nodes[0].officer.channel(a).unwrap();
    assert_eq!(channel.fork_of(Role::Joiner).map(ForkNotice::sequence), Some(at));
    assert_eq!(channel.fork_of(Role::Inviter), None);
    // Anyone can check the proof; with a bit changed it proves nothing.
    let bytes = channel.evidence(&Asked::Fork).unwrap();
    let proven = check(&bytes).unwrap().bundle.forks;
    assert_eq!(proven.len(), 1);
    assert!(proven[0].iter().all(|header| (header.author, header.sequence) == (Role::Joiner, at)));
    assert_ne!(proven[0][0].id(), proven[0][1].id());
    for at in (0..bytes.len()).step_by(97) {
        let mut altered = bytes.clone();
        altered[at] ^= 4;
        assert!(check(&altered).is_err(), "byte {at}");
    }
    let healthy = world.nodes[1].officer.channel(b).unwrap().evidence(&Asked::Fork);
    assert_eq!(healthy.unwrap_err(), MakeError::NoFork);
    let cites = channel.cites().unwrap();
    assert_eq!(cites.cited(Role::Joiner).count, at);
    assert_eq!(cites.cited(Role::Inviter).count, channel.transcript.chain(Role::Inviter).count());
}

#[test]
fn a_notice_of_our_own_fork_is_kept_though_the_statement_that_brought_it_was_refused() {
    let (mut world, a, b) = pair(&["Velmara", "Tarrun"]);
    let ours = Forger::of(&mut world, 0, a);
    let signed = |body: &[u8]| {
        let statement = ours.statement(Kind::Note.number(), body.to_vec(), |_| ());
        (statement.header, statement.signature)
    };
    let notice = ForkNotice::new(signed(b"one"), signed(b"other"));
    world.set_connected(0, true);
    let mut peer = Forger::of(&mut world, 1, b);
    let body = notice.encode().unwrap();
    let shown = peer.statement(Kind::ForkNotice.number(), body, |header| header.peer_count += 3);
    peer.put_statement(&mut world, 0, &shown);
    world.run_for(Millis::minutes(2));
    assert_eq!(halt(&world, 0, a), Some(Halt::RolledBack));
    world.kill_officer(0);
    assert_eq!(world.nodes[0].officer.channel(a).unwrap().fork_of(Role::Inviter), Some(&notice));
}

#[test]
fn a_renewal_is_joined_by_the_same_party_alone_unless_that_is_meant() {
    let (mut world, a, b) = pair(&["Velmara", "Tarrun", "Osra"]);
    let number = invite(&mut world, 0, of(a)).unwrap();
    let line = world.invite_line(0, number);
    world.join(2, &line, &[0]);
    world.run_for(Millis::minutes(5));
    let Stage::Inviting(inviting) = &world.nodes[0].officer.channel(number).unwrap().thread.stage else {
        panic!("the invite was used up");
    };
    assert_eq!(inviting.refused_hellos, 1);
    let theirs = join(&mut world, 1, &line, of(b)).unwrap();
    world.run_for(Millis::minutes(5));
    assert!(world.nodes[1].officer.channel(theirs).unwrap().session().is_some());
    // The other way round: an invite of somebody else's.
    let leave = world.leave(&[0], 4);
    let osras = world
        .command(2, |officer, now, rng| {
            officer.invite("tarrun".into(), &leave, now.plus(Millis::days(2)), now, rng)
        })
        .unwrap();
    world.run_for(Millis::minutes(1));
    let line = world.invite_line(2, osras);
    assert!(matches!(join(&mut world, 1, &line, of(b)), Err(CommandError::OtherParty { .. })));
    let renews =
        |world: &World, thread: u32| world.nodes[1].officer.channel(thread).unwrap().thread.renews.unwrap();
    assert!(renews(&world, theirs).party.is_some());
    let meant = join_as(&mut world, 1, "meant", &line, Old { thread: b, new_identity: true }).unwrap();
    assert_eq!(renews(&world, meant).party, None);
}

fn renewal() -> Renewal {
    let cited = |count: u64, byte: u8| Cited {
        count,
        head: if count == 0 { StatementId::NONE } else { StatementId(Digest([byte; 32])) },
        root: Digest([byte + 1; 32]),
    };
    Renewal::new(Digest([0xc0; 32]), [cited(7, 0x10), cited(0, 0x20)])
}

#[test]
fn a_renewals_body_is_what_it_was_and_each_defect_is_refused() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/renewal.txt");
    let page = format!(
        "# The body of a renewal (PROTOCOL.md, Renewal): 7 statements of the old inviter, none of the old joiner.\n\
         renewal: {}\n",
        hex(&renewal().encode().unwrap())
    );
    if std::env::var_os("TRUCELINE_PRINT").is_some() {
        return println!("{page}");
    }
    let frozen = std::fs::read_to_string(path).unwrap();
    assert_eq!(frozen, page);
    let bytes = unhex(frozen.lines().nth(1).unwrap().split_once(": ").unwrap().1).unwrap();
    assert_eq!((bytes.len(), Renewal::decode(&bytes).unwrap()), (177, renewal()));
    let altered = |at: usize, byte: u8| {
        let mut altered = bytes.clone();
        altered[at] = byte;
        Renewal::decode(&altered)
    };
    assert!(altered(0, 2).is_err(), "version 2");
    assert!(altered(33, 0).is_err(), "a head of no statement");
    assert!(altered(105, 1).is_err(), "no head of a statement");
    assert!(
        Renewal::decode(&bytes[..176]).is_err() && Renewal::decode(&[&bytes[..], &[0]].concat()).is_err()
    );
}

/// Who says what, and how many of the other's statements it acknowledges.
type Spoken<'a> = (Role, Kind, &'a [u8], u64);

/// Nobody's signatures are on these: who reads them checked that before.
fn spoken(all: &[Spoken], lists: &[List]) -> Vec<Statement> {
    let mut next = [0, 0];
    let statement = |&(author, kind, body, peer_count): &Spoken| {
        let sequence = &mut next[usize::from(author.number())];
        *sequence += 1;
        let header = Header {
            version: VERSION,
            author,
            kind: kind.number(),
            channel: Digest([1; 32]),
            case: StatementId::NONE,
            sequence: *sequence - 1,
            previous: StatementId::NONE,
            own_root: Digest::default(),
            peer_count,
            peer_head: StatementId::NONE,
            peer_root: Digest::default(),
            clock: UnixMillis(7),
            commitment: Digest::default(),
        };
        let signature = codec::decode(&[0; SIGNATURE_BYTES], SIGNATURE_BYTES).unwrap();
        let said = Said { salt: [2; 32], body: body.to_vec(), lists: lists.to_vec() };
        Statement { header, signature, said }
    };
    all.iter().map(statement).collect()
}

#[test]
fn a_renewal_counts_with_both_confirmations_of_the_words_in_its_past() {
    let words = [3, 4].map(|byte| SafetyWords::of(&Digest([1; 32]), &Digest([2; 32]), &Digest([byte; 32])));
    let [right, wrong] = words.each_ref().map(|words| WordsConfirmed::new(words).encode().unwrap());
    let body = renewal().encode().unwrap();
    let (own, peer) =
        ((Inviter, Kind::WordsConfirmed, &right[..], 0), (Joiner, Kind::WordsConfirmed, &right[..], 1));
    let renews = |acknowledged| (Inviter, Kind::Renewal, &body[..], acknowledged);
    let by = |all: &[Spoken], lists: &[List]| renewal_by(Inviter, &words[0], spoken(all, lists).iter());
    let counts = |all: &[Spoken]| by(all, &[]).is_some();
    assert_eq!(by(&[own, peer, renews(1)], &[]), Some(renewal()));
    assert!(counts(&[peer, own, renews(1)]));
    assert!(counts(&[renews(0), own, peer, renews(1)]), "one that came too early does not count");
    assert!(!counts(&[own, renews(1)]) && !counts(&[peer, renews(1)]));
    assert!(!counts(&[own, peer, renews(0)]), "the other's is not in its past");
    assert!(!counts(&[own, peer, (Joiner, Kind::Renewal, &body, 1)]), "it is the other's");
    assert!(!counts(&[own, peer, (Inviter, Kind::Note, &body, 1)]), "it is none");
    assert!(!counts(&[own, (Joiner, Kind::Note, &right, 1), renews(1)]), "it confirms nothing");
    assert!(!counts(&[own, (Joiner, Kind::WordsConfirmed, &wrong, 1), renews(1)]), "it confirms other words");
    let list = List::new([5; 32], vec![b"a line".to_vec()]).unwrap();
    assert!(by(&[own, peer, renews(1)], &[list]).is_none(), "neither has a list");
    let renews = |channel| {
        let mut it = spoken(&[renews(1)], &[]).remove(0);
        it.header.channel = channel;
        Renewal::of(&it.header, &it.said)
    };
    assert_eq!(renews(Digest([1; 32])), Some(renewal()));
    assert_eq!(renews(renewal().channel), None, "a channel renews none but another");
}

#[test]
fn a_citation_fits_what_is_held_or_is_of_more_or_of_something_else() {
    let whole = renewal();
    let held = |of: Role, count: u64| Some(*whole.cited(of)).filter(|cited| cited.count == count);
    assert_eq!(whole.check(held), Ok(()));
    let fewer = |of: Role, count: u64| held(of, count).filter(|cited| cited.count < 7);
    assert_eq!(whole.check(fewer), Err(CitationError::Beyond { of: Inviter, cited: 7 }));
    let other = |of: Role, count: u64| held(of, count).map(|cited| Cited { root: Digest([9; 32]), ..cited });
    assert_eq!(whole.check(other), Err(CitationError::Other { of: Inviter, cited: 7 }));
}
