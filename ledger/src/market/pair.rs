//! Whether a bid and an ask may trade, and on what terms: the one check behind auctions and explanations (MARKET 4, 5).

use super::backing::Backing;
use crate::amount::{Price, Quantity};
use crate::heat;
use crate::member::Member;
use crate::state::{Order, View};
use crate::time::MarketTime;
use crate::transaction::{Market, Product, SettlementMethod};

/// A bid before one of its candidates.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// The bid.
    pub bid: &'a Order,
    /// Who placed it.
    pub buyer: &'a Member,
    /// The ask.
    pub ask: &'a Order,
    /// Both orders are of one owner.
    pub same_owner: bool,
    /// Who placed it.
    pub seller: &'a Member,
    /// Number of the seller among those who are looked at: what backs its asks is kept by it.
    pub number: usize,
    /// Effective price of the ask.
    pub price: Price,
    /// Highest effective price that the bid takes: its limit, or the uniform price.
    pub bound: Price,
    /// What of the bid is to be filled.
    pub wanted: Quantity,
    /// What of the ask is open.
    pub offered: Quantity,
    /// What of that is whole lots: to divide costs more than the rest of a check.
    pub whole: Quantity,
    /// What the bid agreed with this seller in this auction.
    pub agreed: Option<Agreed>,
    /// Both orders are plain: see [`is_plain`].
    pub plain: bool,
}

/// Terms of a bid's first fill with a seller; later ones of the same auction join them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Intersection of the windows.
    pub product: Product,
    /// How it is paid.
    pub settlement: SettlementMethod,
    /// What filled so far.
    pub filled: Quantity,
}

/// Terms on which a pair may trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairTerms {
    /// Intersection of the windows.
    pub product: Product,
    /// How it is paid: the bid's first method that the ask takes.
    pub settlement: SettlementMethod,
    /// What of the ask is open and backed within the window.
    pub room: Quantity,
    /// Most that can fill: the room, as far as the bid wants it.
    pub most: Quantity,
}

/// Why a candidate was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PassedOver {
    /// The effective price is above what the bid takes.
    Price,
    /// One of the two is overdue and waits for its removal.
    Overdue,
    /// Both belong to one owner.
    OwnOrder,
    /// One of the two requires another counterparty.
    Counterparty,
    /// The bid may not split and has filled at another seller.
    OtherSeller,
    /// A reputation is lower than the other side asks for.
    Reputation,
    /// The distance is larger than one of the two allows.
    Distance,
    /// One of the two wants another country.
    Country,
    /// No common settlement method.
    Method,
    /// No common slot, too short a term, or the ask does not cover the window agreed with its seller.
    Window,
    /// The seller's capacity or forecast leaves nothing within the window.
    Capacity,
    /// What could fill is under a minimum fill.
    MinFill,
}

impl PassedOver {
    /// The stable name in API answers.
    pub const fn name(self) -> &'static str {
        match self {
            PassedOver::Price => "price",
            PassedOver::Overdue => "overdue",
            PassedOver::OwnOrder => "own_order",
            PassedOver::Counterparty => "counterparty",
            PassedOver::OtherSeller => "other_seller",
            PassedOver::Reputation => "reputation",
            PassedOver::Distance => "distance",
            PassedOver::Country => "country",
            PassedOver::Method => "settlement_method",
            PassedOver::Window => "window",
            PassedOver::Capacity => "capacity",
            PassedOver::MinFill => "min_fill",
        }
    }
}

/// True until the order's time has run out; what is overdue is inactive even before phase 1 removes it (MARKET 3).
#[inline]
pub(super) fn is_active(order: &Order, now: MarketTime) -> bool {
    order.expires_at.is_none_or(|end| end > now)
}

/// What of an ask can be matched as far as its own lots go: all that is open; of heat, what has not expired.
pub(super) fn offered(view: &impl View, ask: &Order, now: MarketTime, lot: Quantity) -> Quantity {
    if ask.market == Market::Heat { heat::sellable(view, ask, now, lot) } else { ask.open }
}

/// What of a quantity is whole lots. The lot may have changed since an order was placed.
#[inline]
pub(super) fn whole_lots(quantity: Quantity, lot: Quantity) -> Quantity {
    quantity.floor_to(lot).unwrap_or(Quantity::ZERO)
}

/// True for an order that is not overdue, takes credits and asks nothing of its counterparty, as most do. Of two such orders the checks that nothing
/// can fail are left out.
pub(super) fn is_plain(order: &Order, now: MarketTime) -> bool {
    let wishes = &order.terms.constraints;
    let choosy = wishes.require_hub || wishes.min_reputation.is_some() || wishes.max_distance.is_some() || wishes.country.is_some();
    let any_size = order.terms.min_fill.is_zero() && order.seller.is_none();
    is_active(order, now) && any_size && !choosy && order.terms.settlement.as_slice() == [SettlementMethod::Credits]
}

