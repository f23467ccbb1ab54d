use super::*;

fn key(seed: u8) -> SecretKey {
    SecretKey::from_bytes(&[seed; 32])
}

/// The eight torsion points' encodings (canonical ones), from the curve's 8-torsion subgroup.
fn torsion_points() -> Vec<[u8; 32]> {
    // 8-torsion generator in compressed form; multiples by repeated addition through zebra's arithmetic are not exposed, so the
    // well-known list is spelled out (RFC 8032 arithmetic; y coordinates of the points of order 1, 2, 4 and 8).
    [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ]
    .iter()
    .map(|hex| {
        let mut bytes = [0; 32];
        hex::decode_to_slice(hex, &mut bytes).unwrap();
        bytes
    })
    .collect()
}

#[test]
fn signed_messages_verify_and_changed_ones_do_not() {
    let secret = key(1);
    let message = signing_bytes(Domain::Transaction, b"order");
    let signature = secret.sign(&message);
    assert_eq!(secret.public().verify(&message, &signature), Ok(()));
    assert_eq!(key(2).public().verify(&message, &signature), Err(SignatureError::BadSignature));
    let other = signing_bytes(Domain::Precommit, b"order");
    assert_eq!(secret.public().verify(&other, &signature), Err(SignatureError::BadSignature));
}

#[test]
fn weak_and_non_canonical_keys_are_not_registered() {
    for point in torsion_points() {
        assert_eq!(PublicKey::from_bytes(point).check(), Err(SignatureError::BadKey), "{}", hex::encode(point));
    }
    // y = p + 1 is a second spelling of y = 1.
    let mut second = [0xff; 32];
    second[0] = 0xee;
    second[31] = 0x7f;
    assert_eq!(PublicKey::from_bytes(second).check(), Err(SignatureError::BadKey));
    assert_eq!(key(3).public().check(), Ok(()));
}

#[test]
fn a_batch_agrees_with_single_checks_on_torsion_signatures() {
    // R and A of small order, s = 0: ZIP-215 accepts what a strict check refuses. What counts is that all paths agree.
    let (mut accepted, mut refused) = (0, 0);
    for r in torsion_points() {
        for a in torsion_points() {
            let mut bytes = [0; 64];
            bytes[..32].copy_from_slice(&r);
            let (signature, public) = (Signature::from_bytes(bytes), PublicKey::from_bytes(a));
            let single = public.verify(b"message", &signature);
            let mut batch = Batch::new();
            batch.push(&public, b"message", &signature);
            let good = key(9);
            batch.push(&good.public(), b"other", &good.sign(b"other"));
            assert_eq!(single.is_ok(), batch.verify().is_ok());
            if single.is_ok() { accepted += 1 } else { refused += 1 }
        }
    }
    assert_eq!((accepted, refused), (64, 0), "ZIP-215 is cofactored: all small-order combinations are accepted, by every path");
}

#[test]
fn a_torsion_component_in_r_is_judged_alike_by_single_and_batch() {
    use ed25519_dalek::hazmat::ExpandedSecretKey;
    // A registered signer adds a torsion point to R and recomputes s: the cofactored rule accepts, the strict one refuses.
    let expanded = ExpandedSecretKey::from(&[5; 32]);
    let public = PublicKey::from_bytes(ed25519_dalek::VerifyingKey::from(&expanded).to_bytes());
    let mut seen = 0;
    for (i, torsion) in torsion_points().into_iter().enumerate() {
        let signature = crafted::with_torsion(&expanded, &public, torsion, b"message");
        let single = public.verify(b"message", &signature);
        let strict = ed25519_dalek::VerifyingKey::from_bytes(public.as_bytes())
            .unwrap()
            .verify_strict(b"message", &ed25519_dalek::Signature::from_bytes(signature.as_bytes()));
        let mut batch = Batch::new();
        batch.push(&public, b"message", &signature);
        for other in 10..14 {
            batch.push(&key(other).public(), b"x", &key(other).sign(b"x"));
        }
        assert_eq!(single.is_ok(), batch.verify().is_ok(), "torsion point {i}");
        if single.is_ok() != strict.is_ok() {
            seen += 1;
        }
    }
    assert!(seen >= 6, "the crafted signatures do separate the two rules ({seen})");
}

#[test]
fn one_bad_signature_spoils_a_batch() {
    let mut batch = Batch::new();
    assert!(batch.is_empty());
    for seed in 1..20 {
        let message = [seed; 3];
        let signature = key(seed).sign(if seed == 7 { b"not" } else { &message });
        batch.push(&key(seed).public(), &message, &signature);
    }
    assert_eq!(batch.len(), 19);
    assert_eq!(batch.verify(), Err(SignatureError::BadSignature));
    assert_eq!(Batch::new().verify(), Ok(()));
}

mod crafted {
    use super::*;
    use curve25519_dalek::constants::ED25519_BASEPOINT_TABLE;
    use curve25519_dalek::edwards::CompressedEdwardsY;
    use curve25519_dalek::scalar::Scalar;
    use sha2::{Digest, Sha512};

    pub fn with_torsion(
        secret: &ed25519_dalek::hazmat::ExpandedSecretKey,
        public: &PublicKey,
        torsion: [u8; 32],
        message: &[u8],
    ) -> Signature {
        let r = Scalar::from_bytes_mod_order_wide(&[77; 64]);
        let point = &r * ED25519_BASEPOINT_TABLE + CompressedEdwardsY(torsion).decompress().unwrap();
        let encoded = point.compress().to_bytes();
        let mut hash = Sha512::new();
        hash.update(encoded);
        hash.update(public.as_bytes());
        hash.update(message);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let s = r + k * secret.scalar;
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&encoded);
        bytes[32..].copy_from_slice(s.as_bytes());
        Signature::from_bytes(bytes)
    }
}
