//! The introduction in memory: as it should go, and against whoever alters, replaces or repeats a part of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod pair;

use pair::{NOW, Stage, capability, copy, deliver, identity, place, rng, run, secret, state, welcome};
use truceline::codec::{self, CELL_BYTES, CellBytes};
use truceline::crypto::agree::{AgreeError, DhPublic, DhSecret, encapsulate};
use truceline::crypto::derive::{expand, extract};
use truceline::crypto::digest::{Digest, digest};
use truceline::crypto::label;
use truceline::crypto::seal::OneTimeKey;
use truceline::crypto::secret::Secret;
use truceline::crypto::sign::{QueueKey, SigningSeeds};
use truceline::party::card::{Card, Identity, IdentitySeeds, PartyName};
use truceline::party::line::LineError;
use truceline::party::role::Role;
use truceline::party::words::SafetyWords;
use truceline::session::content::{Content, Welcome};
use truceline::session::introduction::{
    AcceptedHello, Greeting, IntroductionError, OneTimeKeys, greet, verify_role,
};
use truceline::session::invite::{Invite, InviteError, SignedOffer, UntrustedInvite};
use truceline::session::ratchet::{OwnKeys, RatchetError};
use truceline::time::UnixMillis;

/// Positions in a cell worth altering: its edges, and samples between.
fn positions(edge: usize) -> impl Iterator<Item = usize> {
    (0..edge).chain((edge..CELL_BYTES).step_by(509)).chain([CELL_BYTES - 1])
}

fn altered(cell: &CellBytes, at: usize) -> Box<CellBytes> {
    let mut cell = Box::new(*cell);
    cell[at] ^= 1 << (at % 8);
    cell
}

fn words(channel: &Digest, inviter: &Card, joiner: &Card) -> SafetyWords {
    SafetyWords::of(channel, &inviter.fingerprint().unwrap(), &joiner.fingerprint().unwrap())
}

fn invite_error<T>(result: Result<T, InviteError>) -> InviteError {
    result.map(drop).unwrap_err()
}

fn hello_error<T>(result: Result<T, IntroductionError>) -> IntroductionError {
    result.map(drop).unwrap_err()
}

fn send_welcome(accepted: &mut AcceptedHello) -> Box<CellBytes> {
    let content = welcome(accepted).encode().unwrap();
    accepted.ratchet.seal(&content, &mut rng(30)).unwrap()
}

fn greeting_state(greeting: &Greeting) -> Vec<u8> {
    codec::encode(greeting, pair::STATE_MAX).unwrap()
}

#[test]
fn two_strangers_become_a_channel_through_one_invite() {
    let stage = Stage::new(1);
    let line = stage.invite.print().unwrap();
    let invite = UntrustedInvite::parse(&line).unwrap().verify(NOW).unwrap();
    let offer = invite.open_offer(&stage.offer.seal(stage.invite.secret(), &mut rng(2)).unwrap()).unwrap();
    assert_eq!(offer.digest, stage.offer.digest);
    assert_eq!(offer.card(), stage.inviter.card());

    let relays = vec![capability("south", 0x61)];
    let (greeting, hello) =
        greet(&offer, invite.secret(), &stage.joiner, relays, vec![QueueKey(run(5))], &mut rng(3)).unwrap();
    let mut accepted = stage.accept(&hello, 4).unwrap();
    assert_eq!(accepted.channel, greeting.channel);
    assert_eq!(&accepted.card, stage.joiner.card());
    assert_eq!(accepted.relays[0].writer, Digest(run(0x61)));
    assert_eq!(accepted.writer_keys, [QueueKey(run(5))]);

    let cell = send_welcome(&mut accepted);
    let rng = &mut rng(5);
    let welcomed = greeting.open_welcome(&cell, rng).unwrap();
    assert_eq!(
        (&welcomed.writers, &welcomed.writer_keys),
        (&vec![Digest(run(0x31))], &vec![QueueKey(run(0x41))])
    );
    for (ours, theirs) in [(&greeting.joiner, &accepted.joiner), (&welcomed.inviter, &accepted.inviter)] {
        assert_eq!(ours, theirs);
    }
    let both = [stage.inviter.card().fingerprint().unwrap(), stage.joiner.card().fingerprint().unwrap()];
    for (role, identity, part) in
        [(Role::Inviter, &stage.inviter, &accepted.inviter), (Role::Joiner, &stage.joiner, &accepted.joiner)]
    {
        let check = |role, channel: &Digest, cards, first| {
            verify_role(role, channel, cards, first, identity.card(), &part.signature)
        };
        assert_eq!(check(role, &greeting.channel, [&both[0], &both[1]], &part.first), Ok(()));
        assert!(check(role.other(), &greeting.channel, [&both[0], &both[1]], &part.first).is_err());
        assert!(check(role, &Digest([0; 32]), [&both[0], &both[1]], &part.first).is_err());
        assert!(check(role, &greeting.channel, [&both[1], &both[0]], &part.first).is_err());
        assert!(check(role, &greeting.channel, [&both[0], &both[1]], &Digest([0; 32])).is_err());
    }

    assert_eq!(
        words(&greeting.channel, &greeting.card, stage.joiner.card()),
        words(&accepted.channel, stage.inviter.card(), &accepted.card)
    );
    let mut joiner = greeting.into_ratchet(welcomed, NOW);
    let moved = Content::Moved(vec![Digest([8; 32])]);
    let cell = joiner.seal(&moved.encode().unwrap(), rng).unwrap();
    let opened = deliver(&mut accepted.ratchet, &cell, NOW, rng).unwrap();
    assert_eq!(Content::decode(&opened).unwrap(), moved);
    let cell = accepted.ratchet.seal(b"onwards", rng).unwrap();
    assert_eq!(deliver(&mut joiner, &cell, NOW, rng).unwrap(), b"onwards");
}

