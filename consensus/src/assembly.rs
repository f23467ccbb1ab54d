//! Putting blocks together from parts, on a bounded table.
//!
//! A part is looked at in this order: is its height the one being decided or the next; is its round near; is its streamer in that
//! height's committee, and within its share of the table; is the manifest signed by it; does the chunk have the hash that the manifest
//! gives it. Only then is it kept. Full tables drop the same streamer's oldest stream: nobody can push out another's.
//!
//! Invariant: for each streamer at most [`MAX_STREAMS`] streams of at most [`HARD_BLOCK_BYTES`] each are held.

use crate::parts::{CHUNK_BYTES, MAX_CHUNKS};
use crate::signature_check::SignatureCheck;
use crate::types::{BlockPart, Manifest, SignedManifest, chunk_hash};
use bytes::{Bytes, BytesMut};
use leg_ledger::block::Committee;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{ChainId, Height, MemberId, Round};
use leg_ledger::limits::HARD_BLOCK_BYTES;
use leg_ledger::signature::Signature;
use std::collections::{BTreeMap, BTreeSet};

/// Streams held for one streamer.
pub const MAX_STREAMS: usize = 4;
/// Finished streams remembered for one streamer, so that late parts of them cost nothing.
pub const MAX_FINISHED: usize = 256;
/// Rounds ahead of the current one from which parts are kept; the engine looks as far ahead for votes.
pub const ROUND_LOOKAHEAD: u32 = 10;

/// Why a part was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// Of a height that is decided, or of one too far ahead: sync brings that one.
    #[error("height {0} is not being decided")]
    Height(Height),
    /// Of a round too far ahead.
    #[error("round {} is too far ahead", .0.get())]
    Round(Round),
    /// The streamer is not in the committee of that height.
    #[error("{0} is not in the committee")]
    Stranger(MemberId),
    /// The manifest contradicts itself: lengths, number of chunks, rounds.
    #[error("the manifest contradicts itself")]
    Manifest,
    /// Not signed by the streamer.
    #[error("the manifest is not signed by {0}")]
    Signature(MemberId),
    /// The chunk is not the one that the manifest lists.
    #[error("chunk {0} is not the manifest's")]
    Chunk(u32),
    /// More fresh streams for one round than an honest proposer has.
    #[error("{0} streams too much for one round")]
    TooMany(MemberId),
}

/// A stream whose chunks are all here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembled {
    /// What the streamer says of it.
    pub manifest: Manifest,
    /// The bytes that the manifest's hashes commit to.
    pub bytes: Bytes,
}

#[derive(Debug)]
struct Stream {
    signed: SignedManifest,
    chunks: BTreeMap<u32, Bytes>,
    arrival: u64,
}

impl Stream {
    fn assemble(&self) -> Option<Bytes> {
        if self.chunks.len() < self.signed.manifest.chunks.len() {
            return None;
        }
        let mut chunks = self.chunks.values();
        if self.chunks.len() == 1 {
            return chunks.next().cloned();
        }
        let mut bytes = BytesMut::with_capacity(self.chunks.values().map(Bytes::len).sum());
        chunks.for_each(|chunk| bytes.extend_from_slice(chunk));
        Some(bytes.freeze())
    }
}

#[derive(Debug, Default)]
struct Streamer {
    streams: BTreeMap<Hash, Stream>,
    finished: BTreeSet<Hash>,
}

/// The table of streams.
#[derive(Debug)]
pub struct Assembly {
    chain: ChainId,
    signatures: SignatureCheck,
    streamers: BTreeMap<(Height, MemberId), Streamer>,
    arrivals: u64,
}

/// Where the node stands; what is near follows from it.
#[derive(Clone, Copy, Debug)]
pub struct Position<'a> {
    /// The height being decided.
    pub height: Height,
    /// Its current round.
    pub round: Round,
    /// Its committee.
    pub committee: &'a Committee,
    /// The committee of the height after it, when it is known.
    pub next_committee: Option<&'a Committee>,
}

impl Assembly {
    /// An empty table.
    pub fn new(chain: ChainId, signatures: SignatureCheck) -> Self {
        Assembly { chain, signatures, streamers: BTreeMap::new(), arrivals: 0 }
    }

