//! One market's call auction: reads the book, decides the fills, changes nothing (MARKET 5).

use super::asks::Rules;
use super::backing::Backing;
use super::bids::{Bid, Bids};
use super::ladder::Ladder;
use super::lists::{index, push, small};
use super::pair::Agreed;
use super::parties::Parties;
use super::reference;
use super::selection::{AskFill, Desk, Taken, Terms};
use super::uniform::uniform_price;
use crate::amount::{MicroChf, Price, Quantity};
use crate::execute::{BlockFacts, Fault};
use crate::ids::{MemberId, OrderId};
use crate::params::{Params, PriceRule};
use crate::receipt::Code;
use crate::state::{AuctionRound, Fill, Markets, Order, View};
use crate::transaction::{Market, Product, SettlementMethod};

/// What an auction decided. Matches, deals and fills stand in three lists, so that none of them costs an allocation of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cleared {
    /// In bid order.
    pub matches: Vec<BidMatch>,
    deals: Vec<Deal>,
    fills: Vec<AskFill>,
    /// Asks by number.
    ids: Vec<OrderId>,
    /// What filled of each ask, by id.
    pub asks: Vec<(OrderId, Quantity)>,
    /// The uniform price, or the price of the last fill; `None` without a fill.
    pub price: Option<Price>,
    /// Everything that filled.
    pub quantity: Quantity,
    /// The next block goes on, or tries again over all bids.
    pub due: bool,
    /// Where it goes on; `None`: at the first bid.
    pub round: Option<AuctionRound>,
}

/// What an auction takes up from before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<'r> {
    /// The round that it goes on with.
    pub round: Option<&'r AuctionRound>,
    /// Orders changed since the last auction.
    pub changed: bool,
    /// Checks at which it ends ([`crate::limits::MAX_AUCTION_CHECKS`]).
    pub checks: u64,
}

/// What one bid agreed and took: places in the lists of deals and fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BidMatch {
    pub bid: OrderId,
    pub buyer: MemberId,
    pub limit: Price,
    deals: Span,
    fills: Span,
}

/// Places in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    first: u32,
    end: u32,
}

impl Span {
    /// From `first` to the end of a list.
    fn to_end<T>(first: usize, list: &[T]) -> Self {
        Span { first: small(first), end: small(list.len()) }
    }

    fn of<T>(self, list: &[T]) -> &[T] {
        list.get(index(self.first)..index(self.end)).unwrap_or(&[])
    }
}

/// Fills of one bid with one seller, which become one trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deal {
    pub seller: MemberId,
    pub product: Product,
    pub settlement: SettlementMethod,
    pub solar: bool,
    /// Sum of the fills.
    pub quantity: Quantity,
    /// What they cost.
    pub cost: MicroChf,
}

/// Runs the auction of a market on a book: from where the round is, or from the first bid, until the bids end or the checks are used up.
///
/// One that goes on with a round looks at the bids of its own block first, for at most half of its checks: what is new, and may end with the
/// block, need not wait until a long round is over.
///
/// # Errors
/// [`Fault`]: the index and the state disagree.
pub(super) fn clear<V: View>(view: &V, facts: &BlockFacts, params: &Params, market: Market, start: Start<'_>) -> Result<Cleared, Fault> {
    let rules = params.resources.of(market.resource());
    let reference = reference::of_market(view.before_block(), params, &market);
    let ladder = Ladder::new(view, Rules { market, now: facts.market_time, reference, params: rules });
    let mut desk = Desk {
        parties: Parties::new(view.before_block(), facts, market, start.round.map_or(facts.parent, |round| round.parent)),
        ladder,
        backing: Backing::new(view, facts.market_time, rules.lot),
        lot: rules.lot,
        examined: 0,
        group: Vec::new(),
    };
    let mut bids = Bids::new(view, market, facts.market_time);
    let uniform = match rules.rule {
        PriceRule::Seller => None,
        PriceRule::Uniform => {
            let last = view.get::<Markets>(&market).and_then(|m| m.last_price).unwrap_or(rules.base);
            Some(uniform_price(&mut bids, &mut desk.ladder, &mut desk.parties, last)?)
        }
    };
    let mut walk = Walk { bids, desk, uniform, taken: Taken::default(), cleared: Cleared::default() };
    let (mut from, mut skipped) = (None, None);
    if let Some(round) = start.round {
        if start.changed {
            walk.run(start.checks.checked_div(2).unwrap_or(0), |bid, _| Ok(bid.order.height == facts.height))?;
            skipped = Some(facts.height);
        }
        from = Some(walk.desk.parties.place_of(round));
    }
    let stopped = walk.run(start.checks, |bid, parties| match &from {
        Some(from) => Ok(Some(bid.order.height) != skipped && parties.bid_place(bid.order, bid.buyer)? >= *from),
        None => Ok(true),
    })?;
    let Walk { desk: Desk { ladder, parties, .. }, mut cleared, .. } = walk;
    cleared.asks = ladder.filled();
    cleared.ids = ladder.into_ids();
    cleared.end(start, facts, stopped, &parties)
}

