//! The registry.

use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Params, member_id, page_limit};
use super::super::number::Exact;
use super::super::service::Api;
use axum::Json;
use axum::extract::State;
use leg_ledger::ids::MemberId;
use leg_ledger::member::{Member, MemberStatus, Role};
use leg_ledger::state::{Members, State as LedgerState, View};
use serde::{Deserialize, Serialize};
use std::ops::Bound;
use utoipa::{IntoParams, ToSchema};

/// Which page of the members.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct MemberParams {
    /// Entries on the page, 100 by default.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

impl MemberParams {
    /// The member after which the page starts.
    ///
    /// # Errors
    /// 422 that names the field `cursor`.
    pub fn after(&self) -> Result<Option<MemberId>, ApiError> {
        self.cursor.as_deref().map(|text| member_id(text, "cursor")).transpose()
    }
}

/// A member's public keys, hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct KeysAnswer {
    /// Signs transactions.
    pub operator: String,
    /// Signs readings.
    pub meter: Option<String>,
    /// Signs votes.
    pub consensus: Option<String>,
    /// Its nodes in the swarm.
    pub network: Vec<String>,
}

/// Where a member is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocationAnswer {
    /// Two letters of ISO 3166.
    pub country: String,
    /// Canton.
    pub canton: String,
    /// Municipality.
    pub municipality: String,
    /// Grid operator.
    pub grid_operator: String,
    /// Transformer circuit.
    pub transformer_circuit: String,
    /// Its energy community.
    pub leg: Option<String>,
    /// The building.
    pub building: String,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberAnswer {
    /// Its id.
    pub hub_id: String,
    /// Who owns it.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Its role.
    #[schema(value_type = String)]
    pub role: Role,
    /// `active`, `suspended` or `left`.
    #[schema(value_type = String)]
    pub status: MemberStatus,
    /// Its public keys.
    pub keys: KeysAnswer,
    /// Where it is.
    pub location: LocationAnswer,
    /// Certified power of its servers, watts.
    pub compute_watts: u64,
    /// Certified storage, GB.
    pub storage_gb: u64,
    /// Peak power of its solar plant, watts.
    pub solar_peak_watts: u64,
    /// Heat per compute energy.
    #[schema(value_type = f64)]
    pub heat_factor: Exact,
    /// Machines for sale by the hour.
    pub machines: u32,
    /// 0..1.
    #[schema(value_type = f64)]
    pub reputation: Exact,
}

impl MemberAnswer {
    fn new(member: &Member) -> Self {
        let (keys, place) = (&member.keys, &member.location);
        MemberAnswer {
            hub_id: member.id.to_string(),
            owner: member.owner.to_string(),
            name: member.name.clone(),
            role: member.role,
            status: member.status,
            keys: KeysAnswer {
                operator: keys.operator.to_string(),
                meter: keys.meter.map(|key| key.to_string()),
                consensus: keys.consensus.map(|key| key.to_string()),
                network: keys.network.iter().map(ToString::to_string).collect(),
            },
            location: LocationAnswer {
                country: String::from(place.country),
                canton: place.canton.to_string(),
                municipality: place.municipality.to_string(),
                grid_operator: place.grid_operator.to_string(),
                transformer_circuit: place.transformer_circuit.to_string(),
                leg: place.leg.map(|leg| leg.to_string()),
                building: place.building.to_string(),
            },
            compute_watts: member.capacity.compute_watts,
            storage_gb: member.capacity.storage_gb,
            solar_peak_watts: member.capacity.solar_peak_watts,
            heat_factor: Exact::share(member.capacity.heat_factor),
            machines: member.capacity.machines,
            reputation: Exact::share(member.reputation),
        }
    }
}

/// A page of members.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MemberList {
    /// By id.
    pub members: Vec<MemberAnswer>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The registry, by page.
#[utoipa::path(
    get, path = "/api/members", tag = "ledger", params(MemberParams),
    responses((status = 200, description = "A page of members.", body = MemberList), (status = "4XX", description = "A wrong query.", body = ErrorAnswer))
)]
pub async fn list_members(State(api): State<Api>, Params(params): Params<MemberParams>) -> Result<Json<MemberList>, ApiError> {
    let limit = page_limit(params.limit)?;
    let after = params.after()?;
    let list = api.blocking(move |api| {
        api.read(|ledger| {
            let (members, next) = page_of_members(ledger.state(), after, limit);
            MemberList { members: members.into_iter().map(MemberAnswer::new).collect(), next }
        })
    });
    list.await.map(Json)
}

/// Members after `after`, by id, with the cursor of the next page.
pub fn page_of_members(state: &LedgerState, after: Option<MemberId>, limit: usize) -> (Vec<&Member>, Option<String>) {
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut members: Vec<&Member> = state.range::<Members>((start, Bound::Unbounded)).map(|(_, member)| member).take(limit + 1).collect();
    let more = members.len() > limit;
    members.truncate(limit);
    let next = members.last().filter(|_| more).map(|member| member.id.to_string());
    (members, next)
}
