//! Canonical bytes: the only place that turns values into bytes that are hashed, signed, stored or sent, and back.
//!
//! Format (docs/formats.md): integers little-endian at full width, enum variants as `u32`, lengths as `u64`, no padding, no trailing
//! bytes. `decode` re-encodes and compares, so that each value has exactly one spelling.
//!
//! Arrays of bytes, which most of the ledger's bytes are, go through [`serialize_array`] and [`deserialize_array`]: serde would pass their
//! bytes one by one.

use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// What most values fit in: one allocation instead of one for each doubling.
const USUAL_BYTES: usize = 256;

/// Appends to a list of bytes.
struct Appender<'a>(&'a mut Vec<u8>);

impl Writer for Appender<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Takes bytes only as long as they are those expected.
struct Comparer<'a, 'b>(&'a mut &'b [u8]);

impl Writer for Comparer<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        *self.0 = self.0.strip_prefix(bytes).ok_or(EncodeError::Other("another spelling"))?;
        Ok(())
    }
}

/// Counts bytes.
struct Counter<'a>(&'a mut usize);

impl Writer for Counter<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        *self.0 = self.0.saturating_add(bytes.len());
        Ok(())
    }
}

/// Encodes a value.
///
/// # Errors
/// [`CodecError::Unencodable`] for types that bincode cannot write; none of the ledger's types is one.
pub fn try_encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    try_encode_into(value, &mut bytes)?;
    Ok(bytes)
}

/// Appends the bytes of a value: [`try_encode`] into a list that is used again.
///
/// # Errors
/// As [`try_encode`]; `bytes` may have grown then.
pub fn try_encode_into<T: Serialize + ?Sized>(value: &T, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
    bincode::serde::encode_into_writer(value, Appender(bytes), config()).map_err(|e| CodecError::Unencodable(e.to_string()))
}

/// Encodes a value of the ledger's own types, which always can be written.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    // Writing derived types to a Vec has no failing path; an empty result would fail every later comparison, never pass one.
    try_encode(value).unwrap_or_default()
}

/// Appends the bytes of a value of the ledger's own types: [`encode`] into a list that is used again.
pub fn encode_into<T: Serialize + ?Sized>(value: &T, bytes: &mut Vec<u8>) {
    let before = bytes.len();
    if try_encode_into(value, bytes).is_err() {
        bytes.truncate(before);
    }
}

/// How many bytes [`encode`] makes of a value, without making them.
pub fn encoded_len<T: Serialize + ?Sized>(value: &T) -> usize {
    let mut bytes = 0;
    match bincode::serde::encode_into_writer(value, Counter(&mut bytes), config()) {
        Ok(()) => bytes,
        Err(_) => 0,
    }
}

/// Whether `bytes` are exactly the encoding of `value`.
fn is_encoding<T: Serialize + ?Sized>(value: &T, bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let written = bincode::serde::encode_into_writer(value, Comparer(&mut rest), config());
    written.is_ok() && rest.is_empty()
}

/// Writes an array of bytes as it stands, for [`Serialize`] in binary formats: half by half as little-endian numbers, which are the same
/// bytes.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_array<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    match bytes.as_chunks::<16>() {
        ([low, high], []) => (u128::from_le_bytes(*low), u128::from_le_bytes(*high)).serialize(serializer),
        _ => Err(serde::ser::Error::custom("32 bytes are two halves of 16")),
    }
}

/// Reads what [`serialize_array`] wrote.
///
/// # Errors
/// Those of the deserializer.
pub fn deserialize_array<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let (low, high) = <(u128, u128)>::deserialize(deserializer)?;
    let mut bytes = [0; 32];
    let (left, right) = bytes.split_at_mut(16);
    left.copy_from_slice(&low.to_le_bytes());
    right.copy_from_slice(&high.to_le_bytes());
    Ok(bytes)
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
    if read != bytes.len() || !is_encoding(&value, bytes) {
        return Err(CodecError::NotCanonical);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn arrays_are_their_bytes() {
        #[derive(Serialize, Deserialize, PartialEq, Debug)]
        struct Array(#[serde(serialize_with = "serialize_array", deserialize_with = "deserialize_array")] [u8; 32]);
        let bytes: [u8; 32] = std::array::from_fn(|i| u8::try_from(i * 7).unwrap());
        assert_eq!(encode(&Array(bytes)), bytes);
        assert_eq!(decode::<Array>(&bytes, 32), Ok(Array(bytes)));
    }

    #[test]
    fn appended_and_counted_bytes_are_the_encoding() {
        let value = Sample::B { list: (0..300).collect(), flag: false };
        let mut bytes = vec![9];
        encode_into(&value, &mut bytes);
        assert_eq!(bytes[1..], encode(&value));
        assert_eq!(encoded_len(&value), encode(&value).len());
    }

    #[test]
    fn a_claimed_length_does_not_allocate() {
        let mut bytes = vec![1, 0, 0, 0];
        bytes.extend(u64::MAX.to_le_bytes());
        assert!(decode::<Sample>(&bytes, 100).is_err());
    }
}
