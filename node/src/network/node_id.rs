//! Who a node is: its registered network key.

use leg_ledger::ids::MemberId;
use leg_ledger::signature::PublicKey;
use libp2p::PeerId;
use std::fmt;
use std::str::FromStr;

/// A peer id is these bytes followed by the key: an identity multihash (0x00, length 36) of the protobuf message
/// `{ type: ed25519 (1), data: 32 bytes }` (libp2p's peer id specification).
const PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// A node of the swarm, named by its ed25519 network key. Text form: the libp2p peer id, `12D3KooW...`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(PublicKey);

/// A text that names no ed25519 node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not the peer id of an ed25519 key")]
pub struct NotANodeId(String);

impl NodeId {
    /// The node that holds a network key.
    pub const fn from_key(key: PublicKey) -> Self {
        NodeId(key)
    }

    /// Its key.
    pub const fn key(&self) -> PublicKey {
        self.0
    }

    /// The bytes of its peer id.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&PREFIX[..], self.0.as_bytes()].concat()
    }

    /// From the bytes of a peer id; `None` for ids of other kinds of keys, which no member has.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let key = bytes.strip_prefix(&PREFIX)?;
        Some(NodeId(PublicKey::from_bytes(key.try_into().ok()?)))
    }

    pub(super) fn from_peer(peer: &PeerId) -> Option<Self> {
        NodeId::from_bytes(&peer.to_bytes())
    }

    pub(super) fn peer(&self) -> PeerId {
        PeerId::from_bytes(&self.to_bytes()).expect("an identity multihash of 36 bytes is a peer id")
    }
}

impl FromStr for NodeId {
    type Err = NotANodeId;

    fn from_str(text: &str) -> Result<Self, NotANodeId> {
        let peer = PeerId::from_str(text).ok();
        peer.and_then(|p| NodeId::from_peer(&p)).ok_or_else(|| NotANodeId(text.to_owned()))
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.peer().fmt(f)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a node may do in the swarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A node of a registered member: takes part in everything.
    Member(MemberId),
    /// Pinned by this node's operator and not registered: may ask for and answer with decided blocks, nothing else.
    SyncOnly,
}

impl Standing {
    /// The member, if it is one's node.
    pub fn member(&self) -> Option<MemberId> {
        match self {
            Standing::Member(member) => Some(*member),
            Standing::SyncOnly => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::signature::SecretKey;

    #[test]
    fn a_key_and_its_peer_id_name_the_same_node() {
        let secret = SecretKey::from_bytes(&[7; 32]);
        let keypair = libp2p::identity::Keypair::ed25519_from_bytes(secret.to_bytes()).unwrap();
        let node = NodeId::from_key(secret.public());
        assert_eq!(node.peer(), keypair.public().to_peer_id());
        assert_eq!(node.to_string().parse(), Ok(node));
        assert_eq!(NodeId::from_bytes(&node.to_bytes()), Some(node));
        assert!(node.to_string().starts_with("12D3KooW"));
        assert!("12D3KooWnonsense".parse::<NodeId>().is_err());
        let hashed = libp2p::multihash::Multihash::<64>::wrap(0x12, &[7; 32]).unwrap();
        assert_eq!(NodeId::from_peer(&PeerId::from_multihash(hashed).unwrap()), None);
    }
}
