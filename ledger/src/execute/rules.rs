//! Which protocol versions this program knows, and how a block finds its rules.
//!
//! * A version comes into force by vote: `params.activations` names its first height, the header of each block its version. A program that
//!   does not know the version of a block stops before it executes it; nothing is lost, and a newer program goes on from there.
//! * A version may bring a [`Migration`]: a step that its first block takes before everything else, such as bringing entries into a new form.
//!   What else differs between versions, the rooms of the market ask of [`super::BlockFacts::version`].
//! * **Recovery.** Where executing a decided block fails on every node alike (a bug of the rules: a deterministic halt), no vote can be had.
//!   Operators then agree, off the ledger, on a [`Recovery`]: from that block on, execution follows another version, whose program mends the
//!   bug. The block itself, its header and all history stay as they were decided. The state after the block announces the version like a vote
//!   would have, so all later headers carry it; whoever executes the history anew needs the same recovery.

use super::{Context, Fault};
use crate::ids::Height;
use crate::params::{Activation, Params, ProtocolVersion};
use crate::state::Parameters;
use std::collections::BTreeMap;

/// What the first block under a version does before everything else. MUST be a function of the state alone.
pub type Migration = fn(&mut Context<'_>) -> Result<(), Fault>;

/// An agreement of the operators after a halt that no vote could end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recovery {
    /// The decided block whose execution failed.
    pub height: Height,
    /// The version under which it is executed.
    pub version: ProtocolVersion,
}

/// The versions that a program knows, and the recoveries that its operator agreed to.
#[derive(Clone, Debug)]
pub struct Rules {
    known: BTreeMap<ProtocolVersion, Option<Migration>>,
    recoveries: BTreeMap<Height, ProtocolVersion>,
}

impl Default for Rules {
    /// Version 1, no recovery.
    fn default() -> Self {
        Rules { known: BTreeMap::from([(ProtocolVersion::V1, None)]), recoveries: BTreeMap::new() }
    }
}

impl Rules {
    /// These and one more version.
    #[must_use]
    pub fn with_version(mut self, version: ProtocolVersion, migration: Option<Migration>) -> Self {
        self.known.insert(version, migration);
        self
    }

    /// These with a recovery.
    #[must_use]
    pub fn with_recovery(mut self, recovery: Recovery) -> Self {
        self.recoveries.insert(recovery.height, recovery.version);
        self
    }

    /// True if blocks of this version can be executed.
    pub fn knows(&self, version: ProtocolVersion) -> bool {
        self.known.contains_key(&version)
    }

    /// The version under which the block at `height`, whose header says `header`, is executed.
    pub fn version_of(&self, height: Height, header: ProtocolVersion) -> ProtocolVersion {
        self.recoveries.get(&height).copied().unwrap_or(header)
    }

    /// Enters the version of a block: writes a recovery into the parameters and takes the migration's step, if this is its first block.
    ///
    /// # Errors
    /// [`Fault::Version`] when this program does not know it, or a recovery goes back; whatever stops the migration.
    pub(super) fn enter(&self, ctx: &mut Context<'_>) -> Result<(), Fault> {
        let (height, version) = (ctx.facts.height, ctx.facts.version);
        let migration = *self.known.get(&version).ok_or(Fault::Version(version.get()))?;
        let before = height.previous().map_or(ProtocolVersion::V1, |parent| ctx.params.version_at(parent));
        if version < before {
            return Err(Fault::Version(version.get()));
        }
        if ctx.params.version_at(height) != version {
            let params = recovered(&ctx.params, Activation { height, version });
            ctx.state.put::<Parameters>((), params);
        }
        match migration {
            Some(step) if version != before => step(ctx),
            _ => Ok(()),
        }
    }
}

/// Parameters with a version in force from its height on; announcements that it overtakes are void.
fn recovered(params: &Params, activation: Activation) -> Params {
    let mut after = params.clone();
    after.activations.retain(|a| a.height < activation.height || (a.height > activation.height && a.version > activation.version));
    let place = after.activations.iter().take_while(|a| a.height < activation.height).count();
    after.activations.insert(place, activation);
    after
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