#[test]
fn an_expired_invite_is_refused_from_its_last_moment_on() {
    let line = Stage::new(1).invite.print().unwrap();
    let verify = |now| UntrustedInvite::parse(&line).unwrap().verify(UnixMillis(now));
    let expires = NOW.0 + 86_400_000;
    assert!(verify(expires - 1).is_ok());
    assert_eq!(invite_error(verify(expires)), InviteError::Expired);
    assert_eq!(invite_error(verify(u64::MAX)), InviteError::Expired);
}

#[test]
fn an_invite_line_altered_in_any_character_is_refused() {
    let line = Stage::new(1).invite.print().unwrap();
    for at in 0..line.len() {
        let mut other = line.clone().into_bytes();
        other[at] = if other[at] == b'a' || other[at] == b'A' { b'b' } else { b'a' };
        let error = invite_error(UntrustedInvite::parse(std::str::from_utf8(&other).unwrap()));
        let wanted = if at < 10 { LineError::PrefixMissing("truceline") } else { LineError::Altered };
        assert_eq!(error, InviteError::Line(wanted), "character {at}");
    }
    for cut in [0, 5, 10, 11, 40, line.len() - 1] {
        assert!(matches!(invite_error(UntrustedInvite::parse(&line[..cut])), InviteError::Line(_)), "{cut}");
    }
}

#[test]
fn an_invite_of_another_version_or_without_relays_is_refused() {
    let line = |bytes: &[u8]| truceline::party::line::print("truceline", bytes);
    let good = truceline::party::line::parse("truceline", &Stage::new(1).invite.print().unwrap()).unwrap();
    assert!(UntrustedInvite::parse(&line(&good)).is_ok());
    let mut other = good.clone();
    other[0] = 2;
    assert_eq!(invite_error(UntrustedInvite::parse(&line(&other))), InviteError::VersionUnknown(2));
    let longer = [&good[..], &[0]].concat();
    assert!(matches!(invite_error(UntrustedInvite::parse(&line(&longer))), InviteError::Malformed(_)));
    let place = good.len() - 72 - 9;
    let none = [&good[..1], &[0; 8], &good[9 + place..]].concat();
    assert_eq!(invite_error(UntrustedInvite::parse(&line(&none))), InviteError::RelayCount(0));
    assert_eq!(invite_error(UntrustedInvite::parse(&line(&[]))), InviteError::VersionUnknown(0));
    let five = (0..5).map(|n| pair::place("north", n)).collect();
    let made = Invite::new(five, secret(1), &Stage::new(1).offer, NOW);
    assert_eq!(invite_error(made), InviteError::RelayCount(5));
}

