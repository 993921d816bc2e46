//! HKDF-SHA-256 (RFC 5869) and HMAC-SHA-256 (RFC 2104), one label per use.

use crate::digest::Digest;
use crate::label::Label;
use crate::secret::Secret;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// `HKDF-Extract(salt, ikm = parts in a row)`.
#[must_use]
pub fn extract(salt: &[u8], ikm: &[&[u8]]) -> Secret<32> {
    let mut joined = zeroize::Zeroizing::new(ikm.concat());
    let (mut prk, _) = Hkdf::<Sha256>::extract(Some(salt), &joined);
    joined.zeroize();
    let secret = Secret::fill(|out| out.copy_from_slice(&prk));
    prk.as_mut_slice().zeroize();
    secret
}

/// `HKDF-Expand(prk, label ‖ info, N)`; `N` is at most 8,160.
#[must_use]
pub fn expand<const N: usize>(prk: &Secret<32>, label: Label, info: &[&[u8]]) -> Secret<N> {
    const { assert!(N <= 255 * 32) };
    let label = label.bytes();
    let mut parts: Vec<&[u8]> = vec![&label];
    parts.extend_from_slice(info);
    Secret::fill(|out| hkdf_expand(prk, &parts, out))
}

/// `HKDF-Expand(prk, info in a row)`, `out` of at most 8,160 bytes.
pub(super) fn hkdf_expand(prk: &Secret<32>, info: &[&[u8]], out: &mut [u8]) {
    // Neither can fail: the key has 32 bytes and the output is bounded.
    if let Ok(hkdf) = Hkdf::<Sha256>::from_prk(prk.expose()) {
        let _ = hkdf.expand_multi_info(info, out);
    }
}

/// `HMAC-SHA-256(key, label ‖ parts)`.
#[must_use]
pub fn mac(key: &Secret<32>, label: Label, parts: &[&[u8]]) -> Secret<32> {
    let label = label.bytes();
    let mut message: Vec<&[u8]> = vec![&label];
    message.extend_from_slice(parts);
    hmac_sha256(key, &message)
}

/// `HMAC-SHA-256(key, message in a row)`.
pub(super) fn hmac_sha256(key: &Secret<32>, message: &[&[u8]]) -> Secret<32> {
    let mut out = [0; 32];
    // HMAC takes a key of any length.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose()) {
        message.iter().for_each(|part| mac.update(part));
        out.copy_from_slice(&mac.finalize().into_bytes());
    }
    Secret::take(&mut out)
}

/// Whether two secrets, or codes made with one, are the same, in a time that does not tell where they differ.
#[must_use]
pub fn same_code(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// A public value derived from a secret: an id that only who knows the secret can compute.
#[must_use]
pub fn derive_id(secret: &Secret<32>, label: Label, info: &[&[u8]]) -> Digest {
    Digest(*expand::<32>(secret, label, info).expose())
}
