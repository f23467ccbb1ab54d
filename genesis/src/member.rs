//! A member of the registry in JSON: what an operator hands in to join a founding.

use crate::decimal::DecimalText;
use crate::error::{GenesisError, Problem};
use leg_ledger::amount::BasisPoints;
use leg_ledger::ids::{LegId, MemberId, OwnerId, PlaceId};
use leg_ledger::member::{Capacity, Country, Location, Member, MemberKeys, MemberStatus, Role};
use leg_ledger::reputation::WITHOUT_HISTORY;
use leg_ledger::signature::PublicKey;
use serde::{Deserialize, Serialize};

/// A registry entry as JSON. Reputation is not part of it: everybody begins without history (MARKET 11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MemberDocument {
    id: String,
    owner: String,
    name: String,
    role: Role,
    #[serde(default = "active")]
    status: MemberStatus,
    keys: KeysDocument,
    location: LocationDocument,
    #[serde(default)]
    capacity: CapacityDocument,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct KeysDocument {
    operator: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    meter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consensus: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    network: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct LocationDocument {
    country: String,
    canton: String,
    municipality: String,
    grid_operator: String,
    transformer_circuit: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leg: Option<String>,
    building: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CapacityDocument {
    #[serde(default)]
    compute_watts: u64,
    #[serde(default)]
    storage_gb: u64,
    #[serde(default)]
    solar_peak_watts: u64,
    /// Wh of heat per Wh of compute, 0..1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heat_factor: Option<DecimalText>,
    /// Machines for sale by the hour.
    #[serde(default, skip_serializing_if = "is_zero")]
    machines: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn active() -> MemberStatus {
    MemberStatus::Active
}

fn key(text: &str, field: &str) -> Result<PublicKey, GenesisError> {
    PublicKey::from_hex(text).ok_or_else(|| GenesisError::field(field, Problem::NotKey))
}

fn place(text: &str, field: &str) -> Result<PlaceId, GenesisError> {
    PlaceId::parse(text).ok_or_else(|| GenesisError::field(field, Problem::NotName(text.into())))
}

impl MemberDocument {
    /// The document of a member.
    pub fn of(member: &Member) -> Self {
        let (keys, location, capacity) = (&member.keys, &member.location, &member.capacity);
        MemberDocument {
            id: member.id.to_string(),
            owner: member.owner.to_string(),
            name: member.name.clone(),
            role: member.role,
            status: member.status,
            keys: KeysDocument {
                operator: keys.operator.to_string(),
                meter: keys.meter.map(|k| k.to_string()),
                consensus: keys.consensus.map(|k| k.to_string()),
                network: keys.network.iter().map(ToString::to_string).collect(),
            },
            location: LocationDocument {
                country: String::from(location.country),
                canton: location.canton.to_string(),
                municipality: location.municipality.to_string(),
                grid_operator: location.grid_operator.to_string(),
                transformer_circuit: location.transformer_circuit.to_string(),
                leg: location.leg.map(|l| l.to_string()),
                building: location.building.to_string(),
            },
            capacity: CapacityDocument {
                compute_watts: capacity.compute_watts,
                storage_gb: capacity.storage_gb,
                solar_peak_watts: capacity.solar_peak_watts,
                heat_factor: (capacity.heat_factor != BasisPoints::default()).then(|| DecimalText::of_share(capacity.heat_factor)),
                machines: capacity.machines,
            },
        }
    }

    /// Reads a document on its own, such as the one that `leg keys member` prints.
    ///
    /// # Errors
    /// [`GenesisError`].
    pub fn from_json(text: &str) -> Result<Member, GenesisError> {
        let document: MemberDocument = serde_json::from_str(text).map_err(|e| GenesisError::Json(e.to_string()))?;
        document.member("member")
    }

    /// The registry entry; `path` names the document in errors.
    ///
    /// # Errors
    /// [`GenesisError::Field`] for names, keys and numbers that cannot be read.
    pub fn member(&self, path: &str) -> Result<Member, GenesisError> {
        let name = |text: &String, field: &str| GenesisError::field(format!("{path}.{field}"), Problem::NotName(text.clone()));
        Ok(Member {
            id: MemberId::parse(&self.id).ok_or_else(|| name(&self.id, "id"))?,
            owner: OwnerId::parse(&self.owner).ok_or_else(|| name(&self.owner, "owner"))?,
            name: self.name.clone(),
            role: self.role,
            status: self.status,
            keys: self.keys.keys(&format!("{path}.keys"))?,
            location: self.location.location(&format!("{path}.location"))?,
            capacity: self.capacity.capacity(&format!("{path}.capacity"))?,
            reputation: WITHOUT_HISTORY,
        })
    }
}

impl KeysDocument {
    fn keys(&self, path: &str) -> Result<MemberKeys, GenesisError> {
        let optional = |text: &Option<String>, field: &str| text.as_ref().map(|t| key(t, &format!("{path}.{field}"))).transpose();
        let mut network = Vec::with_capacity(self.network.len());
        for (index, text) in self.network.iter().enumerate() {
            network.push(key(text, &format!("{path}.network[{index}]"))?);
        }
        Ok(MemberKeys {
            operator: key(&self.operator, &format!("{path}.operator"))?,
            meter: optional(&self.meter, "meter")?,
            consensus: optional(&self.consensus, "consensus")?,
            network,
        })
    }
}

impl LocationDocument {
    fn location(&self, path: &str) -> Result<Location, GenesisError> {
        let country = Country::parse(&self.country);
        let leg =
            |text: &String| LegId::parse(text).ok_or_else(|| GenesisError::field(format!("{path}.leg"), Problem::NotName(text.clone())));
        Ok(Location {
            country: country.ok_or_else(|| GenesisError::field(format!("{path}.country"), Problem::NotCountry(self.country.clone())))?,
            canton: place(&self.canton, &format!("{path}.canton"))?,
            municipality: place(&self.municipality, &format!("{path}.municipality"))?,
            grid_operator: place(&self.grid_operator, &format!("{path}.gridOperator"))?,
            transformer_circuit: place(&self.transformer_circuit, &format!("{path}.transformerCircuit"))?,
            leg: self.leg.as_ref().map(leg).transpose()?,
            building: place(&self.building, &format!("{path}.building"))?,
        })
    }
}

impl CapacityDocument {
    fn capacity(&self, path: &str) -> Result<Capacity, GenesisError> {
        let factor = self.heat_factor.as_ref().map(|f| f.share(&format!("{path}.heatFactor"))).transpose()?;
        Ok(Capacity {
            compute_watts: self.compute_watts,
            storage_gb: self.storage_gb,
            solar_peak_watts: self.solar_peak_watts,
            heat_factor: factor.unwrap_or_default(),
            machines: self.machines,
        })
    }
}
