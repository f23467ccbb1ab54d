//! What one bid takes from its candidates (MARKET 5). Nothing is deducted from the ladder until the bid is done, so that a fill-or-kill bid
//! rolls back whole.

use super::backing::Backing;
use super::bids::Bid;
use super::ladder::{Candidate, Cursor, Ladder, Rank};
use super::pair::{Agreed, Pair, PairTerms, PassedOver, check_pair};
use super::parties::Parties;
use super::pro_rata::{Share, pro_rata};
use crate::amount::{Price, Quantity};
use crate::execute::Fault;
use crate::limits::{MAX_CANDIDATES, MAX_FILLS};
use crate::receipt::Code;
use crate::state::{Order, View};
use crate::transaction::{Resource, TimeInForce};

/// Fills of a bid with one seller.
#[derive(Debug)]
pub(super) struct Part {
    pub seller: usize,
    pub agreed: Agreed,
    /// Every ask is backed by solar forecast.
    pub solar: bool,
    pub fills: Vec<AskFill>,
}

/// One fill.
#[derive(Clone, Copy, Debug)]
pub(super) struct AskFill {
    pub ask: usize,
    pub quantity: Quantity,
    pub price: Price,
}

/// What a bid took, with what keeps it within its bounds.
#[derive(Debug)]
pub(super) struct Taken {
    pub parts: Vec<Part>,
    pub left: Quantity,
    fills: usize,
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
    fn nothing(order: &Order, looked_at: usize) -> Self {
        Taken { parts: Vec::new(), left: order.open, fills: 0, looked_at }
    }

