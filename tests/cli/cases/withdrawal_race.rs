//! A withdrawal and an acceptance race each other: each first, both at once with either post first, and too late.

use super::tale::{Sides, not_signed, post, say, state_of};
use crate::officer::Officer;
use crate::scene::Scene;
use std::collections::BTreeMap;

/// One side's offers, each for one order of things.
struct Race<'a> {
    author: &'a Officer,
    other: &'a Officer,
    offers: BTreeMap<&'static str, String>,
    acceptances: BTreeMap<&'static str, String>,
}

impl<'a> Race<'a> {
    fn new(author: &'a Officer, other: &'a Officer, count: u32) -> Self {
        let legs = format!(
            "[[leg]]\ngiver = \"me\"\ncount = {count}\ncategory = \"prisoner of war\"\n[[leg]]\ngiver = \"them\"\n\
             [[leg.person]]\nsurname = \"Ґорпинич-{count}\"\nfirst_names = \"Ἰάσων\"\n"
        );
        let file = author.write("offer.toml", legs);
        let orders = ["known", "seen", "bound", "undone", "at once", "at once again"];
        let offers = orders.map(|order| (order, say(author, &["propose", &file])));
        Self { author, other, offers: offers.into(), acceptances: BTreeMap::new() }
    }

    fn withdraw(&self, order: &str) {
        say(self.author, &["withdraw", &self.offers[order], "--reason", "Список змінився."]);
    }

    fn accept(&mut self, order: &'static str) {
        let acceptance = say(self.other, &["accept", &self.offers[order]]);
        self.acceptances.insert(order, acceptance);
    }

    fn confirm(&self, order: &str) {
        say(self.author, &["confirm", &self.acceptances[order]]);
    }

    fn stays_withdrawn(&self, order: &str) {
        let offer = &self.offers[order];
        not_signed(
            self.other,
            &["accept", offer],
            "that offer was withdrawn",
            "Ask for it to be made again.",
        );
        if let Some(acceptance) = self.acceptances.get(order) {
            not_signed(self.author, &["confirm", acceptance], "that offer was withdrawn", "made again");
        }
    }
}

#[test]
fn a_withdrawal_races_an_acceptance_and_both_ends_come_to_the_same_in_every_order() {
    let scene = Scene::new();
    let sides = Sides::of(&scene);
    let Sides { velmara, tarrun } = sides;
    let mut races = [Race::new(velmara, tarrun, 3), Race::new(tarrun, velmara, 4)];
    post(velmara, tarrun);
    velmara.sync();

    // Known before anybody accepts; and acceptances that the author will have seen.
    for race in &mut races {
        race.withdraw("known");
        for order in ["seen", "bound", "undone"] {
            race.accept(order);
        }
    }
    post(velmara, tarrun);
    velmara.sync();
    for race in &races {
        race.stays_withdrawn("known");
        race.withdraw("seen");
        for order in ["bound", "undone"] {
            race.confirm(order);
        }
        let own = "your own acceptance or confirm still stands";
        not_signed(race.author, &["withdraw", &race.offers["bound"]], own, "Wait for the seal");
        // The acceptor takes one back, and breaks its promise; it has not seen the confirm.
        let acceptance = &race.acceptances["undone"];
        not_signed(race.other, &["lapse", acceptance], "you promised to hold", "--late");
        say(race.other, &["lapse", acceptance, "--late"]);
    }
    sides.settle();
    let cases = sides.same_cases();
    for race in &races {
        let state = |order: &str| state_of(&cases[&race.offers[order]], &race.offers[order]).to_owned();
        assert_eq!(state("known"), "withdrawn");
        assert_eq!(state("seen"), "withdrawn");
        assert_eq!(state("bound"), "sealed as version 1");
        assert_eq!(state("undone"), "open");
        race.stays_withdrawn("seen");
        let late = ["withdraw", &race.offers["bound"]];
        not_signed(race.author, &late, "another version was sealed since that offer", "Make an amendment");
        race.withdraw("undone");
    }

    // Neither has seen the other's word: once Velmara's post goes first, once Tarrun's.
    for order in ["at once", "at once again"] {
        for race in &mut races {
            race.accept(order);
            race.withdraw(order);
        }
        if order == "at once" { sides.settle() } else { sides.settle_from_tarrun() }
    }
    let cases = sides.same_cases();
    for race in &races {
        for order in ["at once", "at once again"] {
            let case = &cases[&race.offers[order]];
            assert_eq!(case["state"], "idle", "{case}");
            assert_eq!((&case["version"], &case["turns"]), (&0.into(), &serde_json::json!([])), "{case}");
            assert_eq!(state_of(case, &race.offers[order]), "withdrawn");
            let acceptance = &case["acceptances"][0];
            assert_eq!(
                (&acceptance["lapsed"], acceptance["confirm"].is_null()),
                (&false.into(), true),
                "{case}"
            );
        }
        race.stays_withdrawn("at once again");
        assert_eq!(state_of(&cases[&race.offers["undone"]], &race.offers["undone"]), "withdrawn");
    }
    // Whose acceptance fell with the offer is free, and makes an offer of its own.
    let race = &races[0];
    let file = race.other.write("offer.toml", "[[leg]]\ngiver = \"me\"\ncount = 1\n");
    let fresh = say(race.other, &["counter", &race.offers["at once"], &file]);
    sides.settle();
    let case = sides.same_case(&fresh);
    assert_eq!((&case["state"], state_of(&case, &fresh)), (&"open".into(), "open"));
    sides.exports_say(&sides.same_cases());
}
