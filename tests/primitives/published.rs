//! Published answers that are kept here or belong to a whole set: NIST ACVP for ML-KEM-768 and ML-DSA-65, the sets of
//! Wycheproof for our algorithms, each with where it is run, and RFCs for libraries that are used in one place.

use crate::Prepared;
use argon2::{Algorithm, Argon2, ParamsBuilder, Version};
use aws_lc_rs::encoding::AsRawBytes;
use aws_lc_rs::signature::{ML_DSA_65_SIGNING, PqdsaKeyPair};
use libcrux_ml_kem::mlkem768;
use sha2::Digest as _;
use truceline::crypto::agree::{KemPublic, KemSecret, encapsulate};
use truceline::crypto::digest::unhex;
use truceline::crypto::seal::{open_random, seal_random};
use truceline::crypto::secret::Secret;
use truceline::crypto::sign::{SigningKey, SigningSeeds};
use wycheproof::TestResult;

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    unhex(text).unwrap().try_into().unwrap()
}

/// The cases of one operation in `acvp.txt`: their values.
fn acvp(operation: &str) -> Vec<Vec<&'static str>> {
    let text = include_str!("../vectors/acvp.txt");
    let cases = text.lines().filter_map(|line| {
        let (name, values) = line.split_once(": ")?;
        (name.split_once(' ')?.0 == operation).then(|| values.split(' ').collect())
    });
    cases.collect()
}

#[test]
fn mlkem_keys_expand_from_their_seeds_as_in_acvp() {
    let cases = acvp("mlkem-keygen");
    for case in &cases {
        let [d, z, ek, dk] = case[..] else { panic!("{case:?}") };
        let mut seed: [u8; 64] = bytes(&[d, z].concat());
        let pair = mlkem768::generate_key_pair(seed);
        assert_eq!(pair.sk().as_slice(), bytes::<2400>(dk));
        assert_eq!(*KemSecret::from_seed(Secret::take(&mut seed)).public().0, bytes::<1184>(ek));
    }
    assert_eq!(cases.len(), 25);
}

#[test]
fn mlkem_encapsulation_holds_against_acvp() {
    let cases = acvp("mlkem-encapsulation");
    for case in &cases {
        let [ek, m, c, k] = case[..] else { panic!("{case:?}") };
        let mut prepared = Prepared(unhex(m).unwrap());
        let (ciphertext, shared) = encapsulate(&KemPublic(Box::new(bytes(ek))), &mut prepared).unwrap();
        assert_eq!((*ciphertext.0, *shared.expose()), (bytes(c), bytes(k)));
    }
    assert_eq!(cases.len(), 25);
}

#[test]
fn mlkem_encapsulation_keys_that_acvp_fails_are_refused() {
    let cases = acvp("mlkem-encapsulation-key");
    let mut refused = 0;
    for case in &cases {
        let [ek, verdict] = case[..] else { panic!("{case:?}") };
        // A key of another length has no place in any of our formats.
        let key = <[u8; 1184]>::try_from(unhex(ek).unwrap()).ok();
        let made =
            key.and_then(|key| encapsulate(&KemPublic(Box::new(key)), &mut Prepared(vec![7; 32])).ok());
        assert_eq!(made.is_some(), verdict == "passed");
        refused += usize::from(made.is_none());
    }
    assert_eq!((cases.len(), refused), (10, 5));
}

/// Ours are kept as seeds: expanded keys go to the library that expands them.
#[test]
fn mlkem_decapsulation_by_expanded_keys_holds_against_acvp() {
    let cases = acvp("mlkem-decapsulation");
    for case in &cases {
        let [dk, c, k] = case[..] else { panic!("{case:?}") };
        let (key, ciphertext) = (bytes::<2400>(dk).into(), bytes::<1088>(c).into());
        assert_eq!(mlkem768::decapsulate(&key, &ciphertext), bytes::<32>(k));
    }
    assert_eq!(cases.len(), 10);
}

