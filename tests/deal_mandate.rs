//! What a mandate says of offers: each class of rule, silence, prices, totals across cases, and the shipped example
//! held against the shipped proposals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use truceline::deal::body::{Content, Offer, OfferBody};
use truceline::deal::import::{Sources, proposal_from_toml};
use truceline::deal::mandate::Mandate;
use truceline::deal::mandate::read::MandateError;
use truceline::deal::mandate::ruling::{By, Ruling, Verdict};
use truceline::deal::mandate::weigh::Totals;
use truceline::deal::mandate::who::{Count, Match, Way, Who};
use truceline::deal::person::Line;
use truceline::deal::pledge::{Condition, End, Frame, Guarantor, Obligation, Part, Sight};
use truceline::deal::repeat::repeats;
use truceline::deal::stage::{Abort, Corridor, Order, Stage, Window};
use truceline::deal::terms::{Category, Firmness, Leg, Quantity, Rounding, Selection, Substitution, Terms};
use truceline::deal::word::Text;
use truceline::party::role::Role::{self, Inviter, Joiner};
use truceline::time::UnixMillis;

const NOW: UnixMillis = UnixMillis(1_900_000_000_000);
const UNMET: Verdict = Verdict::AllowIf { unmet: true };
const MET: Verdict = Verdict::AllowIf { unmet: false };

/// A mandate of these rules, in force.
fn mandate(rules: &str) -> Mandate {
    Mandate::parse(format!("number = 1\nvalid_until = 2035-01-01T00:00:00Z\n{rules}").as_bytes()).unwrap()
}

fn rule(name: &str, issue: &str, class: &str, rest: &str) -> String {
    format!("[[rule]]\nname = {name:?}\nissue = {issue:?}\nclass = {class:?}\n{rest}\n")
}

/// Everyone may be given and got.
fn anyone() -> String {
    rule("any give", "give", "negotiable", "") + &rule("any get", "get", "negotiable", "")
}

/// An offer read from TOML by the inviter, who is `me` in all that follows.
fn offer(text: &str) -> Offer {
    let mut drawn = 0;
    let mut seed = || {
        drawn += 1;
        [drawn; 32]
    };
    let mut list = |name: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        std::fs::read(path).map_err(|error| error.to_string())
    };
    let mut sources = Sources { me: Inviter, now: NOW, list: &mut list, seed: &mut seed };
    match proposal_from_toml(text, &mut sources).unwrap().offer(0, None).unwrap() {
        Content::Offer(offer) => *offer,
        _ => unreachable!(),
    }
}

fn shipped(name: &str) -> Offer {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    offer(&std::fs::read_to_string(path).unwrap())
}

/// A leg that counts.
fn counts(giver: &str, category: &str, count: u32) -> String {
    format!("[[leg]]\ngiver = {giver:?}\ncategory = {category:?}\ncount = {count}\n")
}

/// A leg that we give, of persons with these fields.
fn names(persons: &[&str]) -> String {
    let mut text = "[[leg]]\ngiver = \"me\"\nselection = \"mutual\"\n".to_owned();
    for (at, fields) in (1..).zip(persons) {
        text.push_str(&format!("[[leg.person]]\nsurname = \"Лис {at}\"\n{fields}\n"));
    }
    text
}

fn weigh(mandate: &Mandate, offer: &Offer) -> Ruling {
    mandate.weigh(offer, Inviter, &Totals::default(), NOW)
}

#[track_caller]
fn decides(ruling: &Ruling, verdict: Verdict, by: &str) {
    assert_eq!(ruling.verdict(), verdict, "{ruling:?}");
    let found: Vec<String> = ruling.deciding().map(|finding| finding.by.to_string()).collect();
    assert!(found.iter().any(|it| it.contains(by)), "no '{by}' among {found:?}: {ruling:?}");
}

/// Terms that no file of these tests says.
fn joined(terms: Terms) -> Offer {
    let body = OfferBody {
        base: 1,
        parent: None,
        frame: None,
        firmness: Firmness::Firm,
        valid_until: None,
        terms,
        lists: Vec::new(),
    };
    Offer::join(body, &[]).unwrap()
}

