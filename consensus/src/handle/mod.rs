//! One file an input. Handlers know no channel and no clock: time arrives as an argument, storage through ports, and the answer is a
//! value. [`crate::app`] drives them from the engine's messages; a simulator can drive them from anything.
//!
//! Invariants:
//! * a block is answered as valid only when its bytes are durable ([`Handler::keep`]);
//! * a block id commits to the body only through the ledger's rules, so a body that they call foreign is never held under the id;
//! * the rules of the ledger are asked once a block and height, its time anew at every stream;
//! * everything held between inputs belongs to the height being decided or the one after it, and is bounded.

mod attend;
mod build;
mod decide;
mod finalize;
mod judge;
mod park;
mod part;
mod polka;
mod ready;
mod restream;
mod round;
mod sync;

#[cfg(test)]
mod park_tests;
#[cfg(test)]
mod sync_tests;
#[cfg(test)]
mod tests;

pub use sync::SyncAnswer;

use crate::action::Fatal;
use crate::assembly::{Assembled, Assembly};
use crate::attendance::Attendance;
use crate::context::LegContext;
use crate::guard::SharedGuard;
use crate::parts::{CHUNK_BYTES, StreamNumbers};
use crate::ports::{ChainPort, Pace, ProposalStore, Tip};
use crate::signature_check::SignatureCheck;
use crate::timeouts::Timeouts;
use crate::types::{CommitteeView, Manifest, chunk_hash};
use crate::voter::Voter;
use arc_malachitebft_app_channel::app::engine::host::HeightParams;
use bytes::Bytes;
use leg_ledger::block::{Block, Committee, Header};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{BlockId, ChainId, Height, MemberId, Round};
use leg_ledger::signature::SecretKey;
use leg_ledger::time::BlockTime;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Blocks of one height whose bytes are in memory. What is accepted beyond it waits in the store of proposals.
const MAX_BLOCKS: usize = 64;
/// Blocks known for one height, in memory or in the store: one a round of a height that fails thousands of times.
const MAX_KNOWN: usize = 4_096;
/// Assembled streams of one streamer that wait for their round.
const MAX_WAITING: usize = 4;
/// Different fresh blocks of one proposer for one round: one is honest, two prove that it is not.
const MAX_FRESH: usize = 2;
/// Polka certificates remembered for one height.
const MAX_POLKAS: usize = 64;

/// What a handler is set up with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The network.
    pub chain: ChainId,
    /// This node's vote; `None` for a follower.
    pub voter: Option<Voter>,
    /// Pace of the network.
    pub pace: Pace,
    /// Time-outs of each height.
    pub timeouts: Timeouts,
    /// How long a decided height waits for more signatures, measured from its start. `None` in a simulator: the engine reads a clock for it.
    pub target_time: Option<Duration>,
    /// This node does not vote up to this height ([`crate::wal_check`]).
    pub silent_until: Option<Height>,
    /// The height whose log the engine replays, if any ([`crate::wal_check`]).
    pub replayed: Option<Height>,
    /// When the process started, for stream numbers that never repeat.
    pub started: BlockTime,
    /// What verifies signatures, shared with the rest of the node.
    pub signatures: SignatureCheck,
}

/// A block of the height being decided.
#[derive(Debug)]
struct Held {
    header: Header,
    /// `None` while it is in the store of proposals only; see [`Handler::content`].
    content: Option<Content>,
    /// Hashes of the bytes, chunk by chunk: a manifest with others is of another body under the same header.
    chunks: Vec<Hash>,
    /// What the ledger and the proposer's rule say; the state below does not change, so neither does this.
    rules: Result<(), String>,
    /// Judged valid, time included; true for good.
    accepted: bool,
    /// In the store of proposals.
    kept: bool,
    /// Who streamed it first, and for which round.
    source: Source,
    /// The engine has been told of it by this process.
    told: bool,
    /// A peer had committed it.
    synced: bool,
}

/// A block, and its bytes.
#[derive(Clone, Debug)]
struct Content {
    block: Block,
    bytes: Bytes,
}

impl Held {
    /// A block as it arrived; its body MUST be the one that its header commits to.
    fn new(block: Block, bytes: Bytes, rules: Result<(), String>, source: Source) -> Self {
        let chunks = bytes.chunks(CHUNK_BYTES).map(chunk_hash).collect();
        let header = block.header;
        Held {
            header,
            content: Some(Content { block, bytes }),
            chunks,
            rules,
            accepted: false,
            kept: false,
            source,
            told: false,
            synced: false,
        }
    }

    /// The bytes, if they are in memory.
    fn bytes(&self) -> Option<&Bytes> {
        self.content.as_ref().map(|content| &content.bytes)
    }