#[test]
fn mlkem_decapsulation_keys_that_acvp_fails_are_refused_by_the_library() {
    let cases = acvp("mlkem-decapsulation-key");
    let mut refused = 0;
    for case in &cases {
        let [dk, verdict] = case[..] else { panic!("{case:?}") };
        let key = <[u8; 2400]>::try_from(unhex(dk).unwrap()).ok();
        let holds = key.is_some_and(|key| mlkem768::validate_private_key(&key.into(), &[0; 1088].into()));
        assert_eq!(holds, verdict == "passed");
        refused += usize::from(!holds);
    }
    assert_eq!((cases.len(), refused), (10, 5));
}

#[test]
fn mldsa_keys_expand_from_their_seeds_as_in_acvp() {
    let cases = acvp("mldsa-keygen");
    for case in &cases {
        let [seed, pk, sk] = case[..] else { panic!("{case:?}") };
        let seeds = SigningSeeds::from_seeds(Secret::take(&mut [1; 32]), Secret::take(&mut bytes(seed)));
        let key = SigningKey::expand(&seeds).unwrap();
        assert_eq!(*key.public().mldsa, bytes::<1952>(pk));
        let pair = PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, &bytes::<32>(seed)).unwrap();
        assert_eq!(pair.private_key().as_raw_bytes().unwrap().as_ref(), unhex(sk).unwrap());
    }
    assert_eq!(cases.len(), 25);
}

#[test]
fn mlkem_decapsulation_by_expanded_keys_holds_against_wycheproof() {
    let name = wycheproof::mlkem::TestName::MlKem768SemiExpandedDecaps;
    let set = wycheproof::mlkem::TestSet::load(name).unwrap();
    let (mut run, mut refused) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let key = <[u8; 2400]>::try_from(test.decaps_key.as_ref().unwrap().as_slice());
        let ciphertext = <[u8; 1088]>::try_from(test.ct.as_ref().unwrap().as_slice());
        let (Ok(key), Ok(ciphertext)) = (key, ciphertext) else {
            assert_eq!(test.result, TestResult::Invalid, "test {}", test.tc_id);
            refused += 1;
            continue;
        };
        let (key, ciphertext) = (key.into(), ciphertext.into());
        let holds = mlkem768::validate_private_key(&key, &ciphertext);
        assert_eq!(holds, test.result == TestResult::Valid, "test {}", test.tc_id);
        if holds {
            let wanted = test.shared_secret.as_ref().unwrap();
            assert_eq!(mlkem768::decapsulate(&key, &ciphertext).as_slice(), wanted.as_slice());
        }
        run += 1;
    }
    assert_eq!((run, refused), (5, 4));
}

/// Every set that Wycheproof has for our algorithms, how many cases it holds, and the test that runs them. None is left
/// out; what single cases are not run for is said in that test.
const SETS: [(&str, usize, &str); 13] = [
    ("ChaCha20Poly1305", 325, "chacha20_poly1305_holds_against_wycheproof"),
    ("XChaCha20Poly1305", 315, "xchacha20_poly1305_holds_against_wycheproof"),
    ("Ed25519", 151, "ed25519_holds_against_wycheproof"),
    ("HkdfSha256", 86, "hkdf_holds_against_wycheproof"),
    ("HmacSha256", 174, "hmac_holds_against_wycheproof"),
    ("MlDsa65SignNoSeed", 78, "mldsa_signatures_of_wycheproofs_signing_sets_hold"),
    ("MlDsa65SignSeed", 105, "mldsa_signatures_of_wycheproofs_signing_sets_hold"),
    ("MlDsa65Verify", 210, "mldsa_verification_holds_against_wycheproof"),
    ("MlKem768", 201, "mlkem_decapsulation_holds_against_wycheproof_implicit_rejection_included"),
    ("MlKem768Encaps", 265, "mlkem_encapsulation_holds_against_wycheproof_and_refuses_keys_past_the_modulus"),
    ("MlKem768KeyGenSeed", 100, "mlkem_keys_expand_from_their_seeds_as_in_wycheproof"),
    ("MlKem768SemiExpandedDecaps", 9, "mlkem_decapsulation_by_expanded_keys_holds_against_wycheproof"),
    ("X25519", 518, "x25519_holds_against_wycheproof_and_refuses_every_zero_secret"),
];

