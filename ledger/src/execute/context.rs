//! What the rooms of the market work on while a block executes.

use super::ChangedMarkets;
use crate::block::{Committee, Signers};
use crate::heat::HeatCertificate;
use crate::ids::{BlockId, Height, MemberId, Nonce, TransactionId};
use crate::member::Member;
use crate::params::{Params, ProtocolVersion};
use crate::receipt::{CancelReason, Code, Event, OrderEnd, ProposalEnd, Receipt, Settlement, Verdict};
use crate::reputation::Note;
use crate::state::{Dispute, Members, Order, Overlay, Proposal, StorageContract, StorageEnd, Trade, View};
use crate::time::{BlockTime, MarketTime};
use serde::{Deserialize, Serialize};

/// What a block brings beside its transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockFacts {
    /// Its height.
    pub height: Height,
    /// Its header's time.
    pub time: BlockTime,
    /// The same in market time.
    pub market_time: MarketTime,
    /// Its id, which picks the chunks of storage challenges.
    pub block: BlockId,
    /// Who proposed it.
    pub proposer: MemberId,
    /// Its parent, the source of every tie-break.
    pub parent: BlockId,
    /// The rules in force.
    pub version: ProtocolVersion,
    /// Who signed the parent's certificate that it carries.
    pub signers: Signers,
}

/// Where an action comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Its transaction.
    pub transaction: TransactionId,
    /// Who signed.
    pub signer: MemberId,
    /// The transaction's nonce.
    pub nonce: Nonce,
    /// Index of the action.
    pub action: u16,
}

/// What is finished and leaves the state for the append-only history log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HistoryRecord {
    /// An order that left the book.
    Order {
        /// As it was when it left; `open` is what did not fill.
        order: Box<Order>,
        /// Why.
        end: OrderEnd,
        /// In which block.
        height: Height,
    },
    /// A trade that was settled.
    Settled {
        /// The trade.
        trade: Box<Trade>,
        /// What moved.
        settlement: Settlement,
        /// In which block.
        height: Height,
    },
    /// A trade that was cancelled.
    Cancelled {
        /// The trade.
        trade: Box<Trade>,
        /// Why.
        reason: CancelReason,
        /// In which block.
        height: Height,
    },
    /// The receipt of an action.
    Receipt {
        /// The receipt.
        receipt: Receipt,
        /// In which block.
        height: Height,
    },
    /// A storage contract that ended; its months were recorded one by one.
    Storage {
        /// The contract.
        contract: Box<StorageContract>,
        /// Why.
        end: StorageEnd,
        /// In which block.
        height: Height,
    },
    /// Heat that was retired.
    HeatRetired {
        /// The certificate.
        certificate: HeatCertificate,
        /// In which block.
        height: Height,
    },
    /// A dispute that was decided; its trade follows as settled or cancelled.
    Dispute {
        /// The dispute.
        dispute: Box<Dispute>,
        /// What it came to.
        verdict: Verdict,
        /// In which block.
        height: Height,
    },
    /// A proposal that left the state.
    Proposal {
        /// As it was when it left.
        proposal: Box<Proposal>,
        /// How it ended.
        end: ProposalEnd,
        /// In which block.
        height: Height,
    },
}

/// A block that cannot be executed although it was decided: our own bug, or a broken invariant. Fatal: the node stops and says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A step that nobody signed was rejected.
    #[error("a step of the block itself was rejected: {0:?}")]
    Rejected(Code),
    /// Money or heat appeared or vanished.
    #[error("conservation is broken: {0}")]
    Conservation(String),
    /// An entry that must exist does not.
    #[error("the state has no {0}")]
    Missing(&'static str),
    /// The rules of this version are not known to this program.
    #[error("protocol version {0} is not known to this program; install one that knows it")]
    Version(u16),
}

impl From<Code> for Fault {
    fn from(code: Code) -> Fault {
        Fault::Rejected(code)
    }
}

/// The state under execution, with what the block brings and what it leaves behind.
#[derive(Debug)]
pub struct Context<'s> {
    /// The state after the parent, with this block's changes so far. `state.base()` reads as after h-1.
    pub state: Overlay<'s>,
    /// What the block brings.
    pub facts: BlockFacts,
    /// Parameters as after h-1.
    pub params: Params,
    /// What happened so far.
    pub events: Vec<Event>,
    /// What was finished so far.
    pub finished: Vec<HistoryRecord>,
    /// Markets whose auction is to run in phase 3.
    pub changed_markets: ChangedMarkets,
    /// What is noted of members' conduct, for their reputation in phase 4.
    pub notes: Vec<(MemberId, Note)>,
    /// The committee that this block announces, in force two blocks later; at most one a block.
    pub next_committee: Option<Committee>,
}

/// What a rejected action is undone to, beside the state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    events: usize,
    finished: usize,
    notes: usize,
    markets: usize,
}

impl<'s> Context<'s> {
    /// A context without changes.
    pub fn new(state: Overlay<'s>, facts: BlockFacts, params: Params) -> Self {
        let (events, finished, notes) = (Vec::new(), Vec::new(), Vec::new());
        let changed_markets = ChangedMarkets::default();
        Context { state, facts, params, events, finished, changed_markets, notes, next_committee: None }
    }

    /// Runs `f`; when it is rejected, everything that it changed is undone, at the cost of what it changed.
    ///
    /// # Errors
    /// What `f` returns.
    pub fn attempt<R, E>(&mut self, f: impl FnOnce(&mut Self) -> Result<R, E>) -> Result<R, E> {
        let mark = self.mark();
        self.state.checkpoint();
        let result = f(self);
        if result.is_ok() {
            self.state.keep();
        } else {
            self.state.rollback();
            self.undo_since(mark);
        }
        result
    }

    /// How far what stands beside the state is.
    pub(super) fn mark(&self) -> Mark {
        let (events, finished, notes) = (self.events.len(), self.finished.len(), self.notes.len());
        Mark { events, finished, notes, markets: self.changed_markets.mark() }
    }

    /// Brings what stands beside the state back to a mark.
    pub(super) fn undo_since(&mut self, mark: Mark) {
        self.events.truncate(mark.events);
        self.finished.truncate(mark.finished);
        self.notes.truncate(mark.notes);
        self.changed_markets.rollback(mark.markets);
    }

    /// A member of the registry.
    ///
    /// # Errors
    /// [`Code::BadConstraints`] when there is none of this name.
    pub fn member(&self, id: MemberId) -> Result<&Member, Code> {
        self.state.get::<Members>(&id).ok_or(Code::BadConstraints)
    }
}
