//! What people carry or write in one line or one small file: invites, passes, places of relays, cards, `relay.toml`.

use super::pair::NOW;
use super::{Input, told};
use truceline::host::socks::Socks;
use truceline::party::card::Card;
use truceline::party::line;
use truceline::party::relay::{RelayLine, RelayPlace};
use truceline::service::relay_config::RelayConfig;
use truceline::session::invite::UntrustedInvite;
use truceline::wire::limit::PASS_TOKENS_MAX;
use truceline::wire::pass::Pass;

/// `how u8 ‖ …`: where it is odd, the bytes that a line prints; else the line.
fn printed(prefix: &'static str, data: &[u8]) -> Option<String> {
    let mut input = Input(data);
    if input.u8() & 1 == 1 {
        return Some(line::print(prefix, input.rest()));
    }
    String::from_utf8(input.rest().to_vec()).ok()
}

/// What a line is, however it was written.
fn compact(line: &str) -> String {
    line.chars().filter(|c| !c.is_whitespace() && *c != '-').collect::<String>().to_ascii_uppercase()
}

/// An error about a line tells nothing of what the line holds.
fn keeps_secret(line: &str, error: &dyn std::fmt::Display) {
    told(error, line.len());
    let text = error.to_string().to_ascii_uppercase();
    let secret: Vec<char> = compact(line).chars().skip_while(|c| *c != ':').skip(1).collect();
    let shown = secret.windows(12).find(|part| text.contains(&part.iter().collect::<String>()));
    assert!(shown.is_none(), "an error tells of a secret: {text}");
}

/// A line that is read prints as it came, white space and case aside.
pub fn invite(data: &[u8]) {
    let Some(line) = printed("truceline", data) else { return };
    match UntrustedInvite::parse(&line) {
        Ok(invite) => match invite.verify(NOW) {
            Ok(invite) => {
                assert_eq!(compact(&invite.print().unwrap()), compact(&line));
                assert!((1..=4).contains(&invite.relays().len()) && invite.expires() > NOW);
            }
            Err(error) => keeps_secret(&line, &error),
        },
        // An address is shown, and is no secret.
        Err(truceline::session::invite::InviteError::Relay(error)) => told(&error, line.len()),
        Err(error) => keeps_secret(&line, &error),
    }
}

/// The same of a pass; it has few tokens.
pub fn pass(data: &[u8]) {
    let Some(line) = printed("truceline-pass", data) else { return };
    match Pass::parse(&line) {
        Ok(pass) => {
            assert_eq!(compact(&pass.print()), compact(&line));
            let tokens = pass.tokens().count();
            assert!((1..=PASS_TOKENS_MAX as usize).contains(&tokens));
        }
        Err(error) => keeps_secret(&line, &error),
    }
}

/// A relay's place, with and without its deposit key, and a proxy's.
pub fn place(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match RelayPlace::parse(text) {
        Ok(place) => {
            assert_eq!(RelayPlace::parse(&place.to_string()).as_ref(), Ok(&place));
            assert!(place.address().is_ascii() && !place.host().is_empty());
            let _ = place.is_private();
        }
        Err(error) => super::harmless(&error.to_string()),
    }
    match RelayLine::parse(text) {
        Ok(line) => assert_eq!(RelayLine::parse(&line.to_string()), Ok(line)),
        Err(error) => super::harmless(&error.to_string()),
    }
    if let Ok(proxy) = Socks::parse(text) {
        let shown = format!("{proxy:?}");
        assert!(!shown.contains('@') || !text.contains(&shown), "{shown} tells the password");
    }
}

/// A card's bytes.
pub fn card(data: &[u8]) {
    match Card::decode(data) {
        Ok(card) => {
            assert!(card.encode().unwrap() == data, "a card has another encoding");
            assert!(card.fingerprint().is_ok());
        }
        Err(error) => told(&error, data.len()),
    }
}

/// What an operator sets reads back as it prints.
pub fn relay_toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match RelayConfig::parse(text) {
        Ok(config) => assert_eq!(RelayConfig::parse(&config.print()), Ok(config)),
        Err(error) => told(&error, data.len()),
    }
}
