//! Identifiers: newtypes with explicit constructors, so that no two kinds can be mixed up.

use crate::codec::{deserialize_array, serialize_array};
use crate::hash::{Hash, compare};
use crate::limits::MAX_SLUG;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;

macro_rules! hash_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(Hash);

        impl $name {
            /// Wraps a hash that was computed for this kind of thing.
            pub const fn from_hash(hash: Hash) -> Self {
                $name(hash)
            }

            /// The hash.
            pub const fn hash(&self) -> Hash {
                self.0
            }

            /// Parses 64 lower-case hex digits.
            pub fn from_hex(text: &str) -> Option<Self> {
                Hash::from_hex(text).map($name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

hash_id!(
    /// Names one network: the hash of its genesis document. Part of every signed byte string.
    ChainId
);
hash_id!(
    /// Id of a transaction: hash of its body without the signature.
    TransactionId
);
hash_id!(
    /// Id of a block: hash of its header.
    BlockId
);
hash_id!(
    /// Id of an order: hash of (transaction id, action index).
    OrderId
);
hash_id!(
    /// Id of a trade (the API's "transaction"): hash of (bid, seller, height).
    TradeId
);
hash_id!(
    /// Id of a proposal: hash of (transaction id, action index).
    ProposalId
);

/// A short name: 1 to 32 of `a-z 0-9 -`, not starting or ending with `-`. Stored zero-padded, so that it is `Copy` and compares by bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slug([u8; MAX_SLUG]);

impl Ord for Slug {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl PartialOrd for Slug {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Slug {
    /// Parses a name; `None` if it breaks the rules above.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0_u8; MAX_SLUG];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Slug::from_padded(bytes)
    }

    fn from_padded(bytes: [u8; MAX_SLUG]) -> Option<Self> {
        let length = bytes.iter().position(|b| *b == 0).unwrap_or(MAX_SLUG);
        let (name, padding) = bytes.split_at_checked(length)?;
        let allowed = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        let edges = name.first() != Some(&b'-') && name.last() != Some(&b'-');
        let valid = !name.is_empty() && name.iter().all(allowed) && edges && padding.iter().all(|b| *b == 0);
        valid.then_some(Slug(bytes))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|b| *b == 0).unwrap_or(MAX_SLUG);
        self.0.get(..length).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or("")
    }

    /// The zero-padded bytes: fixed length, for hashing.
    pub const fn as_bytes(&self) -> &[u8; MAX_SLUG] {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Slug {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.serialize_str(self.as_str()) } else { serialize_array(&self.0, serializer) }
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let slug = if deserializer.is_human_readable() {
            Slug::parse(&String::deserialize(deserializer)?)
        } else {
            Slug::from_padded(deserialize_array(deserializer)?)
        };
        slug.ok_or_else(|| serde::de::Error::custom("a name is 1 to 32 of a-z, 0-9 and '-', not at its edges"))
    }
}

macro_rules! slug_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(Slug);

        impl $name {
            /// Sorts before every name and is none: where a range of keys begins.
            pub const FIRST: $name = $name(Slug([0; MAX_SLUG]));

            /// Sorts after every name and is none: where a range of keys ends.
            pub const LAST: $name = $name(Slug([u8::MAX; MAX_SLUG]));

            /// Parses a name; `None` if it is not a slug.
            pub fn parse(text: &str) -> Option<Self> {
                Slug::parse(text).map($name)
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// The zero-padded bytes: fixed length, for hashing.
            pub const fn as_bytes(&self) -> &[u8; MAX_SLUG] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

slug_id!(
    /// A member of the registry (MARKET 2).
    MemberId
);
slug_id!(
    /// Who owns one or several members; self-trade and conflicts of interest go by owner (MARKET 2).
    OwnerId
);
slug_id!(
    /// A Lokale Elektrizitätsgemeinschaft.
    LegId
);
slug_id!(
    /// A place name of a location: canton, municipality, grid operator, transformer circuit.
    PlaceId
);

/// Height of a block; genesis is 0, the first block 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Height(u64);

impl Height {
    /// The height of genesis.
    pub const GENESIS: Height = Height(0);

    /// A height.
    pub const fn new(height: u64) -> Self {
        Height(height)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The next height; `None` past the end of the number range.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Height)
    }

    /// The height before; `None` for genesis.
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Height)
    }

    /// `self + blocks`; `None` past the end of the number range.
    pub fn checked_add(self, blocks: u64) -> Option<Self> {
        self.0.checked_add(blocks).map(Height)
    }

    /// `self - blocks`, at least genesis.
    pub fn saturating_sub(self, blocks: u64) -> Self {
        Height(self.0.saturating_sub(blocks))
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A round of the BFT protocol at one height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Round(u32);

impl Round {
    /// A round.
    pub const fn new(round: u32) -> Self {
        Round(round)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A number that its signer uses once while the transaction could be valid (MARKET 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Nonce(u64);

impl Nonce {
    /// A nonce.
    pub const fn new(nonce: u64) -> Self {
        Nonce(nonce)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_have_one_spelling() {
        for bad in ["", "-a", "a-", "A", "a b", "ä", "0123456789012345678901234567890123"] {
            assert_eq!(Slug::parse(bad), None, "{bad}");
        }
        let hub = MemberId::parse("hub-01").unwrap();
        assert_eq!(hub.as_str(), "hub-01");
        assert_eq!(crate::codec::encode(&hub).len(), 32);
        let mut bytes = crate::codec::encode(&hub);
        bytes[20] = b'x';
        assert!(crate::codec::decode::<MemberId>(&bytes, 64).is_err(), "bytes after the padding");
        assert!(MemberId::parse("hub-01") < MemberId::parse("hub-02"));
    }
}