#[test]
fn an_offer_altered_anywhere_or_sealed_with_another_secret_is_refused() {
    let stage = Stage::new(1);
    let cell = stage.offer.seal(stage.invite.secret(), &mut rng(2)).unwrap();
    for at in positions(64) {
        let error = invite_error(stage.invite.open_offer(&altered(&cell, at)));
        assert_eq!(error, InviteError::OfferNotOpened, "byte {at}");
    }
    let other = stage.offer.seal(&secret(0x77), &mut rng(2)).unwrap();
    assert_eq!(invite_error(stage.invite.open_offer(&other)), InviteError::OfferNotOpened);
    assert!(stage.invite.open_offer(&cell).is_ok(), "nothing is consumed");
}

#[test]
fn an_offer_that_the_invite_does_not_name_is_refused_though_it_is_sealed_and_signed() {
    let stage = Stage::new(1);
    let impostor = identity("Velmara", 51);
    let mut rng = rng(3);
    let keys = OneTimeKeys::random(&mut rng);
    let by_another = keys.offer(&impostor, vec![capability("north", 0x21)]).unwrap();
    let own_other = keys.offer(&stage.inviter, vec![capability("north", 0x21)]).unwrap();
    let signed_again = stage.keys.offer(&stage.inviter, vec![capability("north", 0x21)]).unwrap();
    for offer in [by_another, own_other, signed_again] {
        let cell = offer.seal(stage.invite.secret(), &mut rng).unwrap();
        assert_eq!(invite_error(stage.invite.open_offer(&cell)), InviteError::OfferReplaced);
    }
}

/// Who knows the secret can seal any bytes: they are held against the digest before they are read.
#[test]
fn bytes_that_are_no_offer_are_refused_as_replaced_though_they_are_sealed_with_the_secret() {
    let stage = Stage::new(1);
    let key = expand(&extract(&[9; 24], &[stage.invite.secret().expose()]), label::OFFER_SEAL, &[]);
    let text = codec::pad(b"\x02 not an offer", CELL_BYTES - 24 - 16).unwrap();
    let sealed = [&[9; 24][..], &OneTimeKey(key).seal(&[], text)].concat();
    let cell: Box<CellBytes> = sealed.into_boxed_slice().try_into().unwrap();
    assert_eq!(invite_error(stage.invite.open_offer(&cell)), InviteError::OfferReplaced);
}

#[test]
fn a_hello_altered_anywhere_is_refused_and_consumes_nothing() {
    let stage = Stage::new(1);
    let (_, hello) = stage.greet(3);
    for at in positions(1_160) {
        let error = hello_error(stage.accept(&altered(&hello, at), 4));
        assert!(matches!(error, IntroductionError::HelloNotOpened), "byte {at}: {error}");
    }
    assert!(stage.accept(&hello, 4).is_ok());
}

#[test]
fn a_hello_by_someone_without_the_invites_secret_is_refused() {
    let stage = Stage::new(1);
    let (_, hello) = stage.greet_as(&stage.joiner, &secret(0x77), 3);
    assert_eq!(hello_error(stage.accept(&hello, 4)), IntroductionError::HelloNotOpened);
}

#[test]
fn a_hello_to_another_offer_of_the_same_inviter_is_refused() {
    let stage = Stage::new(1);
    let mut other = Stage::new(1);
    other.offer = stage.keys.offer(&stage.inviter, vec![capability("other", 0x21)]).unwrap();
    let (_, hello) = other.greet(3);
    assert_eq!(hello_error(stage.accept(&hello, 4)), IntroductionError::HelloNotOpened);
}

#[test]
fn a_hello_whose_agreement_key_contributes_nothing_is_refused() {
    let stage = Stage::new(1);
    let (_, mut hello) = stage.greet(3);
    hello[1..33].copy_from_slice(&DhPublic([0; 32]).0);
    assert_eq!(hello_error(stage.accept(&hello, 4)), IntroductionError::Agree(AgreeError::NonContributory));
}

#[test]
fn who_read_the_invite_can_greet_and_then_the_words_differ() {
    let stage = Stage::new(1);
    let reader = identity("Tarrun", 151);
    let (expected, _) = stage.greet(3);
    let (_, hello) = stage.greet_as(&reader, stage.invite.secret(), 4);
    let mut accepted = stage.accept(&hello, 5).unwrap();
    assert_ne!(&accepted.card, stage.joiner.card());
    let seen = words(&accepted.channel, stage.inviter.card(), &accepted.card);
    assert_ne!(seen, words(&expected.channel, &expected.card, stage.joiner.card()));
    // The welcome to that reader is none to the joiner, whose own greeting stays as it was.
    let before = greeting_state(&expected);
    let cell = send_welcome(&mut accepted);
    let error = expected.open_welcome(&cell, &mut rng(6)).map(drop).unwrap_err();
    assert_eq!(error, IntroductionError::Ratchet(RatchetError::NotOpened));
    assert!(greeting_state(&expected) == before);
}

