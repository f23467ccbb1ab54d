//! A peer shows that a quorum prevoted a block.

use super::{Handler, MAX_POLKAS};
use crate::action::Fatal;
use crate::context::LegContext;
use crate::signing::prevote_bytes;
use crate::types::ledger_round;
use arc_malachitebft_app_channel::app::types::ProposedValue;
use arc_malachitebft_core_types::PolkaCertificate;
use leg_ledger::time::BlockTime;
use std::collections::BTreeSet;

impl Handler {
    /// Remembers a verified certificate, which waives the drift of its block; answers with the block if it was untimely until now.
    ///
    /// # Errors
    /// [`Fatal`] when a port fails. A bad certificate is its sender's fault and dropped.
    pub fn on_polka(
        &mut self,
        certificate: &PolkaCertificate<LegContext>,
        now: BlockTime,
    ) -> Result<Option<ProposedValue<LegContext>>, Fatal> {
        let id = certificate.value_id;
        let held = self.blocks.get(&id);
        let needless = self.polkas.contains(&id) || self.polkas.len() >= MAX_POLKAS || held.is_some_and(|h| h.accepted || h.rules.is_err());
        if needless || !self.is_polka(certificate) {
            return Ok(None);
        }
        self.polkas.insert(id);
        let Some(source) = held.map(|h| h.source) else {
            return Ok(None);
        };
        let validity = self.judge(id, source, now)?;
        let value = self.value(id, source, validity);
        Ok(value.filter(|v| v.validity.is_valid()))
    }

    fn is_polka(&self, certificate: &PolkaCertificate<LegContext>) -> bool {
        let Some(round) = ledger_round(certificate.round) else {
            return false;
        };
        let height = certificate.height.ledger();
        if height != self.height() {
            return false;
        }
        let bytes = prevote_bytes(self.settings.chain, height, round, Some(certificate.value_id));
        let mut voters = BTreeSet::new();
        let mut signatures = Vec::with_capacity(certificate.polka_signatures.len());
        for signed in &certificate.polka_signatures {
            let member = signed.address.member();
            let Some(key) = self.committee.key(member) else {
                return false;
            };
            voters.insert(member);
            signatures.push((key, signed.signature));
        }
        self.committee.is_quorum(voters.len()) && self.settings.signatures.all_verify(&bytes, &signatures)
    }
}
