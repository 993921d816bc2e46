//! Whom a rule speaks of, and how many of them an offer moves. May not know what follows from it.
//!
//! What an offer leaves open is never guessed: a person or a count may match surely, perhaps or not at all.

use crate::deal::body::Offer;
use crate::deal::person::{self, Health, Judicial, Line, Person, Status, Wish};
use crate::deal::repeat::{Again, Listed};
use crate::deal::terms::{Category, Leg, Quantity, Selection, Substitution};
use crate::party::role::Role;

/// Which persons, or which dead: all that is given must hold; nothing given is anyone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// Any of these categories.
    pub category: Vec<Category>,
    /// Any of these statuses.
    pub status: Vec<Status>,
    /// Any of these states of health.
    pub health: Vec<Health>,
    /// Any of these states with the holder's courts.
    pub judicial: Vec<Judicial>,
    /// Any of these wishes about returning.
    pub consent: Vec<Wish>,
    /// Any of these ranks; only letters and digits count, capital or not.
    pub rank: Vec<String>,
    /// Any of these service numbers, or any of `name`.
    pub service_number: Vec<String>,
    /// Any of these names, in any script the list has, or any of `service_number`.
    pub name: Vec<String>,
}

/// Whether something matches, as far as the offer says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// It does not.
    #[default]
    No,
    /// The offer does not say.
    Maybe,
    /// It does.
    Yes,
}

impl From<bool> for Match {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// Which way: what we give, or what we get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// We give.
    Give,
    /// We get.
    Get,
}

/// How many match. Of what we give the greatest number counts, of what we get the least.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// That surely match.
    pub sure: u64,
    /// That may match besides.
    pub doubtful: u64,
    /// Whether there is no greatest number.
    pub open: bool,
    /// Whether anyone matches, also where their least number is 0.
    pub any: Match,
    /// The first place of those that match best: leg and, on a list, line, from 1.
    pub first: Option<(usize, Option<usize>)>,
}

impl Count {
    /// All that may match.
    #[must_use]
    pub const fn most(&self) -> u64 {
        if self.open { u64::MAX } else { self.sure.saturating_add(self.doubtful) }
    }

    /// So many of a leg, from 1, who match as far as `fits` says.
    fn of(many: u64, fits: Match, leg: usize) -> Self {
        let (sure, doubtful) = match fits {
            Match::No => return Self::default(),
            Match::Maybe => (0, many),
            Match::Yes => (many, 0),
        };
        Self { sure, doubtful, open: false, any: fits, first: Some((leg, None)) }
    }

    /// Both together; the place is that of the better match, else of the first.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            sure: self.sure.saturating_add(other.sure),
            doubtful: self.doubtful.saturating_add(other.doubtful),
            open: self.open || other.open,
            any: self.any.max(other.any),
            first: if other.any > self.any { other.first.or(self.first) } else { self.first.or(other.first) },
        }
    }
}

/// Whether a leg goes this way for `me`.
#[must_use]
pub fn goes(leg: &Leg, way: Way, me: Role) -> bool {
    (leg.giver == me) == (way == Way::Give)
}

impl Who {
    /// How many an offer moves this way, seen from `me`. Of what we get, who is listed twice counts once.
    #[must_use]
    pub fn count(&self, offer: &Offer, way: Way, me: Role) -> Count {
        let (mut count, mut seen) = (Count::default(), Listed::default());
        for (leg, number) in offer.legs().iter().zip(1..).filter(|(leg, _)| goes(leg, way, me)) {
            let of_leg = match leg.quantity {
                Quantity::List(_) => self.listed(offer, leg, number, way, &mut seen),
                _ => self.counted(offer, leg, number, way),
            };
            count = count.and(of_leg);
        }
        count
    }