#[test]
fn a_replaced_invite_shows_in_different_words_for_every_part_of_it() {
    let stage = Stage::new(1);
    let (greeting, hello) = stage.greet(3);
    let honest = words(&greeting.channel, &greeting.card, stage.joiner.card());
    // In the middle: another identity under the same name, towards each side.
    let middle = identity("Velmara", 51);
    let mut replaced = Stage::new(9);
    replaced.offer = replaced.keys.offer(&middle, vec![capability("north", 0x21)]).unwrap();
    replaced.inviter = middle;
    let (fooled, _) = replaced.greet(3);
    let to_inviter = identity("Tarrun", 151);
    let (_, relayed) = stage.greet_as(&to_inviter, stage.invite.secret(), 4);
    let accepted = stage.accept(&relayed, 5).unwrap();
    let joiners = words(&fooled.channel, &fooled.card, stage.joiner.card());
    let inviters = words(&accepted.channel, stage.inviter.card(), &accepted.card);
    assert!(joiners != inviters && joiners != honest && inviters != honest);
    // And nothing else in a channel leaves them as they are: roles, names, keys, relays.
    let accepted = stage.accept(&hello, 5).unwrap();
    assert_eq!(words(&accepted.channel, stage.inviter.card(), &accepted.card), honest);
    assert_ne!(words(&accepted.channel, &accepted.card, stage.inviter.card()), honest);
    let renamed = identity("Tarrum", 101);
    assert_ne!(words(&accepted.channel, stage.inviter.card(), renamed.card()), honest);
    let mut elsewhere = Stage::new(1);
    elsewhere.offer = elsewhere.keys.offer(&elsewhere.inviter, vec![capability("north", 0x22)]).unwrap();
    assert_ne!(elsewhere.greet(3).0.channel, greeting.channel);
    let relays = vec![capability("south", 0x62)];
    let keys = vec![QueueKey(run(5))];
    let other =
        greet(&stage.offer, stage.invite.secret(), &stage.joiner, relays, keys, &mut rng(3)).unwrap().0;
    assert_ne!(other.channel, greeting.channel);
}

fn with_seeds(name: &str, ed25519: u8, mldsa: u8) -> Identity {
    let seeds = SigningSeeds::from_seeds(secret(ed25519), secret(mldsa));
    Identity::expand(&IdentitySeeds::new(PartyName::parse(name).unwrap(), seeds)).unwrap()
}

#[test]
fn equal_cards_and_any_shared_component_key_are_refused() {
    let stage = Stage::new(1);
    for own in [
        with_seeds("Velmara", 1, 2),
        with_seeds("Tarrun", 1, 2),
        with_seeds("Tarrun", 1, 200),
        with_seeds("Tarrun", 200, 2),
    ] {
        let relays = vec![capability("south", 0x61)];
        let keys = vec![QueueKey(run(5))];
        let made = greet(&stage.offer, stage.invite.secret(), &own, relays, keys, &mut rng(3));
        assert_eq!(hello_error(made), IntroductionError::CardsShareKey);
    }
    // A joiner that does not check itself: the inviter does.
    for own in [with_seeds("Tarrun", 1, 200), with_seeds("Tarrun", 200, 2)] {
        let hello = made_hello(&stage, own.card(), &own);
        assert_eq!(hello_error(stage.accept(&hello, 4)), IntroductionError::CardsShareKey);
    }
}

