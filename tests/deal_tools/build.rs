//! Offers from tables of persons, for the tests beside.

use truceline::crypto::digest::Digest;
use truceline::deal::body::{Offer, OfferBody};
use truceline::deal::handover::TransferNotice;
use truceline::deal::import::{Sources, proposal_from_toml};
use truceline::deal::person::{Line, Person};
use truceline::deal::terms::{Category, Firmness, Leg, Quantity, Selection, Substitution, Terms};
use truceline::deal::word::Text;
use truceline::party::role::Role;
use truceline::statement::list::List;
use truceline::time::UnixMillis;

/// 2031-05-01, the day on which tests count.
pub const NOW: UnixMillis = UnixMillis(1_935_360_000_000);

pub fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

fn list(csv: &str, key: &str) -> List {
    let toml = format!("[[leg]]\ngiver = \"me\"\n{key} = \"list.csv\"\n");
    let mut seed = || [7; 32];
    let mut list = |_: &str| Ok(csv.as_bytes().to_vec());
    let mut sources = Sources { me: Role::Inviter, now: NOW, list: &mut list, seed: &mut seed };
    proposal_from_toml(&toml, &mut sources).unwrap().lists.remove(0)
}

/// Persons, from a table with a header.
pub fn persons(csv: &str) -> List {
    list(csv, "persons")
}

/// Bags, from a table with a header.
pub fn bags(csv: &str) -> List {
    list(csv, "remains")
}

/// `number` prisoners of war called `NAME 1` and on, in good health.
pub fn soldiers(name: &str, number: usize) -> List {
    let mut csv = "surname,service_number,status,health,consent\n".to_owned();
    for n in 1..=number {
        csv.push_str(&format!("{name} {n},{name}/{n},prisoner of war,good,wishes\n"));
    }
    persons(&csv)
}

pub fn record(list: &List, line: usize) -> Line {
    Line::decode_line(&list.lines()[line]).unwrap()
}

pub fn person(csv: &str) -> Person {
    record(&persons(csv), 0).person().unwrap().clone()
}

/// A leg that `giver` gives.
pub fn leg(giver: Role, category: Category, quantity: Quantity) -> Leg {
    Leg {
        giver,
        receiver: giver.other(),
        category,
        quantity,
        except: None,
        criteria: None,
        selection: Selection::Mutual,
        substitution: Substitution::None,
        tolerance: 0,
        third_country: None,
        stage: None,
        group: 0,
    }
}

pub fn named(giver: Role, category: Category, list: u16) -> Leg {
    leg(giver, category, Quantity::List(list))
}

/// An offer of `terms` over `lists`.
pub fn offer_of(terms: Terms, lists: &[List]) -> Offer {
    let body = OfferBody {
        base: 0,
        parent: None,
        frame: None,
        firmness: Firmness::Firm,
        valid_until: Some(NOW),
        terms,
        lists: lists.iter().map(List::root).collect(),
    };
    Offer::join(body, lists).unwrap()
}

pub fn offer(legs: Vec<Leg>, lists: &[List]) -> Offer {
    offer_of(Terms { legs, ..Terms::default() }, lists)
}

pub fn notice(leg: u16, lines: &[u32]) -> TransferNotice {
    TransferNotice {
        offer: Digest::default(),
        leg,
        lines: lines.to_vec(),
        country: text("Norland"),
        on: None,
        accommodation: None,
        reason: None,
    }
}
