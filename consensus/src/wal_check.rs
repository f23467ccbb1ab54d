//! Can the engine read its write-ahead log, and does the log still know what the double-sign guard says was signed?

use crate::codec::EngineCodec;
use crate::context::LegContext;
use crate::guard::{Mark, Signed};
use arc_malachitebft_app_channel::app::consensus::Input;
use arc_malachitebft_app_channel::app::engine::wal::log_entries;
use arc_malachitebft_app_channel::app::types::SignedConsensusMsg;
use arc_malachitebft_app_channel::app::wal::Log;
use leg_ledger::ids::{ChainId, Height, MemberId};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Version and height, in front of the entries.
const HEADER_SIZE: u64 = 12;

/// The log cannot be read or repaired.
#[derive(Debug, thiserror::Error)]
#[error("the write-ahead log {path} cannot be read: {cause}")]
pub struct WalCheckError {
    /// Its file.
    pub path: String,
    /// Why.
    pub cause: String,
}

/// What the log means for the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogState {
    /// The height up to which this node must not vote: `None` when it may vote at once.
    pub silent_until: Option<Height>,
    /// The height that the engine will replay, if there is anything to replay.
    pub replayed: Option<Height>,
}

/// Repairs the log, and compares it with the mark.
///
/// The node may vote at once when the mark lies below the height that starts next, or when the log of that height holds everything that
/// is marked, and so leads the engine back to where it was. Otherwise it follows without voting until the mark's height is decided.
///
/// The engine refuses to start on a log with a damaged entry, such as a power loss leaves where entries were not flushed yet. The log is
/// cut before the first one: what was marked was flushed before, so it is lost only if the disk lied, and then the mark tells.
///
/// MUST be called before the engine opens the log.
///
/// # Errors
/// [`WalCheckError`]; the engine could not read the log either.
pub fn check_log(path: &Path, chain: ChainId, mark: Option<&Mark>, member: MemberId, next: Height) -> Result<LogState, WalCheckError> {
    let failed = |cause: String| WalCheckError { path: path.display().to_string(), cause };
    let log = read_repaired(path).map_err(failed)?;
    let replayed = (log.height == next && !log.entries.is_empty()).then_some(next);
    let silent_until = mark.filter(|mark| mark.height >= next).and_then(|mark| {
        let logged = log.own_messages(chain, mark.height, member);
        let complete = mark.height == next && mark.signed.iter().all(|s| logged.contains(s));
        (!complete).then_some(mark.height)
    });
    Ok(LogState { silent_until, replayed })
}

#[derive(Default)]
struct Logged {
    height: Height,
    entries: Vec<Input<LegContext>>,
}

impl Logged {
    /// What the log knows of this node's own messages of a height.
    fn own_messages(&self, chain: ChainId, height: Height, member: MemberId) -> Vec<Signed> {
        if self.height != height {
            return vec![];
        }
        let own = self.entries.iter().filter_map(|entry| match entry {
            Input::Vote(vote) if vote.message.voter.member() == member => Some(SignedConsensusMsg::Vote(vote.clone())),
            Input::Proposal(proposal) if proposal.message.proposer.member() == member => {
                Some(SignedConsensusMsg::Proposal(proposal.clone()))
            }
            _ => None,
        });
        own.map(|message| Signed::message(chain, &message)).filter(|(at, _)| *at == height).map(|(_, signed)| signed).collect()
    }
}

/// The log as the engine will find it: whatever it could not read is cut off.
fn read_repaired(path: &Path) -> Result<Logged, String> {
    // Opening creates the file; a log that is not there has nothing in it.
    if !path.exists() {
        return Ok(Logged::default());
    }
    let found = empty_if_unwritten(path).map_err(|e| e.to_string())?;
    let mut log = Log::open(path).map_err(|e| e.to_string())?;
    let opened = log.size_bytes().map_err(|e| e.to_string())?;
    let mut damage = (opened < found).then(|| "an incomplete entry".to_owned());
    let mut entries = vec![];
    for entry in log_entries::<LegContext, _>(&mut log, &EngineCodec).map_err(|e| e.to_string())? {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(error) => {
                damage = Some(error.to_string());
                break;
            }
        }
    }
    if let Some(damage) = damage {
        let good = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        log.truncate(good).map_err(|e| e.to_string())?;
        let left = log.size_bytes().map_err(|e| e.to_string())?;
        let (path, lost) = (path.display(), found.saturating_sub(left));
        tracing::error!(%path, damage, good, lost, "the write-ahead log was damaged: its tail is cut off before the damage");
    }
    Ok(Logged { height: Height::new(log.sequence()), entries })
}

/// Bytes in the log. One whose header never reached the disk is emptied: it is the first of its node, and holds nothing.
fn empty_if_unwritten(path: &Path) -> std::io::Result<u64> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let mut header = vec![];
    file.by_ref().take(HEADER_SIZE).read_to_end(&mut header)?;
    let unwritten = length < HEADER_SIZE || header.iter().all(|byte| *byte == 0);
    if length > 0 && unwritten {
        tracing::error!(path = %path.display(), length, "the write-ahead log has no header: starting an empty one");
        file.set_len(0)?;
        file.sync_all()?;
        return Ok(0);
    }
    Ok(length)
}

#[cfg(test)]
#[path = "wal_check_tests.rs"]
mod tests;
