//! The stream of final blocks on one connection: what a client needs to know that its transactions are final, and no more.
//!
//! ```text
//! answer = frame*        frame = length (4 bytes, little-endian), canonical bytes of a FinalBlock
//! ```
//! The stream begins with the first block that becomes final after the request. It ends when the node stops, and when the client reads so
//! slowly that blocks would be skipped; the heights in the frames tell which block to go on with (`/api/blocks/{height}/raw`).

use super::super::error::{ApiError, ErrorAnswer};
use super::super::ports::{Followed, Results};
use super::super::service::Api;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use futures::{StreamExt, future};
use leg_ledger::codec;
use leg_ledger::ids::{Height, TransactionId};
use leg_ledger::receipt::{Code, Event};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// What became final with one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinalBlock {
    /// Its height.
    pub height: Height,
    /// Its transactions, in the order in which they were executed.
    pub transactions: Vec<TransactionId>,
    /// Actions of theirs.
    pub actions: u32,
    /// Actions that the rules rejected.
    pub rejected: u32,
    /// Trades that its auctions made.
    pub trades: u32,
}

impl FinalBlock {
    /// What a block left behind.
    pub fn of(results: &Results) -> Self {
        let mut transactions: Vec<TransactionId> = results.receipts.iter().map(|receipt| receipt.transaction).collect();
        // Receipts of a transaction stand side by side.
        transactions.dedup();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let rejected = results.receipts.iter().filter(|receipt| receipt.code != Code::Ok).count();
        let trades = results.events.iter().filter(|event| matches!(event, Event::Matched { .. })).count();
        let (actions, rejected, trades) = (count(results.receipts.len()), count(rejected), count(trades));
        FinalBlock { height: results.height, transactions, actions, rejected, trades }
    }

    /// Its frame.
    pub fn to_frame(&self) -> Vec<u8> {
        let bytes = codec::encode(self);
        // A block's ids are far below 4 GiB.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        [&length.to_le_bytes()[..], &bytes].concat()
    }
}

/// Every block that becomes final from now on, as frames: a length of 4 bytes, little-endian, and the canonical bytes of (height, transaction
/// ids, number of actions, of rejected actions, of new trades).
#[utoipa::path(
    get, path = "/api/blocks/follow", tag = "ledger",
    responses(
        (status = 200, description = "The frames, for as long as both sides keep the connection.", content_type = "application/octet-stream"),
        (status = 503, description = "Too many follow already.", body = ErrorAnswer),
    )
)]
pub async fn follow_blocks(State(api): State<Api>) -> Result<impl IntoResponse, ApiError> {
    let place = api.follow()?;
    // The place is given back when the stream is dropped.
    let frames = api.chain().follow().scan(place, |_place, step| {
        future::ready(match step {
            Followed::Block(results) => Some(Ok::<_, Infallible>(Bytes::from(FinalBlock::of(&results).to_frame()))),
            Followed::Lagged => None,
        })
    });
    let frames = frames.take_until(api.stopped());
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], Body::from_stream(frames)))
}