    fn listed<'a>(
        &self,
        offer: &'a Offer,
        leg: &Leg,
        number: usize,
        way: Way,
        seen: &mut Listed<'a>,
    ) -> Count {
        let mut count = Count::default();
        let unnamed = self.fits_unnamed(offer, leg, way);
        // Another may come in the place of whom we are to get.
        let fixed = way == Way::Give || leg.substitution == Substitution::None;
        for (line, at) in offer.lines(leg).iter().zip(1..) {
            let fits = match self.fits_line(leg, line) {
                named if fixed || named == unnamed => named,
                _ => Match::Maybe,
            };
            if fits == Match::No {
                continue;
            }
            if fits > count.any {
                (count.any, count.first) = (fits, Some((number, Some(at))));
            }
            let again = if way == Way::Get { seen.add(line, (number, at)) } else { Again::New };
            match (fits, again) {
                (_, Again::Surely(_)) => {}
                (Match::Yes, Again::New) => count.sure += 1,
                _ => count.doubtful += 1,
            }
        }
        let slack = u64::from(leg.tolerance);
        match way {
            Way::Get => {
                let all = count.most().saturating_sub(slack);
                count.sure = count.sure.saturating_sub(slack);
                count.doubtful = all.saturating_sub(count.sure);
                count
            }
            Way::Give if slack == 0 => count,
            Way::Give => count.and(Count::of(slack, unnamed, number)),
        }
    }

    fn counted(&self, offer: &Offer, leg: &Leg, number: usize, way: Way) -> Count {
        let fits = self.fits_unnamed(offer, leg, way);
        if fits == Match::No {
            return Count::default();
        }
        let reach = offer.reach(leg);
        let open = way == Way::Give && *reach.end() == u32::MAX;
        let many = match way {
            Way::Give if open => offer.number(leg).saturating_add(leg.tolerance),
            Way::Give => *reach.end(),
            Way::Get => *reach.start(),
        };
        Count { open, ..Count::of(many.into(), fits, number) }
    }

    /// Whether those of a leg match whom it does not name.
    fn fits_unnamed(&self, offer: &Offer, leg: &Leg, way: Way) -> Match {
        let fits = self.fits_count(offer, leg);
        // Whom we choose ourselves and may leave out is in our own hand, whatever else a count could hold.
        let chosen = way == Way::Give && leg.selection == Selection::Holder && !is_all(leg);
        if chosen && fits == Match::Maybe && self.fits_kind(leg) == Match::Yes { Match::No } else { fits }
    }

    /// Whether a line of a leg's list matches.
    #[must_use]
    pub fn fits_line(&self, leg: &Leg, line: &Line) -> Match {
        let category = any_of(&self.category, |category| category_of_line(leg, line, *category));
        let Some(person) = line.person() else {
            let bag = self.status.is_empty()
                && self.health.is_empty()
                && self.judicial.is_empty()
                && self.consent.is_empty()
                && self.rank.is_empty()
                && self.service_number.is_empty()
                && self.name.is_empty();
            return category.min(bag.into());
        };
        let status = any_of(&self.status, |status| status_of(leg, person, *status));
        let health = any_of(&self.health, |health| health_of(person, *health));
        let judicial = any_of(&self.judicial, |judicial| (person.judicial == *judicial).into());
        let consent = any_of(&self.consent, |wish| (person.consent.wish == *wish).into());
        let rank = any_of(&self.rank, |rank| match &person.rank {
            Some(known) => (folded(known.as_str()) == folded(rank)).into(),
            None => Match::Maybe,
        });
        [category, status, health, judicial, consent, rank, self.fits_identity(person)]
            .into_iter()
            .min()
            .unwrap_or(Match::Yes)
    }

    fn names_somebody(&self) -> bool {
        !self.service_number.is_empty() || !self.name.is_empty()
    }

    fn fits_identity(&self, person: &Person) -> Match {
        if !self.names_somebody() {
            return Match::Yes;
        }
        let number = person.service_number.as_ref().map(|number| folded(number.as_str()));
        let number = number.filter(|number| !number.is_empty());
        let numbers = self.service_number.iter().map(|wanted| match &number {
            Some(known) => same_number(known, &folded(wanted)),
            None => Match::Maybe,
        });
        let mut names: Vec<String> = person.aliases.iter().map(|alias| folded(alias.as_str())).collect();
        for name in [Some(&person.name), person.romanised.as_ref().map(|it| &it.name)].into_iter().flatten() {
            let short = [&name.surname, &name.first_names].into_iter().flatten();
            let short: Vec<&str> = short.map(|part| part.as_str()).collect();
            names.extend([folded(&name.full()), folded(&short.join(" "))]);
        }
        let named = self.name.iter().any(|wanted| names.contains(&folded(wanted)));
        numbers.max().unwrap_or_default().max(named.into())
    }

    /// Whether those that a leg counts match, as far as its category and status go.
    fn fits_kind(&self, leg: &Leg) -> Match {
        let category = any_of(&self.category, |category| category_of_count(leg, *category));
        category.min(any_of(&self.status, |status| match category_of_status(*status) {
            Some(category) => category_of_count(leg, category),
            None => maybe(leg.category != Category::Remains),
        }))
    }

    pub(super) fn fits_count(&self, offer: &Offer, leg: &Leg) -> Match {
        let asked = leg.criteria.as_ref().map_or(&[][..], |criteria| &criteria.health);
        let health = match (self.health.as_slice(), leg.category) {
            ([], _) => Match::Yes,
            (_, Category::Remains) => Match::No,
            (wanted, Category::SeriouslyWounded) => wanted.contains(&Health::SeriouslyWounded).into(),
            (wanted, Category::WoundedOrSick) => within(&WOUNDED_OR_SICK, wanted),
            (wanted, _) if !asked.is_empty() => within(asked, wanted),
            _ => Match::Maybe,
        };
        let of_persons = !(self.judicial.is_empty() && self.consent.is_empty() && self.rank.is_empty());
        let persons = match (of_persons, leg.category) {
            (false, _) => Match::Yes,
            (true, Category::Remains) => Match::No,
            (true, _) => Match::Maybe,
        };
        let excepted = || offer.exceptions(leg).iter().filter_map(Line::person);
        let identity = if !self.names_somebody() {
            Match::Yes
        } else if leg.category == Category::Remains || self.names_only(excepted()) {
            Match::No
        } else {
            Match::Maybe
        };
        self.fits_kind(leg).min(health).min(persons).min(identity)
    }

    /// Whether everyone this names is among `persons`.
    fn names_only<'a>(&self, persons: impl Iterator<Item = &'a Person>) -> bool {
        let persons: Vec<&Person> = persons.collect();
        let found = |who: Self| persons.iter().any(|person| who.fits_identity(person) == Match::Yes);
        let numbers = self.service_number.iter();
        let mut all = numbers.map(|number| Self { service_number: vec![number.clone()], ..Self::default() });
        let names = self.name.iter().map(|name| Self { name: vec![name.clone()], ..Self::default() });
        all.all(found) && names.into_iter().all(found)
    }
}

