//! Canonical bytes: the only place that turns values into bytes that are hashed, signed, stored or sent, and back.
//!
//! Format (docs/formats.md): integers little-endian at full width, enum variants as `u32`, lengths as `u64`, no padding, no trailing
//! bytes. `decode` re-encodes and compares, so that each value has exactly one spelling.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why bytes were refused. All are the sender's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// More bytes than the caller's limit.
    #[error("{actual} bytes, at most {limit} are allowed")]
    TooLong {
        /// Bytes given.
        actual: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not the bytes of such a value.
    #[error("malformed bytes: {0}")]
    Malformed(String),
    /// A second spelling of a value, or bytes after its end.
    #[error("bytes are not canonical")]
    NotCanonical,
    /// The value cannot be written (a bug of the caller: a type that serde cannot describe without a map length).
    #[error("value cannot be encoded: {0}")]
    Unencodable(String),
}

fn config() -> impl bincode::config::Config {
    bincode::config::legacy()
}

fn limited() -> impl bincode::config::Config {
    // bincode checks this limit before it allocates for a claimed length.
    bincode::config::legacy().with_limit::<{ 64 * 1024 * 1024 }>()
}

/// Encodes a value.
///
/// # Errors
/// [`CodecError::Unencodable`] for types that bincode cannot write; none of the ledger's types is one.
pub fn try_encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CodecError> {
    bincode::serde::encode_to_vec(value, config()).map_err(|e| CodecError::Unencodable(e.to_string()))
}

/// Encodes a value of the ledger's own types, which always can be written.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    // Writing derived types to a Vec has no failing path; an empty result would fail every later comparison, never pass one.
    try_encode(value).unwrap_or_default()
}

/// Decodes exactly one value of at most `limit` bytes.
///
/// # Errors
/// [`CodecError`] when the bytes are too long, malformed, or not the canonical spelling.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, CodecError> {
    if bytes.len() > limit {
        return Err(CodecError::TooLong { actual: bytes.len(), limit });
    }
    let (value, read): (T, usize) =
        bincode::serde::decode_from_slice(bytes, limited()).map_err(|e| CodecError::Malformed(e.to_string()))?;
    if read != bytes.len() || encode(&value) != bytes {
        return Err(CodecError::NotCanonical);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    enum Sample {
        A(u8),
        B { list: Vec<u16>, flag: bool },
    }

    #[test]
    fn bytes_are_frozen() {
        assert_eq!(hex::encode(encode(&Sample::A(7))), "0000000007");
        let b = Sample::B { list: vec![1, 2], flag: true };
        assert_eq!(hex::encode(encode(&b)), "0100000002000000000000000100020001");
        assert_eq!(decode::<Sample>(&encode(&b), 100).unwrap(), b);
    }

    #[test]
    fn trailing_short_long_and_second_spellings_are_refused() {
        let mut bytes = encode(&Sample::B { list: vec![1], flag: true });
        let last = bytes.len() - 1;
        bytes[last] = 2;
        assert!(decode::<Sample>(&bytes, 100).is_err(), "a bool is 0 or 1");
        bytes[last] = 1;
        bytes.push(0);
        assert_eq!(decode::<Sample>(&bytes, 100), Err(CodecError::NotCanonical));
        assert!(matches!(decode::<Sample>(&bytes[..5], 100), Err(CodecError::Malformed(_))));
        assert_eq!(decode::<Sample>(&bytes, 3), Err(CodecError::TooLong { actual: bytes.len(), limit: 3 }));
    }

    #[test]
    fn a_claimed_length_does_not_allocate() {
        let mut bytes = vec![1, 0, 0, 0];
        bytes.extend(u64::MAX.to_le_bytes());
        assert!(decode::<Sample>(&bytes, 100).is_err());
    }
}