/// What the names of our algorithms begin with. X25519 in other encodings (ASN.1, JWK, PEM) is not in the crate: no
/// format of ours holds one.
const OURS: [&str; 8] = [
    "ChaCha20Poly1305",
    "XChaCha20Poly1305",
    "Ed25519",
    "HkdfSha256",
    "HmacSha256",
    "MlDsa65",
    "MlKem768",
    "X25519",
];

/// The sets of a module of the crate that are for our algorithms, with how many cases each holds.
macro_rules! sets {
    ($($module:ident),*) => {{
        let mut found = Vec::new();
        $(for name in wycheproof::$module::TestName::all() {
            let text = format!("{name:?}");
            if OURS.iter().any(|ours| text.starts_with(ours)) {
                let set = wycheproof::$module::TestSet::load(name).unwrap();
                found.push((text, set.number_of_tests));
            }
        })*
        found
    }};
}

#[test]
fn every_set_of_wycheproof_for_our_algorithms_is_run_whole() {
    let mut found = sets!(aead, eddsa, hkdf, mac, mldsa_sign, mldsa_verify, mlkem, xdh);
    let mut wanted: Vec<_> = SETS.iter().map(|(name, cases, _)| ((*name).to_owned(), *cases)).collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
    let tests = [
        include_str!("suite.rs"),
        include_str!("published.rs"),
        include_str!("../../src/crypto/known_answers.rs"),
    ];
    for (name, _, test) in SETS {
        let whole = tests.iter().any(|text| text.contains(&format!("#[test]\nfn {test}() {{")));
        assert!(whole, "{name}: there is no test {test}");
        assert!(
            tests
                .iter()
                .any(|text| text.contains(&format!("TestName::{name}"))
                    || text.contains(&format!("({name}, "))),
            "{name}"
        );
    }
}

/// RFC 9106, section 5.3.
#[test]
fn argon2id_gives_the_answer_of_rfc_9106() {
    let params = ParamsBuilder::new()
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .data(argon2::AssociatedData::new(&[4; 12]).unwrap())
        .build()
        .unwrap();
    let argon = Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params).unwrap();
    let mut out = [0; 32];
    argon.hash_password_into(&[1; 32], &[2; 16], &mut out).unwrap();
    assert_eq!(out, bytes("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"));
}

/// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
#[test]
fn xchacha20_poly1305_gives_the_answer_of_its_draft() {
    let text =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
                 sunscreen would be it.";
    let data = unhex("50515253c0c1c2c3c4c5c6c7").unwrap();
    let key: Vec<u8> = (0x80..=0x9f).collect();
    let nonce: Vec<u8> = (0x40..=0x57).collect();
    let (key, nonce) = (Secret::take(&mut key.try_into().unwrap()), nonce.try_into().unwrap());
    let sealed = seal_random(&key, &nonce, &data, text.to_vec());
    let wanted = "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb\
                  731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452\
                  2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9\
                  21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49";
    assert_eq!(sealed, unhex(wanted).unwrap());
    assert_eq!(open_random(&key, &nonce, &data, &sealed).unwrap(), text);
}

/// RFC 4648, section 10, without padding, as printed lines are.
#[test]
fn base32_gives_the_answers_of_rfc_4648() {
    let answers = ["", "MY", "MZXQ", "MZXW6", "MZXW6YQ", "MZXW6YTB", "MZXW6YTBOI"];
    for (length, answer) in answers.into_iter().enumerate() {
        assert_eq!(data_encoding::BASE32_NOPAD.encode(&b"foobar"[..length]), answer);
    }
}

/// The digest of the file `bip-0039/english.txt`, its last line ended.
#[test]
fn the_words_are_those_of_bip_39() {
    let words = bip39::Language::English.word_list();
    let file = words.iter().fold(String::new(), |file, word| file + word + "\n");
    let digest = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda";
    assert_eq!(<[u8; 32]>::from(sha2::Sha256::digest(file)), bytes(digest));
}
