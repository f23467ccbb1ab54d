//! What one bid takes from its candidates (MARKET 5). Nothing is deducted from the ladder until the bid is done, so that a fill-or-kill bid
//! rolls back whole.

use super::backing::Backing;
use super::bids::Bid;
use super::ladder::{Candidate, Cursor, Ladder};
use super::pair::{Agreed, Pair, PairTerms, check_pair};
use super::parties::Parties;
use super::pro_rata::{Share, pro_rata};
use crate::amount::{Price, Quantity};
use crate::execute::Fault;
use crate::limits::{MAX_CANDIDATES, MAX_FILLS};
use crate::receipt::Code;
use crate::state::{Order, View};
use crate::transaction::{Resource, TimeInForce};

/// What a bid agreed with one seller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub seller: usize,
    pub agreed: Agreed,
    /// Every ask is backed by solar forecast.
    pub solar: bool,
}

/// One fill.
#[derive(Clone, Copy, Debug)]
pub(super) struct AskFill {
    /// Number of its part.
    pub part: usize,
    pub ask: usize,
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
    /// Lists that keep their memory from bid to bid.
    pub scratch: Scratch,
}

/// A group of candidates and its shares.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    group: Vec<(usize, PairTerms)>,
    shares: Vec<Share>,
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
        match is_shared(bid.order) || bid.order.terms.split {
            true => self.take_widely(bid, terms, taken)?,
            false => self.take_at_one(bid, terms, taken)?,
        }
        if is_fill_or_kill(bid.order) && !taken.left.is_zero() {
            self.backing.undo(mark);
            taken.begin(bid.order, 0);
        }
        for fill in &taken.fills {
            self.ladder.take(fill.ask, fill.quantity)?;
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

    /// Group by group in candidate order: a group is one ask, or those of equal key where they share, as many as the bid has fills left.
    fn take_widely(&mut self, bid: Bid<'_>, terms: Terms, taken: &mut Taken) -> Result<(), Fault> {
        let shared = is_shared(bid.order);
        let mut cursor = self.cursor(bid, terms)?;
        let mut group = std::mem::take(&mut self.scratch.group);
        let mut ahead = self.next(&mut cursor, taken)?;
        while let Some(first) = ahead {
            group.clear();
            let mut same: Option<Candidate> = Some(first);
            while let Some(candidate) = same {
                if let Some(found) = self.check(bid, terms, taken, candidate)? {
                    group.push((candidate.ask, found));
                }
                if !shared {
                    break;
                }
                ahead = self.next(&mut cursor, taken)?;
                same = ahead.filter(|next| next.group == first.group && group.len() < taken.fills_left());
            }
            self.take_group(bid, terms, taken, &group)?;
            if !shared || taken.is_done() {
                ahead = self.next(&mut cursor, taken)?;
            }
        }
        self.scratch.group = group;
        Ok(())
    }

    fn take_group(&mut self, bid: Bid<'_>, terms: Terms, taken: &mut Taken, group: &[(usize, PairTerms)]) -> Result<(), Fault> {
        if let [(ask, found)] = group {
            return self.pick(terms, taken, *ask, found, found.most);
        }
        let mut shares = std::mem::take(&mut self.scratch.shares);
        shares.clear();
        for (ask, found) in group {
            let ask = self.ladder.ask(*ask)?;
            let least = if bid.plain && ask.plain { Quantity::ZERO } else { bid.order.terms.min_fill.max(ask.order.terms.min_fill) };
            shares.push(Share::new(found.room, least));
        }
        pro_rata(taken.left, &mut shares, self.lot).ok_or(Fault::Rejected(Code::Overflow))?;
        for ((ask, found), share) in group.iter().zip(&shares).filter(|(_, share)| !share.given.is_zero()) {
            self.pick(terms, taken, *ask, found, share.given)?;
        }
        self.scratch.shares = shares;
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
            let Some(found) = self.check(bid, terms, taken, candidate)? else { continue };
            if found.most == taken.left {
                return self.pick(terms, taken, candidate.ask, &found, found.most);
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
        self.pick(terms, taken, ask, found, found.most)
    }

    /// From one seller's asks only, best first.
    fn take_at(&mut self, bid: Bid<'_>, terms: Terms, seller: usize, taken: &mut Taken) -> Result<(), Fault> {
        let mut cursor = Cursor::new(terms.bound, bid.buyer, Some(seller), true);
        while let Some(candidate) = self.next(&mut cursor, taken)? {
            if let Some(found) = self.check(bid, terms, taken, candidate)? {
                self.pick(terms, taken, candidate.ask, &found, found.most)?;
            }
        }
        Ok(())
    }

    /// On which terms a candidate may fill.
    #[inline]
    fn check(&mut self, bid: Bid<'_>, terms: Terms, taken: &Taken, candidate: Candidate) -> Result<Option<PairTerms>, Fault> {
        let ask = self.ladder.ask(candidate.ask)?;
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

    fn pick(&mut self, terms: Terms, taken: &mut Taken, number: usize, found: &PairTerms, quantity: Quantity) -> Result<(), Fault> {
        let ask = self.ladder.ask(number)?;
        let left = taken.left.checked_sub(quantity).ok_or(Fault::Rejected(Code::Overflow))?;
        self.backing.book(ask.seller(), ask.order, &found.product, quantity);
        let place = taken.parts.iter().position(|part| part.seller == ask.seller());
        let part = place.unwrap_or(taken.parts.len());
        match taken.parts.get_mut(part) {
            Some(part) => {
                part.agreed.filled = part.agreed.filled.checked_add(quantity).ok_or(Fault::Rejected(Code::Overflow))?;
                part.solar &= ask.order.terms.solar;
            }
            None => {
                let agreed = Agreed { product: found.product, settlement: found.settlement, filled: quantity };
                taken.parts.push(Part { seller: ask.seller(), agreed, solar: ask.order.terms.solar });
            }
        }
        taken.fills.push(AskFill { part, ask: number, quantity, price: terms.uniform.unwrap_or(ask.price) });
        taken.left = left;
        Ok(())
    }
}
