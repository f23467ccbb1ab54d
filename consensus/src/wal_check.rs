//! Does the write-ahead log still know what the double-sign guard says was signed?

use crate::codec::EngineCodec;
use crate::context::LegContext;
use crate::guard::{Mark, Signed};
use arc_malachitebft_app_channel::app::consensus::Input;
use arc_malachitebft_app_channel::app::engine::wal::log_entries;
use arc_malachitebft_app_channel::app::types::SignedConsensusMsg;
use arc_malachitebft_app_channel::app::wal::Log;
use leg_ledger::ids::{ChainId, Height, MemberId};
use std::path::Path;

/// The log cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the write-ahead log {path} cannot be read: {cause}")]
pub struct WalCheckError {
    /// Its file.
    pub path: String,
    /// Why.
    pub cause: String,
}

/// The height up to which this node must not vote: `None` when it may vote at once.
///
/// That is so when the mark lies below the height that starts next, or when the log of that height holds everything that is marked, and
/// so leads the engine back to where it was. Otherwise the node follows without voting until the mark's height is decided.
///
/// MUST be called before the engine opens the log.
///
/// # Errors
/// [`WalCheckError`]; the engine could not read the log either.
pub fn silent_until(
    path: &Path,
    chain: ChainId,
    mark: Option<&Mark>,
    member: MemberId,
    next: Height,
) -> Result<Option<Height>, WalCheckError> {
    let Some(mark) = mark.filter(|mark| mark.height >= next) else {
        return Ok(None);
    };
    let logged = own_messages(path, chain, mark.height, member)?;
    let complete = mark.height == next && mark.signed.iter().all(|s| logged.contains(s));
    Ok((!complete).then_some(mark.height))
}

fn own_messages(path: &Path, chain: ChainId, height: Height, member: MemberId) -> Result<Vec<Signed>, WalCheckError> {
    let failed = |cause: String| WalCheckError { path: path.display().to_string(), cause };
    // Opening creates the file; a log that is not there has nothing in it.
    if !path.exists() {
        return Ok(vec![]);
    }
    let mut log = Log::open(path).map_err(|e| failed(e.to_string()))?;
    if log.sequence() != height.get() || log.is_empty() {
        return Ok(vec![]);
    }
    let entries = log_entries::<LegContext, _>(&mut log, &EngineCodec).map_err(|e| failed(e.to_string()))?;
    let mut own = vec![];
    // A damaged entry ends the log, for the engine as well.
    for entry in entries.map_while(Result::ok) {
        let message = match entry {
            Input::Vote(vote) if vote.message.voter.member() == member => SignedConsensusMsg::Vote(vote),
            Input::Proposal(proposal) if proposal.message.proposer.member() == member => SignedConsensusMsg::Proposal(proposal),
            _ => continue,
        };
        let (at, signed) = Signed::message(chain, &message);
        if at == height {
            own.push(signed);
        }
    }
    Ok(own)
}

#[cfg(test)]
#[path = "wal_check_tests.rs"]
mod tests;
