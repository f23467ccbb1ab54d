//! Challenges: which chunks a seller has to prove, and when (MARKET 7).
//!
//! The seed hashes the id of the block that draws the challenge with contract and day. The block is the first at or after the day's begin
//! that the seller's owner did not propose: who could choose the hash has nothing to hide. Each pick is a hash of the seed and its number, taken
//! modulo the number of chunks; the picks that are equal count once, so that a small content is not proved twice.

use super::put;
use crate::execute::Context;
use crate::hash::{Domain, Hash};
use crate::receipt::{Code, Event};
use crate::state::{Challenge, Members, StorageContract, StorageStage, View};
use crate::time::MarketTime;
use std::collections::BTreeSet;

/// Bytes of a chunk: the leaf of the BLAKE3 tree.
pub const CHUNK_BYTES: u64 = 1_024;

/// The chunks of a challenge in ascending order, by their number in a content of `size` bytes: `count` picks, without repetitions.
pub fn challenged_chunks(seed: Hash, size: u64, count: u32) -> Vec<u64> {
    let chunks = size.div_ceil(CHUNK_BYTES).max(1);
    let picks: BTreeSet<u64> = (0..count.min(u32::BITS)).map(|pick| number(seed, pick).checked_rem(chunks).unwrap_or(0)).collect();
    picks.into_iter().collect()
}

fn number(seed: Hash, pick: u32) -> u64 {
    let hash = Hash::of_parts(Domain::StoragePick, &[seed.as_bytes(), &pick.to_le_bytes()]);
    hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Draws the challenge that is due, unless the seller's owner proposed this block: then the contract waits for another one.
pub(super) fn draw(ctx: &mut Context<'_>, mut contract: StorageContract) -> Result<(), Code> {
    if is_own_block(ctx, &contract) {
        return Ok(());
    }
    let (now, day) = (ctx.facts.market_time, contract.next_day);
    let due = match contract.stage {
        StorageStage::Announced { until } => until,
        _ => now.checked_add_ms(ctx.params.storage.answer_window_ms).ok_or(Code::Overflow)?,
    };
    let block = ctx.facts.block.hash();
    let seed = Hash::of_parts(Domain::StorageChallenge, &[block.as_bytes(), contract.id.hash().as_bytes(), &day.to_le_bytes()]);
    contract.challenge = Some(Challenge { day, seed, due, proved: 0 });
    match (contract.stage, contract.next_draw) {
        (StorageStage::Stored { .. }, Some(begun)) => schedule(ctx, &mut contract, begun)?,
        _ => contract.next_draw = None,
    }
    ctx.events.push(Event::StorageChallenged { contract: contract.id, day, seed, due });
    put(ctx, contract)
}

/// True if the seller's owner proposed the block: it could have chosen its hash. An unknown proposer counts as such.
fn is_own_block(ctx: &Context<'_>, contract: &StorageContract) -> bool {
    let owner = |id| ctx.state.base().get::<Members>(id).map(|m| m.owner);
    owner(&ctx.facts.proposer).is_none_or(|proposer| Some(proposer) == owner(&contract.seller))
}

/// Sets the day after the one that began at `begun`; days that passed without a block are skipped.
pub(super) fn schedule(ctx: &Context<'_>, contract: &mut StorageContract, begun: MarketTime) -> Result<(), Code> {
    let day = ctx.params.storage.day_ms;
    let passed = ctx.facts.market_time.ms_since(begun).checked_div(day).ok_or(Code::Overflow)?;
    let days = passed.checked_add(1).ok_or(Code::Overflow)?;
    let ahead = days.checked_mul(day).ok_or(Code::Overflow)?;
    contract.next_draw = Some(begun.checked_add_ms(ahead).ok_or(Code::Overflow)?);
    let skipped = u32::try_from(days).map_err(|_| Code::Overflow)?;
    contract.next_day = contract.next_day.checked_add(skipped).ok_or(Code::Overflow)?;
    Ok(())
}

/// The challenge's time is over without a full answer: the day is missed. True if that makes the run of missed days complete.
pub(super) fn miss(ctx: &mut Context<'_>, contract: &mut StorageContract, day: u32) -> Result<bool, Code> {
    contract.challenge = None;
    contract.asked = contract.asked.checked_add(1).ok_or(Code::Overflow)?;
    contract.missed_in_row = contract.missed_in_row.checked_add(1).ok_or(Code::Overflow)?;
    ctx.events.push(Event::StorageMissed { contract: contract.id, day, in_row: contract.missed_in_row });
    Ok(contract.missed_in_row >= ctx.params.storage.missing_days)
}
