//! Keys of tables as bytes: fixed length but for the last part, numbers big-endian, so that the order of bytes is the order of keys.

use leg_ledger::hash::Hash;
use leg_ledger::ids::{BlockId, Height, MemberId, OrderId, ProposalId, TradeId, TransactionId};
use leg_ledger::time::BlockTime;

/// A key that sorts as bytes the way it sorts as a value.
pub trait StoreKey: Sized {
    /// Appends its bytes.
    fn write(&self, out: &mut Vec<u8>);

    /// Takes it from the front of `bytes`; `None` when they are no such key.
    fn read(bytes: &mut &[u8]) -> Option<Self>;

    /// Its bytes.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(48);
        self.write(&mut out);
        out
    }

    /// Reads exactly one key.
    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let key = Self::read(&mut bytes)?;
        bytes.is_empty().then_some(key)
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

impl StoreKey for u64 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.to_be_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes).map(u64::from_be_bytes)
    }
}

impl StoreKey for Height {
    fn write(&self, out: &mut Vec<u8>) {
        self.get().write(out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        u64::read(bytes).map(Height::new)
    }
}

impl StoreKey for BlockTime {
    fn write(&self, out: &mut Vec<u8>) {
        self.ms().write(out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        u64::read(bytes).map(BlockTime::from_ms)
    }
}

impl StoreKey for Hash {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.as_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes).map(Hash::from_bytes)
    }
}

macro_rules! hash_keys {
    ($($id:ty),+) => {
        $(impl StoreKey for $id {
            fn write(&self, out: &mut Vec<u8>) {
                self.hash().write(out);
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                Hash::read(bytes).map(<$id>::from_hash)
            }
        })+
    };
}

hash_keys!(BlockId, TransactionId, OrderId, ProposalId, TradeId);

impl StoreKey for MemberId {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.as_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let padded = take::<32>(bytes)?;
        let length = padded.iter().position(|byte| *byte == 0).unwrap_or(padded.len());
        let (name, padding) = padded.split_at_checked(length)?;
        if padding.iter().any(|byte| *byte != 0) {
            return None;
        }
        MemberId::parse(std::str::from_utf8(name).ok()?)
    }
}

impl<A: StoreKey, B: StoreKey> StoreKey for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::read(bytes)?, B::read(bytes)?))
    }
}

/// Bytes that are a key already: the flat keys of the state, names of settings. Only as the last part of a key.
impl StoreKey for Vec<u8> {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(std::mem::take(bytes).to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_bytes_the_way_they_sort_as_values() {
        let member = |name| MemberId::parse(name).unwrap();
        let keys: Vec<(MemberId, u64)> =
            vec![(member("a"), 1), (member("a"), 255), (member("a"), 256), (member("a-b"), 0), (member("ab"), u64::MAX), (member("b"), 0)];
        assert!(keys.is_sorted());
        let bytes: Vec<Vec<u8>> = keys.iter().map(StoreKey::to_bytes).collect();
        assert!(bytes.is_sorted());
        let back: Vec<_> = bytes.iter().map(|b| StoreKey::from_bytes(b).unwrap()).collect();
        assert_eq!(keys, back);
    }

    #[test]
    fn short_long_and_unpadded_keys_are_refused() {
        assert_eq!(Height::from_bytes(&[0; 7]), None);
        assert_eq!(Height::from_bytes(&[0; 9]), None);
        let mut bytes = MemberId::parse("hub").unwrap().to_bytes();
        bytes[30] = b'x';
        assert_eq!(MemberId::from_bytes(&bytes), None);
    }
}
