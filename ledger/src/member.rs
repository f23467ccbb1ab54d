//! The registry: who may do what, with which keys, from where (MARKET 2).

use crate::amount::{BasisPoints, Quantity};
use crate::ids::{LegId, MemberId, OwnerId, PlaceId};
use crate::signature::PublicKey;
use crate::transaction::Resource;
use serde::{Deserialize, Serialize};

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A building that trades, and may sit in the committee.
    Hub,
    /// A buyer without a hub.
    Customer,
    /// Reports forecasts and grid levels.
    Oracle,
    /// Carries out payments in francs.
    SettlementAgent,
    /// Reports locally exchanged energy and corrects readings.
    GridOperator,
    /// Synchronises and gossips only.
    Observer,
}

/// Whether a member may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberStatus {
    /// May act in its role.
    Active,
    /// Open orders are cancelled, running trades finish, nothing new is accepted.
    Suspended,
    /// As suspended; the balance is paid out when nothing runs.
    Left,
}

/// What a key is for. Keys are unique over members and roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyRole {
    /// Signs orders and everything else that a member decides.
    Operator,
    /// Sits in the meter: signs readings and completions.
    Meter,
    /// Signs votes of the BFT committee.
    Consensus,
    /// Identifies a node in the swarm.
    Network,
}

/// A member's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberKeys {
    /// Signs transactions.
    pub operator: PublicKey,
    /// Signs readings; only hubs and grid operators have meters.
    pub meter: Option<PublicKey>,
    /// Signs votes; only hubs that may sit in the committee.
    pub consensus: Option<PublicKey>,
    /// Nodes of this member in the swarm, at most [`crate::limits::MAX_NETWORK_KEYS`].
    pub network: Vec<PublicKey>,
}

impl MemberKeys {
    /// The key that signs transactions in `role`, if the member has one.
    pub fn signer(&self, role: KeyRole) -> Option<PublicKey> {
        match role {
            KeyRole::Operator => Some(self.operator),
            KeyRole::Meter => self.meter,
            KeyRole::Consensus | KeyRole::Network => None,
        }
    }

    /// Every key with its role.
    pub fn all(&self) -> Vec<(KeyRole, PublicKey)> {
        let mut keys = vec![(KeyRole::Operator, self.operator)];
        keys.extend(self.meter.map(|k| (KeyRole::Meter, k)));
        keys.extend(self.consensus.map(|k| (KeyRole::Consensus, k)));
        keys.extend(self.network.iter().map(|k| (KeyRole::Network, *k)));
        keys
    }
}

/// Where a member is; the distance tiers of MARKET 5 compare these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// Two upper-case letters, ISO 3166.
    pub country: Country,
    /// Canton.
    pub canton: PlaceId,
    /// Municipality.
    pub municipality: PlaceId,
    /// Grid operator of the connection.
    pub grid_operator: PlaceId,
    /// Transformer circuit of the connection.
    pub transformer_circuit: PlaceId,
    /// The community it belongs to, for the energy market.
    pub leg: Option<LegId>,
    /// The building; members of one building are at distance tier 0.
    pub building: PlaceId,
}

/// A country code: two letters of ISO 3166.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

impl Country {
    /// Parses two upper-case letters.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = <[u8; 2]>::try_from(text.as_bytes()).ok()?;
        bytes.iter().all(u8::is_ascii_uppercase).then_some(Country(bytes))
    }
}

impl TryFrom<String> for Country {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Country::parse(&text).ok_or("a country is two upper-case letters")
    }
}

impl From<Country> for String {
    fn from(country: Country) -> String {
        country.0.iter().map(|b| char::from(*b)).collect()
    }
}

/// What a hub is certified for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capacity {
    /// Power of its servers, watts: open and running compute due by t never exceeds watts x hours to t.
    pub compute_watts: u64,
    /// Storage, GB.
    pub storage_gb: u64,
    /// Peak power of its solar plant, watts; caps forecasts.
    pub solar_peak_watts: u64,
    /// Heat issued per compute Wh, basis points (MARKET 8).
    pub heat_factor: BasisPoints,
    /// Machines that are set apart for sale by the hour; their power is not part of `compute_watts`. Open and running compute-hours due by t never
    /// exceed machines x hours to t (MARKET 4); none sells none.
    pub machines: u32,
}

impl Capacity {
    /// State units of a resource that are made in an hour: Wh of compute, milli-hours of compute-hours. `None` for what is not made over time.
    pub fn per_hour(&self, resource: Resource) -> Option<u64> {
        match resource {
            Resource::Compute => Some(self.compute_watts),
            Resource::ComputeHours => u64::from(self.machines).checked_mul(1_000),
            Resource::Storage | Resource::Heat | Resource::Energy => None,
        }
    }
}

/// An entry of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Short unique name.
    pub id: MemberId,
    /// Who owns it.
    pub owner: OwnerId,
    /// Name for people, at most 64 bytes.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Whether it may act.
    pub status: MemberStatus,
    /// Its keys.
    pub keys: MemberKeys,
    /// Where it is.
    pub location: Location,
    /// What it is certified for.
    pub capacity: Capacity,
    /// Reputation 0..10 000 (MARKET 11), as computed by the last block that changed it; [`crate::reputation::WITHOUT_HISTORY`] at first.
    pub reputation: BasisPoints,
}

/// Distance tiers of MARKET 5, near first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DistanceTier {
    /// The same building.
    Building,
    /// The same transformer circuit (and municipality and grid operator).
    TransformerCircuit,
    /// The same municipality and grid operator.
    Municipality,
    /// The same canton.
    Canton,
    /// Anything further; same country or not is a constraint of its own.
    Country,
}

impl Location {
    /// The tier between two locations.
    pub fn distance(&self, other: &Location) -> DistanceTier {
        let country = self.country == other.country;
        let canton = country && self.canton == other.canton;
        let municipality = canton && self.municipality == other.municipality && self.grid_operator == other.grid_operator;
        let circuit = municipality && self.transformer_circuit == other.transformer_circuit;
        if circuit && self.building == other.building {
            DistanceTier::Building
        } else if circuit {
            DistanceTier::TransformerCircuit
        } else if municipality {
            DistanceTier::Municipality
        } else if canton {
            DistanceTier::Canton
        } else {
            DistanceTier::Country
        }
    }
}

/// Most energy a solar plant of `peak_watts` makes in one slot, Wh: what a forecast is capped at (MARKET 11).
pub fn peak_slot_energy(peak_watts: u64) -> Option<Quantity> {
    peak_watts.checked_div(4).map(Quantity::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(building: &str, circuit: &str, municipality: &str, canton: &str) -> Location {
        let place = |text| PlaceId::parse(text).unwrap();
        Location {
            country: Country::parse("CH").unwrap(),
            canton: place(canton),
            municipality: place(municipality),
            grid_operator: place("ewz"),
            transformer_circuit: place(circuit),
            leg: None,
            building: place(building),
        }
    }

    #[test]
    fn distance_grows_with_each_difference() {
        let home = location("b1", "t1", "m1", "zh");
        let table = [
            (location("b1", "t1", "m1", "zh"), DistanceTier::Building),
            (location("b2", "t1", "m1", "zh"), DistanceTier::TransformerCircuit),
            (location("b2", "t2", "m1", "zh"), DistanceTier::Municipality),
            (location("b1", "t1", "m2", "zh"), DistanceTier::Canton),
            (location("b1", "t1", "m1", "be"), DistanceTier::Country),
        ];
        for (other, tier) in table {
            assert_eq!(home.distance(&other), tier);
            assert_eq!(other.distance(&home), tier);
        }
    }
}
