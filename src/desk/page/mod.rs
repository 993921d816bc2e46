//! One page of HTML about channels, or about a file that was checked: for people, on a screen and on paper. No script,
//! nothing from outside, and nothing that is not in the model.

mod case;
pub mod channel;
mod code;
mod document;
mod lists;
pub mod model;
mod receipts;
#[cfg(test)]
mod tests;
mod text;
mod timeline;

pub use document::html;

use crate::desk::failure::Failure;
use crate::desk::page::model::Page;
use crate::desk::transcript::{self, must_be_new};
use std::path::Path;

/// Writes a page to a file that its owner alone can read: whole, or not there. Gives its bytes.
///
/// # Errors
/// [`Failure`]; an existing file is left alone without `force`.
pub fn write(path: &Path, force: bool, page: &Page) -> Result<usize, Failure> {
    must_be_new(path, force)?;
    let html = html(page);
    transcript::write_whole(path, force, html.as_bytes())?;
    Ok(html.len())
}
