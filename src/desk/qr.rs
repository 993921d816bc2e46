//! An invite as a QR code in the terminal, two modules in one character.

use crate::desk::failure::{Cause, Failure};
use crate::desk::screen::Style;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// The code of a line. In capitals, for which a code has a denser form; lines are read in either case.
///
/// # Errors
/// [`Cause::Input`] where the line is too long for a code.
pub fn render(line: &str, style: Style) -> Result<String, Failure> {
    let code =
        QrCode::with_error_correction_level(line.to_ascii_uppercase(), EcLevel::L).map_err(|error| {
            Failure::new(
                Cause::Input,
                format!("no QR code can be made: {error}"),
                "Use the line or --out, or fewer relays.",
            )
        })?;
    let mut renderer = code.render::<Dense1x2>();
    if style.colour {
        // Black on white, whatever the terminal's colours are.
        let shown = renderer.build();
        return Ok(shown.lines().map(|line| format!("\u{1b}[38;5;16;48;5;231m{line}\u{1b}[0m\n")).collect());
    }
    // Terminals are dark more often than not: there, light modules are the ones that are drawn.
    let shown = renderer.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    Ok(format!("{shown}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::screen::{COLUMNS, width};

    #[test]
    fn an_invite_to_one_relay_fits_the_terminal() {
        let line = format!("truceline:{}", "A2B3C4D5".repeat(32));
        for style in [Style::PLAIN, Style { colour: true }] {
            let shown = render(&line, style).unwrap();
            let bare = shown.replace("\u{1b}[38;5;16;48;5;231m", "").replace("\u{1b}[0m", "");
            assert!(bare.lines().all(|line| width(line) <= COLUMNS), "{shown}");
            assert!(bare.lines().count() > 20);
        }
        assert_eq!(render(&"A".repeat(9_000), Style::PLAIN).unwrap_err().cause, Cause::Input);
    }
}