/// A hello by a joiner that checks nothing: it shows `card` and signs as `signer`.
fn made_hello(stage: &Stage, card: &Card, signer: &Identity) -> Box<CellBytes> {
    let rng = &mut rng(3);
    let own = DhSecret::random(rng);
    let (ciphertext, kem) = encapsulate(stage.offer.kem(), rng).unwrap();
    let clear = codec::encode(&(1u8, own.public(), ciphertext), 1_121).unwrap();
    let dh = own.agree(stage.offer.dh()).unwrap();
    let prk = extract(stage.invite.secret().expose(), &[dh.expose(), kem.expose()]);
    let first = OwnKeys::random(rng).public();
    let content = (card.clone(), vec![capability("south", 0x61)], vec![QueueKey(run(5))], first.clone());
    let content = codec::encode(&content, CELL_BYTES).unwrap();
    let offer = &stage.offer.digest.0;
    let hashes = [digest(label::HELLO_CLEAR, &[&clear]), digest(label::HELLO_CONTENT, &[&content])];
    let channel = digest(label::CHANNEL, &[offer, &hashes[0].0, &hashes[1].0]);
    let cards = [stage.inviter.card(), card].map(|card| card.fingerprint().unwrap());
    let parts: [&[u8]; 4] = [&channel.0, &cards[0].0, &cards[1].0, &first.digest().0];
    let signature = signer.key().sign(label::INTRODUCE_JOINER, &parts).unwrap();
    let signed = [content, codec::encode(&signature, 3_373).unwrap()].concat();
    let bound = digest(label::HELLO_BOUND, &[offer, &clear]);
    let key = OneTimeKey(expand(&prk, label::HELLO_KEY, &[&bound.0]));
    let sealed = key.seal(&[], codec::pad(&signed, CELL_BYTES - 1_121 - 16).unwrap());
    [clear, sealed].concat().into_boxed_slice().try_into().unwrap()
}

#[test]
fn a_hello_made_from_the_formulas_is_accepted_and_one_signed_by_another_key_is_refused() {
    let stage = Stage::new(1);
    let joiner = &stage.joiner;
    assert!(stage.accept(&made_hello(&stage, joiner.card(), joiner), 4).is_ok());
    for other in [with_seeds("Tarrun", 101, 200), with_seeds("Tarrun", 200, 102)] {
        let hello = made_hello(&stage, joiner.card(), &other);
        let error = hello_error(stage.accept(&hello, 4));
        assert!(
            matches!(error, IntroductionError::SignatureInvalid(_)),
            "one key alone is not enough: {error}"
        );
    }
}

#[test]
fn a_hello_that_does_not_name_one_writer_for_each_relay_is_refused() {
    let stage = Stage::new(1);
    let greet_with = |relays, keys| {
        greet(&stage.offer, stage.invite.secret(), &stage.joiner, relays, keys, &mut rng(3))
            .map(|made| made.1)
    };
    for keys in [vec![], vec![QueueKey(run(5)), QueueKey(run(6))]] {
        let hello = greet_with(vec![capability("south", 0x61)], keys).unwrap();
        assert_eq!(hello_error(stage.accept(&hello, 4)), IntroductionError::RelaysMismatch);
    }
    let none = greet_with(vec![], vec![QueueKey(run(5))]);
    assert_eq!(hello_error(none), IntroductionError::RelaysMismatch);
    let five = (0..5).map(|n| capability("south", n)).collect();
    assert_eq!(hello_error(greet_with(five, vec![QueueKey(run(5))])), IntroductionError::RelaysMismatch);
}

#[test]
fn a_welcome_altered_anywhere_is_refused_and_the_greeting_stays_as_it_was() {
    let stage = Stage::new(1);
    let (greeting, hello) = stage.greet(3);
    let cell = send_welcome(&mut stage.accept(&hello, 4).unwrap());
    let before = greeting_state(&greeting);
    for at in positions(40) {
        let error = greeting.open_welcome(&altered(&cell, at), &mut rng(5)).map(drop).unwrap_err();
        assert_eq!(error, IntroductionError::Ratchet(RatchetError::NotOpened), "byte {at}");
    }
    assert!(greeting_state(&greeting) == before);
    assert!(greeting.open_welcome(&cell, &mut rng(5)).is_ok());
}