fn leg(giver: Role, category: Category, quantity: Quantity) -> Leg {
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

#[test]
fn opening_target_and_bottom_line_are_four_answers() {
    let numbers = "opening = 10\ntarget = 20\nbottom = 30";
    let mandate = mandate(&rule("pow", "give", "negotiable", numbers));
    for (count, verdict, note) in [
        (10, Verdict::Allow, ""),
        (11, Verdict::Allow, "past the opening"),
        (20, Verdict::Allow, "past the opening"),
        (21, MET, "the last concession"),
        (30, MET, "the last concession"),
        (31, Verdict::NeedsPrincipal, "past the bottom line"),
    ] {
        let ruling = weigh(&mandate, &offer(&counts("me", "prisoner of war", count)));
        decides(&ruling, verdict, "rule 'pow'");
        let why = &ruling.findings[0].why;
        assert!(why.contains("at most 30") && why.contains(note), "{ruling:?}");
        assert_eq!(why.contains("past"), !note.is_empty(), "{ruling:?}");
    }
    let mandate = self::mandate(&rule("pow", "give", "non-negotiable", numbers));
    for (count, verdict) in [(30, Verdict::Allow), (31, Verdict::Forbidden)] {
        decides(&weigh(&mandate, &offer(&counts("me", "prisoner of war", count))), verdict, "rule 'pow'");
    }
    // Of what we get, more is better.
    let mandate = self::mandate(&rule("home", "get", "negotiable", "opening = 30\ntarget = 20\nbottom = 10"));
    for (count, verdict) in
        [(30, Verdict::Allow), (20, Verdict::Allow), (19, MET), (10, MET), (9, Verdict::NeedsPrincipal)]
    {
        let ruling = weigh(&mandate, &offer(&counts("them", "prisoner of war", count)));
        decides(&ruling, verdict, "rule 'home'");
        assert!(ruling.findings[0].why.contains("at least 10"), "{ruling:?}");
    }
}

#[test]
fn what_no_rule_speaks_of_needs_the_principal_and_is_named() {
    let pow = rule("pow", "give", "negotiable", "who.category = [\"prisoner of war\"]");
    let mandate = mandate(&pow);
    let ruling = weigh(&mandate, &offer(&(counts("me", "prisoner of war", 3) + &counts("them", "child", 2))));
    decides(&ruling, Verdict::NeedsPrincipal, "no rule");
    assert_eq!(ruling.findings[0].why, "leg 2 gets child: of this the mandate says nothing");
    // A leg of anyone may hold others than prisoners of war.
    decides(&weigh(&mandate, &offer(&counts("me", "person", 3))), Verdict::NeedsPrincipal, "no rule");
    // On a list each person is looked at.
    let all = names(&["status = \"prisoner of war\"", "status = \"prisoner of war\""]);
    decides(&weigh(&mandate, &offer(&all)), Verdict::Allow, "rule 'pow'");
    let mixed = names(&["status = \"prisoner of war\"", "status = \"child\"", "status = \"unknown\""]);
    let ruling = weigh(&mandate, &offer(&mixed));
    decides(&ruling, Verdict::NeedsPrincipal, "no rule");
    assert!(ruling.findings[0].why.starts_with("leg 1 gives 2 person from line 2 on"), "{ruling:?}");
    // An empty mandate allows nothing.
    let empty = self::mandate("");
    decides(&weigh(&empty, &offer(&counts("them", "person", 1))), Verdict::NeedsPrincipal, "no rule");
}

#[test]
fn deny_wins_over_every_rule_that_allows() {
    let never = rule("no chaplains", "give", "non-negotiable", "who.status = [\"retained religious\"]");
    let mandate = mandate(&(anyone() + &never));
    let one = names(&["status = \"prisoner of war\"", "status = \"retained religious\""]);
    let ruling = weigh(&mandate, &offer(&one));
    decides(&ruling, Verdict::Forbidden, "rule 'no chaplains'");
    assert!(ruling.findings[0].why.contains("(leg 1, line 2)"), "{ruling:?}");
    assert!(!ruling.verdict().may_sign(true), "nobody approves what is forbidden");
    // Where the offer leaves open who they are, the principal is asked.
    let ruling = weigh(&mandate, &offer(&counts("me", "person", 2)));
    decides(&ruling, Verdict::NeedsPrincipal, "rule 'no chaplains'");
    decides(&weigh(&mandate, &offer(&counts("me", "prisoner of war", 2))), Verdict::Allow, "rule 'any give'");
}

#[test]
fn soldiers_are_not_given_for_civilians() {
    let swap = rule(
        "no soldiers for civilians",
        "swap",
        "non-negotiable",
        "who.category = [\"prisoner of war\"]\nagainst.category = [\"civilian internee\", \"civilian unclassified\"]",
    );
    let mandate = mandate(&(anyone() + &swap));
    let for_pow = |category: &str| counts("me", "prisoner of war", 1) + &counts("them", category, 40);
    let forbidden = weigh(&mandate, &offer(&for_pow("civilian internee")));
    decides(&forbidden, Verdict::Forbidden, "rule 'no soldiers for civilians'");
    decides(&weigh(&mandate, &offer(&for_pow("prisoner of war"))), Verdict::Allow, "rule 'any give'");
    // Hidden behind a category that could be either, it is not allowed either.
    decides(&weigh(&mandate, &offer(&for_pow("person"))), Verdict::NeedsPrincipal, "no soldiers");
    // Nor behind a list whose category says nothing: the record's status counts.
    let named = names(&["status = \"prisoner of war\""]) + &counts("them", "civilian internee", 1);
    decides(&weigh(&mandate, &offer(&named)), Verdict::Forbidden, "no soldiers");
    // Nor behind a number that may come to nobody.
    let all = |least| {
        let got = leg(Joiner, Category::CivilianInternee, Quantity::All { least });
        let legs = vec![leg(Inviter, Category::PrisonerOfWar, Quantity::Estimate { least: 0, most: 1 }), got];
        joined(Terms { legs, ..Terms::default() })
    };
    decides(&weigh(&mandate, &all(0)), Verdict::Forbidden, "no soldiers");
    // Those are named who surely clash, not who stand first and may.
    let wounded = counts("me", "seriously wounded", 2) + &counts("them", "seriously wounded", 2);
    let package = weigh(&mandate, &offer(&(wounded + &for_pow("civilian internee"))));
    let why = &package.deciding().next().unwrap().why;
    assert!(why.contains("prisoner of war (leg 3)") && why.contains("(leg 4)"), "{why}");
    // Civilians alone are no swap.
    decides(&weigh(&mandate, &offer(&counts("them", "civilian internee", 3))), Verdict::Allow, "any get");
}

#[test]
fn a_person_has_a_price_and_it_is_met_in_the_same_exchange_or_not() {
    let price = "who.service_number = [\"ТА-1\"]\nwho.name = [\"лис  2\"]\n\
                 price = { at_least = 3, for_each = 1, who.category = [\"prisoner of war\"] }";
    let mandate = mandate(&(anyone() + &rule("the two", "give", "conditional", price)));
    let one = names(&["service_number = \"ТА-1\"", "service_number = \"ТА-3\""]);
    let price = |count| counts("them", "prisoner of war", count);
    // By name in the same list: ТА-1 and Лис 2, so six.
    let ruling = weigh(&mandate, &offer(&(one.clone() + &price(5))));
    decides(&ruling, UNMET, "rule 'the two'");
    assert!(ruling.findings[0].why.contains("for at least 6 (prisoner of war), and gets 5"), "{ruling:?}");
    assert!(!ruling.verdict().may_sign(false) && ruling.verdict().may_sign(true));
    decides(&weigh(&mandate, &offer(&(one.clone() + &price(6)))), MET, "rule 'the two'");
    // Others than the price asks for do not pay it.
    let civilians = one + &counts("them", "civilian internee", 40);
    decides(&weigh(&mandate, &offer(&civilians)), UNMET, "rule 'the two'");
    let others = names(&["service_number = \"ТА-8\""]);
    decides(&weigh(&mandate, &offer(&others)), Verdict::Allow, "rule 'any give'");
}

#[test]
fn all_that_are_held_count_as_no_greatest_number_and_may_hold_whom_nobody_gives() {
    let cap = mandate(&rule("cap", "give", "non-negotiable", "bottom = 100"));
    let all = |least, except| {
        let quantity = Quantity::All { least };
        joined(Terms {
            legs: vec![Leg { except, ..leg(Inviter, Category::PrisonerOfWar, quantity) }],
            ..Terms::default()
        })
    };
    decides(&weigh(&cap, &all(10, None)), Verdict::NeedsPrincipal, "rule 'cap'");
    decides(&weigh(&cap, &all(101, None)), Verdict::Forbidden, "rule 'cap'");
    let free = mandate(&rule("all of them", "give", "negotiable", ""));
    decides(&weigh(&free, &all(10, None)), Verdict::Allow, "rule 'all of them'");
    // One who is never given may be among all, and not among those whom we choose ourselves.
    let never = rule("never", "give", "non-negotiable", "who.service_number = [\"ТА-1\"]");
    let never = mandate(&(anyone() + &never));
    decides(&weigh(&never, &all(0, None)), Verdict::NeedsPrincipal, "rule 'never'");
    let ten = leg(Inviter, Category::PrisonerOfWar, Quantity::Count(10));
    let chosen =
        |selection| joined(Terms { legs: vec![Leg { selection, ..ten.clone() }], ..Terms::default() });
    decides(&weigh(&never, &chosen(Selection::Receiver)), Verdict::NeedsPrincipal, "rule 'never'");
    decides(&weigh(&never, &chosen(Selection::Holder)), Verdict::Allow, "rule 'any give'");
}

#[test]
fn estimates_and_tolerance_count_at_their_greatest_and_what_we_get_at_its_least() {
    let give = mandate(&rule("cap", "give", "non-negotiable", "bottom = 40"));
    let get = mandate(&rule("least", "get", "non-negotiable", "bottom = 40"));
    let one = |giver, quantity, tolerance| {
        let leg = Leg { tolerance, ..leg(giver, Category::Person, quantity) };
        joined(Terms { legs: vec![leg], ..Terms::default() })
    };
    let estimate = Quantity::Estimate { least: 39, most: 41 };
    decides(&weigh(&give, &one(Inviter, estimate, 0)), Verdict::Forbidden, "rule 'cap'");
    decides(&weigh(&get, &one(Joiner, estimate, 0)), Verdict::Forbidden, "rule 'least'");
    decides(&weigh(&give, &one(Inviter, Quantity::Count(40), 0)), Verdict::Allow, "rule 'cap'");
    decides(&weigh(&give, &one(Inviter, Quantity::Count(40), 1)), Verdict::Forbidden, "rule 'cap'");
    decides(&weigh(&get, &one(Joiner, Quantity::Count(40), 1)), Verdict::Forbidden, "rule 'least'");
}

/// The same leg, got instead of given.
fn got(leg: &str) -> String {
    leg.replacen("giver = \"me\"", "giver = \"them\"", 1)
}

/// The same leg with another key.
fn with(leg: &str, key: &str) -> String {
    leg.replacen("selection", &format!("{key}\nselection"), 1)
}

#[test]
fn a_list_counts_with_its_tolerance_both_ways() {
    let five = names(&["service_number = \"ТА-1\"", "", "", "", ""]);
    let two_off = with(&five, "tolerance = 2");
    let give = |bottom: u32| mandate(&rule("cap", "give", "non-negotiable", &format!("bottom = {bottom}")));
    decides(&weigh(&give(5), &offer(&five)), Verdict::Allow, "rule 'cap'");
    decides(&weigh(&give(6), &offer(&two_off)), Verdict::Forbidden, "rule 'cap'");
    decides(&weigh(&give(7), &offer(&two_off)), Verdict::Allow, "rule 'cap'");
    let get = |bottom: u32| mandate(&rule("least", "get", "non-negotiable", &format!("bottom = {bottom}")));
    decides(&weigh(&get(5), &offer(&got(&five))), Verdict::Allow, "rule 'least'");
    decides(&weigh(&get(4), &offer(&got(&two_off))), Verdict::Forbidden, "rule 'least'");
    decides(&weigh(&get(3), &offer(&got(&two_off))), Verdict::Allow, "rule 'least'");
    // Who comes besides those on the list may be one who is never given, unless we choose them.
    let never = rule("never", "give", "non-negotiable", "who.service_number = [\"ТА-9\"]");
    let never = mandate(&(anyone() + &never));
    let numbered = names(&["service_number = \"ТА-1\""]);
    decides(&weigh(&never, &offer(&numbered)), Verdict::Allow, "any give");
    let one_more = with(&with(&numbered, "category = \"prisoner of war\""), "tolerance = 1");
    decides(&weigh(&never, &offer(&one_more)), Verdict::NeedsPrincipal, "rule 'never'");
    let ours = one_more.replace("\"mutual\"", "\"holder\"");
    decides(&weigh(&never, &offer(&ours)), Verdict::Allow, "any give");
    // And they need a rule that speaks of them.
    let named = mandate(&rule("ТА-1", "give", "negotiable", "who.service_number = [\"ТА-1\"]"));
    decides(&weigh(&named, &offer(&numbered)), Verdict::Allow, "rule 'ТА-1'");
    let ruling = weigh(&named, &offer(&one_more));
    let silent = "leg 1 gives prisoner of war who are not on its list: of this the mandate says nothing";
    assert!(ruling.findings.iter().any(|finding| finding.why == silent), "{ruling:?}");
}

#[test]
fn a_ratio_counts_with_the_tolerance_of_the_leg_it_hangs_on() {
    let of = |giver: Role| {
        let base = Leg { tolerance: 2, ..leg(giver.other(), Category::PrisonerOfWar, Quantity::Count(10)) };
        let ratio = Quantity::Ratio { give: 2, per: 1, leg: 0, rounding: Rounding::Down };
        let ratio = Leg { tolerance: 1, ..leg(giver, Category::PrisonerOfWar, ratio) };
        joined(Terms { legs: vec![base, ratio], ..Terms::default() })
    };
    let any_get = rule("any get", "get", "negotiable", "");
    let give = |bottom: u32| {
        let cap = rule("cap", "give", "non-negotiable", &format!("bottom = {bottom}"));
        mandate(&(any_get.clone() + &cap))
    };
    decides(&weigh(&give(24), &of(Inviter)), Verdict::Forbidden, "rule 'cap'");
    decides(&weigh(&give(25), &of(Inviter)), Verdict::Allow, "rule 'cap'");
    let any_give = rule("any give", "give", "negotiable", "");
    let get = |bottom: u32| {
        let least = rule("least", "get", "non-negotiable", &format!("bottom = {bottom}"));
        mandate(&(any_give.clone() + &least))
    };
    decides(&weigh(&get(16), &of(Joiner)), Verdict::Forbidden, "rule 'least'");
    decides(&weigh(&get(15), &of(Joiner)), Verdict::Allow, "rule 'least'");
}

#[test]
fn who_is_listed_twice_is_got_once_and_warned_of() {
    let same = "service_number = \"ТА-1\"";
    // The same record twice is no proposal: a cell differs.
    let (again, third) = ("service_number = \"та 1\"", "service_number = \"ТА/1\"");
    // `names` numbers the surnames; here all are called alike.
    let alike = |persons: &[&str]| {
        got(&names(persons).replace("\"Лис 2\"", "\"Лис 1\"").replace("\"Лис 3\"", "\"Лис 1\""))
    };
    let count = |text: &str| Who::default().count(&offer(text), Way::Get, Inviter);
    let sure_and_doubtful = |text: &str| {
        let Count { sure, doubtful, any, .. } = count(text);
        assert_eq!(any, Match::Yes);
        (sure, doubtful)
    };
    assert_eq!(sure_and_doubtful(&alike(&[same, again, third])), (1, 0));
    // In another leg they are the same person still.
    assert_eq!(sure_and_doubtful(&(alike(&[same]) + &alike(&[again]))), (1, 0));
    let born = "birth_date = \"1990-02-03\"";
    assert_eq!(
        sure_and_doubtful(&alike(&[
            born,
            &format!("{born}\n{same}"),
            &format!("{born}\nrank = \"private\"")
        ])),
        (1, 0)
    );
    // Namesakes, or one who is listed twice: it cannot be told.
    assert_eq!(sure_and_doubtful(&alike(&["", "occupation = \"cook\""])), (1, 1));
    assert_eq!(sure_and_doubtful(&got(&names(&[same, same]))), (1, 1));
    // Two numbers are two persons.
    let two = alike(&[&format!("{born}\n{same}"), &format!("{born}\nservice_number = \"ТА-2\"")]);
    assert_eq!(sure_and_doubtful(&two), (2, 0));
    // Of what we give the greatest number counts.
    let given = offer(&names(&[same, same]));
    assert_eq!(Who::default().count(&given, Way::Give, Inviter).sure, 2);

    let least = mandate(&rule("least", "get", "non-negotiable", "bottom = 2"));
    decides(&weigh(&least, &offer(&alike(&[same, again]))), Verdict::Forbidden, "rule 'least'");
    decides(&weigh(&least, &offer(&got(&names(&[same, same])))), Verdict::NeedsPrincipal, "rule 'least'");

    let told = |text: &str| repeats(&offer(text)).iter().map(ToString::to_string).collect::<Vec<_>>();
    let remedy = "strike all but one line of each person or bag, or complete the records until they differ";
    assert_eq!(
        told(&alike(&[same, "service_number = \"ТА-2\"", again])),
        [format!("listed twice: leg 1, lines 1 and 3: {remedy}")]
    );
    assert_eq!(
        told(&got(&names(&["", same, same]))),
        [format!("perhaps listed twice: leg 1, lines 2-3: {remedy}")]
    );
    let across = told(&(alike(&[same]) + &alike(&["service_number = \"ТА-2\"", again])));
    assert_eq!(
        across,
        [format!("listed twice: leg 1, line 1: {remedy}"), format!("listed twice: leg 2, line 2: {remedy}")]
    );
    // The other side's list is one of its own, and bags have numbers too.
    assert_eq!(told(&(names(&[same]) + &alike(&[same]))), [] as [String; 0]);
    let bags = "[[leg]]\ngiver = \"them\"\ncategory = \"remains\"\n[[leg.bag]]\nbag = \"Б 1\"\n\
                [[leg.bag]]\nbag = \"б-1\"\nplace = \"Kelda\"\n";
    assert_eq!(count(bags).sure, 1);
    assert_eq!(told(bags).len(), 1);
}

#[test]
fn whom_another_may_stand_in_for_does_not_pay_a_price() {
    let price = "who.service_number = [\"ТА-1\"]\nprice = { at_least = 2, who.rank = [\"captain\"] }";
    let mandate = mandate(&(anyone() + &rule("ТА-1", "give", "conditional", price)));
    let captains = |key: &str| {
        let got = got(&with(&names(&["rank = \"Captain\"", "rank = \"captain.\""]), key));
        names(&["service_number = \"ТА-1\""]) + &got
    };
    decides(&weigh(&mandate, &offer(&captains("substitution = \"none\""))), MET, "rule 'ТА-1'");
    for substitution in ["same category", "by agreement"] {
        let ruling = weigh(&mandate, &offer(&captains(&format!("substitution = {substitution:?}"))));
        decides(&ruling, UNMET, "rule 'ТА-1'");
    }
    let sees = |who: Who, substitution: &str| {
        let text = names(&["service_number = \"ТА-1\"\nhealth = \"good\"\nconsent = \"wishes\""]);
        let text = with(&text, &format!("category = \"prisoner of war\"\nsubstitution = {substitution:?}"));
        (
            who.count(&offer(&got(&text)), Way::Get, Inviter).any,
            who.count(&offer(&text), Way::Give, Inviter).any,
        )
    };
    let who = Who::default;
    let numbered = Who { service_number: vec!["ТА-1".to_owned()], ..who() };
    let healthy = Who { health: vec![truceline::deal::person::Health::Good], ..who() };
    let willing = Who { consent: vec![truceline::deal::person::Wish::Wishes], ..who() };
    for who in [numbered, healthy, willing] {
        assert_eq!(sees(who.clone(), "none"), (Match::Yes, Match::Yes), "{who}");
        assert_eq!(sees(who.clone(), "same category"), (Match::Maybe, Match::Yes), "{who}");
    }
    // Whoever comes is of the leg's category.
    let soldiers = Who { category: vec![Category::PrisonerOfWar], ..who() };
    assert_eq!(sees(soldiers, "same category"), (Match::Yes, Match::Yes));
}

#[test]
fn a_named_person_is_found_however_the_number_is_spelled_and_asked_about_where_there_is_none() {
    let never = rule(
        "never",
        "give",
        "non-negotiable",
        "who.service_number = [\"ТА-100777\"]\nwho.name = [\"О'Лис-Дуб\"]",
    );
    let never = mandate(&(anyone() + &never));
    for (number, verdict) in [
        ("ТА-100777", Verdict::Forbidden),
        ("та 100 777", Verdict::Forbidden),
        ("ТА／１００７７７", Verdict::Forbidden),
        // Latin letters that look the same.
        ("TA-100777", Verdict::NeedsPrincipal),
        ("100777", Verdict::NeedsPrincipal),
        ("ТА-100778", Verdict::Allow),
    ] {
        let one = names(&[&format!("service_number = {number:?}")]);
        assert_eq!(weigh(&never, &offer(&one)).verdict(), verdict, "{number}");
    }
    decides(&weigh(&never, &offer(&names(&[""]))), Verdict::NeedsPrincipal, "rule 'never'");
    let spelled = names(&["service_number = \"ТА-5\""]).replace("Лис 1", "О’ЛИС ДУБ");
    decides(&weigh(&never, &offer(&spelled)), Verdict::Forbidden, "rule 'never'");
}

#[test]
fn totals_run_across_all_cases_and_of_each_the_heaviest_offer_counts() {
    let numbers = "bottom = 100\nover_all_cases = true";
    let cap = mandate(&rule("hundred", "give", "non-negotiable", numbers));
    let forty = offer(&counts("me", "prisoner of war", 40));
    // In another channel we may be the joiner.
    let theirs = offer(&counts("them", "prisoner of war", 30));
    let mut totals = Totals { cases: vec![vec![(forty.clone(), Inviter)]] };
    decides(&cap.weigh(&forty, Inviter, &totals, NOW), Verdict::Allow, "rule 'hundred'");
    totals.cases.push(vec![(theirs.clone(), Joiner)]);
    let ruling = cap.weigh(&forty, Inviter, &totals, NOW);
    decides(&ruling, Verdict::Forbidden, "rule 'hundred'");
    assert!(ruling.findings[0].why.contains("gives 40 (anyone) (leg 1), 110 across all cases"), "{ruling:?}");
    // Of one case either offer may come to stand: the one that weighs most counts, not both.
    let ten = offer(&counts("me", "prisoner of war", 10));
    totals.cases = vec![vec![(forty.clone(), Inviter), (ten.clone(), Inviter)], vec![(ten, Inviter)]];
    decides(&cap.weigh(&forty, Inviter, &totals, NOW), Verdict::Allow, "rule 'hundred'");
    // What gives nobody is not held to what stands elsewhere.
    totals.cases = vec![vec![(offer(&counts("me", "person", 101)), Inviter)]];
    let ruling = cap.weigh(&theirs, Inviter, &totals, NOW);
    decides(&ruling, Verdict::NeedsPrincipal, "no rule");
    assert_eq!(ruling.findings.len(), 1, "{ruling:?}");
}

#[test]
fn a_ratio_is_held_in_one_exchange_or_across_all() {
    let numbers = "opening = \"1:1\"\ntarget = \"3:2\"\nbottom = \"2:1\"";
    let mandate_of = |more: &str| {
        mandate(&(anyone() + &rule("ratio", "ratio", "non-negotiable", &format!("{numbers}\n{more}"))))
    };
    let exchange = |give, get| offer(&(counts("me", "person", give) + &counts("them", "person", get)));
    let one = mandate_of("");
    for (give, get, verdict) in [
        (10, 10, Verdict::Allow),
        (15, 10, Verdict::Allow),
        (20, 10, Verdict::Allow),
        (21, 10, Verdict::Forbidden),
    ] {
        assert_eq!(weigh(&one, &exchange(give, get)).verdict(), verdict, "{give}:{get}");
    }
    // For nothing in return is more than every ratio.
    decides(&weigh(&one, &offer(&counts("me", "person", 1))), Verdict::Forbidden, "rule 'ratio'");
    let across = mandate_of("over_all_cases = true");
    let totals = Totals { cases: vec![vec![(exchange(1, 20), Inviter)]] };
    decides(&across.weigh(&exchange(21, 10), Inviter, &totals, NOW), Verdict::Allow, "rule 'ratio'");
    decides(&one.weigh(&exchange(21, 10), Inviter, &totals, NOW), Verdict::Forbidden, "rule 'ratio'");
}

#[test]
fn what_stands_beside_the_legs_needs_a_rule_of_its_own() {
    let text = |text: &str| Text::new(text).unwrap();
    let stage = |window| Stage {
        name: None,
        after: Vec::new(),
        place: None,
        window,
        corridor: None,
        order: Order::Simultaneous,
        abort: Abort::Stop,
    };
    let window = Window { from: NOW, to: UnixMillis(NOW.0 + 1) };
    let third = Leg {
        third_country: Some(text("Ostrava")),
        stage: Some(0),
        ..leg(Inviter, Category::Person, Quantity::Count(1))
    };
    let terms = Terms {
        legs: vec![third],
        stages: vec![stage(Some(window))],
        conditions: vec![Condition {
            leg: 0,
            lines: Vec::new(),
            obligation: Obligation::NoArms,
            text: None,
            end: End::Seconds(1),
            monitor: None,
            consequence: text("return"),
        }],
        guarantors: vec![Guarantor {
            name: text("N"),
            part: Part::Guarantor,
            duty: None,
            sight: Sight::Totals,
        }],
        frame: Some(Frame { until: NOW, every: 0 }),
        ..Terms::default()
    };
    let offer = joined(terms.clone());
    let silent = weigh(&mandate(&anyone()), &offer);
    let whys: Vec<&str> = silent.deciding().map(|finding| finding.why.as_str()).collect();
    assert_eq!(whys.len(), 5, "{whys:?}");
    let all = anyone()
        + &rule("third", "third country", "negotiable", "country = [\"ostrava\"]")
        + &rule("arms", "condition", "negotiable", "obligation = [\"bear no arms\"]")
        + &rule("who", "guarantor", "negotiable", "part = [\"guarantor\"]\nsight = [\"totals\"]")
        + &rule("frame", "frame", "negotiable", "");
    let stages = rule("when", "stages", "non-negotiable", "not_after = 2031-01-01T00:00:00Z");
    let full = mandate(&(all.clone() + &stages));
    decides(&weigh(&full, &offer), Verdict::Allow, "rule 'when'");
    let late = Window { from: NOW, to: UnixMillis(2_000_000_000_000) };
    let with = |window| joined(Terms { stages: vec![stage(window)], ..terms.clone() });
    decides(&weigh(&full, &with(Some(late))), Verdict::Forbidden, "rule 'when'");
    decides(&weigh(&full, &with(None)), Verdict::NeedsPrincipal, "rule 'when'");
    // Each of these rules can forbid or leave it to the principal, too.
    let reserved = mandate(&(all + &stages + &rule("asked", "frame", "reserved", "")));
    decides(&weigh(&reserved, &offer), Verdict::NeedsPrincipal, "rule 'asked'");
    let cancels = joined(Terms::default());
    decides(&weigh(&full, &cancels), Verdict::NeedsPrincipal, "no rule");
    let never = mandate(&rule("it stays", "cancel", "non-negotiable", ""));
    decides(&weigh(&never, &cancels), Verdict::Forbidden, "rule 'it stays'");
}

#[test]
fn a_rule_speaks_in_its_time_and_of_its_firmness_and_a_mandate_until_its_end() {
    let one = offer(&counts("me", "person", 1));
    let later = rule("later", "give", "negotiable", "from = 2034-01-01T00:00:00Z");
    decides(&weigh(&mandate(&later), &one), Verdict::NeedsPrincipal, "no rule");
    let over = rule("over", "give", "negotiable", "until = 2027-01-01T00:00:00Z");
    decides(&weigh(&mandate(&over), &one), Verdict::NeedsPrincipal, "no rule");
    let probing = mandate(&rule("probing", "give", "negotiable", "firmness = \"exploratory\""));
    decides(&weigh(&probing, &one), Verdict::NeedsPrincipal, "no rule");
    let explored = offer(&format!("firmness = \"exploratory\"\n{}", counts("me", "person", 1)));
    decides(&weigh(&probing, &explored), Verdict::Allow, "rule 'probing'");
    // Once it comes to bind it is firm, whatever it calls itself.
    let binding = |mandate: &Mandate| mandate.weigh_binding(&explored, Inviter, &Totals::default(), NOW);
    decides(&binding(&probing), Verdict::NeedsPrincipal, "no rule");
    let firm = mandate(&(anyone() + &rule("firm", "give", "non-negotiable", "firmness = \"firm\"")));
    decides(&weigh(&firm, &explored), Verdict::Allow, "any give");
    decides(&binding(&firm), Verdict::Forbidden, "rule 'firm'");
    let free = mandate(&anyone());
    decides(
        &free.weigh(&one, Inviter, &Totals::default(), UnixMillis(free.valid_until.0 - 1)),
        Verdict::Allow,
        "any give",
    );
    let ended = free.weigh(&one, Inviter, &Totals::default(), free.valid_until);
    assert_eq!(ended.deciding().map(|it| &it.by).collect::<Vec<_>>(), [&By::End]);
    assert_eq!(ended.verdict(), Verdict::NeedsPrincipal);
    // What it forbids it forbids after its end as well.
    let never = mandate(&rule("never", "give", "non-negotiable", ""));
    decides(&never.weigh(&one, Inviter, &Totals::default(), never.valid_until), Verdict::Forbidden, "never");
}

#[test]
fn a_rule_ends_at_the_moment_it_names() {
    let until = rule("until", "give", "negotiable", "until = 2034-01-01T00:00:00Z");
    let (mandate, end) = (mandate(&until), UnixMillis(2_019_686_400_000));
    let at =
        |now| mandate.weigh(&offer(&counts("me", "person", 1)), Inviter, &Totals::default(), now).verdict();
    assert_eq!(at(UnixMillis(end.0 - 1)), Verdict::Allow);
    assert_eq!(at(end), Verdict::NeedsPrincipal);
}

#[test]
fn corridors_are_held_to_their_times_to_the_millisecond() {
    let span = "not_before = 2034-01-01T00:00:00Z\nnot_after = 2034-01-02T00:00:00Z";
    let mandate = mandate(&(anyone() + &rule("when", "corridors", "non-negotiable", span)));
    let day = UnixMillis(2_019_686_400_000);
    let verdict = |window| {
        let corridor = Corridor { name: Text::new("A").unwrap(), points: Vec::new(), width: 0, window };
        let legs = vec![leg(Inviter, Category::Person, Quantity::Count(1))];
        let offer = joined(Terms { legs, corridors: vec![corridor], ..Terms::default() });
        weigh(&mandate, &offer).verdict()
    };
    let window = |from: i64, to: i64| {
        let at = |ms: i64| UnixMillis(day.0.checked_add_signed(ms).unwrap());
        verdict(Some(Window { from: at(from), to: at(to) }))
    };
    let whole = 86_400_000;
    assert_eq!(window(0, whole), Verdict::Allow);
    assert_eq!(window(1, whole - 1), Verdict::Allow);
    assert_eq!(window(-1, whole), Verdict::Forbidden);
    assert_eq!(window(0, whole + 1), Verdict::Forbidden);
    assert_eq!(verdict(None), Verdict::NeedsPrincipal);
}

#[test]
fn a_guarantor_needs_a_rule_for_part_and_sight_together() {
    let guarantors = |sight| {
        let name = Text::new("N").unwrap();
        let legs = vec![leg(Inviter, Category::Person, Quantity::Count(1))];
        let guarantors = vec![Guarantor { name, part: Part::Guarantor, duty: None, sight }];
        joined(Terms { legs, guarantors, ..Terms::default() })
    };
    let who = rule("who", "guarantor", "negotiable", "part = [\"guarantor\"]\nsight = [\"totals\"]");
    let mandate = mandate(&(anyone() + &who));
    decides(&weigh(&mandate, &guarantors(Sight::Totals)), Verdict::Allow, "rule 'who'");
    let other = Sight::ALL.iter().find(|sight| **sight != Sight::Totals).unwrap();
    decides(&weigh(&mandate, &guarantors(*other)), Verdict::NeedsPrincipal, "no rule");
}

#[test]
fn a_part_that_stands_counts_as_one_for_the_price_of_each() {
    let price = "price = { at_least = 3, for_each = 1, who.category = [\"person\"] }";
    let dated = format!("not_after = 2036-01-01T00:00:00Z\n{price}");
    let stage = Stage {
        name: None,
        after: Vec::new(),
        place: None,
        window: Some(Window { from: NOW, to: UnixMillis(NOW.0 + 1) }),
        corridor: None,
        order: Order::Simultaneous,
        abort: Abort::Stop,
    };
    let mut given = leg(Inviter, Category::Person, Quantity::Count(1));
    given.stage = Some(0);
    let mut got = leg(Joiner, Category::Person, Quantity::Count(2));
    got.stage = Some(0);
    let frame = Some(Frame { until: NOW, every: 0 });
    let offer = joined(Terms { legs: vec![given, got], stages: vec![stage], frame, ..Terms::default() });
    let rules = |rest: &str| anyone() + &rule("when", "stages", "conditional", rest);
    let framed = |rest: &str| rules(rest) + &rule("frame", "frame", "conditional", price);
    for rest in [price, &dated] {
        let ruling = weigh(&mandate(&framed(rest)), &offer);
        let unmet: Vec<&str> = ruling.deciding().map(|it| it.why.as_str()).collect();
        assert_eq!((ruling.verdict(), unmet.len()), (UNMET, 2), "{unmet:?}");
        assert!(unmet.iter().all(|why| why.contains("for at least 3 (person), and gets 2")), "{unmet:?}");
    }
}

#[test]
fn what_has_no_greatest_number_has_no_price_that_can_be_named() {
    let price = "price = { at_least = 1, for_each = 1, who.category = [\"person\"] }";
    let mandate = mandate(&(anyone() + &rule("all", "give", "conditional", price)));
    let all = leg(Inviter, Category::Person, Quantity::All { least: 0 });
    let got = leg(Joiner, Category::Person, Quantity::Count(9));
    let ruling = weigh(&mandate, &joined(Terms { legs: vec![all, got], ..Terms::default() }));
    decides(&ruling, UNMET, "rule 'all'");
    assert!(ruling.findings[0].why.contains("no number that can be named"), "{ruling:?}");
}

#[test]
fn a_ruling_says_what_decided_why_and_what_to_do() {
    let one = offer(&counts("me", "person", 1));
    assert_eq!(
        weigh(&mandate(&anyone()), &one).to_string(),
        "the mandate allows this; rule 'any give': gives 1 (anyone) (leg 1)"
    );
    let asked = weigh(&mandate(""), &one).to_string();
    assert!(asked.starts_with("the principal has to approve this; no rule"), "{asked}");
    assert!(asked.contains(": change the draft, or make it with 'truceline draft'"), "{asked}");
    let names = [Verdict::Allow, UNMET, MET, Verdict::NeedsPrincipal, Verdict::Forbidden].map(Verdict::name);
    assert_eq!(names, ["allow", "allow-if", "allow-if", "needs-principal", "forbidden"]);
}

#[test]
fn names_are_found_in_every_script_of_the_list() {
    let person = offer(&names(&[
        "first_names = \"Остап\"\nsurname_romanised = \"Lys\"\nfirst_names_romanised = \"Ostap\"\nromanisation = \"ISO 9\"\naliases = \"Рудий\"",
    ]));
    let leg = &person.legs()[0];
    let line: &Line = &person.lines(leg)[0];
    for name in ["Лис 1 Остап", "лис 1  остап", "LYS OSTAP", "рудий"] {
        let who = Who { name: vec![name.to_owned()], ..Who::default() };
        assert_eq!(who.count(&person, Way::Give, Inviter).sure, 1, "{name}: {line:?}");
    }
    let other = Who { name: vec!["Остап".to_owned()], ..Who::default() };
    assert_eq!(other.count(&person, Way::Give, Inviter).sure, 0);
}

#[test]
fn the_shipped_mandate_allows_the_shipped_exchange_as_far_as_it_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/mandate.toml");
    let mandate = Mandate::parse(&std::fs::read(path).unwrap()).unwrap();
    decides(&weigh(&mandate, &shipped("exchange.toml")), Verdict::Allow, "rule 'prisoners of war'");
    // Seen from the other side it is an exchange like any other.
    let ruling = mandate.weigh(&shipped("counter.toml"), Joiner, &Totals::default(), NOW);
    assert!(ruling.verdict() < Verdict::Forbidden, "{ruling:?}");
}

