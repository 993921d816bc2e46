//! What statements say: a body of each kind with its lists, and the records on lists. What is read is shown in every way
//! there is, too.

use super::deal::names;
use super::pair::CHANNEL;
use super::{Input, harmless, told};
use truceline::codec::{decode, encode};
use truceline::deal::body::{BODY_BYTES_MAX, Body, Content, Offer, OfferBody};
use truceline::deal::change::changes;
use truceline::deal::discrepancy::discrepancy;
use truceline::deal::handover::{HandoverLine, LinesBody};
use truceline::deal::law;
use truceline::deal::lines::{all_delivered, template_of, to_fill_in};
use truceline::deal::person::{Line, identity_key, name_key};
use truceline::desk::content::{content_json, line_json};
use truceline::desk::persons;
use truceline::desk::screen::json_line;
use truceline::desk::tell::{content_line, content_text, outcomes_text};
use truceline::desk::terms::{offer_facts, offer_title};
use truceline::party::role::Role;
use truceline::statement::kind::Kind;
use truceline::statement::list::{List, ListRoot};
use truceline::statement::receipt::{ForkNotice, Read, WordsConfirmed};
use truceline::statement::renewal::Renewal;

/// Which of the kinds it is: `kind u8`, by its place among all, so that each is as near as any other. Then
/// `lists u8`, up to 3, each `lines u8 ‖ lines, each length u16 ‖ bytes`, and the body, which is made to commit to these lists.
pub fn body(data: &[u8]) {
    let mut input = Input(data);
    let kind = Kind::ALL[usize::from(input.u8()) % Kind::ALL.len()];
    let lists: Vec<List> = (0..input.u8() % 4).filter_map(|at| list(at, &mut input)).collect();
    let body = committed(kind, input.rest(), &lists);
    channel_body(kind, &body);
    match Body::parse(kind, &body, &lists) {
        Ok(content) => {
            assert_eq!(content.kind(), kind);
            assert!(content.encode().unwrap() == body, "a body has another encoding");
            show(&content);
        }
        Err(error) => told(&error, data.len()),
    }
}

fn list(seed: u8, input: &mut Input<'_>) -> Option<List> {
    let lines = (0..input.u8()).map(|_| input.short().to_vec()).collect();
    List::new([seed; 32], lines).ok()
}

/// The body with the roots of these lists, if it is one that names lists.
fn committed(kind: Kind, body: &[u8], lists: &[List]) -> Vec<u8> {
    let roots: Vec<ListRoot> = lists.iter().map(List::root).collect();
    let again = match kind {
        Kind::Offer => decode::<(u8, OfferBody)>(body, BODY_BYTES_MAX)
            .ok()
            .map(|(format, offer)| encode(&(format, OfferBody { lists: roots, ..offer }), BODY_BYTES_MAX)),
        Kind::Lines => decode::<(u8, LinesBody)>(body, BODY_BYTES_MAX).ok().zip(roots.first()).map(
            |((format, body), root)| encode(&(format, LinesBody { lines: *root, ..body }), BODY_BYTES_MAX),
        ),
        _ => None,
    };
    again.and_then(Result::ok).unwrap_or_else(|| body.to_vec())
}

/// What the channel itself says.
fn channel_body(kind: Kind, body: &[u8]) {
    let again = match kind {
        Kind::Read => Read::decode(body, 1_000).ok().map(|it| it.encode()),
        Kind::WordsConfirmed => decode::<WordsConfirmed>(body, 16_384).ok().map(|it| it.encode()),
        Kind::Renewal => Renewal::decode(body).ok().map(|it| it.encode()),
        Kind::ForkNotice => ForkNotice::decode(body).ok().map(|it| {
            let key = super::pair::identity("Velmara", 1).card().key().clone();
            assert!(!ForkNotice::proves(body, &CHANNEL, Role::Inviter, &key), "a fork that nobody signed");
            it.encode()
        }),
        _ => None,
    };
    if let Some(again) = again {
        assert!(again.unwrap() == body, "a body has another encoding");
    }
}

/// Every way in which content is shown.
pub fn show(content: &Content) {
    for me in Role::BOTH {
        let names = names(me);
        harmless(&content_text(content, &names, None, true));
        harmless(&content_text(content, &names, None, false));
        harmless(&json_line(&content_json(content, &names)));
    }
    harmless(&content_line(content));
    match content {
        Content::Offer(offer) => show_offer(offer),
        Content::Lines(lines) => {
            harmless(&outcomes_text(lines.lines(), None));
            let _ = (lines.legs(), law::unannounced(lines.lines(), &[]));
        }
        _ => {}
    }
}

fn show_offer(offer: &Offer) {
    assert!(changes(offer, offer).is_empty(), "an offer differs from itself");
    harmless(&offer_title(offer));
    for me in Role::BOTH {
        offer_facts(offer, &names(me)).iter().for_each(|(_, text)| harmless(text));
        let warnings = law::warnings(offer, &[]);
        warnings.iter().for_each(|it| harmless(&it.told_to(me, offer)));
        super::deal::written(offer, me);
    }
    let delivered = all_delivered(offer);
    let said: Vec<&HandoverLine> = delivered.iter().collect();
    let come_to = discrepancy(offer, [&said, &said], &[]);
    assert_eq!(come_to.strays, [0, 0]);
    harmless(&outcomes_text(&delivered, Some(offer)));
    let _ = to_fill_in(&template_of(offer, |_| true));
}

/// `which u8 ‖ …`: a record of a list, or a handover line.
pub fn record(data: &[u8]) {
    let mut input = Input(data);
    let which = input.u8();
    let data = input.rest();
    if which & 1 == 0 {
        let Ok(line) = Line::decode_line(data) else { return };
        assert!(line.encode_line().unwrap() == data, "a record has another encoding");
        show_record(&line);
    } else {
        let Ok(line) = HandoverLine::decode_line(data) else { return };
        assert!(line.encode_line().unwrap() == data, "a handover line has another encoding");
        harmless(&json_line(&line_json(&line, &names(Role::Joiner))));
        harmless(&outcomes_text(std::slice::from_ref(&line), None));
    }
}

fn show_record(line: &Line) {
    let lines = std::slice::from_ref(line);
    harmless(&persons::name(line));
    harmless(&persons::in_table(lines));
    harmless(&persons::in_full(lines, &names(Role::Inviter)));
    harmless(&json_line(&persons::json(line, &names(Role::Inviter))));
    if let Some(person) = line.person() {
        let _ = (identity_key(person), name_key(person));
    }
}
