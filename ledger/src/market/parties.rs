//! The members that an auction meets, as after h-1: what orders them and how far apart they are.

use super::lists::{index, small};
use crate::amount::Price;
use crate::codec;
use crate::execute::{BlockFacts, Fault};
use crate::hash::{Domain, Hash};
use crate::ids::{BlockId, Height, MemberId, Nonce, OwnerId, PlaceId};
use crate::limits::REPUTATION_BUCKET;
use crate::member::{Country, Member};
use crate::state::{AuctionRound, Members, Order, State, View};
use crate::transaction::{Market, Side};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Number of distance tiers.
pub(super) const TIERS: usize = 5;
/// Members that are found without a search, more than a community mostly has: as many as seven bits tell apart.
const RECENT: usize = 1 << 7;
/// An odd number with its bits anywhere: 2^64 over the golden ratio.
const MIXER: u64 = 0x9e37_79b9_7f4a_7c15;
/// The class of nobody.
pub(super) const NO_CLASS: u32 = u32::MAX;

/// A member in an auction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Party<'v> {
    pub member: &'v Member,
    /// Reputation in steps of 500.
    pub bucket: u32,
    /// Hash of (parent, market, member): the first tie-break of asks.
    ask_tie: Hash,
    /// The same of the block that began the round: that of bids.
    bid_tie: Hash,
    /// Number of the owner ([`Parties::owner`]).
    owner: u32,
    /// Class of the member's place at each tier, from the same country class (0) to the same building (4): two members are at most as far apart
    /// as the deepest class that they share.
    classes: [u32; TIERS],
}

/// Sort key of bids: limit down, bucket down, older block first, tie-break (MARKET 5).
pub(super) type BidPlace = (Reverse<Price>, Reverse<u32>, (Height, Hash, Nonce, u16));

/// What orders of equal price and bucket are sorted by: older block first, then the tie-break (MARKET 5), in few words. Of the tie-break's hash it
/// holds the head, which nearly always decides; [`Parties::sort`] looks the rest up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Age {
    height: Height,
    head: u64,
    nonce: Nonce,
    action: u16,
    party: u32,
}

/// The same among orders of one member.
pub(super) type OwnAge = (Height, Nonce, u16);

/// Place names below a class of the tier above.
type ClassKey = (u32, Option<Country>, PlaceId, PlaceId);

/// Members by number, in the order in which they were met. Numbers are for look-up only and never decide anything.
#[derive(Debug)]
pub(super) struct Parties<'v> {
    registry: &'v State,
    parent: Hash,
    round: Hash,
    market: Vec<u8>,
    numbers: BTreeMap<MemberId, usize>,
    /// Numbers of members that were asked for, by a digest of their name: most are asked for again and again.
    recent: [u32; RECENT],
    list: Vec<Party<'v>>,
    owners: BTreeMap<OwnerId, u32>,
    classes: BTreeMap<(usize, ClassKey), u32>,
}

impl<'v> Parties<'v> {
    /// `round` is the parent of the block that began the round.
    pub(super) fn new(registry: &'v State, facts: &BlockFacts, market: Market, round: BlockId) -> Self {
        Parties {
            registry,
            parent: facts.parent.hash(),
            round: round.hash(),
            market: codec::encode(&market),
            numbers: BTreeMap::new(),
            recent: [u32::MAX; RECENT],
            list: Vec::new(),
            owners: BTreeMap::new(),
            classes: BTreeMap::new(),
        }
    }

    /// Number of a member.
    ///
    /// # Errors
    /// [`Fault::Missing`] when an order's member is not in the registry.
    pub(super) fn number(&mut self, id: MemberId) -> Result<usize, Fault> {
        let place = recent_place(&id);
        let recent = self.recent.get(place).map_or(usize::MAX, |number| index(*number));
        if self.list.get(recent).is_some_and(|party| party.member.id == id) {
            return Ok(recent);
        }
        let number = match self.numbers.get(&id) {
            Some(number) => *number,
            None => self.add(id)?,
        };
        if let Some(recent) = self.recent.get_mut(place) {
            *recent = small(number);
        }
        Ok(number)
    }

    fn add(&mut self, id: MemberId) -> Result<usize, Fault> {
        let member = self.registry.get::<Members>(&id).ok_or(Fault::Missing("member of an order"))?;
        let tie = self.tie(self.parent, id);
        let bid_tie = if self.round == self.parent { tie } else { self.tie(self.round, id) };
        let bucket = member.reputation.get().checked_div(REPUTATION_BUCKET).unwrap_or(0);
        let classes = self.classes_of(member);
        let owner = self.number_of_owner(member.owner);
        let number = self.list.len();
        self.list.push(Party { member, bucket, ask_tie: tie, bid_tie, owner, classes });
        self.numbers.insert(id, number);
        Ok(number)
    }

