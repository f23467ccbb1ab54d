//! Votes, proposals, certificates, parts of blocks and status over one long-lived stream to each connected peer.
//!
//! ```text
//! frame on a stream: u32 length of the rest, little-endian | u8 kind | content
//!
//!  engine adapter ──publish──▶ hub ──▶ writer of peer A ──▶ stream            kinds that are passed on: Consensus, Part
//!         ▲                    │ ▲ └─▶ writer of peer B ──▶ stream            between neighbours only: Status, Announce,
//!         └──────events────────┘ └──── readers of A and B ◀── streams                                  Neighbours
//! ```
//!
//! Invariants:
//! * nothing of the swarm's own loop lies between two committee members' votes: readers and writers talk to the hub alone;
//! * a peer that floods is slowed down by its own reader, which stops reading until its budget refills;
//! * only what the check finds good is passed on;
//! * a peer that sends what no honest node does loses its connection, again with each further one until its budget refills;
//! * a peer that does not read loses frames, then its connection, and slows nobody else.

mod frame;
mod hub;
mod protocol;
mod streams;

pub(super) use frame::MAX_FRAME_BYTES;
pub use frame::{Channel, StatusReport};
pub use hub::DirectEvent;
pub(super) use hub::{Hub, HubMessage};
pub(super) use protocol::{Behaviour, Opened};

use bytes::Bytes;
use leg_ledger::ids::Height;
use std::time::Duration;

/// Peers that can be connected at a time; more are refused.
pub const MAX_PEERS: usize = 128;

/// Settings of the direct streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectConfig {
    /// Frames that are remembered so that none is passed on twice.
    pub remembered: usize,
    /// How long a large frame waits for announcements before it is passed on.
    pub relay_delay: Duration,
    /// How long a small frame waits for a peer that hears the neighbour which delivered it: longer than a height usually takes.
    pub spare_delay: Duration,
    /// Large frames that wait at a time; beyond it they do not wait.
    pub held: usize,
    /// Small frames that wait at a time; beyond it they do not wait.
    pub spare: usize,
    /// Small frames that wait for one peer; beyond it its connection is closed.
    pub queue: usize,
    /// Large frames that wait for one peer; beyond it they are dropped for this peer.
    pub bulk_queue: usize,
    /// Longest that a peer may take to read one frame; then its connection is closed.
    pub write_timeout: Duration,
    /// Bytes that one peer may send at once.
    pub burst_bytes: u32,
    /// Bytes a second that one peer may send after that; a frame counts as 256 bytes at least.
    pub bytes_per_second: u32,
    /// Frames that one peer may send at once: each has a signature that this node has to verify.
    pub burst_frames: u32,
    /// Frames a second that one peer may send after that.
    pub frames_per_second: u32,
    /// Bad frames of one peer before its connection is closed.
    pub faults: u32,
}

impl Default for DirectConfig {
    fn default() -> Self {
        DirectConfig {
            remembered: 16_384,
            relay_delay: Duration::from_millis(15),
            spare_delay: Duration::from_millis(300),
            held: 128,
            spare: 1_024,
            queue: 2_048,
            bulk_queue: 128,
            write_timeout: Duration::from_secs(10),
            burst_bytes: 32 << 20,
            bytes_per_second: 16 << 20,
            burst_frames: 8_000,
            frames_per_second: 2_000,
            faults: 8,
        }
    }
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is passed on and delivered; it is about this height.
    Good(Height),
    /// It is dropped; an honest node may have sent it.
    Unwanted,
    /// It is dropped, and charged to the peer that delivered it: no honest node passes it on.
    Bad,
}

/// Judges a frame's content. Called in the hub, so it MUST be fast.
pub trait CheckFrame: Send + 'static {
    /// Judges one.
    fn check(&mut self, channel: Channel, content: &Bytes) -> Judgement;
}