#[test]
fn a_mandate_of_256_kib_is_read_and_a_longer_one_is_refused() {
    let mut text = format!("number = 1\nvalid_until = 2035-01-01T00:00:00Z\n{}#", anyone());
    text.push_str(&"-".repeat(262_144 - text.len()));
    assert_eq!(Mandate::parse(text.as_bytes()).unwrap().rules.len(), 2);
    text.push('-');
    let error = Mandate::parse(text.as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("the mandate has 262145 bytes; at most 262144 are allowed"), "{error}");
}

#[test]
fn a_mandate_that_cannot_be_read_says_where_and_what_to_do() {
    let error = |text: &str| Mandate::parse(text.as_bytes()).unwrap_err().to_string();
    let head = "number = 1\nvalid_until = 2035-01-01T00:00:00Z\n";
    let of =
        |issue: &str, class: &str, rest: &str| error(&(head.to_owned() + &rule("r", issue, class, rest)));
    for (found, expected) in [
        (error("number = 0\nvalid_until = 2035-01-01T00:00:00Z"), "number: is not a number from 1"),
        (error("number = 1\nvalid_until = \"soon\""), "valid_until: \"soon\" is no moment: write such as"),
        (error(&format!("{head}[[rule]]\nnam = 1")), "the mandate, line 4: unknown field `nam`"),
        (of("gift", "negotiable", ""), "rule 'r', issue: \"gift\" is not known: write one of give, get"),
        (of("give", "firm", ""), "rule 'r', class: \"firm\" is not known: write one of non negotiable"),
        (
            of("give", "negotiable", "who.status = [\"soldier\"]"),
            "rule 'r', status: \"soldier\" is not known",
        ),
        (of("give", "negotiable", "target = 4"), "rule 'r', bottom: is missing"),
        (of("give", "negotiable", "opening = 9\nbottom = 4"), "do not rise in this order"),
        (of("get", "negotiable", "opening = 4\nbottom = 9"), "do not fall in this order"),
        (of("give", "negotiable", "bottom = -1"), "bottom: -1 is not a whole number"),
        (of("give", "negotiable", "bottom = \"2:1\""), "is not a whole number"),
        (of("ratio", "negotiable", "bottom = 2"), "bottom: 2 is not a ratio: write such as \"2:1\""),
        (of("ratio", "negotiable", "bottom = \"2:0\""), "is not a ratio"),
        (of("ratio", "negotiable", ""), "rule 'r', bottom: is missing"),
        (of("give", "conditional", ""), "rule 'r', price: belongs to the class conditional"),
        (of("give", "negotiable", "price = { at_least = 1 }"), "price: belongs to the class conditional"),
        (of("give", "conditional", "price = { at_least = 0 }"), "price: at_least is no number from 1"),
        (of("give", "reserved", "bottom = 1"), "bottom: has no use where the principal decides: remove it"),
        (of("frame", "negotiable", "bottom = 1"), "bottom: does not belong to the issue 'frame': remove it"),
        (of("give", "negotiable", "country = []"), "country: does not belong to the issue 'give'"),
        (of("give", "negotiable", "sight = [\"nothing\"]"), "part: does not belong to the issue 'give'"),
        (
            error(&(head.to_owned() + &rule("a\tb", "give", "negotiable", ""))),
            "none of them control characters",
        ),
        (
            of("give", "negotiable", "over_all_cases = true"),
            "over_all_cases: counts nothing without a bottom",
        ),
        (
            error(
                &(head.to_owned()
                    + &rule("r", "frame", "reserved", "")
                    + &rule("r", "cancel", "reserved", "")),
            ),
            "rule 'r', name: stands twice",
        ),
    ] {
        assert!(found.contains(expected), "no '{expected}' in: {found}");
    }
    assert_eq!(Mandate::parse(&[0xff]), Err(MandateError::NotText));
    assert!(matches!(Mandate::parse(&vec![b'#'; (256 << 10) + 1]), Err(MandateError::TooLong(_))));
    let longest = head.to_owned() + &"#".repeat((256 << 10) - head.len());
    assert!(Mandate::parse(longest.as_bytes()).is_ok());
    let rules = |count: usize| {
        (0..count).fold(head.to_owned(), |text, at| text + &rule(&at.to_string(), "give", "reserved", ""))
    };
    assert_eq!(Mandate::parse(rules(256).as_bytes()).unwrap().rules.len(), 256);
    assert!(error(&rules(257)).contains("rule: 257 rules; at most 256 are allowed"));
}
