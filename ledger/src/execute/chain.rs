//! The pure chain: the committed state with its tree, history and replay window, moved from block to block.

use super::phases::{Outcome, execute_block};
use super::validity::genesis_parent;
use super::{BlockFacts, Encoded, Fault, HistoryRecord, ReplayWindow, Rules, invariants};
use crate::block::{Block, Committee, Signers};
use crate::hash::{Domain, Hash};
use crate::history::{HistoryError, Peaks};
use crate::ids::{BlockId, ChainId, Height};
use crate::params::Params;
use crate::receipt::{Event, Receipt};
use crate::state::{ChangeSet, CommitteeState, Committees, IndexKey, Parameters, State, StateEntry, Undo, View, value_hash};
use crate::time::{BlockTime, MarketTime};
use crate::transaction::{Market, TransactionBody, Verified};
use crate::tree::{Changes, Key, Plan, Tree};
use serde::{Deserialize, Serialize};

/// The last block and what the next header says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tip {
    /// Its height.
    pub height: Height,
    /// Its id; for genesis the chain id's hash.
    pub block: BlockId,
    /// Its time; for genesis the market clock's origin.
    pub time: BlockTime,
    /// Root of the state after it.
    pub state_root: Hash,
    /// Hash of its receipts and events.
    pub receipts_root: Hash,
    /// Root of the history log after it.
    pub history_root: Hash,
}

/// The pure chain. Reading it never changes it; [`Ledger::commit`] is the only way forward.
#[derive(Debug)]
pub struct Ledger {
    chain: ChainId,
    tip: Tip,
    state: State,
    tree: Tree,
    history: Peaks,
    replay: ReplayWindow,
    rules: Rules,
}

/// What executing a block yields, for one synced write and then for [`Ledger::commit`].
#[derive(Debug)]
pub struct Executed {
    /// The tip after the block.
    pub tip: Tip,
    /// Changed entries of the state.
    pub entries: Vec<StateEntry>,
    /// One receipt an action.
    pub receipts: Vec<Receipt>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What was finished, in order: the leaves that the block appends to the history log, from position `first_record` on.
    pub records: Vec<HistoryRecord>,
    /// Receipts, events and records as bytes.
    pub encoded: Encoded,
    /// Leaf index of the first record.
    pub first_record: u64,
    /// New nodes of the history log.
    pub history_nodes: Vec<(u64, Hash)>,
    /// Peaks of the history log after the block.
    pub peaks: Peaks,
    /// What makes the block the tip; the rest is for the store.
    pub advance: Advance,
}

/// A block's step from its parent to itself, for [`Ledger::commit_reversibly`].
#[derive(Debug)]
pub struct Advance {
    tip: Tip,
    changes: ChangeSet,
    plan: Plan,
    bodies: Vec<Verified>,
    parent: BlockId,
}

