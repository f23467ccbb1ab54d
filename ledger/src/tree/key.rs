//! Keys as strings of 256 bits, the most significant bit of the first byte first.

use crate::hash::{Domain, Hash};
use serde::{Deserialize, Serialize};

/// Path of an entry in the tree, ordered as its bits are.
///
/// Callers MUST use hashes of what identifies the entry ([`Key::of`]): a key that others can choose freely would let them lengthen the
/// path of its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(Hash);

impl Key {
    /// Wraps bytes that already are a key.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Key(Hash::from_bytes(bytes))
    }

    /// The key of the entry that these canonical bytes identify.
    pub fn of(entry: &[u8]) -> Self {
        Key(Hash::of(Domain::StateKey, entry))
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The bits in four numbers.
    fn words(&self) -> impl Iterator<Item = u64> {
        self.as_bytes().as_chunks::<8>().0.iter().map(|word| u64::from_be_bytes(*word))
    }

    /// The bit at `position`, 0 being the most significant.
    pub(super) fn bit(&self, position: u8) -> bool {
        let byte = self.as_bytes().get(usize::from(position >> 3));
        let mask = 0x80_u8.wrapping_shr(u32::from(position & 7));
        byte.is_some_and(|byte| byte & mask != 0)
    }

    /// The first bit in which two keys differ; `None` when they are equal.
    pub(super) fn first_difference(&self, other: &Key) -> Option<u8> {
        let pairs = self.words().zip(other.words());
        (0_u8..4).zip(pairs).find(|(_, (a, b))| a != b).map(|(word, (a, b))| {
            // At most 63, since the words differ.
            let within = u8::try_from((a ^ b).leading_zeros()).unwrap_or(63);
            (word << 6) | within
        })
    }
}

/// The keys that begin with the same bits: a subtree, and the unit in which a state is cut into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// Zero from `bits` on, so that a prefix has one spelling.
    key: Key,
    /// 0 to 256.
    bits: u16,
}

impl Prefix {
    /// The prefix of all keys.
    pub const ALL: Prefix = Prefix { key: Key::from_bytes([0; 32]), bits: 0 };

    /// The first `bits` bits of `key`; `None` beyond 256.
    pub fn new(key: &Key, bits: u16) -> Option<Self> {
        if bits > 256 {
            return None;
        }
        let mut bytes = *key.as_bytes();
        let mut left = u32::from(bits);
        for byte in &mut bytes {
            let kept = left.min(8);
            // A shift by all eight bits keeps none.
            *byte &= !u8::MAX.checked_shr(kept).unwrap_or(0);
            left = left.saturating_sub(kept);
        }
        Some(Prefix { key: Key::from_bytes(bytes), bits })
    }

    /// How many bits the keys share, 0 to 256.
    pub const fn bits(&self) -> u16 {
        self.bits
    }

    /// Whether `key` begins with these bits.
    pub fn contains(&self, key: &Key) -> bool {
        self.key.first_difference(key).is_none_or(|bit| u16::from(bit) >= self.bits)
    }

    /// The lowest key with this prefix.
    pub const fn first_key(&self) -> &Key {
        &self.key
    }
}
