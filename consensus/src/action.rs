//! What handlers decide; [`crate::app`] does it.
//!
//! A handler's answer is either the engine's reply, as a value, or [`Fatal`]: abort the process. There is no third way: what a peer did
//! wrong becomes a reply, and what this node could not do durably stops it.

use crate::context::LegContext;
use crate::guard::GuardError;
use crate::ports::{PortError, RootDifference};
use crate::types::BlockPart;
use arc_malachitebft_app_channel::app::engine::host::HeightParams;
use arc_malachitebft_app_channel::app::types::LocallyProposedValue;
use leg_ledger::ids::{BlockId, Height};
use std::time::Duration;

/// Start deciding a height.
#[derive(Debug)]
pub struct StartHeight {
    /// The height.
    pub height: Height,
    /// Its committee and time-outs.
    pub params: HeightParams<LegContext>,
}

/// A value of this node's own, already durable.
#[derive(Debug)]
pub struct OwnProposal {
    /// The reply to the engine.
    pub value: LocallyProposedValue<LegContext>,
    /// To be published before the reply.
    pub parts: Vec<BlockPart>,
}

/// What to do about a value that the engine wants to propose.
#[derive(Debug)]
pub enum ValuePlan {
    /// Propose this.
    Propose(OwnProposal),
    /// Ask again when this much time has passed or when work arrives, whichever is first.
    Wait(Duration),
}

/// Why the process has to stop. Written in full to the log and to standard error; never retried.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// More than two thirds of the committee certified a block that this node refuses: one of both computes something else.
    #[error("block {block} of height {height} is certified, but this node disagrees: {}", list(.differences, .reason))]
    Divergence {
        /// Height of the block.
        height: Height,
        /// The block.
        block: BlockId,
        /// Roots that differ; empty when another rule is broken.
        differences: Vec<RootDifference>,
        /// What else is wrong with it.
        reason: String,
    },
    /// A decided block could not be committed.
    #[error("block of height {height} could not be committed: {cause}")]
    Commit {
        /// Height of the block.
        height: Height,
        /// Why.
        cause: PortError,
    },
    /// Another port failed that has no way around it.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The engine decided what this node never held. Its log and the store of proposals do not belong together.
    #[error("block {block} of height {height} is decided, but its bytes are not in the store of proposals")]
    MissingBlock {
        /// Height of the block.
        height: Height,
        /// The block.
        block: BlockId,
    },
    /// The chain does not know a committee that it must know.
    #[error("no committee is known for height {0}")]
    NoCommittee(Height),
    /// The engine decided a height that does not follow the tip.
    #[error("height {decided} was decided on top of {tip}")]
    NotNext {
        /// Height of the decision.
        decided: Height,
        /// The tip.
        tip: Height,
    },
    /// A kept proposal cannot be read back.
    #[error("a kept proposal of height {height} is damaged: {cause}")]
    DamagedProposal {
        /// Height it was kept for.
        height: Height,
        /// What is wrong with it.
        cause: String,
    },
    /// The double-sign guard refused to let a signature of this node leave, or could not record it.
    #[error(transparent)]
    Guard(#[from] GuardError),
}

fn list(differences: &[RootDifference], reason: &str) -> String {
    let mut lines: Vec<String> = differences.iter().map(ToString::to_string).collect();
    if !reason.is_empty() {
        lines.push(reason.to_owned());
    }
    lines.join("; ")
}
