//! Bytes as one printed line that survives copying: `prefix:` and base32 (RFC 4648, section 6, no
//! padding, either case, spaces and hyphens ignored) of `bytes ‖ first 4 of SHA-256(prefix ‖ bytes)`.

use data_encoding::BASE32_NOPAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// A line that was cut, altered or is something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Does not begin with the expected prefix.
    #[error("the line does not begin with '{0}:'")]
    PrefixMissing(&'static str),
    /// Not base32, or its check value does not fit: a character was lost or changed.
    #[error("the line was cut or altered: its check value does not fit")]
    Altered,
}

fn check_value(prefix: &str, bytes: &[u8]) -> [u8; 4] {
    let hash: [u8; 32] = Sha256::new().chain_update(prefix).chain_update(bytes).finalize().into();
    let [a, b, c, d, ..] = hash;
    [a, b, c, d]
}

/// `bytes` as a line.
#[must_use]
pub fn print(prefix: &'static str, bytes: &[u8]) -> String {
    // Whatever is printed or read may be a secret. The room is made at once: where a vector lay before it grew, it
    // would stay.
    let mut checked = Zeroizing::new(Vec::with_capacity(bytes.len() + 4));
    checked.extend_from_slice(bytes);
    checked.extend_from_slice(&check_value(prefix, bytes));
    format!("{prefix}:{}", BASE32_NOPAD.encode(&checked))
}

/// The bytes in a line.
///
/// # Errors
/// [`LineError`].
pub fn parse(prefix: &'static str, line: &str) -> Result<Vec<u8>, LineError> {
    let mut compact = Zeroizing::new(String::with_capacity(line.len()));
    compact.extend(line.chars().filter(|c| !c.is_whitespace() && *c != '-'));
    compact.make_ascii_uppercase();
    let wanted: String = prefix.chars().filter(|c| *c != '-').collect::<String>().to_ascii_uppercase();
    let text = compact
        .strip_prefix(&wanted)
        .and_then(|rest| rest.strip_prefix(':'))
        .ok_or(LineError::PrefixMissing(prefix))?;
    let mut bytes = BASE32_NOPAD.decode(text.as_bytes()).map_err(|_| LineError::Altered)?;
    let at = bytes.len().checked_sub(4).ok_or(LineError::Altered)?;
    let check = bytes.split_off(at);
    if check != check_value(prefix, &bytes) {
        return Err(LineError::Altered);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_survives_wrapping_and_case_and_shows_any_change() {
        let line = print("truceline", b"some bytes");
        assert_eq!(parse("truceline", &line).unwrap(), b"some bytes");
        let wrapped = format!(" {}\n{} ", &line[..20].to_lowercase(), &line[20..]);
        assert_eq!(parse("truceline", &wrapped).unwrap(), b"some bytes");
        let altered = line.replace(&line[12..13], if &line[12..13] == "A" { "B" } else { "A" });
        assert_eq!(parse("truceline", &altered), Err(LineError::Altered));
        assert_eq!(parse("truceline", &line[..line.len() - 2]), Err(LineError::Altered));
        assert_eq!(parse("truceline-pass", &line), Err(LineError::PrefixMissing("truceline-pass")));
    }
}
