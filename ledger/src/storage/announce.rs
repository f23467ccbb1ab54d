//! The buyer names the content that is to be stored.

use super::{contract, put};
use crate::execute::{Context, Envelope};
use crate::hash::Hash;
use crate::ids::{OwnerId, TradeId};
use crate::limits::MAX_REPLICAS;
use crate::receipt::{Code, Event};
use crate::state::{IndexKey, Members, StorageContract, StorageContracts, StorageStage, View};
use crate::transaction::{AnnounceManifest, StorageManifest};

/// Bytes of one MB, the unit of a storage quantity.
const MB_BYTES: u64 = 1_000_000;

/// Takes the manifest; the seller's first challenge is drawn with the next block that its owner does not propose.
///
/// # Errors
/// [`Code::UnknownContract`]; [`Code::NotParty`] for anybody but the buyer; [`Code::ManifestKnown`]; [`Code::TooLate`]; [`Code::BadManifest`]
/// for an empty content or a replica beyond their number; [`Code::ManifestTooLarge`]; [`Code::ReplicaClash`] when the content has a replica at
/// the same owner, of the same number, with the same root, or of another total.
pub fn announce(ctx: &mut Context<'_>, envelope: &Envelope, action: &AnnounceManifest) -> Result<(), Code> {
    let mut contract = contract(ctx, action.contract)?;
    if envelope.signer != contract.buyer {
        return Err(Code::NotParty);
    }
    let StorageStage::Matched { until } = contract.stage else { return Err(Code::ManifestKnown) };
    let now = ctx.facts.market_time;
    if until <= now {
        return Err(Code::TooLate);
    }
    let manifest = action.manifest;
    check_form(&contract, &manifest)?;
    check_replicas(ctx, &contract, &manifest)?;
    let until = now.checked_add_ms(ctx.params.storage.first_proof_window_ms).ok_or(Code::Overflow)?;
    contract.stage = StorageStage::Announced { until };
    contract.manifest = Some(manifest);
    contract.next_draw = Some(now);
    ctx.events.push(Event::StorageAnnounced { contract: contract.id, root: manifest.root, size: manifest.size });
    put(ctx, contract)
}

fn check_form(contract: &StorageContract, manifest: &StorageManifest) -> Result<(), Code> {
    if manifest.size == 0 || manifest.replicas > MAX_REPLICAS || manifest.replica >= manifest.replicas {
        return Err(Code::BadManifest);
    }
    let room = contract.quantity.get().checked_mul(MB_BYTES).ok_or(Code::Overflow)?;
    if manifest.size > room { Err(Code::ManifestTooLarge) } else { Ok(()) }
}

/// Replicas of one content go to different owners, each with a root of its own.
fn check_replicas(ctx: &Context<'_>, contract: &StorageContract, manifest: &StorageManifest) -> Result<(), Code> {
    let seller = owner(ctx, contract)?;
    let (buyer, content) = (contract.buyer, manifest.content);
    let key = |replica, hash| IndexKey::Replica { buyer, content, replica, contract: TradeId::from_hash(hash) };
    for found in ctx.state.index(key(0, Hash::ZERO)..=key(u8::MAX, Hash::MAX)) {
        let IndexKey::Replica { replica, contract: id, .. } = found else { continue };
        let other = ctx.state.get::<StorageContracts>(&id).ok_or(Code::UnknownContract)?;
        let same = other.manifest.is_none_or(|m| m.root == manifest.root || m.replicas != manifest.replicas);
        if same || replica == manifest.replica || owner(ctx, other)? == seller {
            return Err(Code::ReplicaClash);
        }
    }
    Ok(())
}

fn owner(ctx: &Context<'_>, contract: &StorageContract) -> Result<OwnerId, Code> {
    let member = ctx.state.get::<Members>(&contract.seller).ok_or(Code::BadConstraints)?;
    Ok(member.owner)
}
