//! Bytes of the frames.

use super::super::NodeId;
use super::super::relay::FrameHash;
use super::MAX_PEERS;
use bytes::Bytes;
use leg_ledger::codec;
use leg_ledger::hash::Hash;
use leg_ledger::ids::Height;
use leg_ledger::signature::PublicKey;
use serde::{Deserialize, Serialize};

/// Most bytes of a frame after its length: the largest part of a block with room for what surrounds it.
pub(in super::super) const MAX_FRAME_BYTES: usize = 80 * 1024;

/// Content that members pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Votes, proposals, certificates: small.
    Consensus,
    /// Parts of blocks: large.
    Part,
}

/// How far a node has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Its newest decided height.
    pub tip: Height,
    /// The lowest height that it can serve.
    pub min: Height,
    /// A height that it executed.
    pub root_height: Height,
    /// Its state root after that height.
    pub root: Hash,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Frame {
    Content(Channel, Bytes),
    Status(StatusReport),
    /// "I have the frame with this hash."
    Announce(FrameHash),
    /// "I hear these nodes"; at most [`MAX_PEERS`].
    Neighbours(Vec<NodeId>),
}

const CONSENSUS: u8 = 0;
const PART: u8 = 1;
const STATUS: u8 = 2;
const ANNOUNCE: u8 = 3;
const NEIGHBOURS: u8 = 4;
/// The list's length and its keys.
const MAX_NEIGHBOURS_BYTES: usize = 8 + 32 * MAX_PEERS;

impl Frame {
    /// Length, kind and content.
    pub(in super::super) fn encode(&self) -> Bytes {
        let (kind, content) = match self {
            Frame::Content(Channel::Consensus, content) => (CONSENSUS, content.clone()),
            Frame::Content(Channel::Part, content) => (PART, content.clone()),
            Frame::Status(report) => (STATUS, codec::encode(report).into()),
            Frame::Announce(hash) => (ANNOUNCE, Bytes::copy_from_slice(hash)),
            Frame::Neighbours(nodes) => {
                let keys: Vec<PublicKey> = nodes.iter().map(NodeId::key).collect();
                (NEIGHBOURS, codec::encode(&keys).into())
            }
        };
        let length = u32::try_from(content.len() + 1).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(content.len() + 5);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.push(kind);
        bytes.extend_from_slice(&content);
        bytes.into()
    }

    /// From kind and content; `None` when they are malformed.
    pub(in super::super) fn decode(mut bytes: Bytes) -> Option<Frame> {
        if bytes.is_empty() {
            return None;
        }
        let content = bytes.split_off(1);
        match *bytes.first()? {
            CONSENSUS => Some(Frame::Content(Channel::Consensus, content)),
            PART => Some(Frame::Content(Channel::Part, content)),
            STATUS => codec::decode(&content, 128).ok().map(Frame::Status),
            ANNOUNCE => content.as_ref().try_into().ok().map(Frame::Announce),
            NEIGHBOURS => {
                let keys: Vec<PublicKey> = codec::decode(&content, MAX_NEIGHBOURS_BYTES).ok()?;
                Some(Frame::Neighbours(keys.into_iter().map(NodeId::from_key).collect()))
            }
            _ => None,
        }
    }
}

/// Names a frame by channel and content.
pub(super) fn content_hash(channel: Channel, content: &Bytes) -> FrameHash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[if channel == Channel::Consensus { CONSENSUS } else { PART }]);
    hasher.update(content);
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_frozen_bytes_and_bad_ones_are_refused() {
        let content = Frame::Content(Channel::Part, Bytes::from_static(b"abc"));
        assert_eq!(content.encode().as_ref(), b"\x04\0\0\0\x01abc");
        let (tip, min) = (Height::new(7), Height::new(1));
        let status = Frame::Status(StatusReport { tip, min, root_height: tip, root: Hash::ZERO });
        let announce = Frame::Announce([9; 32]);
        let node = |number: u8| NodeId::from_key(PublicKey::from_bytes([number; 32]));
        let neighbours = Frame::Neighbours(vec![node(1), node(2)]);
        assert_eq!(neighbours.encode().slice(..14).as_ref(), b"\x49\0\0\0\x04\x02\0\0\0\0\0\0\0\x01");
        let most = Frame::Neighbours(vec![node(1); MAX_PEERS]);
        assert!(most.encode().len() < MAX_FRAME_BYTES);
        let too_many = Frame::Neighbours(vec![node(1); MAX_PEERS + 1]).encode().slice(4..);
        assert_eq!(Frame::decode(too_many), None);
        for frame in [content, status, announce, neighbours, most] {
            assert_eq!(Frame::decode(frame.encode().slice(4..)), Some(frame));
        }
        for bad in [&b""[..], b"\x05", b"\x02\x01", b"\x03short", b"\x04short"] {
            assert_eq!(Frame::decode(Bytes::from_static(bad)), None);
        }
    }
}
