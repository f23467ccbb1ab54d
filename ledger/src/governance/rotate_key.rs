//! Rotation of a member's own keys.
//!
//! The registry changes at once, but the validity of a block is judged on the state after its parent: the old key signs throughout this
//! block, the new one from the next on. Consensus and network keys concern the whole network and go by its vote.

use crate::codec;
use crate::execute::{Context, Envelope};
use crate::hash::Domain;
use crate::ids::MemberId;
use crate::member::KeyRole;
use crate::receipt::{Code, Event};
use crate::signature::{PublicKey, signing_bytes};
use crate::state::{Keys, Members, View};
use crate::transaction::RotateKey;

/// The bytes that a key signs to prove that its secret half is at hand when it is registered for (member, role).
pub fn possession_message(member: MemberId, role: KeyRole, key: &PublicKey) -> Vec<u8> {
    signing_bytes(Domain::Possession, &codec::encode(&(member, role, *key)))
}

/// Replaces the signer's operator or meter key.
///
/// # Errors
/// [`Code::KeyRole`]: another role, or the member has no key of it. [`Code::BadKey`]: the key is registered already, for whomever and
/// whatever; it is not canonical or of small order; or the proof of possession fails. [`Code::MemberInactive`]: not in the registry.
pub fn rotate_key(ctx: &mut Context<'_>, envelope: &Envelope, rotation: &RotateKey) -> Result<(), Code> {
    let RotateKey { role, key, possession } = *rotation;
    let mut member = ctx.member(envelope.signer).map_err(|_| Code::MemberInactive)?.clone();
    let old = member.keys.signer(role).ok_or(Code::KeyRole)?;
    let usable = key.check().is_ok() && ctx.state.get::<Keys>(&key).is_none();
    if !usable || key.verify(&possession_message(member.id, role, &key), &possession).is_err() {
        return Err(Code::BadKey);
    }
    match role {
        KeyRole::Operator => member.keys.operator = key,
        KeyRole::Meter => member.keys.meter = Some(key),
        KeyRole::Consensus | KeyRole::Network => return Err(Code::KeyRole),
    }
    ctx.state.remove::<Keys>(&old);
    ctx.state.put::<Keys>(key, (member.id, role));
    ctx.events.push(Event::KeyRotated { member: member.id, role });
    ctx.state.put::<Members>(member.id, member);
    Ok(())
}
