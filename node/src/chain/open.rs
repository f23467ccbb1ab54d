//! Opening the chain: the founding state at first, the stored one ever after.

use super::handle::{ChainHandle, Shared};
use crate::storage::{Recovered, Store, StoreError};
use leg_ledger::execute::{Ledger, ReplayWindow, ResumeError, Rules, Tip};
use leg_ledger::ids::{BlockId, ChainId, Height};
use leg_ledger::params::Activation;
use leg_ledger::state::State;
use std::path::Path;

/// What a network begins with.
#[derive(Clone, Debug)]
pub struct Founding {
    /// Its name: the hash of its genesis document.
    pub chain: ChainId,
    /// The state before block 1.
    pub state: State,
}

/// Why the chain cannot be opened. Fatal.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored state is not the one that the stored tip commits to.
    #[error("the stored chain cannot be continued: {0}; restore the data folder from a backup or let the node sync into an empty one")]
    Resume(#[from] ResumeError),
    /// The block at the tip's height is another.
    #[error("block {height} in the store is {found}, the tip says {tip}")]
    TipBlock {
        /// The tip's height.
        height: Height,
        /// Id of the stored block.
        found: BlockId,
        /// Id in the tip.
        tip: BlockId,
    },
}

/// Opens the chain in the folder `path`, founding it when the folder is empty. Rebuilds the state's tree and compares its root with the
/// stored one.
///
/// Blocks are executed by `rules`.
///
/// # Errors
/// [`ChainError`].
pub fn open(path: &Path, founding: Founding, rules: Rules) -> Result<ChainHandle, ChainError> {
    let store = Store::open(path, founding.chain)?;
    let ledger = if store.is_empty()? {
        let ledger = Ledger::genesis(founding.chain, founding.state)?;
        store.found(founding.chain, ledger.tip(), ledger.state())?;
        ledger
    } else {
        resume(&store, founding.chain)?
    };
    let ledger = ledger.with_rules(rules);
    warn_of_unknown_versions(&ledger);
    let tip = ledger.tip();
    tracing::info!(height = %tip.height, state_root = %tip.state_root, entries = ledger.state().len(), "the chain is open");
    Ok(ChainHandle::new(Shared::new(ledger, store)))
}

/// Says in time that this program will stop at a height that the network has voted.
pub(super) fn warn_of_unknown_versions(ledger: &Ledger) {
    let announced = ledger.params().map(|params| params.activations.as_slice()).unwrap_or_default();
    for Activation { height, version } in announced.iter().filter(|a| !ledger.rules().knows(a.version)) {
        let version = version.get();
        tracing::error!(%height, version, "this program does not know an announced protocol version: install one that does before that height");
    }
}

fn resume(store: &Store, chain: ChainId) -> Result<Ledger, ChainError> {
    let tip = store.tip()?;
    let (recovered, replay) = std::thread::scope(|threads| {
        let replay = threads.spawn(|| replay_window(store, &tip));
        (store.recover(), replay.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let Recovered { tip, state, tree, peaks } = recovered?;
    Ok(Ledger::resume_with_tree(chain, tip, (state, tree), peaks, replay?)?)
}

fn replay_window(store: &Store, tip: &Tip) -> Result<ReplayWindow, ChainError> {
    let mut window = ReplayWindow::default();
    let first = ReplayWindow::first_height(tip.height).get();
    let count = (tip.height.get() + 1).saturating_sub(first);
    for block in store.last_blocks(tip.height, count)? {
        let block = block?;
        let height = block.header.height;
        if height == tip.height && block.id() != tip.block {
            return Err(ChainError::TipBlock { height, found: block.id(), tip: tip.block });
        }
        window.record(height, block.body.transactions.iter().map(|transaction| &transaction.body));
    }
    Ok(window)
}
