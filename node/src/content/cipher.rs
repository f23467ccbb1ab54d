//! Encryption of a replica: ChaCha20 (RFC 8439) under a key of its own, at any position. Size and chunk borders stay.
//!
//! A key encrypts one content only, so that the nonce may be constant. Integrity is not the cipher's: whatever is decrypted was verified
//! against the root that the ledger holds.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use rand::RngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use std::io::{self, Read};

/// Largest content: where the cipher's block counter ends.
pub const MAX_CONTENT_BYTES: u64 = (1 << 38) - 64;

/// The key of one replica.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaKey([u8; 32]);

impl std::fmt::Debug for ReplicaKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReplicaKey")
    }
}

impl ReplicaKey {
    /// A fresh key from the system's randomness.
    pub fn random() -> Self {
        let mut key = [0; 32];
        OsRng.fill_bytes(&mut key);
        ReplicaKey(key)
    }

    /// A reader whose bytes are encrypted as they are read, from the content's beginning on.
    pub fn encrypting<R: Read>(&self, inner: R) -> impl Read + use<'_, R> {
        Encrypting { inner, key: self, position: 0 }
    }

    /// Encrypts or decrypts bytes that stand at `position` of the content, in place. The caller MUST stay within [`MAX_CONTENT_BYTES`].
    pub fn apply(&self, position: u64, bytes: &mut [u8]) {
        let mut cipher = ChaCha20::new(&self.0.into(), &[0; 12].into());
        cipher.seek(position);
        cipher.apply_keystream(bytes);
    }
}

/// A reader whose bytes are encrypted as they are read.
struct Encrypting<'k, R> {
    inner: R,
    key: &'k ReplicaKey,
    position: u64,
}

impl<R: Read> Read for Encrypting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.key.apply(self.position, buffer.get_mut(..read).unwrap_or_default());
        self.position += read as u64;
        Ok(read)
    }
}
