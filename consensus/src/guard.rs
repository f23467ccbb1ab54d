//! The double-sign guard (DESIGN, promise 6): nothing that this node signed leaves it before it is marked, and nothing that contradicts
//! the mark leaves at all.
//!
//! It stands where messages leave ([`crate::outbound`]) and where a decision would make a signature public ([`crate::handle`]), not in
//! the signer: the engine flushes its write-ahead log before it publishes, so whatever is marked is in the log too, whenever the process
//! dies. (While it replays the log it writes nothing; what it signs then for the first time, [`crate::outbound`] logs before it marks it.)
//! After a crash the log therefore always knows at least as much as the mark, and the guard is never reached. Is the mark ahead of
//! the log after all, the log was lost or rolled back: this node then follows without voting until the mark's height is decided, since
//! it no longer knows what it is locked on.
//!
//! The mark holds the signed bytes of the last height only, kind by kind and round by round.

use crate::context::LegContext;
use crate::ports::{MarkStore, PortError};
use crate::signing::{proposal_sign_bytes, vote_sign_bytes};
use crate::types::{BlockProposal, BlockVote, ledger_round};
use arc_malachitebft_app_channel::app::types::SignedConsensusMsg;
use arc_malachitebft_core_types::VoteType;
use leg_ledger::codec;
use leg_ledger::codec::CodecError;
use leg_ledger::ids::{ChainId, Height, Round};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

/// Most bytes of a mark: [`MAX_ROUNDS`] of each kind fit, with what their messages sign at most.
pub const MAX_MARK_BYTES: usize = 60 * 1024;
/// Rounds of the marked height that are remembered for each kind; earlier ones cannot be sent again.
const MAX_ROUNDS: usize = 128;

/// What was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SignedKind {
    /// A proposal.
    Proposal,
    /// A prevote.
    Prevote,
    /// A precommit.
    Precommit,
}

/// One thing that this node signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// What kind of message.
    pub kind: SignedKind,
    /// Its round.
    pub round: Round,
    /// The bytes under the signature.
    pub bytes: Vec<u8>,
}

impl Signed {
    /// What a vote of this node signs.
    pub fn vote(chain: ChainId, vote: &BlockVote) -> Self {
        Signed {
            kind: match vote.kind {
                VoteType::Prevote => SignedKind::Prevote,
                VoteType::Precommit => SignedKind::Precommit,
            },
            round: ledger_round(vote.round).unwrap_or_default(),
            bytes: vote_sign_bytes(chain, vote),
        }
    }

    /// What a proposal of this node signs.
    pub fn proposal(chain: ChainId, proposal: &BlockProposal) -> Self {
        Signed {
            kind: SignedKind::Proposal,
            round: ledger_round(proposal.round).unwrap_or_default(),
            bytes: proposal_sign_bytes(chain, proposal),
        }
    }

    /// What a message of this node signs, and at which height.
    pub fn message(chain: ChainId, message: &SignedConsensusMsg<LegContext>) -> (Height, Self) {
        match message {
            SignedConsensusMsg::Vote(vote) => (vote.message.height.ledger(), Self::vote(chain, &vote.message)),
            SignedConsensusMsg::Proposal(proposal) => (proposal.message.height.ledger(), Self::proposal(chain, &proposal.message)),
        }
    }
}

/// What this node signed last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The network: a mark of another one says nothing here.
    pub chain: ChainId,
    /// The height.
    pub height: Height,
    /// Everything signed at that height, in order of signing.
    pub signed: Vec<Signed>,
}

