//! Decimal text at the boundary: every amount of a document is a decimal string or a number literal, never a float (MARKET 1).

use crate::error::{GenesisError, Problem};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize};

/// The text of a decimal as it stood in the document; becomes an integer through [`DecimalText::units`], which knows the field.
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

impl DecimalText {
    /// An integer of `digits` implied decimals as text, without trailing zeros.
    pub fn from_units(units: u64, digits: u32) -> Self {
        DecimalText(Decimal::from_i128_with_scale(i128::from(units), digits).normalize().to_string())
    }

    /// The number in units of 10^-digits.
    pub fn units(&self, field: &str, digits: u32) -> Result<u64, GenesisError> {
        let fail = |problem| GenesisError::field(field, problem);
        let number = Decimal::from_str_exact(&self.0).map_err(|_| fail(Problem::NotDecimal(self.0.clone())))?;
        if number.is_sign_negative() && !number.is_zero() {
            return Err(fail(Problem::Negative));
        }
        let number = number.normalize();
        if number.scale() > digits {
            return Err(fail(Problem::TooPrecise(digits)));
        }
        let unit = 10_u128.pow(digits - number.scale());
        let units = u128::try_from(number.mantissa()).ok().and_then(|m| m.checked_mul(unit));
        units.and_then(|u| u64::try_from(u).ok()).ok_or_else(|| {
            let most = Decimal::from_i128_with_scale(i128::from(u64::MAX), digits).to_string();
            fail(Problem::Range { least: "0".into(), most })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(json: &str, digits: u32) -> Result<u64, GenesisError> {
        serde_json::from_str::<DecimalText>(json).map_err(|e| GenesisError::Json(e.to_string()))?.units("amount", digits)
    }

    #[test]
    fn strings_and_literals_are_exact() {
        for (json, digits, want) in [
            ("\"0.15\"", 6, 150_000),
            ("0.15", 6, 150_000),
            ("1.500", 2, 150),
            ("\"10\"", 3, 10_000),
            ("18446744073709551615", 0, u64::MAX),
        ] {
            assert_eq!(units(json, digits), Ok(want), "{json}");
        }
    }

    #[test]
    fn every_other_spelling_is_refused_with_its_reason() {
        let refused = |json, digits| match units(json, digits) {
            Err(GenesisError::Field { problem, .. }) => problem,
            other => panic!("{json}: {other:?}"),
        };
        assert_eq!(refused("\"-0.1\"", 6), Problem::Negative);
        assert_eq!(refused("\"0.0000001\"", 6), Problem::TooPrecise(6));
        assert_eq!(refused("\"1e3\"", 6), Problem::NotDecimal("1e3".into()));
        assert_eq!(refused("\"\"", 6), Problem::NotDecimal(String::new()));
        assert!(matches!(refused("\"18446744073709551616\"", 0), Problem::Range { .. }));
        assert!(matches!(units("true", 6), Err(GenesisError::Json(_))));
    }

    #[test]
    fn text_and_units_round_trip() {
        for (number, digits) in [(0, 6), (150_000, 6), (1, 6), (u64::MAX, 6), (10, 3)] {
            assert_eq!(DecimalText::from_units(number, digits).units("x", digits), Ok(number));
        }
        assert_eq!(DecimalText::from_units(50_000_000, 6), DecimalText("50".into()));
    }
}