    /// The bytes in memory, if a stream with this manifest brings the very same.
    fn streamed_by(&self, manifest: &Manifest) -> Option<&Bytes> {
        self.bytes().filter(|bytes| usize::try_from(manifest.length) == Ok(bytes.len()) && manifest.chunks == self.chunks)
    }
}

/// Where a block came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Source {
    streamer: MemberId,
    round: Round,
    pol_round: Option<Round>,
}

/// This node's seat in the committee of the height being decided.
#[derive(Clone, Debug)]
struct Seat {
    member: MemberId,
    key: SecretKey,
}

/// The state between inputs, with the ports.
pub struct Handler {
    settings: Settings,
    chain: Box<dyn ChainPort>,
    proposals: Box<dyn ProposalStore>,
    guard: Option<SharedGuard>,
    tip: Tip,
    committee: Committee,
    next_committee: Option<Committee>,
    seat: Option<Seat>,
    round: Option<Round>,
    /// When this node entered that round.
    entered: BlockTime,
    attendance: Attendance,
    assembly: Assembly,
    waiting: Vec<Assembled>,
    blocks: BTreeMap<BlockId, Held>,
    polkas: BTreeSet<BlockId>,
    /// The store of proposals may hold blocks: of before the start, or kept since.
    kept: bool,
    numbers: StreamNumbers,
}

impl Handler {
    /// A handler at the chain's tip, with the proposals that were kept for the next height.
    ///
    /// `guard` MUST be given when the settings hold a voter whose messages leave this process.
    ///
    /// # Errors
    /// [`Fatal`] when a port fails or a kept proposal is damaged.
    pub fn new(
        settings: Settings,
        chain: Box<dyn ChainPort>,
        proposals: Box<dyn ProposalStore>,
        guard: Option<SharedGuard>,
    ) -> Result<Self, Fatal> {
        let tip = chain.tip();
        let height = next(tip.height);
        let committee = chain.committee(height).ok_or(Fatal::NoCommittee(height))?;
        let next_committee = chain.committee(next(height));
        let mut handler = Handler {
            assembly: Assembly::new(settings.chain, settings.signatures.clone()),
            numbers: StreamNumbers::starting_at(settings.started.ms()),
            settings,
            chain,
            proposals,
            guard,
            entered: tip.time,
            attendance: Attendance::default(),
            tip,
            committee,
            next_committee,
            seat: None,
            round: None,
            waiting: vec![],
            blocks: BTreeMap::new(),
            polkas: BTreeSet::new(),
            kept: true,
        };
        handler.take_seat();
        handler.restore()?;
        Ok(handler)
    }

    /// The height being decided.
    pub fn height(&self) -> Height {
        next(self.tip.height)
    }

    /// The newest committed block.
    pub fn tip(&self) -> Tip {
        self.tip
    }

    /// The pace that the handler keeps.
    pub fn pace(&self) -> Pace {
        self.settings.pace
    }

    /// The proposer of a round of the height being decided.
    fn proposer(&self, round: Round) -> Option<MemberId> {
        let proposer = self.committee.proposer(self.height(), round)?;
        Some(proposer.member)
    }

    /// Finds this node's seat at the height being decided: its member is in the committee, and this node has the key that the seat names.
    fn take_seat(&mut self) {
        let height = self.height();
        let before = self.seat.take();
        let Some(Voter { member, keys }) = &self.settings.voter else { return };
        let named = self.committee.key(*member);
        let key = named.and_then(|key| keys.take_seat(height, &key));
        self.seat = key.map(|key| Seat { member: *member, key });
        match (before, &self.seat) {
            (None, Some(_)) => tracing::info!(%height, %member, "this node votes from here on"),
            (Some(_), None) if named.is_some() => tracing::error!(%height, %member, "this node lacks the key of its seat: it follows"),
            (Some(_), None) => tracing::info!(%height, %member, "this node has no seat any more: it follows"),
            (Some(old), Some(new)) if old.key.public() != new.key.public() => {
                tracing::info!(%height, key = %new.key.public(), "this node votes with another key from here on");
            }
            _ => {}
        }
    }

    /// This node's seat, if it votes.
    fn voter(&self) -> Option<&Seat> {
        let silent = self.settings.silent_until.is_some_and(|s| self.height() <= s);
        self.seat.as_ref().filter(|_| !silent)
    }

    fn height_params(&self) -> HeightParams<LegContext> {
        let view = CommitteeView::new(self.committee.clone(), self.voter().is_some());
        let timeouts = Timeouts { absent: self.absent_rounds(), ..self.settings.timeouts };
        HeightParams::new(view, timeouts, self.settings.target_time)
    }
}

/// The height after `height`.
fn next(height: Height) -> Height {
    height.next().expect("at 50 ms a block, heights last for 29 billion years")
}
