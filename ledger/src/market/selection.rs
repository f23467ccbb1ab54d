//! What one bid takes from its candidates (MARKET 5). Nothing is deducted from the ladder until the bid is done, so that a fill-or-kill bid
//! rolls back whole.

use super::backing::Backing;
use super::bids::Bid;
use super::ladder::{Candidate, Cursor, Ladder};
use super::lists::{index, small};
use super::pair::{Agreed, Pair, PairTerms, check_pair, plain_room};
use super::parties::Parties;
use super::pro_rata::{Share, pro_rata};
use crate::amount::{MicroChf, Price, Quantity};
use crate::execute::Fault;
use crate::limits::{MAX_CANDIDATES, MAX_FILLS};
use crate::receipt::Code;
use crate::state::{Order, View};
use crate::transaction::{Product, Resource, SettlementMethod, TimeInForce};

/// What a bid agreed with one seller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub seller: usize,
    pub agreed: Agreed,
    /// What its fills cost.
    pub cost: MicroChf,
    /// Every ask is backed by solar forecast.
    pub solar: bool,
}

/// One fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AskFill {
    /// Number of its part among those of the bid.
    pub part: u32,
    /// Number of the ask.
    pub ask: u32,
    pub quantity: Quantity,
    pub price: Price,
}

/// What a bid took, with what keeps it within its bounds. One for all bids of an auction: its lists keep their memory.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub parts: Vec<Part>,
    pub fills: Vec<AskFill>,
    pub left: Quantity,
    looked_at: usize,
}

/// The asks of an auction and everything that decides between them.
pub(super) struct Desk<'v, V> {
    pub parties: Parties<'v>,
    pub ladder: Ladder<'v, V>,
    pub backing: Backing<'v, V>,
    pub lot: Quantity,
    /// Bids and candidates examined.
    pub examined: u64,
    /// A group of candidates; keeps its memory from bid to bid.
    pub group: Vec<Share>,
}

/// Highest effective price that a bid takes, and what it pays: the uniform price, or each ask's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub bound: Price,
    pub uniform: Option<Price>,
}

/// True where asks of equal key share pro rata and bids may always split.
fn is_shared(order: &Order) -> bool {
    matches!(order.market.resource(), Resource::Heat | Resource::Energy)
}

fn is_fill_or_kill(order: &Order) -> bool {
    order.terms.time_in_force == TimeInForce::FillOrKill
}

impl Taken {
    /// Nothing of `order`, which has looked at so many candidates.
    fn begin(&mut self, order: &Order, looked_at: usize) {
        self.parts.clear();
        self.fills.clear();
        self.left = order.open;
        self.looked_at = looked_at;
    }

    fn fills_left(&self) -> usize {
        MAX_FILLS.saturating_sub(self.fills.len())
    }

    fn is_done(&self) -> bool {
        self.left.is_zero() || self.fills_left() == 0
    }
}

