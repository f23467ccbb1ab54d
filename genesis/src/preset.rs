//! Ready-made documents: a development network with keys from a seed, and the frame of a first network.

use crate::build::{Content, Genesis, GenesisMember};
use crate::error::{GenesisError, Problem};
use leg_ledger::amount::{BasisPoints, MicroChf};
use leg_ledger::ids::{LegId, MemberId, OwnerId, PlaceId, Slug};
use leg_ledger::member::{Capacity, Country, KeyRole, Location, Member, MemberKeys, MemberStatus, Role};
use leg_ledger::params::Params;
use leg_ledger::signature::SecretKey;
use leg_ledger::time::{BlockTime, MarketClock};
use std::collections::BTreeMap;

/// The one community of a development network.
pub const DEVNET_LEG: &str = "leg-dorf";
/// Peak power of the solar plants of each development hub, watts: the sum over its five households of the shipped Swiss data.
pub const STANDARD_SOLAR_PEAK_WATTS: [u64; 12] =
    [59_100, 54_000, 36_100, 53_100, 92_500, 49_400, 63_400, 58_500, 71_500, 64_300, 27_300, 36_300];

/// Context of the keys of development networks; they are public knowledge to everyone who knows the seed.
const DEVNET_KEYS: &str = "leg ledger devnet keys v1";
/// CHF 5 000 for a hub or a customer of a development network.
const DEVNET_BALANCE: MicroChf = MicroChf::new(5_000_000_000);
/// A hub's servers: one rack of 12 kW.
const DEVNET_COMPUTE_WATTS: u64 = 12_000;

/// Secret keys of one member.
#[derive(Clone, Debug)]
pub struct MemberSecrets {
    /// Signs transactions.
    pub operator: SecretKey,
    /// Signs readings.
    pub meter: SecretKey,
    /// Signs votes.
    pub consensus: SecretKey,
    /// Identifies its node.
    pub network: SecretKey,
}

impl MemberSecrets {
    /// The keys of a member of a development network. Never for a network of value: who knows the seed has them all.
    pub fn from_seed(seed: &str, member: MemberId) -> Self {
        let key = |role: &str| {
            let mut hasher = blake3::Hasher::new_derive_key(DEVNET_KEYS);
            hasher.update(member.as_bytes());
            hasher.update(blake3::hash(role.as_bytes()).as_bytes());
            hasher.update(seed.as_bytes());
            SecretKey::from_bytes(hasher.finalize().as_bytes())
        };
        MemberSecrets { operator: key("operator"), meter: key("meter"), consensus: key("consensus"), network: key("network") }
    }

    /// The public halves; `meter`, `consensus` and `network` only where the role has them.
    pub fn public(&self, role: Role) -> MemberKeys {
        let hub = role == Role::Hub;
        MemberKeys {
            operator: self.operator.public(),
            meter: (hub || role == Role::GridOperator).then(|| self.meter.public()),
            consensus: hub.then(|| self.consensus.public()),
            network: vec![self.network.public()],
        }
    }

    /// The key of a role.
    pub fn of(&self, role: KeyRole) -> &SecretKey {
        match role {
            KeyRole::Operator => &self.operator,
            KeyRole::Meter => &self.meter,
            KeyRole::Consensus => &self.consensus,
            KeyRole::Network => &self.network,
        }
    }
}

/// A development network: hubs `hub-01`.. in one community, the first of them the committee, a grid operator `grid`, a customer `customer-01`,
/// three oracles `oracle-01`..,
/// observers `observer-01`.. whose nodes follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevnetSpec {
    /// Every key follows from it; the same seed gives the same document.
    pub seed: String,
    /// Genesis time, Unix milliseconds.
    pub origin_ms: u64,
    /// Market milliseconds in a millisecond; 900 is one slot a second.
    pub scale: u32,
    /// Hubs in the committee.
    pub committee: usize,
    /// Members whose nodes follow without a vote.
    pub observers: usize,
    /// Peak power of each hub's solar plants; its length is the number of hubs.
    pub solar_peak_watts: Vec<u64>,
}

impl DevnetSpec {
    /// Twelve hubs, a committee of four, one slot a second.
    pub fn new(seed: &str, origin_ms: u64) -> Self {
        DevnetSpec {
            seed: seed.into(),
            origin_ms,
            scale: 900,
            committee: 4,
            observers: 0,
            solar_peak_watts: STANDARD_SOLAR_PEAK_WATTS.to_vec(),
        }
    }