    /// Number of an order's owner, which need not be its member's any more: two orders are of one owner where it is the same.
    ///
    /// # Errors
    /// [`Fault::Missing`] for a member's number that is not known.
    pub(super) fn owner(&mut self, order: &Order, member: usize) -> Result<u32, Fault> {
        let party = self.get(member)?;
        if party.member.owner == order.owner {
            return Ok(party.owner);
        }
        Ok(self.number_of_owner(order.owner))
    }

    fn number_of_owner(&mut self, owner: OwnerId) -> u32 {
        let next = small(self.owners.len());
        *self.owners.entry(owner).or_insert(next)
    }

    fn tie(&self, parent: Hash, id: MemberId) -> Hash {
        Hash::of_parts(Domain::TieBreak, &[parent.as_bytes(), &self.market, id.as_bytes()])
    }

    /// The place of a bid in the bid order.
    ///
    /// # Errors
    /// [`Fault::Missing`] for a number that is not known.
    pub(super) fn bid_place(&self, bid: &Order, buyer: usize) -> Result<BidPlace, Fault> {
        let party = self.get(buyer)?;
        Ok((Reverse(bid.limit()), Reverse(party.bucket), (bid.height, party.bid_tie, bid.nonce, bid.action)))
    }

    /// The age of an order of the member of a number among those of its price and bucket.
    ///
    /// # Errors
    /// [`Fault::Missing`] for a number that is not known.
    pub(super) fn age(&self, order: &Order, party: usize) -> Result<Age, Fault> {
        let tie = self.get(party)?.tie(order.terms.side);
        Ok(Age { height: order.height, head: tie.head(), nonce: order.nonce, action: order.action, party: small(party) })
    }

    /// Sorts orders of a side: the older first, or by tie-break.
    pub(super) fn sort<T>(&self, side: Side, list: &mut [T], age: impl Fn(&T) -> Age) {
        list.sort_unstable_by_key(&age);
        let alike = |a: &T, b: &T| (age(a).height, age(a).head) == (age(b).height, age(b).head);
        // Where the hashes of two members begin alike, the rest of them comes before nonces.
        for run in list.chunk_by_mut(alike) {
            let party = run.first().map(|first| age(first).party);
            if run.iter().any(|item| Some(age(item).party) != party) {
                run.sort_unstable_by(|a, b| {
                    let (a, b) = (age(a), age(b));
                    self.tie_of(side, a.party).cmp(&self.tie_of(side, b.party)).then_with(|| a.cmp(&b))
                });
            }
        }
    }

    fn tie_of(&self, side: Side, party: u32) -> Option<&Hash> {
        self.list.get(index(party)).map(|party| party.tie(side))
    }

    /// The place in the bid order at which a round goes on.
    pub(super) fn place_of(&self, round: &AuctionRound) -> BidPlace {
        let tie = self.tie(self.round, round.member);
        (Reverse(round.limit), Reverse(round.bucket), (round.height, tie, round.nonce, round.action))
    }

    /// The member of a number.
    #[inline]
    pub(super) fn get(&self, number: usize) -> Result<&Party<'v>, Fault> {
        self.list.get(number).ok_or(Fault::Missing("party"))
    }

    fn classes_of(&mut self, member: &Member) -> [u32; TIERS] {
        let place = &member.location;
        let mut class = |tier: usize, key: ClassKey| {
            let next = small(self.classes.len());
            *self.classes.entry((tier, key)).or_insert(next)
        };
        let canton = class(1, (0, Some(place.country), place.canton, place.canton));
        let municipality = class(2, (canton, None, place.municipality, place.grid_operator));
        let circuit = class(3, (municipality, None, place.transformer_circuit, place.transformer_circuit));
        let building = class(4, (circuit, None, place.building, place.building));
        [0, canton, municipality, circuit, building]
    }
}

impl Party<'_> {
    /// What breaks ties between orders of a side.
    fn tie(&self, side: Side) -> &Hash {
        match side {
            Side::Bid => &self.bid_tie,
            Side::Ask => &self.ask_tie,
        }
    }

    /// The class at a depth, 0 (all) to 4 (the same building); nobody's beyond.
    #[inline]
    pub(super) fn class(&self, depth: usize) -> u32 {
        self.classes.get(depth).copied().unwrap_or(NO_CLASS)
    }

    /// The deepest class that both share: 4 for the same building down to 0; the distance tier is 4 less it.
    pub(super) fn shared_depth(&self, other: &Party<'_>) -> usize {
        (1..TIERS).rev().find(|depth| self.class(*depth) == other.class(*depth)).unwrap_or(0)
    }
}

/// Where a member stands among the recent ones; those of other names may as well.
#[inline]
fn recent_place(id: &MemberId) -> usize {
    let (words, _) = id.as_bytes().as_chunks::<8>();
    // Names of a community differ in few places, which a multiplication spreads to the upper bits.
    let mixed = words.iter().fold(0_u64, |mixed, word| (mixed.rotate_left(29) ^ u64::from_le_bytes(*word)).wrapping_mul(MIXER));
    usize::try_from(mixed >> 57).unwrap_or(0)
}

