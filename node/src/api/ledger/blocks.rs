//! Blocks.

use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::Params;
use super::super::service::Api;
use super::super::time;
use super::event::EventAnswer;
use super::transactions::TransactionAnswer;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use leg_ledger::block::{Block, Certificate, Header};
use leg_ledger::codec;
use leg_ledger::ids::Height;
use leg_ledger::time::{BlockTime, MarketTime};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Blocks on one page of the list.
const MAX_BLOCKS: u64 = 100;

/// What the committee signed, through its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderAnswer {
    /// Protocol version.
    pub version: u16,
    /// The network.
    pub chain: String,
    /// Height.
    pub height: u64,
    /// The proposer's clock.
    pub time: String,
    /// The same, Unix milliseconds.
    pub time_ms: u64,
    /// Round in which it was first proposed.
    pub creation_round: u32,
    /// Who built it.
    pub proposer: String,
    /// The parent's id.
    pub parent: String,
    /// Hash of the parent's certificate.
    pub parent_certificate: String,
    /// Commitment to the transactions.
    pub transactions_root: String,
    /// Root of the state after the parent.
    pub state_root: String,
    /// Hash of the parent's receipts and events.
    pub receipts_root: String,
    /// Root of the history log after the parent.
    pub history_root: String,
    /// Hash of the committee of this height.
    pub committee: String,
    /// Hash of the committee of the next height.
    pub next_committee: String,
}

impl HeaderAnswer {
    fn new(header: &Header) -> Self {
        HeaderAnswer {
            version: header.version.get(),
            chain: header.chain.to_string(),
            height: header.height.get(),
            time: clock_text(header.time),
            time_ms: header.time.ms(),
            creation_round: header.creation_round.get(),
            proposer: header.proposer.to_string(),
            parent: header.parent.to_string(),
            parent_certificate: header.parent_certificate.to_string(),
            transactions_root: header.transactions_root.to_string(),
            state_root: header.state_root.to_string(),
            receipts_root: header.receipts_root.to_string(),
            history_root: header.history_root.to_string(),
            committee: header.committee.to_string(),
            next_committee: header.next_committee.to_string(),
        }
    }
}

/// A block's time as RFC 3339: the clock's, not the market's.
pub fn clock_text(time: BlockTime) -> String {
    time::text(MarketTime::from_ms(time.ms()))
}

/// One precommit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SignatureAnswer {
    /// Who.
    pub member: String,
    /// Over (chain, height, round, block id), hex.
    pub signature: String,
}

/// What decided a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CertificateAnswer {
    /// Round of the decision.
    pub round: u32,
    /// Who precommitted it.
    pub signatures: Vec<SignatureAnswer>,
}

impl CertificateAnswer {
    fn new(certificate: &Certificate) -> Self {
        let signatures = certificate.signatures.iter();
        let answer = |s: &leg_ledger::block::CommitSignature| SignatureAnswer {
            member: s.member.to_string(),
            signature: hex::encode(s.signature.as_bytes()),
        };
        CertificateAnswer { round: certificate.round.get(), signatures: signatures.map(answer).collect() }
    }
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BlockAnswer {
    /// Its id: the hash of its header.
    pub id: String,
    /// What was signed.
    pub header: HeaderAnswer,
    /// What decided it.
    pub certificate: CertificateAnswer,
    /// Its transactions with their receipts, in the proposer's order.
    pub transactions: Vec<TransactionAnswer>,
    /// What happened in it.
    pub events: Vec<EventAnswer>,
}

/// A block in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockSummary {
    /// Height.
    pub height: u64,
    /// Its id.
    pub id: String,
    /// The proposer's clock.
    pub time: String,
    /// Who built it.
    pub proposer: String,
    /// Number of transactions.
    pub transactions: usize,
    /// Number of precommits.
    pub signatures: usize,
    /// Root of the state after the parent.
    pub state_root: String,
}

/// The newest blocks.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BlockList {
    /// The newest first.
    pub blocks: Vec<BlockSummary>,
}

