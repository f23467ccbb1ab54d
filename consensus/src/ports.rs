//! What this crate needs of the node that runs it. `node` implements these traits; a simulator implements them in memory.
//!
//! All calls are synchronous and come from one thread of their own (never from a worker of the runtime), in the order in which the engine
//! asks, so an implementation may block on a disk. None of them is retried.

use leg_ledger::block::{Block, Certificate, Committee};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{BlockId, Height, MemberId, Round};
use leg_ledger::signature::{PublicKey, SecretKey};
use leg_ledger::time::BlockTime;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Why a port could not do what it was asked. Fatal where the caller says so: a node that cannot write stops.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {cause}")]
pub struct PortError {
    /// What was tried.
    pub doing: &'static str,
    /// What went wrong.
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}

impl PortError {
    /// An error of `doing` with its cause.
    pub fn new(doing: &'static str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        PortError { doing, cause: cause.into() }
    }
}

/// The newest committed block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Its height; 0 before the first block.
    pub height: Height,
    /// Its id; before the first block, what header 1 names as its parent.
    pub block: BlockId,
    /// Its time; genesis time before the first block.
    pub time: BlockTime,
}

/// Whether the proposer has a reason to build a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Transactions wait, or a timer is due.
    Work,
    /// Nothing yet; the next timer is due at this block time.
    DueAt(BlockTime),
    /// Nothing at all.
    Idle,
}

/// What the proposer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildRequest {
    /// Height of the block: one above the tip.
    pub height: Height,
    /// Creation round of its header.
    pub creation_round: Round,
    /// Proposer of its header: this node's member.
    pub proposer: MemberId,
    /// Time of its header: the proposer's clock, after the tip's time.
    pub time: BlockTime,
    /// Most bytes of the encoded block; the network's own parameter may be lower.
    pub max_bytes: usize,
}

/// One root in which a header differs from what this node computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootDifference {
    /// Which one: `state_root`, `receipts_root`, `history_root`, `committee`, `next_committee`, `version`.
    pub root: &'static str,
    /// What the header says.
    pub header: Hash,
    /// What this node computed.
    pub computed: Hash,
}

impl fmt::Display for RootDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the header says {}, computed {}", self.root, self.header, self.computed)
    }
}

/// What the ledger says of a block on the state after its parent. Time and proposer are judged by this crate ([`crate::handle`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Form, parent, parent certificate, caps, signatures, signers, expiry, replay and roots are in order.
    Valid,
    /// Its body is not the one that the header commits to. Says nothing of the header: whoever sent the body is at fault.
    ForeignBody(String),
    /// Header and body belong together and break a rule.
    Invalid(String),
    /// Roots of the header are not what this node computed for the parent.
    RootsDiffer(Vec<RootDifference>),
}

/// A decided block for a node that catches up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecidedBlock {
    /// Canonical bytes of the block.
    pub block: Vec<u8>,
    /// A certificate of it.
    pub certificate: Certificate,
}

/// Two contradicting votes or proposals of one member, both with valid signatures (over [`crate::signing::prevote_bytes`],
/// [`leg_ledger::block::precommit_bytes`] or [`crate::signing::proposal_bytes`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoubleSign {
    /// Who signed both.
    pub member: MemberId,
    /// Height of both.
    pub height: Height,
    /// The first signed bytes and their signature.
    pub first: SignedBytes,
    /// The second.
    pub second: SignedBytes,
}

/// Bytes with a signature over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBytes {
    /// What was signed, with its namespace.
    pub bytes: Vec<u8>,
    /// The signature.
    pub signature: leg_ledger::signature::Signature,
}

/// The committed chain. One owner in `node` answers these.
pub trait ChainPort: Send {
    /// The newest committed block.
    fn tip(&self) -> Tip;

    /// The committee of `height`. MUST know that of the tip's next two heights; `None` is fatal for the first of them.
    fn committee(&self, height: Height) -> Option<Committee>;

    /// Judges a block on top of the tip: everything but its time against a clock and its proposer.
    ///
    /// Signatures that the node has verified before (the same body, key and signature) are not verified again. Transactions that the node
    /// holds already may be replaced by equal ones, so that both share what was computed of them.
    ///
    /// # Errors
    /// Only when the node could not judge; the block is then neither valid nor invalid, and the node stops.
    fn validate(&mut self, block: &mut Block) -> Result<Verdict, PortError>;

    /// Whether there is a reason to build a block at `now`.
    fn outlook(&self, now: BlockTime) -> Outlook;

    /// Builds a block on top of the tip. It MUST be valid by [`ChainPort::validate`]; MAY be empty.
    ///
    /// # Errors
    /// Fatal.
    fn build(&mut self, request: BuildRequest) -> Result<Block, PortError>;

    /// Executes a decided block and makes block, certificate and state durable in one synced write before it returns. The tip is then
    /// this block.
    ///
    /// # Errors
    /// Fatal: the node stops, and finds itself at the old tip or the new one when it starts again.
    fn commit(&mut self, block: &Block, certificate: &Certificate) -> Result<(), PortError>;

