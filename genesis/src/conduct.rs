//! Parameters of reputation and disputes in JSON.

use crate::decimal::DecimalText;
use crate::error::GenesisError;
use crate::params::{set, set_money, set_share};
use leg_ledger::params::{DisputeParams, ReputationParams};
use serde::{Deserialize, Serialize};

/// Overrides of [`ReputationParams`]; a missing field keeps the standard.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ReputationDocument {
    /// CHF.
    unit: Option<DecimalText>,
    attendance_ms: Option<u64>,
}

impl ReputationDocument {
    /// Every parameter, spelled out.
    pub fn of(p: &ReputationParams) -> Self {
        ReputationDocument { unit: Some(DecimalText::of_money(p.unit)), attendance_ms: Some(p.attendance_ms) }
    }

    /// Overrides what the document names.
    ///
    /// # Errors
    /// [`GenesisError::Field`].
    pub fn apply(&self, p: &mut ReputationParams) -> Result<(), GenesisError> {
        set_money(&mut p.unit, &self.unit, "reputation.unit")?;
        set(&mut p.attendance_ms, self.attendance_ms);
        Ok(())
    }
}

/// Overrides of [`DisputeParams`]; a missing field keeps the standard.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct DisputeDocument {
    /// Share of the disputed value.
    bond: Option<DecimalText>,
    /// CHF.
    min_bond: Option<DecimalText>,
    evidence_window_ms: Option<u64>,
    verdict_window_ms: Option<u64>,
    metered_tolerance: Option<DecimalText>,
    correction_window_ms: Option<u64>,
}

impl DisputeDocument {
    /// Every parameter, spelled out.
    pub fn of(p: &DisputeParams) -> Self {
        DisputeDocument {
            bond: Some(DecimalText::of_share(p.bond)),
            min_bond: Some(DecimalText::of_money(p.min_bond)),
            evidence_window_ms: Some(p.evidence_window_ms),
            verdict_window_ms: Some(p.verdict_window_ms),
            metered_tolerance: Some(DecimalText::of_share(p.metered_tolerance)),
            correction_window_ms: Some(p.correction_window_ms),
        }
    }

    /// Overrides what the document names.
    ///
    /// # Errors
    /// [`GenesisError::Field`].
    pub fn apply(&self, p: &mut DisputeParams) -> Result<(), GenesisError> {
        set_share(&mut p.bond, &self.bond, "disputes.bond")?;
        set_money(&mut p.min_bond, &self.min_bond, "disputes.minBond")?;
        set(&mut p.evidence_window_ms, self.evidence_window_ms);
        set(&mut p.verdict_window_ms, self.verdict_window_ms);
        set_share(&mut p.metered_tolerance, &self.metered_tolerance, "disputes.meteredTolerance")?;
        set(&mut p.correction_window_ms, self.correction_window_ms);
        Ok(())
    }
}