impl<V: View> Desk<'_, V> {
    /// Takes for a bid what its candidates give, and deducts it.
    ///
    /// # Errors
    /// [`Fault`]: the index and the state disagree.
    pub(super) fn take(&mut self, bid: Bid<'_>, terms: Terms, taken: &mut Taken) -> Result<(), Fault> {
        self.examined = self.examined.saturating_add(1);
        let mark = self.backing.mark();
        taken.begin(bid.order, 0);
        match bid.order {
            order if is_shared(order) => self.take_shared(bid, terms, taken)?,
            order if order.terms.split => self.take_split(bid, terms, taken)?,
            _ => self.take_at_one(bid, terms, taken)?,
        }
        if is_fill_or_kill(bid.order) && !taken.left.is_zero() {
            self.backing.undo(mark);
            taken.begin(bid.order, 0);
        }
        for fill in &taken.fills {
            self.ladder.take(index(fill.ask), fill.quantity)?;
        }
        Ok(())
    }

    /// The work so far, in checks (MARKET 5).
    pub(super) fn checks(&self) -> u64 {
        self.examined.saturating_add(self.backing.checks())
    }

    fn cursor(&mut self, bid: Bid<'_>, terms: Terms) -> Result<Cursor, Fault> {
        let wishes = &bid.order.terms.constraints;
        let named = match bid.order.seller.or(wishes.hub) {
            Some(hub) => Some(self.parties.number(hub)?),
            None => None,
        };
        let only = wishes.require_hub || bid.order.seller.is_some();
        Ok(Cursor::new(terms.bound, bid.buyer, named, only))
    }

    /// The next candidate, unless the bid is done or has looked at its share.
    #[inline]
    fn next(&mut self, cursor: &mut Cursor, taken: &mut Taken) -> Result<Option<Candidate>, Fault> {
        if taken.is_done() || taken.looked_at >= MAX_CANDIDATES {
            return Ok(None);
        }
        let candidate = self.ladder.next(cursor, &mut self.parties)?;
        if candidate.is_some() {
            taken.looked_at = taken.looked_at.saturating_add(1);
            self.examined = self.examined.saturating_add(1);
        }
        Ok(candidate)
    }

    /// Ask by ask in candidate order.
    fn take_split(&mut self, bid: Bid<'_>, terms: Terms, taken: &mut Taken) -> Result<(), Fault> {
        let mut cursor = self.cursor(bid, terms)?;
        while let Some(candidate) = self.next(&mut cursor, taken)? {
            if let Some(found) = self.check(bid, terms, taken, candidate.ask)? {
                self.pick(terms, taken, candidate.ask, (found.product, found.settlement), found.most)?;
            }
        }
        Ok(())
    }

    /// Group by group in candidate order: those of equal key share, as many as the bid has fills left.
    fn take_shared(&mut self, bid: Bid<'_>, terms: Terms, taken: &mut Taken) -> Result<(), Fault> {
        let mut cursor = self.cursor(bid, terms)?;
        let mut group = std::mem::take(&mut self.group);
        let mut ahead = self.next(&mut cursor, taken)?;
        while let Some(first) = ahead {
            group.clear();
            let mut same: Option<Candidate> = Some(first);
            while let Some(candidate) = same {
                group.extend(self.offer(bid, terms, taken, candidate.ask)?);
                ahead = self.next(&mut cursor, taken)?;
                same = ahead.filter(|next| next.group == first.group && group.len() < taken.fills_left());
            }
            self.take_group(bid, terms, taken, &mut group)?;
            if taken.is_done() {
                break;
            }
        }
        self.group = group;
        Ok(())
    }

    /// What a candidate may give of energy or heat.
    #[inline]
    fn offer(&mut self, bid: Bid<'_>, terms: Terms, taken: &Taken, number: usize) -> Result<Option<Share>, Fault> {
        let ask = self.ladder.ask(number)?;
        if bid.plain && ask.plain {
            let room = plain_room(bid.owner == ask.owner, ask.price, terms.bound, ask.whole);
            return Ok(room.map(|room| Share::new(number, SettlementMethod::Credits, room, Quantity::ZERO)));
        }
        let least = bid.order.terms.min_fill.max(ask.order.terms.min_fill);
        let found = self.check(bid, terms, taken, number)?;
        Ok(found.map(|found| Share::new(number, found.settlement, found.room, least)))
    }

    fn take_group(&mut self, bid: Bid<'_>, terms: Terms, taken: &mut Taken, group: &mut [Share]) -> Result<(), Fault> {
        if let [one] = group {
            // What is wanted may be less than a lot, if that has grown.
            one.given = one.room.min(taken.left);
        } else {
            pro_rata(taken.left, group, self.lot).ok_or(Fault::Rejected(Code::Overflow))?;
        }
        // A market of energy or heat has one product.
        let product = bid.order.terms.product;
        for share in group.iter().filter(|share| !share.given.is_zero()) {
            self.pick(terms, taken, share.ask, (product, share.settlement), share.given)?;
        }
        Ok(())
    }

    /// At the first seller in candidate order that can fill; a fill-or-kill bid at the first that fills it whole.
    fn take_at_one(&mut self, bid: Bid<'_>, terms: Terms, taken: &mut Taken) -> Result<(), Fault> {
        let mut cursor = self.cursor(bid, terms)?;
        let mut tried: Vec<usize> = Vec::new();
        while let Some(candidate) = self.next(&mut cursor, taken)? {
            let seller = self.ladder.ask(candidate.ask)?.seller();
            if tried.contains(&seller) {
                continue;
            }
            let Some(found) = self.check(bid, terms, taken, candidate.ask)? else { continue };
            if found.most == taken.left {
                return self.pick(terms, taken, candidate.ask, (found.product, found.settlement), found.most);
            }
            let mark = self.backing.mark();
            if self.ladder.is_only_ask(self.parties.get(seller)?.member.id) {
                self.take_only(terms, taken, candidate.ask, &found)?;
            } else {
                self.take_at(bid, terms, seller, taken)?;
            }
            if taken.left.is_zero() || !is_fill_or_kill(bid.order) {
                return Ok(());
            }
            self.backing.undo(mark);
            tried.push(seller);
            taken.begin(bid.order, taken.looked_at);
        }
        Ok(())
    }

    /// From the one ask that a seller has: what [`Desk::take_at`] would, without a search for others.
    fn take_only(&mut self, terms: Terms, taken: &mut Taken, ask: usize, found: &PairTerms) -> Result<(), Fault> {
        if taken.looked_at >= MAX_CANDIDATES {
            return Ok(());
        }
        taken.looked_at = taken.looked_at.saturating_add(1);
        self.examined = self.examined.saturating_add(1);
        self.pick(terms, taken, ask, (found.product, found.settlement), found.most)
    }

    /// From one seller's asks only, best first.
    fn take_at(&mut self, bid: Bid<'_>, terms: Terms, seller: usize, taken: &mut Taken) -> Result<(), Fault> {
        let mut cursor = Cursor::new(terms.bound, bid.buyer, Some(seller), true);
        while let Some(candidate) = self.next(&mut cursor, taken)? {
            if let Some(found) = self.check(bid, terms, taken, candidate.ask)? {
                self.pick(terms, taken, candidate.ask, (found.product, found.settlement), found.most)?;
            }
        }
        Ok(())
    }

    /// On which terms a candidate may fill.
    fn check(&mut self, bid: Bid<'_>, terms: Terms, taken: &Taken, number: usize) -> Result<Option<PairTerms>, Fault> {
        let ask = self.ladder.ask(number)?;
        let plain = bid.plain && ask.plain;
        // What was agreed before changes only how they pay, and windows.
        let again = !plain || bid.order.terms.product.window().is_some();
        let agreed = if again { taken.parts.iter().find(|part| part.seller == ask.seller()).map(|part| part.agreed) } else { None };
        let pair = Pair {
            bid: bid.order,
            buyer: self.parties.get(bid.buyer)?.member,
            ask: ask.order,
            same_owner: bid.owner == ask.owner,
            seller: self.parties.get(ask.seller())?.member,
            number: ask.seller(),
            price: ask.price,
            bound: terms.bound,
            wanted: taken.left,
            offered: ask.open,
            whole: ask.whole,
            agreed,
            plain,
        };
        Ok(check_pair(&pair, &mut self.backing).ok())
    }

    /// A fill: what is traded, how it is paid, and how much of it.
    #[inline]
    fn pick(
        &mut self,
        terms: Terms,
        taken: &mut Taken,
        number: usize,
        (product, settlement): (Product, SettlementMethod),
        quantity: Quantity,
    ) -> Result<(), Fault> {
        let ask = self.ladder.ask(number)?;
        let left = taken.left.checked_sub(quantity).ok_or(Fault::Rejected(Code::Overflow))?;
        self.backing.book(ask.seller(), ask.order, &product, quantity);
        let price = terms.uniform.unwrap_or(ask.price);
        let cost = price.gross(quantity).ok_or(Fault::Rejected(Code::Overflow))?;
        let place = taken.parts.iter().position(|part| part.seller == ask.seller());
        let part = place.unwrap_or(taken.parts.len());
        match taken.parts.get_mut(part) {
            Some(part) => {
                part.agreed.filled = part.agreed.filled.checked_add(quantity).ok_or(Fault::Rejected(Code::Overflow))?;
                part.cost = part.cost.checked_add(cost).ok_or(Fault::Rejected(Code::Overflow))?;
                part.solar &= ask.order.terms.solar;
            }
            None => {
                let agreed = Agreed { product, settlement, filled: quantity };
                taken.parts.push(Part { seller: ask.seller(), agreed, cost, solar: ask.order.terms.solar });
            }
        }
        taken.fills.push(AskFill { part: small(part), ask: small(number), quantity, price });
        taken.left = left;
        Ok(())
    }
}