    /// Says that a block on top of the tip, which [`ChainPort::validate`] called valid, will be decided next: it is certified. The chain may
    /// execute it now, if it has not before. Should another one be decided, nothing of this may show.
    ///
    /// # Errors
    /// Fatal.
    fn prepare(&mut self, block: &Block) -> Result<(), PortError>;

    /// The same as [`ChainPort::commit`] for a node that does not vote: the block MAY become durable after this returns, but nobody outside of
    /// consensus learns of it before, and the next commit, of either kind, waits for it.
    ///
    /// # Errors
    /// As [`ChainPort::commit`], for this block or the one before it.
    fn commit_behind(&mut self, block: &Block, certificate: &Certificate) -> Result<(), PortError>;

    /// Waits until all committed blocks are durable.
    ///
    /// # Errors
    /// Fatal: one could not be written.
    fn flush(&mut self) -> Result<(), PortError>;

    /// Tells of a certificate of the tip with more signatures than the committed one, and of members that signed twice. The node MAY use
    /// the certificate as parent certificate of the next block and MAY turn evidence into a transaction. Nothing here has to be durable.
    fn finalized(&mut self, certificate: &Certificate, evidence: Vec<DoubleSign>);

    /// Committed blocks in ascending order, without gaps, from the start of `heights` on; fewer than asked (or none) when they are not
    /// kept, or when together they would exceed `max_bytes`.
    ///
    /// # Errors
    /// Logged; the peer gets an empty answer.
    fn decided(&self, heights: RangeInclusive<Height>, max_bytes: usize) -> Result<Vec<DecidedBlock>, PortError>;

    /// The lowest height that [`ChainPort::decided`] can answer.
    fn min_height(&self) -> Height;
}

/// Blocks that are valid and not decided yet. The engine's log holds only their ids, so their bytes MUST be here before a vote leaves.
pub trait ProposalStore: Send {
    /// Keeps the encoded block durably (synced) before it returns. Putting the same block again is allowed.
    ///
    /// # Errors
    /// Fatal.
    fn put(&mut self, height: Height, block: BlockId, bytes: &[u8]) -> Result<(), PortError>;

    /// A block kept for a height; `None` if it is not.
    ///
    /// # Errors
    /// Fatal.
    fn get(&self, height: Height, block: BlockId) -> Result<Option<Vec<u8>>, PortError>;

    /// All blocks kept for a height, in any order.
    ///
    /// # Errors
    /// Fatal.
    fn load(&self, height: Height) -> Result<Vec<Vec<u8>>, PortError>;

    /// Forgets blocks of `height` and below. Need not be durable.
    ///
    /// # Errors
    /// Logged: what is forgotten too late costs space, nothing else.
    fn prune(&mut self, height: Height) -> Result<(), PortError>;
}

/// The mark of the double-sign guard ([`crate::guard`]): a few hundred bytes, in a place that no backup, rollback or snapshot ever
/// touches, and that only one process can have open (a lock).
pub trait MarkStore: Send {
    /// The last saved bytes; `None` only when nothing was ever saved.
    ///
    /// # Errors
    /// Fatal.
    fn load(&self) -> Result<Option<Vec<u8>>, PortError>;

    /// Replaces them durably (synced, atomically) before it returns.
    ///
    /// # Errors
    /// Fatal.
    fn save(&mut self, mark: &[u8]) -> Result<(), PortError>;
}

/// Where the secret halves of this node's consensus keys are. Asked when the committee names a key that is not at hand: at the start, when the
/// node's member gets a seat, and when its key is rotated.
pub trait KeySource: Send {
    /// The secret half of a key; `None` when it is not here, which makes the node follow without voting. MAY read a disk.
    fn find(&mut self, public: &PublicKey) -> Option<SecretKey>;
}

impl KeySource for Vec<SecretKey> {
    fn find(&mut self, public: &PublicKey) -> Option<SecretKey> {
        self.iter().find(|key| key.public() == *public).cloned()
    }
}

/// The node's wall clock. The only time that this crate sees.
pub trait Clock: Send {
    /// Unix milliseconds, UTC.
    fn now(&self) -> BlockTime;
}

/// Pace of a network, from its parameters; the same on all its nodes but for the drift, which is a voter's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Least time between blocks.
    pub block_interval: Duration,
    /// Longest time without a block when there is nothing to do.
    pub idle_interval: Duration,
    /// Furthest that a fresh block's time may be from a voter's clock.
    pub max_drift: Duration,
}

impl Pace {
    /// The pace that a network's parameters ask for.
    pub fn of(params: &leg_ledger::params::Params) -> Self {
        Pace {
            block_interval: Duration::from_millis(params.block_interval_ms),
            idle_interval: Duration::from_millis(params.idle_interval_ms),
            max_drift: Duration::from_millis(params.max_drift_ms),
        }
    }
}
