//! The parties' steps while a dispute is open.

use super::open::bond;
use super::{open_dispute, verdict};
use crate::execute::{self, Context, Envelope};
use crate::hash::Hash;
use crate::ids::TradeId;
use crate::limits::MAX_EVIDENCE;
use crate::receipt::{Code, Verdict, VerdictBasis};
use crate::state::{Disputes, Evidence};
use std::collections::BTreeSet;

/// A party names its evidence. The respondent's first posts its bond.
///
/// # Errors
/// [`Code::UnknownDispute`], [`Code::NotParty`], [`Code::TooLate`] after the evidence window, [`Code::BadEvidence`],
/// [`Code::InsufficientFunds`] for the respondent's bond.
pub fn submit_evidence(ctx: &mut Context<'_>, envelope: &Envelope, trade: TradeId, hashes: &[Hash]) -> Result<(), Code> {
    let mut dispute = open_dispute(ctx, trade)?;
    let by = envelope.signer;
    if by != dispute.opener && by != dispute.respondent {
        return Err(Code::NotParty);
    }
    if dispute.evidence_until <= ctx.facts.market_time {
        return Err(Code::TooLate);
    }
    let known: BTreeSet<Hash> = dispute.evidence.iter().filter(|e| e.by == by).map(|e| e.hash).collect();
    let new: BTreeSet<Hash> = hashes.iter().copied().collect();
    let fresh = new.len() == hashes.len() && new.is_disjoint(&known) && !new.is_empty();
    if !fresh || known.len().saturating_add(new.len()) > MAX_EVIDENCE {
        return Err(Code::BadEvidence);
    }
    if by == dispute.respondent && dispute.respondent_bond.is_zero() {
        dispute.respondent_bond = bond(ctx, dispute.value)?;
        execute::post_bond(ctx, by, dispute.respondent_bond)?;
    }
    dispute.evidence.extend(hashes.iter().map(|hash| Evidence { by, hash: *hash }));
    ctx.state.put::<Disputes>(trade, dispute);
    Ok(())
}

/// A party gives in: the other's amount counts, bonds go back.
///
/// # Errors
/// [`Code::UnknownDispute`], [`Code::NotParty`], [`Code::TooLate`] once the verdict is due.
pub fn concede(ctx: &mut Context<'_>, envelope: &Envelope, trade: TradeId) -> Result<(), Code> {
    let dispute = open_dispute(ctx, trade)?;
    let quantity = if envelope.signer == dispute.opener {
        dispute.metered
    } else if envelope.signer == dispute.respondent {
        dispute.claimed
    } else {
        return Err(Code::NotParty);
    };
    verdict::close(ctx, dispute, Verdict { quantity, basis: VerdictBasis::Conceded, loser: None })
}