/// Which blocks.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct BlockParams {
    /// How many, 10 by default, 100 at most.
    pub limit: Option<u64>,
    /// Only blocks below this height.
    pub below: Option<u64>,
}

/// The newest blocks.
#[utoipa::path(
    get, path = "/api/blocks", tag = "ledger", params(BlockParams),
    responses((status = 200, description = "The newest blocks.", body = BlockList), (status = "4XX", description = "A wrong query.", body = ErrorAnswer))
)]
pub async fn list_blocks(State(api): State<Api>, Params(params): Params<BlockParams>) -> Result<Json<BlockList>, ApiError> {
    let limit = params.limit.unwrap_or(10);
    if limit == 0 || limit > MAX_BLOCKS {
        return Err(ApiError::bad_value("limit", format!("1 to {MAX_BLOCKS} blocks fit on a page")));
    }
    let blocks = api.blocking(move |api| {
        let tip = api.read(|ledger| ledger.tip().height.get())?;
        let newest = params.below.map_or(tip, |below| tip.min(below.saturating_sub(1)));
        let heights = (newest.saturating_sub(limit - 1).max(1)..=newest).rev();
        let mut blocks = Vec::new();
        for height in heights {
            let Some((block, certificate)) = api.chain().block(Height::new(height))? else { break };
            blocks.push(summary(&block, &certificate));
        }
        Ok(BlockList { blocks })
    });
    blocks.await.map(Json)
}

fn summary(block: &Block, certificate: &Certificate) -> BlockSummary {
    BlockSummary {
        height: block.header.height.get(),
        id: block.id().to_string(),
        time: clock_text(block.header.time),
        proposer: block.header.proposer.to_string(),
        transactions: block.body.transactions.len(),
        signatures: certificate.signatures.len(),
        state_root: block.header.state_root.to_string(),
    }
}

/// A block with its certificate, transactions, receipts and events.
#[utoipa::path(
    get, path = "/api/blocks/{height}", tag = "ledger", params(("height" = u64, Path, description = "The height.")),
    responses((status = 200, description = "The block.", body = BlockAnswer), (status = 404, description = "No such block.", body = ErrorAnswer))
)]
pub async fn get_block(State(api): State<Api>, Path(height): Path<String>) -> Result<Json<BlockAnswer>, ApiError> {
    let height = parse_height(&height)?;
    let answer = api.blocking(move |api| {
        let (block, certificate) = api.chain().block(height)?.ok_or_else(unknown)?;
        let results = api.chain().results(height)?.ok_or_else(unknown)?;
        let transactions = block.body.transactions.iter();
        Ok(BlockAnswer {
            id: block.id().to_string(),
            header: HeaderAnswer::new(&block.header),
            certificate: CertificateAnswer::new(&certificate),
            transactions: transactions.map(|t| TransactionAnswer::new(t, Some(height), &results.receipts)).collect(),
            events: results.events.iter().map(EventAnswer::from).collect(),
        })
    });
    answer.await.map(Json)
}

/// The canonical bytes of a block and its certificate, for whoever checks them: `(block, certificate)` as docs/formats.md says.
#[utoipa::path(
    get, path = "/api/blocks/{height}/raw", tag = "ledger", params(("height" = u64, Path, description = "The height.")),
    responses(
        (status = 200, description = "The bytes.", content_type = "application/octet-stream"),
        (status = 404, description = "No such block.", body = ErrorAnswer),
    )
)]
pub async fn raw_block(State(api): State<Api>, Path(height): Path<String>) -> Result<impl IntoResponse, ApiError> {
    let height = parse_height(&height)?;
    let bytes = api.blocking(move |api| api.chain().block(height)?.map(|pair| codec::encode(&pair)).ok_or_else(unknown)).await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes))
}

fn unknown() -> ApiError {
    ApiError::not_found("unknown_block", "this node has no block of this height").at("height")
}

fn parse_height(text: &str) -> Result<Height, ApiError> {
    text.parse().map(Height::new).map_err(|_| ApiError::bad_value("height", "a height is a whole number"))
}
