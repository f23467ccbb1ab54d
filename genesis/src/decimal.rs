//! Decimal text in documents: every amount is a decimal string or a number literal, never a float (MARKET 1). The text becomes an integer
//! through the ledger's own reading of decimals; here the field's name is added to what can go wrong.

use crate::error::{GenesisError, Problem};
use leg_ledger::amount::{BasisPoints, MicroChf, Price, Quantity};
use leg_ledger::decimal::{
    DecimalError, chf_text, parse_chf, parse_price, parse_quantity, parse_share, price_text, quantity_text, share_text,
};
use serde::{Deserialize, Deserializer, Serialize};

/// The text of a decimal as it stood in the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct DecimalText(String);

impl<'de> Deserialize<'de> for DecimalText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(DecimalText(text)),
            // With arbitrary precision the number still is the text that stood in the document.
            serde_json::Value::Number(number) => Ok(DecimalText(number.to_string())),
            _ => Err(serde::de::Error::custom("expected a decimal string or a number")),
        }
    }
}

/// Micro-CHF in a basis point of a factor: factors are read with six digits and must fit four.
const FACTOR_UNIT: u64 = 100;

impl DecimalText {
    pub fn of_money(amount: MicroChf) -> Self {
        DecimalText(chf_text(amount))
    }

    pub fn of_price(price: Price) -> Self {
        DecimalText(price_text(price))
    }

    pub fn of_quantity(quantity: Quantity) -> Self {
        DecimalText(quantity_text(quantity))
    }

    pub fn of_share(share: BasisPoints) -> Self {
        DecimalText(share_text(share))
    }

    /// A factor that may be above one prints as a share does.
    pub fn of_factor(factor: BasisPoints) -> Self {
        DecimalText::of_share(factor)
    }

    /// CHF.
    pub fn money(&self, field: &str) -> Result<MicroChf, GenesisError> {
        parse_chf(&self.0).map_err(|e| self.refused(field, e))
    }

    /// CHF per priced unit.
    pub fn price(&self, field: &str) -> Result<Price, GenesisError> {
        parse_price(&self.0).map_err(|e| self.refused(field, e))
    }

    /// Priced units.
    pub fn quantity(&self, field: &str) -> Result<Quantity, GenesisError> {
        parse_quantity(&self.0).map_err(|e| self.refused(field, e))
    }

    /// A share 0..1.
    pub fn share(&self, field: &str) -> Result<BasisPoints, GenesisError> {
        parse_share(&self.0).map_err(|e| self.refused(field, e))
    }

    /// A factor that may be above one.
    pub fn factor(&self, field: &str) -> Result<BasisPoints, GenesisError> {
        let units = self.money(field)?.get();
        if !units.is_multiple_of(FACTOR_UNIT) {
            return Err(self.refused(field, DecimalError::TooPrecise { digits: 4 }));
        }
        let factor = u32::try_from(units / FACTOR_UNIT).map_err(|_| self.refused(field, DecimalError::TooLarge))?;
        Ok(BasisPoints::new(factor))
    }

    fn refused(&self, field: &str, cause: DecimalError) -> GenesisError {
        GenesisError::field(field, Problem::Decimal { text: self.0.clone(), cause })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> DecimalText {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn strings_and_literals_are_the_same_amount() {
        for json in ["\"0.15\"", "0.15", "0.150", "\"15e-2\""] {
            assert_eq!(read(json).price("x"), Ok(Price::from_micro_chf(150_000)), "{json}");
        }
        assert!(serde_json::from_str::<DecimalText>("true").is_err());
    }

    #[test]
    fn a_factor_may_be_above_one_and_has_four_digits() {
        assert_eq!(read("10").factor("x"), Ok(BasisPoints::new(100_000)));
        assert_eq!(
            read(&format!("\"{}\"", DecimalText::of_factor(BasisPoints::new(100_001)).0)).factor("x"),
            Ok(BasisPoints::new(100_001))
        );
        assert!(read("1.00001").factor("x").is_err());
        assert!(read("1.1").share("x").is_err());
    }

    #[test]
    fn a_refusal_names_field_text_and_reason() {
        let error = read("\"-1\"").money("members[0].openingBalance").unwrap_err().to_string();
        assert!(error.contains("members[0].openingBalance") && error.contains("-1") && error.contains("negative"), "{error}");
    }
}
