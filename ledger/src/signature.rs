//! Keys and signatures: ed25519 with one verification rule everywhere, ZIP-215, single and in batches.
//!
//! Keys are kept and messages signed with `ed25519-dalek`; everything is verified with `ed25519-zebra`, whose single and batch answers always
//! agree (dalek's batch accepts crafted signatures that its single check refuses, which would let a registered signer split the committee).

use crate::codec::{deserialize_array, serialize_array};
use crate::hash::Domain;
use ed25519_dalek::Signer;
use ed25519_zebra::{Signature as ZebraSignature, VerificationKey, VerificationKeyBytes, batch};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fmt;

/// Why a key or a signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not a canonical point of the curve, or one of small order.
    #[error("not a canonical public key of large order")]
    BadKey,
    /// The signature does not verify under ZIP-215.
    #[error("the signature does not verify")]
    BadSignature,
}

/// A secret key. Erased from memory when dropped; never printed.
#[derive(Clone)]
pub struct SecretKey(ed25519_dalek::SigningKey);

impl SecretKey {
    /// From 32 secret bytes, which MUST come from a cryptographic source.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        SecretKey(ed25519_dalek::SigningKey::from_bytes(bytes))
    }

    /// The 32 secret bytes, for a key file.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs a message, which MUST start with its namespace (see [`signing_bytes`]).
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

/// A public key as 32 bytes. Text form: 64 hex digits. Being of this type says nothing of validity: see [`PublicKey::check`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Wraps bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        PublicKey(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Parses 64 lower-case hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        crate::hash::Hash::from_hex(text).map(|h| PublicKey(*h.as_bytes()))
    }

    /// Checks that the registry may hold this key: a canonical point, not of small order (MARKET 2).
    ///
    /// # Errors
    /// [`SignatureError::BadKey`].
    pub fn check(&self) -> Result<(), SignatureError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&self.0).map_err(|_| SignatureError::BadKey)?;
        let canonical = key.to_edwards().compress().to_bytes() == self.0;
        if canonical && !key.is_weak() { Ok(()) } else { Err(SignatureError::BadKey) }
    }

    /// Verifies one signature under ZIP-215.
    ///
    /// # Errors
    /// [`SignatureError::BadKey`] or [`SignatureError::BadSignature`].
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        let key = VerificationKey::try_from(self.0).map_err(|_| SignatureError::BadKey)?;
        key.verify(&ZebraSignature::from_bytes(&signature.0), message).map_err(|_| SignatureError::BadSignature)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A signature as 64 bytes. Text form: 128 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Wraps bytes.
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Signature(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Half of a signature's bytes.
#[derive(Serialize, Deserialize)]
struct Half(#[serde(serialize_with = "serialize_array", deserialize_with = "deserialize_array")] [u8; 32]);

impl Serialize for Signature {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&hex::encode(self.0))
        } else {
            // Two curve values of 32 bytes each; a half is never of another length.
            let (a, b) = self.0.split_at(32);
            (Half(a.try_into().unwrap_or_default()), Half(b.try_into().unwrap_or_default())).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut bytes = [0_u8; 64];
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            hex::decode_to_slice(text, &mut bytes).map_err(serde::de::Error::custom)?;
        } else {
            let (a, b) = <(Half, Half)>::deserialize(deserializer)?;
            let (left, right) = bytes.split_at_mut(32);
            left.copy_from_slice(&a.0);
            right.copy_from_slice(&b.0);
        }
        Ok(Signature(bytes))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serialize_array(&self.0, serializer) }
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            PublicKey::from_hex(&text).ok_or_else(|| serde::de::Error::custom("a key is 64 lower-case hex digits"))
        } else {
            deserialize_array(deserializer).map(PublicKey)
        }
    }
}

/// The bytes that a key signs for a message of one kind: the namespace, a zero byte, the message.
pub fn signing_bytes(domain: Domain, message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(domain.context().len().saturating_add(message.len()).saturating_add(1));
    bytes.extend_from_slice(domain.context().as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(message);
    bytes
}

/// Signatures that are verified together at about a third of the cost of one at a time.
///
/// The weights come from a hash over the whole batch, so that the answer is a function of the batch alone.
#[derive(Default)]
pub struct Batch {
    verifier: batch::Verifier,
    transcript: Option<blake3::Hasher>,
    length: usize,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Batch::default()
    }

    /// Adds one signature.
    pub fn push(&mut self, key: &PublicKey, message: &[u8], signature: &Signature) {
        let transcript = self.transcript.get_or_insert_with(|| Domain::BatchWeights.hasher());
        transcript.update(&key.0);
        transcript.update(&signature.0);
        transcript.update(blake3::hash(message).as_bytes());
        self.verifier.queue((VerificationKeyBytes::from(key.0), ZebraSignature::from_bytes(&signature.0), message));
        self.length = self.length.saturating_add(1);
    }

    /// Signatures in the batch.
    pub fn len(&self) -> usize {
        self.length
    }

    /// True without signatures.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Verifies all of them; an empty batch verifies.
    ///
    /// # Errors
    /// [`SignatureError::BadSignature`] when at least one does not verify under ZIP-215.
    pub fn verify(self) -> Result<(), SignatureError> {
        let Some(transcript) = self.transcript else { return Ok(()) };
        let weights = Weights(transcript.finalize_xof());
        self.verifier.verify(weights).map_err(|_| SignatureError::BadSignature)
    }
}

/// Deterministic weights from the batch's transcript.
struct Weights(blake3::OutputReader);

impl rand_core::TryRng for Weights {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Weights {}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
