//! Retirement of heat credits: final.

use super::lots::{select, take_free};
use crate::amount::Quantity;
use crate::execute::{Context, Envelope, HistoryRecord};
use crate::hash::Hash;
use crate::ids::{MemberId, TransactionId};
use crate::receipt::{Code, Event};
use crate::state::{Members, TotalsTable, View};
use crate::time::MarketTime;
use crate::transaction::{HeatPart, HeatPurpose, RetireHeat};
use serde::{Deserialize, Serialize};

/// Proof that heat was used, and used once: what an auditor reads from the history log. Named by the transaction and action that retired it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeatCertificate {
    /// The transaction.
    pub transaction: TransactionId,
    /// Index of its action.
    pub action: u16,
    /// Who retired it.
    pub member: MemberId,
    /// Who used the heat.
    pub used_by: MemberId,
    /// What for.
    pub purpose: HeatPurpose,
    /// Hash of a document that says more, kept off the ledger.
    pub document: Option<Hash>,
    /// Wh thermal in all.
    pub quantity: Quantity,
    /// The parts of lots that it is made of: who produced them, when, by which trade.
    pub parts: Vec<HeatPart>,
    /// Market time of the block.
    pub retired_at: MarketTime,
}

/// Retires free heat credits of the signer.
///
/// # Errors
/// [`Code::BadRecipient`] when the member that used the heat is not in the registry; else as the selection ([`Code::BadQuantity`],
/// [`Code::UnknownLot`], [`Code::InsufficientHeat`], [`Code::TooManyLots`]); [`Code::Overflow`].
pub fn retire(ctx: &mut Context<'_>, envelope: &Envelope, retire: &RetireHeat) -> Result<(), Code> {
    if ctx.state.base().get::<Members>(&retire.used_by).is_none() {
        return Err(Code::BadRecipient);
    }
    let (selected, quantity) = select(ctx, envelope.signer, &retire.heat)?;
    let mut parts = Vec::with_capacity(selected.len());
    for (key, part) in selected {
        take_free(ctx, key, part)?;
        parts.push(HeatPart { producer: key.producer, slot: key.slot, trade: key.trade, quantity: part });
    }
    let mut totals = ctx.state.get::<TotalsTable>(&()).copied().unwrap_or_default();
    totals.heat_retired = totals.heat_retired.checked_add(quantity).ok_or(Code::Overflow)?;
    ctx.state.put::<TotalsTable>((), totals);
    let (member, used_by, purpose) = (envelope.signer, retire.used_by, retire.purpose);
    ctx.events.push(Event::HeatRetired { member, used_by, purpose, quantity });
    let certificate = HeatCertificate {
        transaction: envelope.transaction,
        action: envelope.action,
        member,
        used_by,
        purpose,
        document: retire.document,
        quantity,
        parts,
        retired_at: ctx.facts.market_time,
    };
    ctx.finished.push(HistoryRecord::HeatRetired { certificate, height: ctx.facts.height });
    Ok(())
}