    fn fills_left(&self) -> usize {
        MAX_FILLS.saturating_sub(self.fills)
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
    pub(super) fn take(&mut self, bid: Bid<'_>, terms: Terms) -> Result<Taken, Fault> {
        self.examined = self.examined.saturating_add(1);
        let mark = self.backing.mark();
        let taken = match is_shared(bid.order) || bid.order.terms.split {
            true => self.take_widely(bid, terms)?,
            false => self.take_at_one(bid, terms)?,
        };
        if is_fill_or_kill(bid.order) && !taken.left.is_zero() {
            self.backing.undo(mark);
            return Ok(Taken::nothing(bid.order, 0));
        }
        for fill in taken.parts.iter().flat_map(|part| &part.fills) {
            self.ladder.take(fill.ask, fill.quantity)?;
        }
        Ok(taken)
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
    fn take_widely(&mut self, bid: Bid<'_>, terms: Terms) -> Result<Taken, Fault> {
        let shared = is_shared(bid.order);
        let mut cursor = self.cursor(bid, terms)?;
        let mut taken = Taken::nothing(bid.order, 0);
        let mut group: Vec<(usize, PairTerms)> = Vec::new();
        let mut ahead = self.next(&mut cursor, &mut taken)?;
        while let Some(first) = ahead {
            group.clear();
            let mut same: Option<Candidate> = Some(first);
            while let Some(candidate) = same {
                if let Ok(found) = self.check(bid, terms, &taken, candidate)? {
                    group.push((candidate.ask, found));
                }
                if !shared {
                    break;
                }
                ahead = self.next(&mut cursor, &mut taken)?;
                same = ahead.filter(|next| is_same(next.rank, first.rank) && group.len() < taken.fills_left());
            }
            self.take_group(bid, terms, &mut taken, &group)?;
            if !shared || taken.is_done() {
                ahead = self.next(&mut cursor, &mut taken)?;
            }
        }
        Ok(taken)
    }

    fn take_group(&mut self, bid: Bid<'_>, terms: Terms, taken: &mut Taken, group: &[(usize, PairTerms)]) -> Result<(), Fault> {
        if let [(ask, found)] = group {
            return self.pick(terms, taken, *ask, found, found.most);
        }
        let mut shares = Vec::with_capacity(group.len());
        for (ask, found) in group {
            let least = bid.order.terms.min_fill.max(self.ladder.ask(*ask)?.order.terms.min_fill);
            shares.push(Share { room: found.room, least });
        }
        let shares = pro_rata(taken.left, &shares, self.lot).ok_or(Fault::Rejected(Code::Overflow))?;
        for ((ask, found), share) in group.iter().zip(shares) {
            if !share.is_zero() {
                self.pick(terms, taken, *ask, found, share)?;
            }
        }
        Ok(())
    }

    /// At the first seller in candidate order that can fill; a fill-or-kill bid at the first that fills it whole.
    fn take_at_one(&mut self, bid: Bid<'_>, terms: Terms) -> Result<Taken, Fault> {
        let mut cursor = self.cursor(bid, terms)?;
        let mut taken = Taken::nothing(bid.order, 0);
        let mut tried: Vec<usize> = Vec::new();
        while let Some(candidate) = self.next(&mut cursor, &mut taken)? {
            let seller = self.ladder.ask(candidate.ask)?.seller;
            if tried.contains(&seller) {
                continue;
            }
            let Ok(found) = self.check(bid, terms, &taken, candidate)? else { continue };
            if found.most == taken.left {
                self.pick(terms, &mut taken, candidate.ask, &found, found.most)?;
                return Ok(taken);
            }
            let mark = self.backing.mark();
            let done = self.take_at(bid, terms, seller, taken.looked_at)?;
            if done.left.is_zero() || !is_fill_or_kill(bid.order) {
                return Ok(done);
            }
            self.backing.undo(mark);
            tried.push(seller);
            taken.looked_at = done.looked_at;
        }
        Ok(taken)
    }

    /// From one seller's asks only, best first.
    fn take_at(&mut self, bid: Bid<'_>, terms: Terms, seller: usize, looked_at: usize) -> Result<Taken, Fault> {
        let mut cursor = Cursor::new(terms.bound, bid.buyer, Some(seller), true);
        let mut taken = Taken::nothing(bid.order, looked_at);
        while let Some(candidate) = self.next(&mut cursor, &mut taken)? {
            if let Ok(found) = self.check(bid, terms, &taken, candidate)? {
                self.pick(terms, &mut taken, candidate.ask, &found, found.most)?;
            }
        }
        Ok(taken)
    }

    fn check(&mut self, bid: Bid<'_>, terms: Terms, taken: &Taken, candidate: Candidate) -> Result<Result<PairTerms, PassedOver>, Fault> {
        let ask = self.ladder.ask(candidate.ask)?;
        let pair = Pair {
            bid: bid.order,
            buyer: self.parties.get(bid.buyer)?.member,
            ask: ask.order,
            seller: self.parties.get(ask.seller)?.member,
            price: ask.price,
            bound: terms.bound,
            wanted: taken.left,
            offered: ask.open,
            agreed: taken.parts.iter().find(|part| part.seller == ask.seller).map(|part| part.agreed),
        };
        Ok(check_pair(&pair, &mut self.backing))
    }

    fn pick(&mut self, terms: Terms, taken: &mut Taken, number: usize, found: &PairTerms, quantity: Quantity) -> Result<(), Fault> {
        let ask = self.ladder.ask(number)?;
        let left = taken.left.checked_sub(quantity).ok_or(Fault::Rejected(Code::Overflow))?;
        let fill = AskFill { ask: number, quantity, price: terms.uniform.unwrap_or(ask.price) };
        self.backing.book(ask.order, &found.product, quantity);
        match taken.parts.iter_mut().find(|part| part.seller == ask.seller) {
            Some(part) => {
                part.agreed.filled = part.agreed.filled.checked_add(quantity).ok_or(Fault::Rejected(Code::Overflow))?;
                part.solar &= ask.order.terms.solar;
                part.fills.push(fill);
            }
            None => {
                let agreed = Agreed { product: found.product, settlement: found.settlement, filled: quantity };
                taken.parts.push(Part { seller: ask.seller, agreed, solar: ask.order.terms.solar, fills: vec![fill] });
            }
        }
        taken.left = left;
        taken.fills = taken.fills.saturating_add(1);
        Ok(())
    }
}

/// Equal but for the tie-break.
fn is_same(a: Rank, b: Rank) -> bool {
    a == b
}
