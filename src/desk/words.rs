//! `truceline words`: the one moment in which two officers make sure that nobody stands between them.

use crate::desk::ask::consent;
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::names::Names;
use crate::desk::open::Desk;
use crate::desk::screen::{Answer, Style, pad, paragraphs, plain};
use crate::officer::compose::ComposeError;
use crate::party::words::{SafetyWords, WORDS};
use serde_json::json;

/// Shows, confirms or denies the words.
///
/// # Errors
/// [`Cause::WordsMismatch`] for words that are not the channel's; nothing is confirmed.
pub fn run(desk: &mut Desk, asked: &grammar::Words) -> Result<Answer, Failure> {
    let thread = desk.one()?;
    let channel = desk.channel(thread)?;
    let Some(session) = channel.session() else { return Err(ComposeError::NotOpen.into()) };
    let names = Names::of(channel);
    let label = plain(&channel.thread.label);
    if asked.differ {
        let question = format!("Close channel {label} for good, because its words differ?");
        if !asked.yes && !consent(&question, "--yes")? {
            return Err(Failure::new(
                Cause::Refused,
                "the channel was not closed",
                "Say nothing over it until you are sure.",
            ));
        }
        desk.service.command(|officer, now, rng| Ok(((), officer.words_differ(thread, now, rng)?)))?;
        let text = format!(
            "Channel {label} is closed: it sends and fetches nothing more. Someone stands between you and {}. Make a \
             new invite and hand it over in another way.",
            names.peer
        );
        return Ok(Answer::new(paragraphs(&text, 0), json!({"channel": label, "closed": true})));
    }
    if let Some(typed) = &asked.confirm {
        check_typed(typed)?;
        let id = desk.service.command(|officer, now, rng| officer.confirm_words(thread, typed, now, rng))?;
        let channel = desk.channel(thread)?;
        let theirs = channel.words_confirmed_by(names.me.other());
        let next = if theirs {
            format!("{} has confirmed them too: proposals now have effect.", names.peer)
        } else {
            format!(
                "{} has yet to confirm them; until then only notes and proposals about remains have effect.",
                names.peer
            )
        };
        let text = format!("The words agree: confirmed, under your signature. {next}");
        let json = json!({"channel": label, "id": id.0.hex(), "words": {"own": true, "peer": theirs, "both": theirs}});
        return Ok(Answer::new(paragraphs(&text, 0), json).aside("Send it: truceline sync\n"));
    }
    let words = session.words();
    let (own, theirs) = (channel.words_confirmed_by(names.me), channel.words_confirmed_by(names.me.other()));
    let mut text = layout(&words, &label, &names, desk.place.style);
    let said = |is: bool| if is { "confirmed" } else { "not yet confirmed" };
    text.push_str(&format!("You: {}. {}: {}.\n", said(own), names.peer, said(theirs)));
    let json = json!({
        "channel": label,
        "safety_words": words.words(),
        "words": {"own": own, "peer": theirs, "both": own && theirs},
    });
    Ok(Answer::new(text, json))
}

/// A slip of the fingers is told apart from words that differ.
fn check_typed(typed: &str) -> Result<(), Failure> {
    let words = SafetyWords::split(typed);
    let slip = |what: String| {
        let help = "Nothing was confirmed. Type all twelve words, in their order, in one pair of quotes.";
        Err(Failure::new(Cause::Usage, what, help))
    };
    if words.len() != WORDS {
        return slip(format!("{} words were typed; there are {WORDS}", words.len()));
    }
    match words.iter().find(|word| !SafetyWords::is_word(word)) {
        Some(word) => slip(format!("'{}' is no safety word: mistyped?", plain(word))),
        None => Ok(()),
    }
}

fn layout(words: &SafetyWords, label: &str, names: &Names, style: Style) -> String {
    let mut out =
        format!("The safety words of channel {label}, between {} and {}\n\n", names.own, names.peer);
    let words = words.words();
    for row in 0..4 {
        let mut line = String::new();
        for (at, word) in words.iter().enumerate().filter(|(at, _)| at % 4 == row) {
            line.push_str(&format!(
                "   {:>2}  {}",
                at + 1,
                pad(&style.bold(word), 10 + style.bold(word).len() - word.len())
            ));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out.push('\n');
    let how = format!(
        "Call {}, in a way in which you know the officer's voice. One reads the words out, the other follows; then \
         the other way round. All twelve must agree, in their order.",
        names.peer
    );
    out.push_str(&paragraphs(&how, 0));
    out.push_str("\n  They agree:   truceline words --confirm \"the words you heard\"\n");
    out.push_str("  They differ:  truceline words --differ\n\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::digest::Digest;
    use crate::desk::screen::{COLUMNS, width};
    use crate::party::role::Role;

    #[test]
    fn the_words_stand_numbered_in_three_columns() {
        let words = SafetyWords::of(&Digest([1; 32]), &Digest([2; 32]), &Digest([3; 32]));
        let names = Names { me: Role::Inviter, own: "Velmara".to_owned(), peer: "Tarrun".to_owned() };
        let shown = layout(&words, "tarrun", &names, Style::PLAIN);
        let rows: Vec<&str> = shown.lines().skip(2).take(4).collect();
        let all = words.words();
        assert!(rows[0].contains(&format!(" 1  {}", all[0])) && rows[0].contains(&format!(" 5  {}", all[4])));
        assert!(
            rows[3].contains(&format!(" 4  {}", all[3])) && rows[3].ends_with(&format!("12  {}", all[11]))
        );
        assert!(shown.lines().all(|line| width(line) <= COLUMNS), "{shown}");
    }
}