/// An auction on its way through the bids.
struct Walk<'v, V> {
    bids: Bids<'v, V>,
    desk: Desk<'v, V>,
    uniform: Option<Price>,
    taken: Taken,
    cleared: Cleared,
}

impl<'v, V: View> Walk<'v, V> {
    /// Examines, in bid order, the bids that are `wanted`; the first that it did not come to any more when the checks reached `checks`.
    fn run(&mut self, checks: u64, wanted: impl Fn(&Bid<'v>, &Parties<'v>) -> Result<bool, Fault>) -> Result<Option<Bid<'v>>, Fault> {
        let mut position = 0;
        while let Some(limit) = self.bids.of_limit_at(position)?.map(Order::limit) {
            let bound = self.uniform.unwrap_or(limit);
            // Limits only fall from here on.
            if limit < bound || !self.desk.ladder.any(bound, &mut self.desk.parties)? {
                break;
            }
            let Some(bid) = self.bids.at(position, &mut self.desk.parties)? else { break };
            position = position.saturating_add(1);
            if !wanted(&bid, &self.desk.parties)? {
                continue;
            }
            if self.desk.checks() >= checks {
                return Ok(Some(bid));
            }
            self.desk.take(bid, Terms { bound, uniform: self.uniform }, &mut self.taken)?;
            if !self.taken.fills.is_empty() {
                self.cleared.record(&self.desk, bid.order, &self.taken)?;
            }
        }
        Ok(None)
    }
}

impl Cleared {
    /// Settles whether and where the next auction goes on. Where something changed in a round, bids of earlier auctions met another book: another
    /// round follows. (What fills makes the market due anyhow: see [`super::due`].)
    fn end(mut self, start: Start<'_>, facts: &BlockFacts, stopped: Option<Bid<'_>>, parties: &Parties<'_>) -> Result<Self, Fault> {
        let again = start.round.is_some_and(|round| round.again || start.changed);
        self.due = again || stopped.is_some();
        self.round = match stopped {
            None => None,
            Some(Bid { order, buyer, .. }) => Some(AuctionRound {
                parent: start.round.map_or(facts.parent, |round| round.parent),
                limit: order.limit(),
                bucket: parties.get(buyer)?.bucket,
                height: order.height,
                member: order.member,
                nonce: order.nonce,
                action: order.action,
                again,
            }),
        };
        Ok(self)
    }

    fn record<V: View>(&mut self, desk: &Desk<'_, V>, bid: &Order, taken: &Taken) -> Result<(), Fault> {
        let (first_deal, first_fill) = (self.deals.len(), self.fills.len());
        taken.fills.iter().for_each(|fill| push(&mut self.fills, *fill));
        for part in &taken.parts {
            let seller = desk.parties.get(part.seller)?.member.id;
            let Agreed { product, settlement, filled: quantity } = part.agreed;
            self.quantity = self.quantity.checked_add(quantity).ok_or(Code::Overflow)?;
            push(&mut self.deals, Deal { seller, product, settlement, solar: part.solar, quantity, cost: part.cost });
        }
        // That of the last part.
        let last = taken.parts.len().checked_sub(1).map(small);
        self.price = taken.fills.iter().rfind(|fill| Some(fill.part) == last).map_or(self.price, |fill| Some(fill.price));
        let (deals, fills) = (Span::to_end(first_deal, &self.deals), Span::to_end(first_fill, &self.fills));
        push(&mut self.matches, BidMatch { bid: bid.id, buyer: bid.member, limit: bid.limit(), deals, fills });
        Ok(())
    }

    /// The deals of a bid.
    pub(super) fn deals_of(&self, bid: &BidMatch) -> &[Deal] {
        bid.deals.of(&self.deals)
    }

    /// The fills of a bid's deal, by the deal's place among the bid's.
    ///
    /// # Errors
    /// [`Fault::Missing`]: our own bug.
    pub(super) fn fills_of(&self, bid: &BidMatch, deal: usize) -> Result<Vec<Fill>, Fault> {
        let fills = bid.fills.of(&self.fills);
        let fill = |fill: &AskFill| {
            let ask = *self.ids.get(index(fill.ask)).ok_or(Fault::Missing("ask"))?;
            Ok(Fill { ask, quantity: fill.quantity, price: fill.price })
        };
        fills.iter().filter(|fill| index(fill.part) == deal).map(fill).collect()
    }
}