/// The checks that depend on the pair alone, in the order of [`PassedOver`], a minimum fill that quantities alone cannot reach among them; then
/// what backs it, which is the costly part.
#[inline]
pub(super) fn check_pair(pair: &Pair<'_>, backing: &mut Backing<'_, impl View>) -> Result<PairTerms, PassedOver> {
    let (bid, ask, now) = (pair.bid, pair.ask, backing.now());
    check(pair.price <= pair.bound, PassedOver::Price)?;
    check(pair.plain || is_active(bid, now) && is_active(ask, now), PassedOver::Overdue)?;
    check(!pair.same_owner, PassedOver::OwnOrder)?;
    let (settlement, least) = if pair.plain { (SettlementMethod::Credits, Quantity::ZERO) } else { check_choosy(pair)? };
    let product = agreed_window(pair, now).ok_or(PassedOver::Window)?;
    check(pair.wanted.min(pair.offered) >= least, PassedOver::MinFill)?;
    let room = backing.room(pair, &product);
    let most = room.min(pair.wanted);
    check(!most.is_zero(), PassedOver::Capacity)?;
    check(most >= least, PassedOver::MinFill)?;
    Ok(PairTerms { product, settlement, room, most })
}

/// What of an ask can fill a bid where both are plain and the market is one of energy or heat: product, payment and backing are settled, so that
/// of [`check_pair`] price and owners are left. `whole` is what of the ask is open, in whole lots.
#[inline]
pub(super) fn plain_room(same_owner: bool, price: Price, bound: Price, whole: Quantity) -> Option<Quantity> {
    (price <= bound && !same_owner && !whole.is_zero()).then_some(whole)
}

/// The checks of wishes that at least one of the two has: how they pay each other, and the least that may fill.
fn check_choosy(pair: &Pair<'_>) -> Result<(SettlementMethod, Quantity), PassedOver> {
    let (bid, ask) = (pair.bid, pair.ask);
    check_wishes(bid, pair.buyer, pair.seller)?;
    check(bid.seller.is_none_or(|seller| seller == ask.member), PassedOver::OtherSeller)?;
    check_wishes(ask, pair.seller, pair.buyer)?;
    let method = common_method(pair).ok_or(PassedOver::Method)?;
    Ok((method, bid.terms.min_fill.max(ask.terms.min_fill)))
}

#[inline]
fn check(holds: bool, otherwise: PassedOver) -> Result<(), PassedOver> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// What `order` of `own` asks of its counterparty.
fn check_wishes(order: &Order, own: &Member, other: &Member) -> Result<(), PassedOver> {
    let wishes = &order.terms.constraints;
    check(!wishes.require_hub || wishes.hub == Some(other.id), PassedOver::Counterparty)?;
    check(wishes.min_reputation.is_none_or(|least| other.reputation >= least), PassedOver::Reputation)?;
    check(wishes.max_distance.is_none_or(|most| own.location.distance(&other.location) <= most), PassedOver::Distance)?;
    check(wishes.country.is_none_or(|country| other.location.country == country), PassedOver::Country)
}

fn common_method(pair: &Pair<'_>) -> Option<SettlementMethod> {
    let takes = &pair.ask.terms.settlement;
    match pair.agreed {
        Some(agreed) => takes.contains(&agreed.settlement).then_some(agreed.settlement),
        None => pair.bid.terms.settlement.iter().find(|method| takes.contains(method)).copied(),
    }
}

/// The window of the transaction: as agreed, if the ask covers what is ahead of it; else the intersection.
#[inline]
fn agreed_window(pair: &Pair<'_>, now: MarketTime) -> Option<Product> {
    let (bid, ask) = (&pair.bid.terms.product, &pair.ask.terms.product);
    if matches!(bid, Product::Energy { .. } | Product::Heat) {
        // Their market is one product.
        return Some(*bid);
    }
    // What has no window is agreed alike every time.
    let Some(agreed) = pair.agreed.filter(|_| bid.window().is_some()) else { return common_window(bid, ask, now) };
    let common = common_window(&agreed.product, ask, now)?;
    let covers = match (common.window(), agreed.product.window()) {
        (Some((from, until)), Some((a, b))) => from.max(now) == a.max(now) && until == b,
        _ => common == agreed.product,
    };
    covers.then_some(agreed.product)
}

/// The intersection of the products of a bid and an ask, as far as some of it is still ahead.
#[inline]
pub(super) fn common_window(bid: &Product, ask: &Product, now: MarketTime) -> Option<Product> {
    let (a, b) = (*bid, *ask);
    match (a, b) {
        (Product::Compute { from: f1, until: u1 }, Product::Compute { from: f2, until: u2 }) => {
            let (from, until) = (f1.max(f2), u1.min(u2));
            (from.max(now) < until).then_some(Product::Compute { from, until })
        }
        (Product::ComputeHours { from: f1, until: u1 }, Product::ComputeHours { from: f2, until: u2 }) => {
            let (from, until) = (f1.max(f2), u1.min(u2));
            (from.max(now) < until).then_some(Product::ComputeHours { from, until })
        }
        // The term of the bid, up to the longest of the ask.
        (Product::Storage { months: term }, Product::Storage { months: longest }) => (term <= longest).then_some(a),
        _ => (a == b).then_some(a),
    }
}