/// Why a signature may not leave.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// Other bytes of the same kind, height and round were signed before.
    #[error("a second {kind:?} of height {height} round {} was to be sent", .round.get())]
    Conflict {
        /// Kind of message.
        kind: SignedKind,
        /// Its height.
        height: Height,
        /// Its round.
        round: Round,
    },
    /// Below the mark, where what was signed is no longer known.
    #[error("a {kind:?} of height {height} round {} lies below the mark", .round.get())]
    BelowMark {
        /// Kind of message.
        kind: SignedKind,
        /// Its height.
        height: Height,
        /// Its round.
        round: Round,
    },
    /// The stored mark cannot be read. It protects against signing twice: it must not be deleted to get on.
    #[error("the stored mark of the double-sign guard is damaged: {0}")]
    Damaged(#[from] CodecError),
    /// The mark belongs to another network.
    #[error("the stored mark of the double-sign guard is of network {0}")]
    OtherChain(ChainId),
    /// The mark could not be read or saved.
    #[error(transparent)]
    Store(#[from] PortError),
}

impl GuardError {
    /// True if the process has to stop: what was signed cannot be recorded. A refused message is merely not sent.
    pub fn is_fatal(&self) -> bool {
        !matches!(self, GuardError::Conflict { .. } | GuardError::BelowMark { .. })
    }
}

/// The guard of one consensus key.
pub struct Guard {
    chain: ChainId,
    store: Box<dyn MarkStore>,
    mark: Option<Mark>,
}

impl Guard {
    /// Opens the guard and reads its mark.
    ///
    /// # Errors
    /// Fatal: a mark that cannot be read protects from nothing.
    pub fn open(chain: ChainId, store: Box<dyn MarkStore>) -> Result<Self, GuardError> {
        let mark = store.load()?.map(|bytes| codec::decode::<Mark>(&bytes, MAX_MARK_BYTES)).transpose()?;
        match &mark {
            Some(mark) if mark.chain != chain => Err(GuardError::OtherChain(mark.chain)),
            _ => Ok(Guard { chain, store, mark }),
        }
    }

    /// What was signed last.
    pub fn mark(&self) -> Option<&Mark> {
        self.mark.as_ref()
    }

    /// Whether exactly this is marked already; `false` for what may be marked next.
    ///
    /// # Errors
    /// [`GuardError`]: it MUST NOT leave.
    pub fn is_marked(&self, height: Height, signed: &Signed) -> Result<bool, GuardError> {
        let (kind, round) = (signed.kind, signed.round);
        let below = GuardError::BelowMark { kind, height, round };
        let mark = match &self.mark {
            Some(mark) if height < mark.height => return Err(below),
            Some(mark) if height == mark.height => mark,
            _ => return Ok(false),
        };
        let same_kind = || mark.signed.iter().filter(|s| s.kind == kind);
        if let Some(marked) = same_kind().find(|s| s.round == round) {
            return if marked.bytes == signed.bytes { Ok(true) } else { Err(GuardError::Conflict { kind, height, round }) };
        }
        if same_kind().any(|s| s.round > round) { Err(below) } else { Ok(false) }
    }

    /// Marks what is about to leave. Returns when the mark is durable; identical bytes may leave again.
    ///
    /// # Errors
    /// [`GuardError`]: it MUST NOT leave.
    pub fn admit(&mut self, height: Height, signed: Signed) -> Result<(), GuardError> {
        if self.is_marked(height, &signed)? {
            return Ok(());
        }
        let mut next = match &self.mark {
            Some(mark) if height == mark.height => mark.clone(),
            _ => Mark { chain: self.chain, height, signed: vec![] },
        };
        let same_kind = |s: &Signed| s.kind == signed.kind;
        if next.signed.iter().filter(|s| same_kind(s)).count() >= MAX_ROUNDS {
            let oldest = next.signed.iter().position(same_kind);
            oldest.map(|index| next.signed.remove(index));
        }
        next.signed.push(signed);
        self.store.save(&codec::encode(&next))?;
        self.mark = Some(next);
        Ok(())
    }
}

/// The guard as its two doors share it.
#[derive(Clone)]
pub struct SharedGuard(Arc<Mutex<Guard>>);

impl SharedGuard {
    /// Shares a guard.
    pub fn new(guard: Guard) -> Self {
        SharedGuard(Arc::new(Mutex::new(guard)))
    }

    /// See [`Guard::admit`].
    ///
    /// # Errors
    /// [`GuardError`]: it MUST NOT leave.
    pub fn admit(&self, height: Height, signed: Signed) -> Result<(), GuardError> {
        // A panic while saving leaves the old mark in memory, which is the stricter one.
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guard.admit(height, signed)
    }

    /// See [`Guard::is_marked`].
    ///
    /// # Errors
    /// [`GuardError`]: it MUST NOT leave.
    pub fn is_marked(&self, height: Height, signed: &Signed) -> Result<bool, GuardError> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guard.is_marked(height, signed)
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