/// The age of an order among those of its member.
pub(super) fn own_age(order: &Order) -> OwnAge {
    (order.height, order.nonce, order.action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::member::DistanceTier;
    use crate::testing::{World, hub, id};
    use proptest::prelude::*;

    /// Members `h-0`, `h-1`, .. with these hashes for tie-break.
    fn parties_with_ties<'w>(world: &'w World, ties: &[[u8; 32]]) -> Parties<'w> {
        let mut parties = Parties::new(&world.state, &world.facts(), Market::Compute, world.facts().parent);
        for (i, tie) in ties.iter().enumerate() {
            let number = parties.number(id(&format!("h-{i}"))).unwrap();
            parties.list[number].ask_tie = Hash::from_bytes(*tie);
        }
        parties
    }

    #[test]
    fn hashes_that_begin_alike_are_compared_to_their_end() {
        let mut world = World::new();
        (0..4).for_each(|i| world.add(hub(&format!("h-{i}")), 0));
        let tie = |first: u8, last: u8| std::array::from_fn(|i| [first, 0, last][usize::from(i > 0) + usize::from(i == 31)]);
        // The third comes before the others of its head, and the last has another one.
        let parties = parties_with_ties(&world, &[tie(7, 5), tie(7, 9), tie(7, 1), tie(3, 9)]);
        let ages = |(party, height, nonce, action): (u32, u64, u64, u16)| {
            let head = parties.list[index(party)].ask_tie.head();
            Age { height: Height::new(height), head, nonce: Nonce::new(nonce), action, party }
        };
        let mut list: Vec<Age> =
            [(1, 2, 1, 0), (0, 2, 9, 1), (2, 2, 5, 0), (0, 2, 9, 0), (3, 2, 8, 0), (1, 1, 7, 0), (0, 2, 2, 7)].map(ages).to_vec();
        parties.sort(Side::Ask, &mut list, |age| *age);
        let sorted: Vec<_> = list.iter().map(|age| (age.party, age.height.get(), age.nonce.get(), age.action)).collect();
        assert_eq!(sorted, [(1, 1, 7, 0), (3, 2, 8, 0), (2, 2, 5, 0), (0, 2, 2, 7), (0, 2, 9, 0), (0, 2, 9, 1), (1, 2, 1, 0)]);
    }

    #[test]
    fn members_are_numbered_once_however_many_share_a_place() {
        let mut world = World::new();
        let names: Vec<String> = (0..2 * RECENT).map(|i| format!("h-{i}")).collect();
        names.iter().for_each(|name| world.add(hub(name), 0));
        let mut parties = Parties::new(&world.state, &world.facts(), Market::Compute, world.facts().parent);
        for _ in 0..3 {
            for (number, name) in names.iter().enumerate() {
                assert_eq!(parties.number(id(name)).unwrap(), number);
                assert_eq!(parties.get(number).unwrap().member.id, id(name));
            }
        }
        assert!(matches!(parties.number(id("nobody")), Err(Fault::Missing(_))));
    }

    proptest! {
        /// The classes and [`crate::member::Location::distance`] are two spellings of one rule.
        #[test]
        fn shared_depth_is_the_distance_tier(places in proptest::collection::vec((0..2_u8, 0..2_u8, 0..2_u8, 0..2_u8, 0..2_u8, 0..2_u8), 2..8)) {
            let mut world = World::new();
            for (i, (country, canton, municipality, operator, circuit, building)) in places.iter().enumerate() {
                let mut member = hub(&format!("h-{i}"));
                let place = |text: &str, n: &u8| PlaceId::parse(&format!("{text}{n}")).unwrap();
                member.location.country = Country::parse(if *country == 0 { "CH" } else { "LI" }).unwrap();
                member.location.canton = place("c", canton);
                member.location.municipality = place("m", municipality);
                member.location.grid_operator = place("o", operator);
                member.location.transformer_circuit = place("t", circuit);
                member.location.building = place("b", building);
                world.add(member, 0);
            }
            let mut parties = Parties::new(&world.state, &world.facts(), Market::Compute, world.facts().parent);
            let tiers = [DistanceTier::Country, DistanceTier::Canton, DistanceTier::Municipality, DistanceTier::TransformerCircuit, DistanceTier::Building];
            for i in 0..places.len() {
                for j in 0..places.len() {
                    let (a, b) = (parties.number(id(&format!("h-{i}"))).unwrap(), parties.number(id(&format!("h-{j}"))).unwrap());
                    let (a, b) = (parties.get(a).unwrap(), parties.get(b).unwrap());
                    prop_assert_eq!(tiers[a.shared_depth(b)], a.member.location.distance(&b.member.location));
                }
            }
        }
    }
}