/// Why a stored chain cannot be continued. Fatal: the store is damaged or from other rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// The entries give another root than the stored tip.
    #[error("the state at height {height} rebuilds to root {rebuilt}, stored is {stored}")]
    StateRoot {
        /// The tip's height.
        height: Height,
        /// From the entries.
        rebuilt: Hash,
        /// In the tip.
        stored: Hash,
    },
    /// The peaks give another root than the stored tip.
    #[error("the history at height {height} has root {rebuilt}, stored is {stored}")]
    HistoryRoot {
        /// The tip's height.
        height: Height,
        /// From the peaks.
        rebuilt: Hash,
        /// In the tip.
        stored: Hash,
    },
    /// An entry that every state has is missing.
    #[error("the state has no {0}")]
    Missing(&'static str),
    /// Money or heat appeared or vanished.
    #[error(transparent)]
    Conservation(#[from] Fault),
}

impl Ledger {
    /// The chain at its genesis state.
    ///
    /// # Errors
    /// [`ResumeError`] when the state lacks an entry or breaks conservation.
    pub fn genesis(chain: ChainId, state: State) -> Result<Ledger, ResumeError> {
        let origin = state.get::<Parameters>(&()).ok_or(ResumeError::Missing("parameters"))?.clock.origin;
        let tree = rebuild(&state);
        let history = Peaks::new();
        let tip = Tip {
            height: Height::GENESIS,
            block: genesis_parent(chain),
            time: origin,
            state_root: tree.root(),
            receipts_root: Hash::ZERO,
            history_root: history.root(),
        };
        Ledger::checked(Ledger { chain, tip, state, tree, history, replay: ReplayWindow::default(), rules: Rules::default() })
    }

    /// The chain at a stored tip: rebuilds the tree and compares roots.
    ///
    /// # Errors
    /// [`ResumeError`].
    pub fn resume(chain: ChainId, tip: Tip, state: State, history: Peaks, replay: ReplayWindow) -> Result<Ledger, ResumeError> {
        let tree = rebuild(&state);
        Ledger::resume_with_tree(chain, tip, (state, tree), history, replay)
    }

    /// [`Ledger::resume`] with a tree that was built from the same stored entries, each as [`Key::of`] its key and
    /// [`crate::state::value_hash`] of its value: it can be built while the state is loaded. The caller MUST use the very bytes that the
    /// state was loaded from; the roots are compared here.
    ///
    /// # Errors
    /// [`ResumeError`].
    pub fn resume_with_tree(
        chain: ChainId,
        tip: Tip,
        (state, tree): (State, Tree),
        history: Peaks,
        replay: ReplayWindow,
    ) -> Result<Ledger, ResumeError> {
        Ledger::checked(Ledger { chain, tip, state, tree, history, replay, rules: Rules::default() })
    }

    /// The same chain under these rules; without this a program knows version 1 alone.
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Self {
        Ledger { rules, ..self }
    }

    /// The rules that blocks are executed by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    fn checked(self) -> Result<Ledger, ResumeError> {
        let (height, rebuilt, stored) = (self.tip.height, self.tree.root(), self.tip.state_root);
        if rebuilt != stored {
            return Err(ResumeError::StateRoot { height, rebuilt, stored });
        }
        let (rebuilt, stored) = (self.history.root(), self.tip.history_root);
        if rebuilt != stored {
            return Err(ResumeError::HistoryRoot { height, rebuilt, stored });
        }
        self.committees().ok_or(ResumeError::Missing("committees"))?;
        self.params().ok_or(ResumeError::Missing("parameters"))?;
        invariants::check_state(&self.state)?;
        Ok(self)
    }

    /// The network.
    pub fn chain(&self) -> ChainId {
        self.chain
    }

    /// The last block.
    pub fn tip(&self) -> &Tip {
        &self.tip
    }

    /// The state after the tip.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The tree over the state after the tip.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The history log's peaks after the tip.
    pub fn history(&self) -> &Peaks {
        &self.history
    }

    /// The replay window after the tip.
    pub fn replay(&self) -> &ReplayWindow {
        &self.replay
    }

    /// Parameters in force for the next block; every checked chain has them.
    pub fn params(&self) -> Option<&Params> {
        self.state.get::<Parameters>(&())
    }

    /// Height of the next block.
    pub fn next_height(&self) -> Height {
        // 2^64 blocks are not reached at any rate.
        self.tip.height.next().unwrap_or(self.tip.height)
    }

    fn committees(&self) -> Option<&CommitteeState> {
        self.state.get::<Committees>(&())
    }

    /// The committee of the tip's height, the next or the one after; `None` further away.
    pub fn committee(&self, height: Height) -> Option<&Committee> {
        let committees = self.committees()?;
        let tip = self.tip.height;
        if height == tip {
            Some(&committees.previous)
        } else if Some(height) == tip.next() {
            Some(&committees.current)
        } else if Some(height) == tip.checked_add(2) {
            Some(&committees.next)
        } else {
            None
        }
    }

    pub(super) fn committee_hashes(&self) -> (Hash, Hash) {
        self.committees().map_or((Hash::ZERO, Hash::ZERO), |c| (c.current.hash(), c.next.hash()))
    }

    /// When a block has work without transactions: long ago if an auction is due in the next block, else when the first timer is. A
    /// proposer ends its idle wait for it.
    pub fn next_due(&self) -> Option<MarketTime> {
        let auctions = IndexKey::AuctionDue { market: Market::Compute };
        if matches!(self.state.index(auctions..).next(), Some(IndexKey::AuctionDue { .. })) {
            return Some(MarketTime::from_ms(0));
        }
        match self.state.index(..).next()? {
            IndexKey::Timer { due, .. } => Some(due),
            _ => None,
        }
    }

    /// Market time at a block time.
    pub fn market_time(&self, time: BlockTime) -> MarketTime {
        self.params().map_or(MarketTime::from_ms(time.ms()), |p| p.clock.market_time(time))
    }

    /// Executes a block that [`Ledger::check_block`] found valid. Changes nothing.
    ///
    /// # Errors
    /// [`Fault`]: the node MUST stop.
    pub fn execute(&self, block: &Block, transactions: Vec<Verified>) -> Result<Executed, Fault> {
        let facts = facts_of(&self.rules, &self.state, block);
        let outcome = execute_block(&self.rules, &self.state, facts, &transactions)?;
        self.executed(block, transactions, outcome)
    }

    fn executed(&self, block: &Block, bodies: Vec<Verified>, outcome: Outcome) -> Result<Executed, Fault> {
        let encoded = outcome.encoded();
        let entries = outcome.changes.entries();
        let changes: Changes = entries.iter().map(|e| (Key::of(&e.key), e.value_hash())).collect();
        let plan = self.tree.plan(changes);
        let mut peaks = self.history.clone();
        let first_record = peaks.size();
        // A log has about twice as many nodes as leaves.
        let mut history_nodes = Vec::with_capacity(outcome.records.len().saturating_mul(2));
        for record in encoded.records() {
            peaks.append_into(Hash::of(Domain::HistoryLeaf, record), &mut history_nodes).map_err(full)?;
        }
        let tip = Tip {
            height: block.header.height,
            block: block.id(),
            time: block.header.time,
            state_root: plan.root(),
            receipts_root: encoded.receipts_root(),
            history_root: peaks.root(),
        };
        let Outcome { changes, receipts, events, records } = outcome;
        let advance = Advance { tip, changes, plan, bodies, parent: self.tip.block };
        Ok(Executed { tip, entries, receipts, events, records, encoded, first_record, history_nodes, peaks, advance })
    }

    /// Makes an executed block the tip. The caller MUST have stored it durably before.
    ///
    /// # Panics
    /// Never; a block that was executed on another tip is ignored and returned as `false`, which is the caller's bug.
    #[must_use]
    pub fn commit(&mut self, executed: Executed) -> bool {
        self.move_on(executed.advance, executed.peaks, State::apply).is_some()
    }

    /// As [`Ledger::commit`], for a caller that keeps what the block replaced, with the log's peaks after the block; `None` for a block that was
    /// executed on another tip. The block MUST be durable before anybody reads what this leaves behind.
    #[must_use]
    pub fn commit_reversibly(&mut self, advance: Advance, peaks: Peaks) -> Option<Undo> {
        self.move_on(advance, peaks, State::apply_reversibly)
    }

    fn move_on<T>(&mut self, advance: Advance, peaks: Peaks, apply: impl FnOnce(&mut State, ChangeSet) -> T) -> Option<T> {
        if advance.parent != self.tip.block || !self.tree.apply(advance.plan) {
            return None;
        }
        let applied = apply(&mut self.state, advance.changes);
        self.history = peaks;
        self.replay.record(advance.tip.height, advance.bodies.iter().map(Verified::body));
        self.tip = advance.tip;
        Some(applied)
    }
}

