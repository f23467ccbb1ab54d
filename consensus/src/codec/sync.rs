//! What nodes ask and answer that catch up.
//!
//! An answer is refused here, before the engine sees it, when a block in it is not the one that its certificate names. So whatever this
//! node later finds wrong with such a block is a difference of opinion with a whole committee, never a lie of one peer.

use super::raw::Raw;
use super::{EngineCodec, EngineCodecError, mirror};
use crate::context::LegContext;
use crate::types::EngineHeight;
use arc_malachitebft_app_channel::app::types::PeerId;
use arc_malachitebft_codec::{Codec, HasEncodedLen};
use arc_malachitebft_sync::{RawDecidedValue, Request, Response, Status, ValueRequest, ValueResponse};
use bytes::Bytes;
use leg_ledger::block::{Certificate, Header};
use leg_ledger::codec;
use leg_ledger::codec::CodecError;
use leg_ledger::ids::Height;
use leg_ledger::limits::HARD_BLOCK_BYTES;
use leg_ledger::limits::MAX_COMMITTEE;
use serde::{Deserialize, Serialize};

/// Most heights asked for at once; of large blocks fewer come, see [`MAX_SYNC_BLOCK_BYTES`].
pub const SYNC_BATCH: usize = 64;
/// Most bytes of a question.
pub const MAX_SYNC_REQUEST_BYTES: usize = 64;
/// Most bytes of the blocks of an answer: eight of the largest.
pub const MAX_SYNC_BLOCK_BYTES: usize = 8 * HARD_BLOCK_BYTES;
/// Most bytes of an answer: its blocks, with certificates for a full batch.
pub const MAX_SYNC_RESPONSE_BYTES: usize = MAX_SYNC_BLOCK_BYTES + SYNC_BATCH * (MAX_COMMITTEE * 96 + 256) + 64;
/// Bytes of an encoded header, which all have the same length; an encoded block starts with them.
pub(super) const HEADER_BYTES: usize = 342;

#[derive(Serialize, Deserialize)]
enum Question {
    Values { first: Height, last: Height },
}

#[derive(Serialize, Deserialize)]
enum Answer {
    Values { first: Height, values: Vec<Decided> },
}

#[derive(Serialize, Deserialize)]
struct Decided {
    certificate: Certificate,
    block: Raw,
}

#[derive(Serialize, Deserialize)]
struct NodeStatus {
    peer: Vec<u8>,
    tip: Height,
    min: Height,
}

impl Codec<Status<LegContext>> for EngineCodec {
    type Error = EngineCodecError;

    fn decode(&self, bytes: Bytes) -> Result<Status<LegContext>, EngineCodecError> {
        let status: NodeStatus = codec::decode(&bytes, MAX_SYNC_REQUEST_BYTES + 64)?;
        let peer_id = PeerId::from_bytes(&status.peer).map_err(|_| EngineCodecError::Foreign("not a peer id"))?;
        Ok(Status { peer_id, tip_height: EngineHeight::new(status.tip), history_min_height: EngineHeight::new(status.min) })
    }

    fn encode(&self, status: &Status<LegContext>) -> Result<Bytes, EngineCodecError> {
        let status =
            NodeStatus { peer: status.peer_id.to_bytes(), tip: status.tip_height.ledger(), min: status.history_min_height.ledger() };
        Ok(codec::encode(&status).into())
    }
}

impl Codec<Request<LegContext>> for EngineCodec {
    type Error = EngineCodecError;

    fn decode(&self, bytes: Bytes) -> Result<Request<LegContext>, EngineCodecError> {
        let Question::Values { first, last } = codec::decode(&bytes, MAX_SYNC_REQUEST_BYTES)?;
        let range = EngineHeight::new(first)..=EngineHeight::new(last);
        Ok(Request::ValueRequest(ValueRequest::new(range)))
    }

    fn encode(&self, request: &Request<LegContext>) -> Result<Bytes, EngineCodecError> {
        let Request::ValueRequest(request) = request;
        let question = Question::Values { first: request.range.start().ledger(), last: request.range.end().ledger() };
        Ok(codec::encode(&question).into())
    }
}

impl Codec<Response<LegContext>> for EngineCodec {
    type Error = EngineCodecError;

    fn decode(&self, bytes: Bytes) -> Result<Response<LegContext>, EngineCodecError> {
        let Answer::Values { first, values } = codec::decode(&bytes, MAX_SYNC_RESPONSE_BYTES)?;
        if values.len() > SYNC_BATCH {
            return Err(EngineCodecError::List { actual: values.len(), limit: SYNC_BATCH });
        }
        let mut expected = Some(first);
        let mut raw = Vec::with_capacity(values.len());
        for decided in values {
            if expected != Some(decided.certificate.height) {
                return Err(EngineCodecError::Gap);
            }
            check_certified(&decided)?;
            expected = decided.certificate.height.next();
            raw.push(RawDecidedValue::new(decided.block.0, mirror::to_engine(&decided.certificate)));
        }
        Ok(Response::ValueResponse(ValueResponse::new(EngineHeight::new(first), raw)))
    }

    fn encode(&self, response: &Response<LegContext>) -> Result<Bytes, EngineCodecError> {
        let Response::ValueResponse(response) = response;
        let values =
            response.values.iter().map(|v| Decided { certificate: mirror::to_ledger(&v.certificate), block: Raw(v.value_bytes.clone()) });
        let answer = Answer::Values { first: response.start_height.ledger(), values: values.collect() };
        Ok(codec::encode(&answer).into())
    }
}

impl HasEncodedLen<Response<LegContext>> for EngineCodec {
    fn encoded_len(&self, response: &Response<LegContext>) -> Result<usize, EngineCodecError> {
        let Response::ValueResponse(response) = response;
        // Lengths add up: fixed parts, and per block its bytes and its certificate. No need to copy blocks for their length.
        let empty = codec::encode(&Answer::Values { first: Height::GENESIS, values: vec![] });
        let blocks = response.values.iter().map(|v| {
            let certificate = codec::encode(&mirror::to_ledger(&v.certificate));
            certificate.len() + size_of::<u64>() + v.value_bytes.len()
        });
        Ok(empty.len() + blocks.sum::<usize>())
    }
}

/// Checks that the block's header is the certificate's, and that the certificate is in order as far as that needs no committee.
fn check_certified(decided: &Decided) -> Result<(), EngineCodecError> {
    let certificate = &decided.certificate;
    if certificate.signatures.len() > MAX_COMMITTEE {
        return Err(EngineCodecError::List { actual: certificate.signatures.len(), limit: MAX_COMMITTEE });
    }
    if decided.block.0.len() > HARD_BLOCK_BYTES {
        return Err(CodecError::TooLong { actual: decided.block.0.len(), limit: HARD_BLOCK_BYTES }.into());
    }
    let header: Header = match decided.block.0.get(..HEADER_BYTES) {
        Some(bytes) => codec::decode(bytes, HEADER_BYTES)?,
        None => return Err(CodecError::Malformed("no header".into()).into()),
    };
    if header.id() != certificate.block || header.height != certificate.height {
        return Err(EngineCodecError::NotCertified { height: certificate.height });
    }
    Ok(())
}
