//! Passes taken back: what `revoke` leaves among the passes of a relay's folder, for the relay to carry out, whether it
//! serves now or later. Nothing else in a relay says which tokens are of one pass.
//!
//! ```text
//! passes/NAME.revoked = "revoked" and then, a line each, "all" or the hashes of a pass's tokens      NAME as of a pass
//! ```

use crate::host::folder::{self, FolderError};
use crate::relay::message::Revoked;
use crate::service::relay_folder::{
    IssuedPass, NotAPass, RelayFolder, RelayFolderError, failed, pass_name, token_hash,
};
use crate::wire::pass::{Pass, TokenHash};
use std::io::Write;
use std::path::PathBuf;

const ENDING: &str = "revoked";
const FIRST: &str = "revoked\n";
const ALL: &str = "all\n";

/// A revocation as it lies in the folder.
pub(super) struct Revocation {
    /// Its file.
    pub(super) path: PathBuf,
    /// What it takes back, or that this is no such file, or not as it was written.
    pub(super) which: Result<Revoked, NotAPass>,
}

fn parse(path: &std::path::Path, text: &str) -> Result<Revoked, NotAPass> {
    let named = path.file_stem().is_some_and(|stem| stem == pass_name(text).as_str());
    match text.strip_prefix(FIRST).filter(|_| named) {
        Some(ALL) => Ok(Revoked::All),
        Some(lines) => {
            lines.lines().map(token_hash).collect::<Option<_>>().map(Revoked::These).ok_or(NotAPass)
        }
        None => Err(NotAPass),
    }
}

impl RelayFolder {
    /// Takes back what has opened no queue of a pass, or of all that were issued until now. It is left, durably, for the
    /// relay to carry out before it opens another queue.
    ///
    /// # Errors
    /// [`RelayFolderError`].
    pub fn revoke(&self, pass: Option<&Pass>) -> Result<(), RelayFolderError> {
        self.check()?;
        let hashes: Option<Vec<TokenHash>> =
            pass.map(|pass| pass.tokens().map(|token| token.hash()).collect());
        // What waits is gone before the revocation is there: a pass that waits beside one was issued after it.
        for issued in self.issued()? {
            let meant = |hashes: &Vec<_>| issued.tokens.as_ref().is_ok_and(|(of, _)| of == hashes);
            if hashes.as_ref().is_none_or(meant) {
                self.forget_issued(&issued.path)?;
            }
        }
        let lines = hashes.map(|hashes| hashes.iter().map(|hash| hash.0.hex() + "\n").collect());
        let text = FIRST.to_owned() + &lines.unwrap_or_else(|| ALL.to_owned());
        let file = self.make_passes()?.join(format!("{}.{ENDING}", pass_name(&text)));
        // The same may wait there already.
        Ok(folder::write_whole(&file, true, |out| out.write_all(text.as_bytes()).map_err(failed(&file)))?)
    }

    /// Passes that wait to be taken in, and revocations that wait to be carried out, and come first. The passes are read
    /// first: of those, none is older than a revocation that is not there any more, or not yet.
    pub(super) fn waiting(&self) -> Result<(Vec<IssuedPass>, Vec<Revocation>), FolderError> {
        let issued = self.issued()?;
        let revoked = self.left(ENDING)?.into_iter();
        let revoked = revoked.map(|(path, text)| Revocation { which: parse(&path, &text), path }).collect();
        Ok((issued, revoked))
    }
}