/// What a block brings, on the state after its parent.
pub(super) fn facts_of(rules: &Rules, state: &State, block: &Block) -> BlockFacts {
    let header = &block.header;
    let committee = state.get::<Committees>(&()).map(|committees| &committees.previous);
    let signed = block.body.parent_certificate.as_ref().zip(committee);
    let clock = state.get::<Parameters>(&()).map(|params| params.clock);
    BlockFacts {
        height: header.height,
        time: header.time,
        market_time: clock.map_or(MarketTime::from_ms(header.time.ms()), |clock| clock.market_time(header.time)),
        block: block.id(),
        proposer: header.proposer,
        parent: header.parent,
        version: rules.version_of(header.height, header.version),
        signers: signed.map_or(Signers::default(), |(certificate, committee)| Signers::of(certificate, committee)),
    }
}

impl ReplayWindow {
    /// Rebuilds the window from the bodies of stored blocks in ascending height, from [`ReplayWindow::first_height`] to the tip.
    pub fn rebuild<'a, I: IntoIterator<Item = (Height, Vec<&'a TransactionBody>)>>(blocks: I) -> ReplayWindow {
        let mut window = ReplayWindow::default();
        for (height, bodies) in blocks {
            window.record(height, bodies);
        }
        window
    }
}

fn full(error: HistoryError) -> Fault {
    Fault::Conservation(format!("the history log cannot grow: {error}"))
}

fn rebuild(state: &State) -> Tree {
    let changes: Changes = state.entries().map(|(key, value)| (Key::of(&key), Some(value_hash(&value)))).collect();
    Tree::build(&changes)
}
