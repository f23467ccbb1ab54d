//! What the node is doing: status, health, metrics.

use super::error::ApiError;
use super::ledger::clock_text;
use super::ports::PeerStatus;
use super::service::Api;
use super::time;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use leg_ledger::block::Committee;
use leg_ledger::execute::Ledger;
use leg_ledger::state::{Committees, View};
use serde::Serialize;
use utoipa::ToSchema;

/// A neighbour in the swarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeerAnswer {
    /// Its id in the swarm.
    pub peer: String,
    /// The member whose node it is.
    pub member: Option<String>,
    /// Connected now.
    pub connected: bool,
    /// Its last block, as it says.
    pub height: Option<u64>,
    /// A state root that it reported, and the block after which it has it.
    pub state_root: Option<String>,
    /// That block.
    pub root_height: Option<u64>,
    /// The last block after which its root differed from this node's.
    pub diverged_at_height: Option<u64>,
    /// Its transactions are not listened to for now.
    pub muted: bool,
}

impl From<PeerStatus> for PeerAnswer {
    fn from(peer: PeerStatus) -> Self {
        PeerAnswer {
            peer: peer.peer,
            member: peer.member.map(|member| member.to_string()),
            connected: peer.connected,
            height: peer.height.map(|height| height.get()),
            state_root: peer.root.map(|(_, root)| root.to_string()),
            root_height: peer.root.map(|(height, _)| height.get()),
            diverged_at_height: peer.diverged.map(|height| height.get()),
            muted: peer.muted,
        }
    }
}

/// What the node is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusAnswer {
    /// The program's version.
    pub version: String,
    /// The network.
    pub chain: String,
    /// The hub whose keys this node signs with.
    pub hub_id: Option<String>,
    /// Last committed height.
    pub height: u64,
    /// Id of the last block.
    pub block: String,
    /// Time of the last block, the proposer's clock.
    pub time: String,
    /// Market time of the last block.
    pub market_time: String,
    /// Number of the running slot.
    pub slot: u64,
    /// Market time by this node's clock.
    pub clock_market_time: String,
    /// Market milliseconds in one millisecond of the clock.
    pub time_scale: u32,
    /// Root of the state after the last block.
    pub state_root: String,
    /// Hash of the last block's receipts and events.
    pub receipts_root: String,
    /// Root of the history log.
    pub history_root: String,
    /// Who decides the next block.
    pub committee: Vec<String>,
    /// Who decides the block after it.
    pub next_committee: Vec<String>,
    /// Transactions that wait.
    pub mempool: usize,
    /// Neighbours.
    pub peers: Vec<PeerAnswer>,
}

/// Height, roots, peers, committee, time.
#[utoipa::path(get, path = "/status", tag = "node", responses((status = 200, description = "The status.", body = StatusAnswer)))]
pub async fn status(State(api): State<Api>) -> Result<Json<StatusAnswer>, ApiError> {
    api.blocking(|api| {
        let (now, mempool) = (api.now(), api.mempool().waiting());
        let peers: Vec<PeerAnswer> = api.network().peers().into_iter().map(PeerAnswer::from).collect();
        let hub_id = api.own().map(|signer| signer.member().to_string());
        api.read(|ledger| {
            let tip = ledger.tip();
            let market_time = ledger.market_time(tip.time);
            let (committee, next_committee) = committees(ledger);
            StatusAnswer {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                chain: ledger.chain().to_string(),
                hub_id,
                height: tip.height.get(),
                block: tip.block.to_string(),
                time: clock_text(tip.time),
                market_time: time::text(market_time),
                slot: market_time.slot().get(),
                clock_market_time: time::text(ledger.market_time(now)),
                time_scale: ledger.params().map_or(1, |params| params.clock.scale),
                state_root: tip.state_root.to_string(),
                receipts_root: tip.receipts_root.to_string(),
                history_root: tip.history_root.to_string(),
                committee,
                next_committee,
                mempool,
                peers,
            }
        })
    })
    .await
    .map(Json)
}

fn committees(ledger: &Ledger) -> (Vec<String>, Vec<String>) {
    let names = |committee: &Committee| committee.members().iter().map(|member| member.member.to_string()).collect();
    let committees = ledger.state().get::<Committees>(&());
    committees.map_or_else(Default::default, |c| (names(&c.current), names(&c.next)))
}

/// The node is alive and answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HealthAnswer {
    /// `ok`.
    pub status: String,
    /// Last committed height.
    pub height: u64,
}

/// Alive: the ledger can be read. A node that cannot write has stopped and answers nothing.
#[utoipa::path(get, path = "/healthz", tag = "node", responses((status = 200, description = "Alive.", body = HealthAnswer)))]
pub async fn healthz(State(api): State<Api>) -> Result<Json<HealthAnswer>, ApiError> {
    let height = api.blocking(|api| api.read(|ledger| ledger.tip().height.get())).await?;
    Ok(Json(HealthAnswer { status: "ok".to_owned(), height }))
}

/// Metrics in the text format of Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "node",
    responses((status = 200, description = "Metrics.", body = String, content_type = "application/openmetrics-text"))
)]
pub async fn metrics(State(api): State<Api>) -> Result<impl IntoResponse, ApiError> {
    let text = api
        .blocking(|api| {
            let (height, market_time) = api.read(|ledger| (ledger.tip().height.get(), ledger.market_time(ledger.tip().time).ms()))?;
            let peers = api.network().peers().into_iter().filter(|peer| peer.connected).count();
            api.metrics().observe(height, market_time, peers);
            api.telemetry().encode().map_err(|error| ApiError::internal(&error))
        })
        .await?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}
