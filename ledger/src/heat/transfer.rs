//! Transfer of heat credits to another member.

use super::lots::{add_free, select, take_free};
use crate::execute::{Context, Envelope};
use crate::ids::MemberId;
use crate::member::{MemberStatus, Role};
use crate::receipt::{Code, Event};
use crate::state::{Members, View};
use crate::transaction::HeatSelection;

/// Gives free heat credits of the signer to another member, without payment. A part of a lot splits it: the rest stays with the signer.
///
/// # Errors
/// [`Code::BadRecipient`]: the signer itself, nobody, not active, or neither hub nor customer; else as the selection
/// ([`Code::BadQuantity`], [`Code::UnknownLot`], [`Code::InsufficientHeat`], [`Code::TooManyLots`]); [`Code::Overflow`].
pub fn transfer(ctx: &mut Context<'_>, envelope: &Envelope, to: MemberId, heat: &HeatSelection) -> Result<(), Code> {
    let from = envelope.signer;
    let fits = |status, role| status == MemberStatus::Active && matches!(role, Role::Hub | Role::Customer);
    if to == from || !ctx.state.base().get::<Members>(&to).is_some_and(|member| fits(member.status, member.role)) {
        return Err(Code::BadRecipient);
    }
    let (parts, quantity) = select(ctx, from, heat)?;
    for (key, part) in parts {
        let expires_at = take_free(ctx, key, part)?;
        add_free(ctx, key.held_by(to), part, expires_at)?;
    }
    ctx.events.push(Event::HeatTransferred { from, to, quantity });
    Ok(())
}
