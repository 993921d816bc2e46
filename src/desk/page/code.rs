//! A chain's head as a QR code, to be compared by camera: `truceline-head:CHANNEL:ROLE:COUNT:ID` in capitals, for which a
//! code has a denser form. Read in either case.

use crate::crypto::digest::Digest;
use crate::desk::page::model::Head;
use crate::party::role::Role;
use maud::{Markup, html};
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write;

/// Light modules around a code, as its standard asks.
const QUIET: usize = 4;

/// The line that a head's code holds.
#[must_use]
pub fn head_line(channel: &Digest, role: Role, head: &Head) -> String {
    let role = match role {
        Role::Inviter => "inviter",
        Role::Joiner => "joiner",
    };
    format!("truceline-head:{}:{role}:{}:{}", channel.hex(), head.count, head.id.hex())
}

/// A line as a code, black on white on any page; nothing where it is too long for one.
pub fn code(line: &str, title: &str) -> Markup {
    let code = QrCode::with_error_correction_level(line.to_ascii_uppercase(), EcLevel::M);
    let Ok(code) = code else { return Markup::default() };
    let side = code.width() + 2 * QUIET;
    html! {
        svg.code role="img" viewBox={ "0 0 " (side) " " (side) } shape-rendering="crispEdges" {
            title { (title) }
            rect width=(side) height=(side) fill="#fff" {}
            path fill="#000" d=(modules(&code)) {}
        }
    }
}

/// The dark modules, one stroke for each run in a row.
fn modules(code: &QrCode) -> String {
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(code.width()).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            if run.first() == Some(&Color::Dark) {
                // Writing to memory does not fail.
                let _ = write!(path, "M{} {}h{}v1h-{}z", x + QUIET, y + QUIET, run.len(), run.len());
            }
            x += run.len();
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_draws_each_dark_module_once() {
        let head = Head { count: 1_000_000, id: Digest([7; 32]) };
        let line = head_line(&Digest([9; 32]), Role::Joiner, &head);
        assert!(line.starts_with("truceline-head:0909") && line.contains(":joiner:1000000:0707"), "{line}");
        let code = QrCode::with_error_correction_level(line.to_ascii_uppercase(), EcLevel::M).unwrap();
        let dark = code.to_colors().iter().filter(|colour| **colour == Color::Dark).count();
        let path = modules(&code);
        let drawn: usize = path
            .split('h')
            .skip(1)
            .step_by(2)
            .map(|run| run[..run.find('v').unwrap()].parse::<usize>().unwrap())
            .sum();
        assert_eq!(drawn, dark);
        assert!(super::code(&line, "head").into_string().contains("<title>head</title>"));
        assert!(super::code(&"a".repeat(9_000), "head").into_string().is_empty());
    }
}
