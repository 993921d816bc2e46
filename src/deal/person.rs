//! A person on a list: the fields of the Geneva Conventions and of tracing services. Next of kin and
//! addresses have no field, so that they cannot leave the own side.

use crate::codec::{CodecError, decode, encode};
use crate::deal::date::PartialDate;
use crate::deal::remains::Remains;
use crate::deal::word::{Text, words};
use crate::statement::list::LINE_BYTES_MAX;
use bincode::{Decode, Encode};
use unicode_normalization::UnicodeNormalization;

words! {
    /// Sex, as the holder records it.
    Sex {
        /// Not known.
        Unknown = 0 "unknown";
        /// Male.
        Male = 1 "male";
        /// Female.
        Female = 2 "female";
    }
}

words! {
    /// What a person is under the Conventions.
    Status {
        /// Not known, or disputed.
        Unknown = 0 "unknown";
        /// Third Convention, article 4.
        PrisonerOfWar = 1 "prisoner of war";
        /// Medical personnel retained (Third Convention, article 33).
        RetainedMedical = 2 "retained medical";
        /// Chaplains retained (Third Convention, article 33).
        RetainedReligious = 3 "retained religious";
        /// Interned under the Fourth Convention.
        CivilianInternee = 4 "civilian internee";
        /// A civilian held with no stated ground.
        CivilianUnclassified = 5 "civilian unclassified";
        /// Under eighteen.
        Child = 6 "child";
        /// Died in captivity.
        Deceased = 7 "deceased";
    }
}

words! {
    /// Where a person stands with the holder's courts.
    Judicial {
        /// No proceedings.
        None = 0 "none";
        /// Charged, not judged.
        Charged = 1 "charged";
        /// Convicted.
        Convicted = 2 "convicted";
        /// Sentenced to death.
        SentencedToDeath = 3 "sentenced to death";
    }
}

words! {
    /// State of health.
    Health {
        /// Not known.
        Unknown = 0 "unknown";
        /// Good.
        Good = 1 "good";
        /// Not wounded; nothing more is known.
        NotWounded = 2 "not wounded";
        /// Recovered.
        Recovered = 3 "recovered";
        /// Convalescent.
        Convalescent = 4 "convalescent";
        /// Sick.
        Sick = 5 "sick";
        /// Slightly wounded.
        SlightlyWounded = 6 "slightly wounded";
        /// Seriously wounded.
        SeriouslyWounded = 7 "seriously wounded";
    }
}

words! {
    /// What the mixed medical commission found (Third Convention, articles 109 to 114).
    Commission {
        /// Not examined.
        None = 0 "none";
        /// To be returned directly.
        Direct = 1 "A direct";
        /// To be accommodated in a neutral country.
        NeutralCountry = 2 "B neutral country";
        /// To be examined again.
        Reexamine = 3 "NC re-examine";
        /// So plainly serious that no examination is needed.
        ManifestlySerious = 4 "manifestly serious";
    }
}

words! {
    /// What custody is known from.
    Source {
        /// The family.
        Family = 0 "family";
        /// Published pictures or reports.
        Media = 1 "media";
        /// Somebody who came back.
        Returnee = 2 "returnee";
        /// The detaining Power itself.
        DetainingPower = 3 "detaining power";
        /// Confirmed by the International Committee of the Red Cross.
        IcrcConfirmed = 4 "ICRC-confirmed";
        /// The detaining Power denies it.
        Denied = 5 "denied";
    }
}

words! {
    /// Whether the person wants to return.
    Wish {
        /// Nobody asked.
        NotAsked = 0 "not asked";
        /// Wishes to return.
        Wishes = 1 "wishes";
        /// Refuses to return.
        Refuses = 2 "refuses";
        /// Undecided.
        Undecided = 3 "undecided";
    }
}

