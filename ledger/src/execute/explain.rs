//! What became of an order in a block, and why: the block is executed again on the state before it, and watched (MARKET 5).
//!
//! Whoever has the state after the parent, from its own chain or by replaying the blocks, gets the same answer.

use super::chain::facts_of;
use super::context::{Context, Fault, HistoryRecord};
use super::phases::{begin, run};
use super::{Ledger, Rules};
use crate::amount::{Price, Quantity};
use crate::block::Block;
use crate::ids::{Height, MemberId, OrderId, TradeId};
use crate::market::{self, Candidate};
use crate::receipt::{Event, OrderEnd};
use crate::state::{Members, Orders, State, Trade, Trades, Undo, View};
use crate::transaction::Verified;

/// An order in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The block.
    pub height: Height,
    /// Its candidates as the block's auctions saw them; none where the order had left the book before.
    pub candidates: Vec<Candidate>,
    /// What filled of it, in order.
    pub fills: Vec<OrderFill>,
    /// How it left the book in this block, and what had not filled.
    pub end: Option<(OrderEnd, Quantity)>,
}

/// A fill of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderFill {
    /// The trade that it belongs to.
    pub trade: TradeId,
    /// The other order.
    pub order: OrderId,
    /// Whose that is.
    pub member: MemberId,
    /// How much.
    pub quantity: Quantity,
    /// At what price.
    pub price: Price,
}

/// The chain as it was before a block of the past.
#[derive(Debug)]
pub struct Past {
    rules: Rules,
    state: State,
    next: Height,
}

impl Ledger {
    /// The chain before the block at `height`: `undo` takes back the blocks from the tip to that one, in this order, and MUST hold all of them.
    /// Costs a copy of the state.
    pub fn past<'u>(&self, height: Height, undo: impl IntoIterator<Item = &'u Undo>) -> Past {
        let mut state = self.state().clone();
        undo.into_iter().for_each(|undo| state.take_back(undo));
        Past { rules: self.rules().clone(), state, next: height }
    }

    /// What the block that follows the tip does with an order and why; see [`Past::explain`].
    ///
    /// # Errors
    /// As [`Past::explain`].
    pub fn explain(&self, block: &Block, order: OrderId, limit: usize) -> Result<Option<Explanation>, Fault> {
        explain(self.rules(), self.state(), block, order, limit)
    }
}

impl Past {
    /// What the next block, which MUST be the one that was committed at this height, did with an order and why: at most `limit` candidates, each as
    /// if it were the first to be looked at. `None` if the order was not in the book in it.
    ///
    /// # Errors
    /// [`Fault`]: the block is not the one that follows.
    pub fn explain(&self, block: &Block, order: OrderId, limit: usize) -> Result<Option<Explanation>, Fault> {
        if block.header.height != self.next {
            return Err(Fault::Missing("state before this block"));
        }
        explain(&self.rules, &self.state, block, order, limit)
    }
}

fn explain(rules: &Rules, state: &State, block: &Block, order: OrderId, limit: usize) -> Result<Option<Explanation>, Fault> {
    let facts = facts_of(rules, state, block);
    let transactions = committed(state, block)?;
    let mut ctx = begin(state, facts)?;
    let mut seen: Option<Vec<Candidate>> = None;
    run(&mut ctx, rules, &transactions, |ctx| {
        let stands = ctx.state.get::<Orders>(&order).is_some();
        seen = stands.then(|| market::explain(&ctx.state, &ctx.params, facts.market_time, order, limit));
    })?;
    let ended = |event: &Event| match event {
        Event::OrderEnded { order: of, end, open } if *of == order => Some((*end, *open)),
        _ => None,
    };
    let end = ctx.events.iter().find_map(ended);
    if seen.is_none() && end.is_none() {
        return Ok(None);
    }
    Ok(Some(Explanation { height: facts.height, candidates: seen.unwrap_or_default(), fills: fills(&ctx, order), end }))
}

/// The transactions of a committed block: they were verified when it was decided.
fn committed(state: &State, block: &Block) -> Result<Vec<Verified>, Fault> {
    let verified = block.body.transactions.iter().map(|transaction| {
        let member = state.get::<Members>(&transaction.body.signer);
        let key = member.and_then(|member| member.keys.signer(transaction.body.role));
        transaction.with_checked_form(key?).ok()
    });
    verified.collect::<Option<Vec<Verified>>>().ok_or(Fault::Missing("signer of a committed transaction"))
}

/// What filled of an order in the block. Heat is settled where it is matched: its trade is in the log already.
fn fills(ctx: &Context<'_>, order: OrderId) -> Vec<OrderFill> {
    let settled = |id: &TradeId| {
        ctx.finished.iter().find_map(|record| match record {
            HistoryRecord::Settled { trade, .. } if trade.id == *id => Some(trade.as_ref()),
            _ => None,
        })
    };
    let matched = ctx.events.iter().filter_map(|event| match event {
        Event::Matched { trade, .. } => ctx.state.get::<Trades>(trade).or_else(|| settled(trade)),
        _ => None,
    });
    matched.flat_map(|trade| of_trade(trade, order)).collect()
}

fn of_trade(trade: &Trade, order: OrderId) -> impl Iterator<Item = OrderFill> + '_ {
    trade.fills.iter().filter_map(move |fill| {
        let (other, member) = if trade.bid == order {
            (fill.ask, trade.seller)
        } else if fill.ask == order {
            (trade.bid, trade.buyer)
        } else {
            return None;
        };
        Some(OrderFill { trade: trade.id, order: other, member, quantity: fill.quantity, price: fill.price })
    })
}
