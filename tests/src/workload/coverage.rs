//! What histories came to: one that never gets somewhere proves nothing about it.

use super::chain::Outcome;
use leg_ledger::block::Block;
use leg_ledger::receipt::{Code, Receipt};
use std::collections::BTreeMap;

/// Fields of events that say how something ended.
const REASONS: [&str; 4] = ["silent", "reason", "end", "basis"];

/// How often each kind of action was accepted, each event happened, each code was given.
#[derive(Clone, Debug, Default)]
pub struct Coverage(BTreeMap<String, u64>);

impl Coverage {
    /// Counts a block.
    pub fn add(&mut self, block: &Block, outcome: &Outcome) {
        for Receipt { transaction, action, code, .. } in &outcome.receipts {
            let signed = block.body.transactions.iter().find(|t| t.id() == *transaction).expect("a receipt of the block");
            let name = name(&format!("{:?}", signed.body.actions[usize::from(*action)]));
            self.count(&format!("code {}", code.name()));
            match code {
                Code::Ok => self.count(&name),
                _ => self.count(&format!("{name}: {}", code.name())),
            }
        }
        for event in &outcome.events {
            let text = format!("{event:?}");
            let name = name(&text);
            self.count(&name);
            for part in ["supply", "grid", "demand"].into_iter().filter(|part| text.contains(part) && !text.contains(&format!("{part}: 0")))
            {
                self.count(&format!("{name} {part}"));
            }
            for reason in REASONS {
                let Some((_, value)) = text.split_once(&format!(" {reason}: ")) else { continue };
                let value = value.split([' ', ',', '(']).next().unwrap_or_default();
                self.count(&format!("{name} {value}"));
            }
        }
    }

    fn count(&mut self, what: &str) {
        *self.0.entry(what.to_owned()).or_default() += 1;
    }

    /// Demands that all of these were seen.
    ///
    /// # Panics
    /// One was not.
    pub fn demand(&self, wanted: &[&str]) {
        let missing: Vec<&&str> = wanted.iter().filter(|name| !self.0.contains_key(**name)).collect();
        assert!(missing.is_empty(), "the histories never saw {missing:?}, only {:#?}", self.0);
    }
}

/// The variant's name.
fn name(text: &str) -> String {
    text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}
