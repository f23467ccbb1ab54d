//! Content on its way between the parties: slice by slice, each verified before it is used, so that a wrong byte is found at its chunk.

use super::error::ContentError;
use super::store::{ContentStore, SLICE_BYTES, sized_slice};
use crate::away::away;
use async_trait::async_trait;
use bytes::Bytes;
use leg_ledger::codec;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{MemberId, TradeId};
use leg_ledger::transaction::StorageManifest;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Most bytes of an encoded request.
pub(super) const MAX_REQUEST: usize = 256;
/// Times that a slice is asked for before a fetch gives up; the next turn of the agent goes on where it stopped.
const ATTEMPTS: u32 = 3;

/// Asks for [`SLICE_BYTES`] of a content, fewer at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceRequest {
    /// The contract whose party asks.
    pub contract: TradeId,
    /// The content.
    pub root: Hash,
    /// First byte; a multiple of [`SLICE_BYTES`].
    pub from: u64,
}

/// Where slices come from: the nodes of a member.
#[async_trait]
pub trait Slices: Send + Sync + 'static {
    /// A slice, unverified; `None` when no node of the member gives it.
    async fn slice(&self, of: MemberId, request: SliceRequest) -> Option<Bytes>;
}

impl SliceRequest {
    /// As bytes.
    pub fn encode(&self) -> Bytes {
        codec::encode(self).into()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        codec::decode(bytes, MAX_REQUEST).ok().filter(|request: &SliceRequest| request.from.is_multiple_of(SLICE_BYTES))
    }
}

/// The content bytes from `from` on, verified.
///
/// # Errors
/// [`ContentError::Unreachable`]; [`ContentError::Damaged`] when what the member's node sends does not verify.
pub async fn read_slice(
    slices: &dyn Slices,
    of: MemberId,
    contract: TradeId,
    manifest: &StorageManifest,
    from: u64,
) -> Result<Vec<u8>, ContentError> {
    let (root, length) = (manifest.root, manifest.size.saturating_sub(from).min(SLICE_BYTES));
    let slice = slices.slice(of, SliceRequest { contract, root, from }).await.ok_or(ContentError::Unreachable(of))?;
    sized_slice(root, manifest.size, from, length, &slice).ok_or(ContentError::Damaged { root, from })
}

/// Fetches a content into the store, from where an earlier fetch stopped.
///
/// # Errors
/// [`ContentError`]; what was verified stays, and the next call goes on from there.
pub async fn fetch(
    store: Arc<ContentStore>,
    slices: Arc<dyn Slices>,
    of: MemberId,
    contract: TradeId,
    manifest: StorageManifest,
) -> Result<(), ContentError> {
    let StorageManifest { root, size, .. } = manifest;
    let reserving = Arc::clone(&store);
    let mut from = away(move || reserving.fetched(root, size)).await?;
    while from < size {
        let mut attempt = 1;
        loop {
            let slice = slices.slice(of, SliceRequest { contract, root, from }).await.ok_or(ContentError::Unreachable(of))?;
            let writing = Arc::clone(&store);
            match away(move || writing.extend(root, size, from, &slice)).await {
                Err(ContentError::Damaged { .. }) if attempt < ATTEMPTS => attempt += 1,
                result => {
                    result?;
                    break;
                }
            }
        }
        from = from.saturating_add(SLICE_BYTES);
    }
    Ok(())
}
