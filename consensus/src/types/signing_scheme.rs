//! The ledger's ed25519 (ZIP-215) as the engine's signing scheme.

use arc_malachitebft_core_types::SigningScheme;
use leg_ledger::signature::{PublicKey, SecretKey, Signature};

/// Plain ed25519 with the ledger's key and signature types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ed25519;

/// Bytes of the wrong length for a key or a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{actual} bytes where {expected} are needed")]
pub struct MalformedKey {
    /// Bytes needed.
    pub expected: usize,
    /// Bytes given.
    pub actual: usize,
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], MalformedKey> {
    bytes.try_into().map_err(|_| MalformedKey { expected: N, actual: bytes.len() })
}

impl SigningScheme for Ed25519 {
    type DecodingError = MalformedKey;
    type Signature = Signature;
    type PublicKey = PublicKey;
    type PrivateKey = SecretKey;

    fn decode_signature(bytes: &[u8]) -> Result<Signature, MalformedKey> {
        exactly(bytes).map(Signature::from_bytes)
    }

    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.as_bytes().to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, MalformedKey> {
        exactly(bytes).map(PublicKey::from_bytes)
    }

    fn encode_public_key(key: &PublicKey) -> Vec<u8> {
        key.as_bytes().to_vec()
    }
}