#[test]
fn a_welcome_with_an_invalid_signature_is_refused() {
    let stage = Stage::new(1);
    let (greeting, hello) = stage.greet(3);
    let alter: [fn(&mut Welcome); 4] = [
        |welcome| welcome.signature.ed25519[9] ^= 1,
        |welcome| welcome.signature.mldsa[9] ^= 1,
        |welcome| welcome.writers.clear(),
        |welcome| welcome.writer_keys.push(QueueKey(run(1))),
    ];
    for (which, alter) in alter.into_iter().enumerate() {
        let mut accepted = stage.accept(&hello, 4).unwrap();
        let Content::Welcome(mut content) = welcome(&accepted) else { unreachable!() };
        alter(&mut content);
        let bytes = Content::Welcome(content).encode().unwrap();
        let cell = accepted.ratchet.seal(&bytes, &mut rng(5)).unwrap();
        let error = greeting.open_welcome(&cell, &mut rng(6)).map(drop).unwrap_err();
        match which {
            0 | 1 => assert!(matches!(error, IntroductionError::SignatureInvalid(_)), "{which}: {error}"),
            _ => assert_eq!(error, IntroductionError::RelaysMismatch, "{which}"),
        }
    }
}

#[test]
fn the_joiners_signature_is_no_welcome() {
    let stage = Stage::new(1);
    let (greeting, hello) = stage.greet(3);
    let mut accepted = stage.accept(&hello, 4).unwrap();
    let Content::Welcome(mut content) = welcome(&accepted) else { unreachable!() };
    content.signature = accepted.joiner.signature.clone();
    let cell = accepted.ratchet.seal(&Content::Welcome(content).encode().unwrap(), &mut rng(5)).unwrap();
    let error = greeting.open_welcome(&cell, &mut rng(6)).map(drop).unwrap_err();
    assert!(matches!(error, IntroductionError::SignatureInvalid(_)), "{error}");
}

#[test]
fn another_first_message_than_a_welcome_is_refused() {
    let stage = Stage::new(1);
    let (greeting, hello) = stage.greet(3);
    for (content, malformed) in [
        (Content::Moved(vec![]).encode().unwrap(), false),
        (b"neither".to_vec(), true),
        ([welcome(&stage.accept(&hello, 4).unwrap()).encode().unwrap(), vec![0]].concat(), true),
    ] {
        let mut accepted = stage.accept(&hello, 4).unwrap();
        let cell = accepted.ratchet.seal(&content, &mut rng(5)).unwrap();
        let error = greeting.open_welcome(&cell, &mut rng(6)).map(drop).unwrap_err();
        assert_eq!(matches!(error, IntroductionError::Malformed(_)), malformed, "{error}");
        assert_eq!(error == IntroductionError::WelcomeMissing, !malformed, "{error}");
    }
}

#[test]
fn the_same_hello_gives_the_same_channel_again_and_a_second_hello_another() {
    let stage = Stage::new(1);
    let (greeting, hello) = stage.greet(3);
    let once = stage.accept(&hello, 4).unwrap();
    let again = stage.accept(&hello, 5).unwrap();
    assert_eq!(once.channel, again.channel);
    assert!(state(&once.ratchet) != state(&again.ratchet), "its ratchet keys are fresh");
    assert_ne!(stage.greet(4).0.channel, greeting.channel);
}

#[test]
fn a_greeting_restored_from_its_bytes_opens_the_welcome() {
    let stage = Stage::new(1);
    let (greeting, hello) = stage.greet(3);
    let bytes = greeting_state(&greeting);
    let restored: Greeting = codec::decode(&bytes, pair::STATE_MAX).unwrap();
    let mut accepted = stage.accept(&hello, 4).unwrap();
    let cell = send_welcome(&mut accepted);
    let rng = &mut rng(6);
    let welcomed = restored.open_welcome(&cell, rng).unwrap();
    let mut joiner = copy(&restored.into_ratchet(welcomed, NOW));
    let cell = joiner.seal(b"first", rng).unwrap();
    assert_eq!(deliver(&mut accepted.ratchet, &cell, NOW, rng).unwrap(), b"first");
}

#[test]
fn an_offer_names_one_to_four_relays() {
    let stage = Stage::new(1);
    let offer = |count: u8| {
        let relays = (0..count).map(|n| capability("north", n)).collect();
        SignedOffer::new(&stage.inviter, *stage.offer.dh(), stage.offer.kem().clone(), relays)
    };
    assert!(offer(1).is_ok() && offer(4).is_ok());
    assert_eq!(invite_error(offer(0)), InviteError::RelayCount(0));
    assert_eq!(invite_error(offer(5)), InviteError::RelayCount(5));
    assert!(offer(4).unwrap().seal(&Secret::random(&mut rng(1)), &mut rng(2)).is_ok(), "four fit a cell");
    assert_eq!(place("north", 1).address(), "north.example:4433");
}