    /// The genesis and the secret keys of its members.
    ///
    /// # Errors
    /// [`GenesisError::Field`] where the numbers make no network: no committee, more of it than hubs, a scale of zero.
    pub fn build(&self) -> Result<(Genesis, BTreeMap<MemberId, MemberSecrets>), GenesisError> {
        let clock = MarketClock { origin: BlockTime::from_ms(self.origin_ms), scale: self.scale };
        let mut founding = Founding { seed: &self.seed, members: Vec::new(), secrets: BTreeMap::new() };
        for (index, peak) in self.solar_peak_watts.iter().enumerate() {
            let number = index + 1;
            let capacity = Capacity {
                compute_watts: DEVNET_COMPUTE_WATTS,
                storage_gb: 10_000,
                solar_peak_watts: *peak,
                // What a server draws becomes heat; a tenth is lost on the way to the building's loop.
                heat_factor: BasisPoints::new(9_000),
                machines: 4,
            };
            let place = Place { circuit: format!("trafo-{}", index / 4 + 1), building: format!("haus-{number:02}") };
            founding.add(&format!("hub-{number:02}"), &format!("Hub {number}"), Role::Hub, place, capacity)?;
        }
        let apart = |building: &str| Place { circuit: "trafo-1".into(), building: building.into() };
        founding.add("grid", "Grid operator", Role::GridOperator, apart("netzleitstelle"), Capacity::default())?;
        founding.add("customer-01", "Customer 1", Role::Customer, apart("buero-01"), Capacity::default())?;
        for (number, building) in (1..).zip(["wetterdienst", "hochschule", "rechenzentrum"]) {
            founding.add(
                &format!("oracle-{number:02}"),
                &format!("Oracle {number}"),
                Role::Oracle,
                apart(building),
                Capacity::default(),
            )?;
        }
        for number in 1..=self.observers {
            let (id, name) = (format!("observer-{number:02}"), format!("Observer {number}"));
            founding.add(&id, &name, Role::Observer, apart(&format!("beobachter-{number:02}")), Capacity::default())?;
        }
        let committee = founding.members.iter().take(self.committee).map(|m| m.member.id).collect();
        let name = name("devnet", "name", Slug::parse)?;
        let content = Content { name, params: Params::standard(clock), members: founding.members, committee };
        Ok((Genesis::new(content)?, founding.secrets))
    }
}

struct Place {
    circuit: String,
    building: String,
}

struct Founding<'s> {
    seed: &'s str,
    members: Vec<GenesisMember>,
    secrets: BTreeMap<MemberId, MemberSecrets>,
}

impl Founding<'_> {
    fn add(&mut self, id: &str, text: &str, role: Role, place: Place, capacity: Capacity) -> Result<(), GenesisError> {
        let member_id = name(id, "id", MemberId::parse)?;
        let secrets = MemberSecrets::from_seed(self.seed, member_id);
        let location = Location {
            country: Country::parse("CH").ok_or_else(|| GenesisError::field("country", Problem::NotCountry("CH".into())))?,
            canton: name("zh", "canton", PlaceId::parse)?,
            municipality: name("dorf", "municipality", PlaceId::parse)?,
            grid_operator: name("ew-dorf", "gridOperator", PlaceId::parse)?,
            transformer_circuit: name(&place.circuit, "transformerCircuit", PlaceId::parse)?,
            leg: (role == Role::Hub).then(|| name(DEVNET_LEG, "leg", LegId::parse)).transpose()?,
            building: name(&place.building, "building", PlaceId::parse)?,
        };
        let member = Member {
            id: member_id,
            owner: name(&format!("owner-of-{id}"), "owner", OwnerId::parse)?,
            name: text.into(),
            role,
            status: MemberStatus::Active,
            keys: secrets.public(role),
            location,
            capacity,
            reputation: leg_ledger::reputation::WITHOUT_HISTORY,
        };
        let funded = matches!(role, Role::Hub | Role::Customer);
        self.members.push(GenesisMember { member, balance: if funded { DEVNET_BALANCE } else { MicroChf::ZERO } });
        self.secrets.insert(member_id, secrets);
        Ok(())
    }
}

fn name<T>(text: &str, field: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, GenesisError> {
    parse(text).ok_or_else(|| GenesisError::field(field, Problem::NotName(text.into())))
}

/// The frame of a first network of value: real time, the standard parameters, the members that handed in their documents, nothing deposited;
/// every active hub with a consensus and a network key decides. Balances come by deposits, not by genesis.
///
/// # Errors
/// [`GenesisError::Field`]; a committee of fewer than four is refused, since one faulty hub could stop or split it.
pub fn first_network(network: &str, origin_ms: u64, members: Vec<Member>) -> Result<Genesis, GenesisError> {
    let votes = |m: &&Member| m.role == Role::Hub && m.keys.consensus.is_some() && !m.keys.network.is_empty();
    let committee: Vec<MemberId> = members.iter().filter(votes).map(|m| m.id).collect();
    if committee.len() < 4 {
        return Err(GenesisError::field("committee", Problem::Range { least: "4".into(), most: "24".into() }));
    }
    let clock = MarketClock { origin: BlockTime::from_ms(origin_ms), scale: 1 };
    let members = members.into_iter().map(|member| GenesisMember { member, balance: MicroChf::ZERO }).collect();
    Genesis::new(Content { name: name(network, "name", Slug::parse)?, params: Params::standard(clock), members, committee })
}
