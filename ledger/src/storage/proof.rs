//! Proofs: Bao slices that every node verifies (MARKET 7).

use super::challenge::{self, CHUNK_BYTES, challenged_chunks};
use super::{contract, put};
use crate::execute::{Context, Envelope};
use crate::limits::MAX_CHUNK_PROOFS;
use crate::receipt::{Code, Event};
use crate::state::{StorageContract, StorageStage, TradeStatus, Trades, View};
use crate::transaction::{ChunkProof, ProveStorage, StorageManifest};
use bao::decode::SliceDecoder;
use std::io::Read;

/// Takes proofs of an open challenge. With the last of its chunks the day is answered; the first challenge, answered, starts the months.
///
/// # Errors
/// [`Code::UnknownContract`]; [`Code::NotParty`] for anybody but the seller; [`Code::NoChallenge`] when that day's is not open; [`Code::TooLate`];
/// [`Code::BadChunk`] for no chunk, too many, one that was not asked for or is proved already; [`Code::BadProof`] for a slice that does not
/// verify against the manifest's root and size.
pub fn prove(ctx: &mut Context<'_>, envelope: &Envelope, proof: &ProveStorage) -> Result<(), Code> {
    let mut contract = contract(ctx, proof.contract)?;
    if envelope.signer != contract.seller {
        return Err(Code::NotParty);
    }
    let manifest = contract.manifest.ok_or(Code::NoChallenge)?;
    let mut challenge = contract.challenge.filter(|c| c.day == proof.day).ok_or(Code::NoChallenge)?;
    if challenge.due <= ctx.facts.market_time {
        return Err(Code::TooLate);
    }
    if proof.chunks.is_empty() || proof.chunks.len() > MAX_CHUNK_PROOFS {
        return Err(Code::BadChunk);
    }
    let asked = challenged_chunks(challenge.seed, manifest.size, ctx.params.storage.challenge_chunks);
    for chunk in &proof.chunks {
        let number = asked.get(usize::from(chunk.pick)).ok_or(Code::BadChunk)?;
        let bit = 1_u32.checked_shl(u32::from(chunk.pick)).ok_or(Code::BadChunk)?;
        if challenge.proved & bit != 0 {
            return Err(Code::BadChunk);
        }
        verify(&manifest, *number, chunk)?;
        challenge.proved |= bit;
    }
    let proved = usize::try_from(challenge.proved.count_ones()).map_err(|_| Code::Overflow)?;
    if proved < asked.len() {
        contract.challenge = Some(challenge);
        return put(ctx, contract);
    }
    contract.challenge = None;
    ctx.events.push(Event::StorageProved { contract: contract.id, day: challenge.day });
    answered(ctx, &mut contract)?;
    put(ctx, contract)
}

/// A challenge was answered in full.
fn answered(ctx: &mut Context<'_>, contract: &mut StorageContract) -> Result<(), Code> {
    contract.missed_in_row = 0;
    if let StorageStage::Announced { .. } = contract.stage {
        return start(ctx, contract);
    }
    contract.asked = contract.asked.checked_add(1).ok_or(Code::Overflow)?;
    contract.answered = contract.answered.checked_add(1).ok_or(Code::Overflow)?;
    Ok(())
}

/// The first proof: the content is stored, and the term begins.
fn start(ctx: &mut Context<'_>, contract: &mut StorageContract) -> Result<(), Code> {
    let since = ctx.facts.market_time;
    contract.stage = StorageStage::Stored { since };
    challenge::schedule(ctx, contract, since)?;
    let mut trade = ctx.state.get::<Trades>(&contract.trade).cloned().ok_or(Code::UnknownTrade)?;
    trade.status = TradeStatus::Confirmed;
    ctx.state.put::<Trades>(trade.id, trade);
    ctx.events.push(Event::Started { trade: contract.trade });
    Ok(())
}

/// Verifies the slice of chunk `number` against the manifest.
fn verify(manifest: &StorageManifest, number: u64, chunk: &ChunkProof) -> Result<(), Code> {
    // The length is a part of what the decoder trusts: it must be the manifest's.
    if chunk.slice.first_chunk() != Some(&manifest.size.to_le_bytes()) {
        return Err(Code::BadProof);
    }
    let from = number.checked_mul(CHUNK_BYTES).ok_or(Code::Overflow)?;
    let length = manifest.size.checked_sub(from).ok_or(Code::Overflow)?.min(CHUNK_BYTES);
    let mut left = chunk.slice.as_slice();
    let mut decoder = SliceDecoder::new(&mut left, &bao::Hash::from_bytes(*manifest.root.as_bytes()), from, length);
    let mut content = Vec::new();
    decoder.read_to_end(&mut content).map_err(|_| Code::BadProof)?;
    let whole = u64::try_from(content.len()) == Ok(length);
    if whole && left.is_empty() { Ok(()) } else { Err(Code::BadProof) }
}
