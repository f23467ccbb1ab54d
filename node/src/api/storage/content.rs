//! Uploading a content and reading it back, as streams.

use super::super::auth::Authorized;
use super::super::error::{ApiError, ErrorAnswer};
use super::super::service::Api;
use super::query::find;
use crate::content::{ContentError, Desk, MAX_CONTENT_BYTES, Record, SLICE_BYTES, read_slice};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::stream::try_unfold;
use leg_ledger::ids::{MemberId, TradeId};
use serde::Serialize;
use std::io::{self, Read};
use std::sync::Arc;
use tokio::sync::mpsc;
use utoipa::ToSchema;

/// Pieces of an upload that wait for the disk.
const WAITING: usize = 16;

/// The answer to what the content store cannot do.
pub fn failed(error: ContentError) -> ApiError {
    let (status, code, field) = match &error {
        ContentError::Io { .. } | ContentError::Record { .. } => return ApiError::internal(&error),
        ContentError::Unknown(_) => (StatusCode::NOT_FOUND, "unknown_content", Some("content")),
        ContentError::Quota { .. } => (StatusCode::INSUFFICIENT_STORAGE, "quota_exceeded", None),
        ContentError::Size(0) => (StatusCode::UNPROCESSABLE_ENTITY, "empty_content", None),
        ContentError::Size(_) => (StatusCode::PAYLOAD_TOO_LARGE, "content_too_large", None),
        ContentError::Damaged { .. } => (StatusCode::BAD_GATEWAY, "content_damaged", None),
        ContentError::Unreachable(_) => (StatusCode::SERVICE_UNAVAILABLE, "seller_unreachable", None),
    };
    let answer = ApiError::new(status, code, error.to_string());
    if let Some(field) = field { answer.at(field) } else { answer }
}

/// An uploaded content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UploadAnswer {
    /// Its BLAKE3 root, by which storage is bought for it.
    pub content: String,
    /// Its bytes.
    pub bytes: u64,
}

/// The pieces of a request's body, to be read where waiting is allowed.
struct Pieces {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    rest: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.rest = piece?,
                None => return Ok(0),
            }
        }
        let piece = self.rest.split_to(self.rest.len().min(buffer.len()));
        buffer.get_mut(..piece.len()).unwrap_or_default().copy_from_slice(&piece);
        Ok(piece.len())
    }
}

/// Takes a content, whatever bytes it has. It waits a day for storage to be bought for it.
#[utoipa::path(
    put, path = "/api/storage/content", tag = "storage", security(("token" = [])),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "All of it is on this node's disk.", body = UploadAnswer),
        (status = "4XX", description = "Not taken.", body = ErrorAnswer),
        (status = 507, description = "The quota leaves no room.", body = ErrorAnswer),
    )
)]
pub async fn upload(_: Authorized, State(api): State<Api>, body: Body) -> Result<Json<UploadAnswer>, ApiError> {
    let uploads = Arc::clone(&api.content()?.uploads);
    let (sender, pieces) = mpsc::channel(WAITING);
    let storing = tokio::task::spawn_blocking(move || {
        let mut reader = Pieces { pieces, rest: Bytes::new() };
        uploads.add(&mut reader, MAX_CONTENT_BYTES)
    });
    let mut body = body.into_data_stream();
    while let Some(piece) = body.next().await {
        let broken = piece.is_err();
        // The store may have refused the rest.
        if sender.send(piece.map_err(io::Error::other)).await.is_err() {
            break;
        }
        if broken {
            let _ = storing.await;
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "body_unreadable", "the body ended before its announced length"));
        }
    }
    drop(sender);
    let (root, bytes) = storing.await.map_err(|error| ApiError::internal(&error))?.map_err(failed)?;
    Ok(Json(UploadAnswer { content: root.to_string(), bytes }))
}

/// Where the bytes of a contract's content are read.
struct Reading {
    desk: Arc<Desk>,
    record: Record,
    contract: TradeId,
    seller: MemberId,
    from: u64,
}

impl Reading {
    /// The next bytes, decrypted; `None` at the end. What this node still keeps is read here, else from the seller's.
    async fn next(&mut self) -> Result<Option<Bytes>, ContentError> {
        let manifest = self.record.manifest;
        if self.from >= manifest.size {
            return Ok(None);
        }
        let mut bytes = read_slice(self.desk.slices.as_ref(), self.seller, self.contract, &manifest, self.from).await?;
        self.record.key.apply(self.from, &mut bytes);
        self.from = self.from.saturating_add(SLICE_BYTES);
        Ok(Some(bytes.into()))
    }
}

/// Reads a stored content back from its seller: verified slice by slice and decrypted. A slice that does not verify ends the answer early.
#[utoipa::path(
    get, path = "/api/storage/{id}/content", tag = "storage", security(("token" = [])),
    params(("id" = String, Path, description = "The contract, or its bid.")),
    responses(
        (status = 200, description = "The content.", content_type = "application/octet-stream", body = Vec<u8>),
        (status = "4XX", description = "No such contract, or not this hub's content.", body = ErrorAnswer),
        (status = 502, description = "The seller gives other bytes than were stored.", body = ErrorAnswer),
        (status = 503, description = "No node of the seller is connected.", body = ErrorAnswer),
    )
)]
pub async fn read_content(_: Authorized, State(api): State<Api>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let desk = Arc::clone(api.content()?);
    let contract = api.blocking(move |api| find(api, &id)).await?.0;
    let message = "this node has no key for the contract's content";
    let record = desk.records.get(contract.bid).ok_or_else(|| ApiError::new(StatusCode::FORBIDDEN, "no_content_key", message))?;
    let size = record.manifest.size;
    let mut reading = Reading { desk, record, contract: contract.id, seller: contract.seller, from: 0 };
    // What fails at once is an answer of its own; later it can only cut the stream off.
    let first = reading.next().await.map_err(failed)?;
    let rest = try_unfold((first, reading), |(ahead, mut reading)| async move {
        match ahead {
            None => Ok::<_, ContentError>(None),
            Some(bytes) => {
                let next = reading.next().await?;
                Ok(Some((bytes, (next, reading))))
            }
        }
    });
    let headers = [(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_LENGTH, size.to_string())];
    Ok((headers, Body::from_stream(rest)).into_response())
}