/// What may hold and is not said, or cannot hold.
const fn maybe(possible: bool) -> Match {
    if possible { Match::Maybe } else { Match::No }
}

const WOUNDED_OR_SICK: [Health; 3] = [Health::Sick, Health::SlightlyWounded, Health::SeriouslyWounded];

const fn is_all(leg: &Leg) -> bool {
    matches!(leg.quantity, Quantity::All { .. })
}

/// The best match among what is wanted; anything where nothing is.
fn any_of<T>(wanted: &[T], fits: impl Fn(&T) -> Match) -> Match {
    if wanted.is_empty() { Match::Yes } else { wanted.iter().map(fits).max().unwrap_or(Match::Yes) }
}

/// Whether all, some or none of `possible` are wanted.
fn within<T: PartialEq>(possible: &[T], wanted: &[T]) -> Match {
    match possible.iter().filter(|it| wanted.contains(it)).count() {
        0 => Match::No,
        all if all == possible.len() => Match::Yes,
        _ => Match::Maybe,
    }
}

/// The letters and digits of a text, capital or not; all of it where it has none.
fn folded(text: &str) -> String {
    Some(person::folded(text, "")).filter(|folded| !folded.is_empty()).unwrap_or_else(|| text.to_owned())
}

/// Whether two numbers, folded, are one. Where their digits are equal the letters may be those of another script.
fn same_number(known: &str, wanted: &str) -> Match {
    let digits = |text: &str| text.chars().filter(|it| it.is_numeric()).collect::<String>();
    let alike = digits(known) == digits(wanted) && !digits(known).is_empty();
    if known == wanted { Match::Yes } else { maybe(alike) }
}

