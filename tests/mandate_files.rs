//! Frozen files between officer and principal (`tests/vectors/mandate.txt`): a signed mandate, a draft file, an
//! approval. Signatures are hedged, so the files were made once, and are opened and verified; and every rejection is
//! refused by the name of its defect.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod pair;

use pair::{CHANNEL, NOW, identity, run};
use std::fmt::Write;
use std::path::PathBuf;
use truceline::crypto::digest::{Digest, hex, unhex};
use truceline::crypto::sign::SignError;
use truceline::deal::body::{Accept, Content};
use truceline::deal::import::{Sources, proposal_from_toml};
use truceline::officer::draft::{Approval, ApprovalError, Draft, DraftError, DraftFile};
use truceline::officer::mandate::{SignedMandate, SignedMandateError};
use truceline::party::card::{Identity, PartyName};
use truceline::party::role::Role;
use truceline::statement::header::StatementId;
use truceline::statement::signed::{Said, Statement};
use truceline::statement::transcript::{Heading, Transcript};

const MANDATE: &str = "number = 3\nvalid_until = 2031-01-01T00:00:00Z\n\n[[rule]]\nname = \"нікого\"\n\
                       issue = \"give\"\nclass = \"non-negotiable\"\n";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/mandate.txt")
}

fn frozen(name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(path()).unwrap();
    let found = text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    unhex(found.unwrap_or_else(|| panic!("no {name}"))).unwrap()
}

fn velmara() -> Identity {
    identity("Velmara", 1)
}

fn tarrun() -> Identity {
    identity("Таррун", 101)
}

fn ministry() -> Identity {
    identity("Ministry", 201)
}

/// Tarrun's offer of one named person for two counted, as a statement.
fn offer() -> Statement {
    let text = "[[leg]]\ngiver = \"me\"\n[[leg.person]]\nsurname = \"Їжак\"\n\
                [[leg]]\ngiver = \"them\"\ncount = 2\n";
    let mut list = |_: &str| Err(String::new());
    let mut seed = || run(0x51);
    let mut sources = Sources { me: Role::Joiner, now: NOW, list: &mut list, seed: &mut seed };
    let draft = proposal_from_toml(text, &mut sources).unwrap();
    let content = draft.offer(0, None).unwrap();
    let said = Said { salt: run(0x61), body: content.encode().unwrap(), lists: draft.lists };
    let heading = Heading { kind: content.kind().number(), case: StatementId::NONE, clock: NOW };
    let header = Transcript::new(CHANNEL).next_header(Role::Joiner, heading, said.commitment());
    Statement::sign(header, said, tarrun().key()).unwrap()
}

/// Velmara's acceptance of it, to be signed.
fn draft(hold: u64) -> Draft {
    let offer = offer().id();
    let content = Content::Accept(Accept {
        offer: offer.0,
        hold_until: truceline::time::UnixMillis(NOW.0 + hold),
        remark: None,
    });
    Draft::new(CHANNEL, Role::Inviter, Some(offer), &content, Vec::new()).unwrap()
}

fn file(about: Vec<Vec<u8>>) -> Result<DraftFile, DraftError> {
    DraftFile::new(draft(1), velmara().card().clone(), PartyName::parse("Таррун").unwrap(), 3, about)
}

#[test]
#[ignore = "writes the frozen files anew"]
fn freeze() {
    let mut page =
        "# Files between an officer and its principal: docs/PROTOCOL.md, Drafts and approvals.\n".to_owned();
    let signed = SignedMandate::sign(&ministry(), MANDATE.as_bytes()).unwrap();
    let file = file(vec![offer().encode().unwrap()]).unwrap();
    let approval = file.approve(&ministry(), NOW).unwrap();
    for (name, value) in [
        ("mandate.text", MANDATE.as_bytes().to_vec()),
        ("mandate.signed", signed.encode().unwrap()),
        ("draft", draft(1).encode().unwrap()),
        ("draft.id", draft(1).id().0.to_vec()),
        ("draft.file", file.encode().unwrap()),
        ("approval", approval.encode().unwrap()),
    ] {
        writeln!(page, "{name}: {}", hex(&value)).unwrap();
    }
    std::fs::write(path(), page).unwrap();
}

#[test]
fn a_signed_mandate_is_what_it_was() {
    let bytes = frozen("mandate.signed");
    let signed = SignedMandate::verify(&bytes).unwrap();
    assert_eq!(signed.text(), frozen("mandate.text"));
    assert_eq!(signed.text(), MANDATE.as_bytes());
    assert_eq!(signed.mandate().number, 3);
    assert_eq!(signed.principal(), ministry().card().fingerprint().unwrap());
    assert_eq!(signed.encode().unwrap(), bytes);
}

#[test]
fn a_draft_and_its_id_are_what_they_were() {
    let bytes = frozen("draft");
    assert_eq!(draft(1).encode().unwrap(), bytes);
    assert_eq!(Draft::decode(&bytes).unwrap().id(), Digest(frozen("draft.id").try_into().unwrap()));
    let bytes = frozen("draft.file");
    let file = DraftFile::decode(&bytes).unwrap();
    assert_eq!(file.encode().unwrap(), bytes);
    assert_eq!((&file.drafter, file.draft.id(), file.mandate), (velmara().card(), draft(1).id(), 3));
    let (author, offered) = file.offer().unwrap().unwrap();
    let Content::Offer(offered) = offered else { panic!("no offer") };
    assert_eq!(author, Role::Joiner);
    assert_eq!(offered.lines(&offered.legs()[0]).len(), 1);
}

