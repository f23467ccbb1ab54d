//! Numbers of requests and answers: decimal text in, exact number literals out, never a binary float (MARKET 1).

use leg_ledger::amount::{BasisPoints, MicroChf, Price, Quantity};
use leg_ledger::decimal::{DecimalError, chf_text, price_text, quantity_text, share_text};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{RefOr, schema};
use utoipa::{PartialSchema, ToSchema};

/// A decimal as a client wrote it, as a string or as a number literal; its text is kept to the digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecimalText(String);

impl DecimalText {
    /// Parses it with one of the functions of [`leg_ledger::decimal`].
    ///
    /// # Errors
    /// What the function says.
    pub fn parse<T>(&self, parser: fn(&str) -> Result<T, DecimalError>) -> Result<T, DecimalError> {
        parser(&self.0)
    }
}

impl<'de> Deserialize<'de> for DecimalText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // `arbitrary_precision` keeps the digits of a number literal as they were written.
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(DecimalText(text)),
            Value::Number(number) => Ok(DecimalText(number.to_string())),
            _ => Err(serde::de::Error::custom("must be a decimal, as a string or a number")),
        }
    }
}

impl PartialSchema for DecimalText {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).examples([Value::from("0.15")]);
        let number = ObjectBuilder::new().schema_type(Type::Number);
        OneOfBuilder::new().item(text).item(number).description(Some("A decimal, read to the digit.")).into()
    }
}

impl ToSchema for DecimalText {}

/// An exact number literal in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exact(serde_json::Number);

impl Exact {
    fn literal(text: String) -> Self {
        // The texts come from the decimal module and are JSON numbers; a text that is not one would show as 0, and a test forbids it.
        Exact(text.parse().unwrap_or_else(|_| serde_json::Number::from(0)))
    }

    /// Francs.
    pub fn chf(amount: MicroChf) -> Self {
        Exact::literal(chf_text(amount))
    }

    /// Francs per priced unit.
    pub fn price(price: Price) -> Self {
        Exact::literal(price_text(price))
    }

    /// Priced units: kWh, hours, GB-months.
    pub fn quantity(quantity: Quantity) -> Self {
        Exact::literal(quantity_text(quantity))
    }

    /// A share of one.
    pub fn share(share: BasisPoints) -> Self {
        Exact::literal(share_text(share))
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl PartialSchema for Exact {
    fn schema() -> RefOr<schema::Schema> {
        ObjectBuilder::new().schema_type(Type::Number).description(Some("An exact decimal.")).into()
    }
}

impl ToSchema for Exact {}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::decimal::parse_chf;

    #[test]
    fn digits_survive_both_ways() {
        for (json, want) in [("0.1", 100_000), ("\"0.1\"", 100_000), ("1e-6", 1), ("12345678.000001", 12_345_678_000_001)] {
            let text: DecimalText = serde_json::from_str(json).unwrap();
            let amount = text.parse(parse_chf).unwrap();
            assert_eq!(amount.get(), want);
            let answer = serde_json::to_string(&Exact::chf(amount)).unwrap();
            assert_eq!(parse_chf(&answer), Ok(amount));
        }
        assert_eq!(serde_json::to_string(&Exact::chf(MicroChf::new(u64::MAX))).unwrap(), "18446744073709.551615");
        assert!(serde_json::from_str::<DecimalText>("[1]").is_err());
        assert!(serde_json::from_str::<DecimalText>("true").is_err());
    }
}