const fn category_of_status(status: Status) -> Option<Category> {
    match status {
        Status::PrisonerOfWar => Some(Category::PrisonerOfWar),
        Status::RetainedMedical => Some(Category::RetainedMedical),
        Status::RetainedReligious => Some(Category::RetainedReligious),
        Status::CivilianInternee => Some(Category::CivilianInternee),
        Status::CivilianUnclassified => Some(Category::CivilianUnclassified),
        Status::Child => Some(Category::Child),
        Status::Unknown | Status::Deceased => None,
    }
}

/// Whether a category says nothing about status: anyone, or by health alone.
const fn leaves_status_open(category: Category) -> bool {
    matches!(category, Category::Person | Category::WoundedOrSick | Category::SeriouslyWounded)
}

const fn is_civilian(category: Category) -> bool {
    matches!(category, Category::CivilianInternee | Category::CivilianUnclassified)
}

fn status_of(leg: &Leg, person: &Person, status: Status) -> Match {
    if person.status == status || category_of_status(status) == Some(leg.category) {
        return Match::Yes;
    }
    maybe(person.status == Status::Unknown && leaves_status_open(leg.category))
}

fn health_of(person: &Person, health: Health) -> Match {
    if person.health == health { Match::Yes } else { maybe(person.health == Health::Unknown) }
}

/// Whether a line of a leg is of a category: by its leg, or by what its record says.
fn category_of_line(leg: &Leg, line: &Line, category: Category) -> Match {
    let Some(person) = line.person() else { return (category == Category::Remains).into() };
    match category {
        Category::Remains => Match::No,
        Category::Person => Match::Yes,
        category if category == leg.category => Match::Yes,
        Category::SeriouslyWounded => health_of(person, Health::SeriouslyWounded),
        Category::WoundedOrSick if leg.category == Category::SeriouslyWounded => Match::Yes,
        Category::WoundedOrSick => any_of(&WOUNDED_OR_SICK, |health| health_of(person, *health)),
        category => {
            let status = Status::ALL.iter().find(|status| category_of_status(**status) == Some(category));
            status.map_or(Match::No, |status| status_of(leg, person, *status))
        }
    }
}

/// Whether those that a leg counts are of a category.
fn category_of_count(leg: &Leg, category: Category) -> Match {
    let by_status = leg.criteria.as_ref().map_or(&[][..], |criteria| &criteria.status);
    let possible: Vec<Category> = by_status.iter().filter_map(|it| category_of_status(*it)).collect();
    match (leg.category, category) {
        (Category::Remains, other) | (other, Category::Remains) => (other == Category::Remains).into(),
        (_, Category::Person) | (Category::SeriouslyWounded, Category::WoundedOrSick) => Match::Yes,
        (of, wanted) if of == wanted => Match::Yes,
        (_, wanted) if !by_status.is_empty() && possible.len() == by_status.len() && !is_health(wanted) => {
            within(&possible, &[wanted])
        }
        (of, wanted) if leaves_status_open(of) || is_health(wanted) => Match::Maybe,
        (Category::Child, wanted) => maybe(is_civilian(wanted)),
        (of, Category::Child) => maybe(is_civilian(of)),
        _ => Match::No,
    }
}

const fn is_health(category: Category) -> bool {
    matches!(category, Category::WoundedOrSick | Category::SeriouslyWounded)
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let texts = |words: Vec<&str>| words.join(" or ");
        let parts = [
            texts(self.category.iter().map(|it| it.text()).collect()),
            texts(self.status.iter().map(|it| it.text()).collect()),
            texts(self.health.iter().map(|it| it.text()).collect()),
            texts(self.judicial.iter().map(|it| it.text()).collect()),
            texts(self.consent.iter().map(|it| it.text()).collect()),
            texts(self.rank.iter().map(String::as_str).collect()),
            texts(self.service_number.iter().chain(&self.name).map(String::as_str).collect()),
        ];
        let given: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        f.write_str(if given.is_empty() { "anyone".to_owned() } else { given.join(", ") }.as_str())
    }
}