#[test]
fn an_approval_is_what_it_was_and_lets_this_draft_alone_be_signed() {
    let bytes = frozen("approval");
    let approval = Approval::verify(&bytes).unwrap();
    assert_eq!(approval.encode().unwrap(), bytes);
    assert_eq!((approval.draft(), approval.mandate(), approval.at()), (draft(1).id(), 3, NOW));
    let principal = Some((ministry().card().fingerprint().unwrap(), 3));
    let check =
        |draft: Draft, drafter: &Identity, principal| approval.check(draft.id(), drafter.card(), principal);
    assert_eq!(check(draft(1), &velmara(), principal), Ok(()));
    assert!(matches!(check(draft(2), &velmara(), principal), Err(ApprovalError::OtherDraft { .. })));
    assert!(matches!(check(draft(1), &ministry(), principal), Err(ApprovalError::OwnDraft)));
    assert!(matches!(check(draft(1), &velmara(), None), Err(ApprovalError::NoPrincipal)));
    let other = Some((tarrun().card().fingerprint().unwrap(), 3));
    assert!(matches!(check(draft(1), &velmara(), other), Err(ApprovalError::NotByPrincipal { .. })));
    // A later mandate is the principal's later word.
    let later = principal.map(|(principal, _)| (principal, 4));
    let refused = check(draft(1), &velmara(), later);
    assert_eq!(refused, Err(ApprovalError::OtherMandate { approved: 3, held: 4 }));
}

#[test]
fn every_part_of_a_draft_changes_its_id() {
    let content = draft(1).content().unwrap();
    let of = |channel, author, case| Draft::new(channel, author, case, &content, Vec::new()).unwrap().id();
    let case = draft(1).case();
    let ids = [
        draft(1).id(),
        draft(2).id(),
        of(Digest([1; 32]), Role::Inviter, case),
        of(CHANNEL, Role::Joiner, case),
        of(CHANNEL, Role::Inviter, None),
    ];
    assert_eq!(std::collections::BTreeSet::from(ids).len(), ids.len());
}

#[test]
fn altered_files_are_refused_by_the_name_of_their_defect() {
    let mandate = frozen("mandate.signed");
    let with = |bytes: &[u8], at: usize, byte: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] = byte;
        bytes
    };
    assert_eq!(SignedMandate::verify(&with(&mandate, 0, 2)), Err(SignedMandateError::VersionUnknown(2)));
    assert!(matches!(SignedMandate::verify(&[]), Err(SignedMandateError::Malformed(_))));
    assert!(matches!(SignedMandate::verify(&mandate[..99]), Err(SignedMandateError::Malformed(_))));
    let number = mandate.windows(10).position(|part| part == b"number = 3").unwrap() + 9;
    assert_eq!(
        SignedMandate::verify(&with(&mandate, number, b'4')),
        Err(SignedMandateError::Signature(SignError::SignatureInvalid))
    );
    let approval = frozen("approval");
    assert_eq!(Approval::verify(&with(&approval, 0, 2)), Err(ApprovalError::VersionUnknown(2)));
    assert!(matches!(Approval::verify(&approval[..99]), Err(ApprovalError::Malformed(_))));
    let altered = with(&approval, 1, approval[1] ^ 1);
    assert_eq!(Approval::verify(&altered), Err(ApprovalError::Signature(SignError::SignatureInvalid)));
    // Neither can it be carried over to another mandate: the number stands after the version and the draft's id.
    assert_eq!(approval[33..41], 3u64.to_le_bytes());
    let moved = with(&approval, 33, 4);
    assert_eq!(Approval::verify(&moved), Err(ApprovalError::Signature(SignError::SignatureInvalid)));
    let file = frozen("draft.file");
    assert_eq!(DraftFile::decode(&with(&file, 0, 2)), Err(DraftError::VersionUnknown(2)));
    assert!(matches!(DraftFile::decode(&file[..99]), Err(DraftError::Malformed(_))));
    // What the principal is shown is what is accepted, and nothing else.
    let name = "Їжак".as_bytes();
    let at = file.windows(name.len()).position(|part| part == name).unwrap();
    assert_eq!(DraftFile::decode(&with(&file, at + 1, 0x86)), Err(DraftError::AboutMissing("offer")));
}

#[test]
fn a_draft_file_holds_what_the_draft_is_about_and_nothing_more() {
    assert_eq!(file(Vec::new()), Err(DraftError::AboutMissing("offer")));
    let offer = offer().encode().unwrap();
    assert!(file(vec![offer.clone()]).is_ok());
    assert_eq!(file(vec![offer.clone(), offer]), Err(DraftError::AboutMissing("offer")));
}

#[test]
fn nobody_signs_a_mandate_that_cannot_be_read_nor_approves_their_own_draft() {
    let error = SignedMandate::sign(&ministry(), b"number = 3\n").unwrap_err();
    assert!(matches!(error, SignedMandateError::Text(_)), "{error}");
    let file = DraftFile::decode(&frozen("draft.file")).unwrap();
    // Another name on the same keys is the same drafter.
    assert_eq!(file.approve(&identity("Ministry", 1), NOW), Err(ApprovalError::OwnDraft));
}