    /// Takes a part. `known` tells whether the node already holds a block: a stream of such a block is complete with its first part.
    ///
    /// The answer is the stream when this part completes it; each stream completes once.
    ///
    /// # Errors
    /// [`PartError`]: the sender's fault, or of no use any more.
    pub fn add(
        &mut self,
        part: &BlockPart,
        position: Position<'_>,
        known: impl FnOnce(&Manifest) -> Option<Bytes>,
    ) -> Result<Option<Assembled>, PartError> {
        let manifest = &part.signed.manifest;
        let committee = committee_of(manifest, position)?;
        let key = committee.key(manifest.streamer).ok_or(PartError::Stranger(manifest.streamer))?;
        check_manifest(manifest)?;
        let id = manifest.id();
        let place = (manifest.height, manifest.streamer);
        let held = self.streamers.get(&place);
        if held.is_some_and(|s| s.finished.contains(&id)) {
            return Ok(None);
        }
        // The id covers the manifest but not its signature, so the very same signature is required to skip the check.
        let verified = held.and_then(|s| s.streams.get(&id)).is_some_and(|s| s.signed.signature == part.signed.signature);
        if !verified {
            self.check_signature(manifest, &part.signed.signature, &key)?;
            if held.is_some_and(|s| s.finished.len() >= MAX_FINISHED) {
                return Err(PartError::TooMany(manifest.streamer));
            }
        }
        check_chunk(part)?;
        if let Some(bytes) = known(manifest) {
            self.finish(place, id);
            return Ok(Some(Assembled { manifest: manifest.clone(), bytes }));
        }
        Ok(self.insert(place, id, part))
    }

    /// Forgets everything of `height` and below.
    pub fn forget(&mut self, height: Height) {
        self.streamers.retain(|(h, _), _| *h > height);
    }

    fn check_signature(&self, manifest: &Manifest, signature: &Signature, key: &leg_ledger::signature::PublicKey) -> Result<(), PartError> {
        let verifies = self.signatures.verifies(key, &manifest.signing_bytes(self.chain), signature);
        if verifies { Ok(()) } else { Err(PartError::Signature(manifest.streamer)) }
    }

    fn insert(&mut self, place: (Height, MemberId), id: Hash, part: &BlockPart) -> Option<Assembled> {
        self.arrivals = self.arrivals.wrapping_add(1);
        let arrival = self.arrivals;
        let streamer = self.streamers.entry(place).or_default();
        if !streamer.streams.contains_key(&id) && streamer.streams.len() >= MAX_STREAMS {
            let oldest = streamer.streams.iter().min_by_key(|(_, s)| (s.signed.manifest.round, s.arrival)).map(|(id, _)| *id);
            oldest.and_then(|id| streamer.streams.remove(&id));
        }
        let stream = streamer.streams.entry(id).or_insert_with(|| Stream {
            signed: SignedManifest::clone(&part.signed),
            chunks: BTreeMap::new(),
            arrival,
        });
        stream.chunks.entry(part.index).or_insert_with(|| part.chunk.clone());
        let bytes = stream.assemble()?;
        self.finish(place, id);
        Some(Assembled { manifest: part.signed.manifest.clone(), bytes })
    }

    fn finish(&mut self, place: (Height, MemberId), id: Hash) {
        let streamer = self.streamers.entry(place).or_default();
        streamer.streams.remove(&id);
        streamer.finished.insert(id);
    }
}

fn committee_of<'a>(manifest: &Manifest, position: Position<'a>) -> Result<&'a Committee, PartError> {
    let (committee, round) = if manifest.height == position.height {
        (Some(position.committee), position.round)
    } else if Some(manifest.height) == position.height.next() {
        (position.next_committee, Round::default())
    } else {
        (None, Round::default())
    };
    let committee = committee.ok_or(PartError::Height(manifest.height))?;
    if manifest.round.get() > round.get().saturating_add(ROUND_LOOKAHEAD) {
        return Err(PartError::Round(manifest.round));
    }
    Ok(committee)
}

fn check_manifest(manifest: &Manifest) -> Result<(), PartError> {
    let length = usize::try_from(manifest.length).unwrap_or(usize::MAX);
    let fits = (1..=HARD_BLOCK_BYTES).contains(&length)
        && manifest.chunks.len() <= MAX_CHUNKS
        && manifest.chunks.len() == length.div_ceil(CHUNK_BYTES)
        && manifest.pol_round.is_none_or(|pol| pol < manifest.round);
    if fits { Ok(()) } else { Err(PartError::Manifest) }
}

fn check_chunk(part: &BlockPart) -> Result<(), PartError> {
    let manifest = &part.signed.manifest;
    let wrong = PartError::Chunk(part.index);
    let index = usize::try_from(part.index).map_err(|_| wrong)?;
    let expected = manifest.chunks.get(index).ok_or(wrong)?;
    let length = usize::try_from(manifest.length).map_err(|_| wrong)?;
    let start = index.saturating_mul(CHUNK_BYTES);
    if part.chunk.len() != length.saturating_sub(start).min(CHUNK_BYTES) {
        return Err(wrong);
    }
    // Lengths first: hashing is what a sender of garbage would like this node to do.
    if chunk_hash(&part.chunk) != *expected {
        return Err(wrong);
    }
    Ok(())
}

#[cfg(test)]
#[path = "assembly_tests.rs"]
mod tests;
