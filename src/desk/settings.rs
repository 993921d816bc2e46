//! `truceline settings`: how receipts are timed.

use crate::desk::failure::Failure;
use crate::desk::grammar::{SettingsArgs, Switch};
use crate::desk::open::Desk;
use crate::desk::screen::{Answer, field};
use crate::officer::settings::Settings;
use crate::time::Millis;
use serde_json::json;

const FIELD: usize = 21;

/// Shows or sets them.
///
/// # Errors
/// [`Failure`].
pub fn run(desk: &mut Desk, asked: &SettingsArgs) -> Result<Answer, Failure> {
    let mut settings = desk.service.officer().settings().clone();
    if asked.default {
        settings = Settings::default();
    }
    if asked.receipts_at_once {
        settings.without_delay();
    }
    if let Some(switch) = asked.read_receipts {
        settings.read_receipts = switch == Switch::On;
    }
    if settings != *desk.service.officer().settings() {
        let changed = settings.clone();
        desk.service.command(|officer, _, _| Ok(((), officer.set_settings(changed))))?;
    }
    Ok(shown(&settings))
}

fn shown(settings: &Settings) -> Answer {
    let within = |span: Millis| {
        if span == Millis(0) { "at once".to_owned() } else { format!("within {}, at random", exactly(span)) }
    };
    let read = match (settings.read_receipts, settings.read_within) {
        (false, _) => "off: the other side is not told what you have read".to_owned(),
        (true, Millis(0)) => "on, at once: they show when you are at work".to_owned(),
        (true, last) => {
            format!("on, {} to {} after you opened it", exactly(settings.read_after), exactly(last))
        }
    };
    let mut text = field("read receipts", FIELD, &read);
    let delivered = format!("{}; in a single sync at once", within(settings.delivered_within));
    text.push_str(&field("delivered receipts", FIELD, &delivered));
    let json = json!({
        "read_receipts": settings.read_receipts,
        "read_after_ms": settings.read_after.0,
        "read_within_ms": settings.read_within.0,
        "delivered_within_ms": settings.delivered_within.0,
    });
    Answer::new(text, json)
}

fn exactly(span: Millis) -> String {
    if span.0.is_multiple_of(60_000) && span.0 > 60_000 {
        format!("{} min", span.0 / 60_000)
    } else {
        format!("{} s", span.0 / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_told_in_words() {
        let mut settings = Settings::default();
        assert!(shown(&settings).text.contains("on, 5 min to 60 min after you opened it"));
        assert!(shown(&settings).text.contains("within 60 s, at random; in a single sync"));
        settings.without_delay();
        assert!(shown(&settings).text.contains("at once: they show when you are at work"));
        settings.read_receipts = false;
        assert!(shown(&settings).text.contains("off: "));
    }
}