/// A name in one script. Surname or first names may be all that is known.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Name {
    /// Surname.
    pub surname: Option<Text>,
    /// First names.
    pub first_names: Option<Text>,
    /// Patronymic.
    pub patronymic: Option<Text>,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [&self.surname, &self.first_names, &self.patronymic];
        for (at, part) in parts.into_iter().flatten().enumerate() {
            write!(f, "{}{part}", if at == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl Name {
    /// Whether nothing of it is known.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.surname.is_none() && self.first_names.is_none() && self.patronymic.is_none()
    }

    /// Surname, first names and patronymic, as far as they are known, with a space between.
    #[must_use]
    pub fn full(&self) -> String {
        let parts = [&self.surname, &self.first_names, &self.patronymic];
        parts.into_iter().flatten().map(Text::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// A name in Latin letters, with the system that gave it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Romanised {
    /// The name.
    pub name: Name,
    /// The system, as its users call it.
    pub system: Text,
}

/// One ground for believing that a person is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Evidence {
    /// Where it comes from.
    pub source: Source,
    /// When it was obtained.
    pub date: PartialDate,
}

/// What the person said about returning, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Consent {
    /// The answer.
    pub wish: Wish,
    /// Who asked.
    pub asked_by: Option<Text>,
}

/// A person on a list.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Person {
    /// Name in the original script.
    pub name: Name,
    /// Other names in use.
    pub aliases: Vec<Text>,
    /// Name in Latin letters.
    pub romanised: Option<Romanised>,
    /// Birth date, as far as known.
    pub birth_date: Option<PartialDate>,
    /// Birth place.
    pub birth_place: Option<Text>,
    /// Sex.
    pub sex: Sex,
    /// Nationality.
    pub nationality: Option<Text>,
    /// The Power the person depends on.
    pub power: Option<Text>,
    /// Army, regimental, personal or serial number (Third Convention, article 17).
    pub service_number: Option<Text>,
    /// Rank.
    pub rank: Option<Text>,
    /// Unit.
    pub unit: Option<Text>,
    /// Occupation.
    pub occupation: Option<Text>,
    /// Father's first name.
    pub father_first_name: Option<Text>,
    /// Mother's maiden name.
    pub mother_maiden_name: Option<Text>,
    /// Distinguishing marks.
    pub marks: Option<Text>,
    /// Status.
    pub status: Status,
    /// Judicial state.
    pub judicial: Judicial,
    /// Health.
    pub health: Health,
    /// The medical commission's finding.
    pub commission: Commission,
    /// Why the person is believed to be held.
    pub evidence: Vec<Evidence>,
    /// Consent to return.
    pub consent: Consent,
}

impl Person {
    /// Whether the name tells whom the record is about: a name or an alias is known.
    #[must_use]
    pub const fn is_named(&self) -> bool {
        !self.name.is_empty() || !self.aliases.is_empty()
    }

    /// The name as far as it is known, or the first alias where none is.
    #[must_use]
    pub fn called(&self) -> String {
        match self.aliases.first() {
            Some(alias) if self.name.is_empty() => alias.as_str().to_owned(),
            _ => self.name.full(),
        }
    }
}

/// What tells whether two records are about the same person, where their other fields may differ. For comparing
/// only: never shown, never sent. Look-alike letters of two scripts stay different.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentityKey {
    /// The service number, its letters and digits alone.
    ServiceNumber(String),
    /// The name, or the first alias where no name is known, with the birth date as far as it is known.
    Name(String, Option<PartialDate>),
}

/// The service number where there is one, else [`name_key`].
#[must_use]
pub fn identity_key(person: &Person) -> IdentityKey {
    let number = person.service_number.as_ref().map(|number| folded(number.as_str(), ""));
    number.filter(|number| !number.is_empty()).map_or_else(|| name_key(person), IdentityKey::ServiceNumber)
}

/// Name and birth date, for records of which only one has a service number.
#[must_use]
pub fn name_key(person: &Person) -> IdentityKey {
    let name = person.called();
    let known = Some(folded(&name, " ")).filter(|folded| !folded.is_empty());
    IdentityKey::Name(known.unwrap_or(name), person.birth_date)
}

/// Compatibility forms and capitals made one (NFKC, lower case); the words of `text` with `between` them.
pub(crate) fn folded(text: &str, between: &str) -> String {
    let text: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(between)
}

/// One line of a list, as it enters the list's tree: `variant u32 ‖ record`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Line {
    /// A person, boxed as it is far larger than the rest; the box has no bytes on the wire.
    Person(Box<Person>),
    /// A bag of remains.
    Remains(Remains),
}

impl Line {
    /// The line's bytes.
    ///
    /// # Errors
    /// [`CodecError::TooLong`] past [`LINE_BYTES_MAX`].
    pub fn encode_line(&self) -> Result<Vec<u8>, CodecError> {
        encode(self, LINE_BYTES_MAX)
    }

    /// The record in a line's bytes.
    ///
    /// # Errors
    /// Every form but the one encoding of a sound record.
    pub fn decode_line(bytes: &[u8]) -> Result<Self, CodecError> {
        let line: Self = decode(bytes, LINE_BYTES_MAX)?;
        if line.is_sound() { Ok(line) } else { Err(CodecError::Malformed) }
    }

    /// Whether it is remains, or a person with a name, and with a romanised one where a system is named.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        match self {
            Self::Person(person) => {
                person.is_named() && person.romanised.as_ref().is_none_or(|it| !it.name.is_empty())
            }
            Self::Remains(_) => true,
        }
    }

    /// What it is called in one line: the name, the first alias where none is known, or the bag; as it is written.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Person(person) => person.called(),
            Self::Remains(bag) => bag.bag.to_string(),
        }
    }

    /// The person, if it is one.
    #[must_use]
    pub fn person(&self) -> Option<&Person> {
        match self {
            Self::Person(person) => Some(person),
            Self::Remains(_) => None,
        }
    }

    /// The remains, if it is a bag.
    #[must_use]
    pub const fn remains(&self) -> Option<&Remains> {
        match self {
            Self::Remains(remains) => Some(remains),
            Self::Person(_) => None,
        }
    }
}
