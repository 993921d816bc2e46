//! `truceline profile`: what is known of the counterpart, and what its statements tell of its ways. For the own side
//! alone.

use crate::deal::body::Content;
use crate::deal::delay::{delays, waits};
use crate::deal::history::History;
use crate::desk::delays::{delays_json, delays_text};
use crate::desk::failure::Failure;
use crate::desk::grammar::{Profile, ProfileSet};
use crate::desk::names::Names;
use crate::desk::open::Desk;
use crate::desk::own::{history, keep, text_of};
use crate::desk::screen::{Answer, cut, field, json_time, plain, short, time};
use crate::desk::terms::offer_title;
use crate::officer::own::Own;
use crate::statement::kind::Kind;
use serde_json::{Value, json};

const FIELD: usize = 12;

/// What its statements tell of the counterpart.
struct Ways {
    offers: usize,
    /// The first offer that answers none, with its id.
    opens: Option<(String, String)>,
    /// How often it has said what.
    said: Vec<(&'static str, usize)>,
}

/// The kinds that tell how somebody negotiates.
const TELLING: [Kind; 7] =
    [Kind::Accept, Kind::Reject, Kind::Withdraw, Kind::Lapse, Kind::Standby, Kind::Query, Kind::Suspend];

impl Ways {
    fn of(history: &History<'_>) -> Self {
        let peer = history.me.other();
        let offers: Vec<_> = history.offers().filter(|(made, _)| made.author == peer).collect();
        let first = offers.iter().find(|(_, offer)| offer.body().parent.is_none());
        let of_peer = || history.spoken().iter().filter(|it| it.author == peer);
        let kinds: Vec<Kind> = of_peer().filter_map(|it| it.content.as_ref()).map(Content::kind).collect();
        let count = |kind: Kind| kinds.iter().filter(|said| **said == kind).count();
        Self {
            offers: offers.len(),
            opens: first.map(|(made, offer)| (short(&made.id), offer_title(offer))),
            said: TELLING.map(|kind| (kind.name(), count(kind))).to_vec(),
        }
    }
}

/// `truceline profile`.
///
/// # Errors
/// [`Failure`].
pub fn run(desk: &mut Desk, asked: &Profile) -> Result<Answer, Failure> {
    match asked {
        Profile::Set(ProfileSet { key, text }) => {
            let (key, text) = (text_of(key)?, text_of(text)?);
            let thread = desk.one()?;
            keep(desk, thread, Own::Profile { key, text })
        }
        Profile::Show => show(desk),
    }
}

fn show(desk: &Desk) -> Result<Answer, Failure> {
    let now = desk.service.now();
    let (mut blocks, mut all) = (Vec::new(), Vec::new());
    for number in desk.chosen()? {
        let channel = desk.channel(number)?;
        let (names, ledger) = (Names::of(channel), channel.ledger());
        let history = history(channel, &ledger);
        let ways = Ways::of(&history);
        let delays = delays(&waits(&history), names.me.other(), now);
        let mut block = format!("{}, channel {}\n", names.peer, plain(&channel.thread.label));
        let mut known = Vec::new();
        for (number, record) in desk.service.officer().own_of(channel.number) {
            if let Own::Profile { key, text } = &record.what {
                let told = format!("{} ({})", plain(text.as_str()), time(record.at));
                block.push_str(&field(&cut(&plain(key.as_str()), FIELD - 1), FIELD, &told));
                known.push(json!({
                    "number": number,
                    "at": json_time(record.at),
                    "key": key.as_str(),
                    "text": text.as_str(),
                }));
            }
        }
        let opens = ways.opens.as_ref().map(|(id, title)| format!("; opened with {id}: {title}"));
        block.push_str(&field("offers", FIELD, &format!("{}{}", ways.offers, opens.unwrap_or_default())));
        let said: Vec<String> = ways.said.iter().map(|(kind, number)| format!("{number} {kind}")).collect();
        block.push_str(&field("has said", FIELD, &said.join(", ")));
        block.push_str(&field("answers", FIELD, &delays_text(&delays)));
        blocks.push(block);
        let said: serde_json::Map<String, Value> =
            ways.said.iter().map(|(kind, number)| ((*kind).to_owned(), Value::from(*number))).collect();
        all.push(json!({
            "channel": channel.thread.label,
            "peer": names.peer,
            "known": known,
            "offers": ways.offers,
            "opens_with": ways.opens.map(|(_, title)| title),
            "said": said,
            "delays": delays_json(&delays),
        }));
    }
    Ok(Answer::new(blocks.join("\n"), json!({"channels": all})))
}
