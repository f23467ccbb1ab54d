//! Decimals at the boundary (MARKET 1): how the API, the CLI, genesis documents and CSV files write amounts, and the only place where they
//! become integers and text again.
//!
//! A decimal is `[-] digits [. digits] [e exponent]`, at most [`MAX_TEXT`] bytes. Nothing is rounded: what does not fit the unit of the
//! state exactly is refused, so that nobody trades another amount than the one written. Printing gives the shortest exact form.
//!
//! ```
//! use leg_ledger::decimal::{parse_price, parse_quantity, price_text};
//! let price = parse_price("0.20").unwrap();
//! assert_eq!((price.micro_chf(), price_text(price).as_str()), (200_000, "0.2"));
//! assert!(parse_quantity("0.0001").is_err(), "a tenth of a Wh");
//! ```

use crate::amount::{BasisPoints, MicroChf, Price, Quantity};
use rust_decimal::Decimal;

/// Longest decimal that is read, bytes; longer ones are refused unread.
pub const MAX_TEXT: usize = 48;
/// Largest exponent, in either direction, that is read: more than any unit needs, far less than what would cost work.
const MAX_EXPONENT: u32 = 24;
/// Fraction digits of francs and of prices: micro-CHF.
const MONEY_DIGITS: u32 = 6;
/// Fraction digits of quantities: 1 000 state units are one kWh, hour or GB-month.
const QUANTITY_DIGITS: u32 = 3;
/// Fraction digits of shares: basis points.
const SHARE_DIGITS: u32 = 4;

/// Why a text is not an amount. The caller knows the field and adds its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not a decimal number.
    #[error("not a decimal number such as 10 or 0.15")]
    NotANumber,
    /// Below zero.
    #[error("must not be negative")]
    Negative,
    /// More fraction digits than the unit has.
    #[error("at most {digits} digits after the point are possible")]
    TooPrecise {
        /// Fraction digits of the unit.
        digits: u32,
    },
    /// Outside the number range of the unit.
    #[error("too large")]
    TooLarge,
    /// A share above 1.
    #[error("must be between 0 and 1")]
    NotAShare,
}

/// Francs, at most six digits after the point.
///
/// # Errors
/// [`DecimalError`].
pub fn parse_chf(text: &str) -> Result<MicroChf, DecimalError> {
    parse_scaled(text, MONEY_DIGITS).map(MicroChf::new)
}

/// A price in francs per priced unit (kWh, hour, GB-month), at most six digits after the point. Whether it is on its market's tick is
/// asked by the market.
///
/// # Errors
/// [`DecimalError`].
pub fn parse_price(text: &str) -> Result<Price, DecimalError> {
    parse_scaled(text, MONEY_DIGITS).map(Price::from_micro_chf)
}

/// A quantity in priced units (kWh, hours, GB-months), at most three digits after the point. Whether it is whole lots is asked by the market.
///
/// # Errors
/// [`DecimalError`].
pub fn parse_quantity(text: &str) -> Result<Quantity, DecimalError> {
    parse_scaled(text, QUANTITY_DIGITS).map(Quantity::new)
}

/// Energy in kWh, at most three digits after the point: Wh.
///
/// # Errors
/// [`DecimalError`].
pub fn parse_kwh(text: &str) -> Result<Quantity, DecimalError> {
    parse_quantity(text)
}

/// A quantity of storage: GB held for whole months, as MB-months.
///
/// # Errors
/// [`DecimalError`]; [`DecimalError::TooLarge`] also when the product is.
pub fn parse_gb_months(gb: &str, months: u32) -> Result<Quantity, DecimalError> {
    let mb = parse_quantity(gb)?.get();
    mb.checked_mul(u64::from(months)).map(Quantity::new).ok_or(DecimalError::TooLarge)
}

/// A share of one (fees, reputation), at most four digits after the point.
///
/// # Errors
/// [`DecimalError`]; [`DecimalError::NotAShare`] above 1.
pub fn parse_share(text: &str) -> Result<BasisPoints, DecimalError> {
    let share = u32::try_from(parse_scaled(text, SHARE_DIGITS)?).map_err(|_| DecimalError::NotAShare)?;
    if share > BasisPoints::ALL.get() { Err(DecimalError::NotAShare) } else { Ok(BasisPoints::new(share)) }
}

/// Francs as a decimal, such as `1.425`.
pub fn chf_text(amount: MicroChf) -> String {
    text(amount.get(), MONEY_DIGITS)
}

/// Francs per priced unit as a decimal, such as `0.15`.
pub fn price_text(price: Price) -> String {
    text(price.micro_chf(), MONEY_DIGITS)
}

/// Priced units (kWh, hours, GB-months) as a decimal, such as `10.02`.
pub fn quantity_text(quantity: Quantity) -> String {
    text(quantity.get(), QUANTITY_DIGITS)
}

/// A share of one as a decimal, such as `0.05`.
pub fn share_text(share: BasisPoints) -> String {
    text(u64::from(share.get()), SHARE_DIGITS)
}

fn text(value: u64, digits: u32) -> String {
    Decimal::from_i128_with_scale(i128::from(value), digits).normalize().to_string()
}

/// The integer `text x 10^digits`, if it is one.
fn parse_scaled(text: &str, digits: u32) -> Result<u64, DecimalError> {
    let (mantissa, exponent) = split(text)?;
    let number = Decimal::from_str_exact(mantissa).map_err(|_| unreadable(mantissa, digits))?.normalize();
    if number.is_sign_negative() && !number.is_zero() {
        return Err(DecimalError::Negative);
    }
    // number = mantissa / 10^scale and the answer is mantissa x 10^shift, all of it in integers.
    let scale = i32::try_from(number.scale()).map_err(|_| DecimalError::NotANumber)?;
    let unit = i32::try_from(digits).map_err(|_| DecimalError::NotANumber)?;
    let shift = exponent.saturating_add(unit).saturating_sub(scale);
    if number.is_zero() {
        return Ok(0);
    }
    let mut scaled = number.mantissa();
    let ten = 10_i128.checked_pow(shift.unsigned_abs()).ok_or(DecimalError::TooLarge)?;
    if shift >= 0 {
        scaled = scaled.checked_mul(ten).ok_or(DecimalError::TooLarge)?;
    } else {
        if scaled.checked_rem(ten) != Some(0) {
            return Err(DecimalError::TooPrecise { digits });
        }
        scaled = scaled.checked_div(ten).ok_or(DecimalError::TooLarge)?;
    }
    u64::try_from(scaled).map_err(|_| DecimalError::TooLarge)
}

/// Mantissa and exponent of a text that has the grammar of a JSON number (leading zeros are let through).
fn split(text: &str) -> Result<(&str, i32), DecimalError> {
    if text.len() > MAX_TEXT {
        return Err(DecimalError::NotANumber);
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (text, 0),
    };
    let digits = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if is_number(whole) && is_number(fraction) { Ok((mantissa, exponent)) } else { Err(DecimalError::NotANumber) }
}

fn parse_exponent(text: &str) -> Result<i32, DecimalError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::NotANumber);
    }
    let exponent = text.parse::<i32>().map_err(|_| DecimalError::TooLarge)?;
    if exponent.unsigned_abs() > MAX_EXPONENT { Err(DecimalError::TooLarge) } else { Ok(exponent) }
}

/// Why a number that has the right form does not fit 96 bits: too many digits before the point, or after it.
fn unreadable(mantissa: &str, digits: u32) -> DecimalError {
    if mantissa.contains('.') { DecimalError::TooPrecise { digits } } else { DecimalError::TooLarge }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        let table = [
            ("0", 0),
            ("-0.0", 0),
            ("10", 10_000_000),
            ("0.15", 150_000),
            ("0.150000", 150_000),
            ("0.1500000000", 150_000),
            ("00.15", 150_000),
            ("1e1", 10_000_000),
            ("1.5E+2", 150_000_000),
            ("1e-6", 1),
            ("250e-3", 250_000),
            ("0e24", 0),
            ("18446744073709.551615", u64::MAX),
        ];
        for (text, micro) in table {
            assert_eq!(parse_chf(text), Ok(MicroChf::new(micro)), "{text}");
            assert_eq!(parse_price(text), Ok(Price::from_micro_chf(micro)), "{text}");
        }
        assert_eq!(parse_kwh("10.02"), Ok(Quantity::new(10_020)));
        assert_eq!(parse_gb_months("1000", 12), Ok(Quantity::new(12_000_000)));
        assert_eq!(parse_share("0.05"), Ok(BasisPoints::new(500)));
        assert_eq!(parse_share("1"), Ok(BasisPoints::ALL));
    }

    #[test]
    fn what_is_not_exactly_an_amount_is_refused() {
        use DecimalError::{Negative, NotANumber, TooLarge, TooPrecise};
        let table = [
            ("", NotANumber),
            (".", NotANumber),
            (".5", NotANumber),
            ("5.", NotANumber),
            ("+1", NotANumber),
            ("1_000", NotANumber),
            ("1'000", NotANumber),
            ("1,5", NotANumber),
            (" 1", NotANumber),
            ("0x10", NotANumber),
            ("NaN", NotANumber),
            ("inf", NotANumber),
            ("1e", NotANumber),
            ("1e1.5", NotANumber),
            ("1e1e1", NotANumber),
            ("١", NotANumber),
            ("-1", Negative),
            ("-0.000001", Negative),
            ("0.0000001", TooPrecise { digits: 6 }),
            ("1e-7", TooPrecise { digits: 6 }),
            ("0.10000000000000000000000000000000001", TooPrecise { digits: 6 }),
            ("18446744073709.551616", TooLarge),
            ("1e24", TooLarge),
            ("1e25", TooLarge),
            ("1e999999999", TooLarge),
            ("1e-999999999", TooLarge),
            ("1e99999999999999999999", TooLarge),
            ("99999999999999999999999999999999999", TooLarge),
        ];
        for (text, want) in table {
            assert_eq!(parse_chf(text), Err(want), "{text}");
        }
        assert_eq!(parse_chf(&"1".repeat(MAX_TEXT + 1)), Err(NotANumber));
        assert_eq!(parse_quantity("0.0001"), Err(TooPrecise { digits: 3 }));
        assert_eq!(parse_gb_months("18446744073709551", 2_000), Err(TooLarge));
        assert_eq!(parse_share("1.0001"), Err(DecimalError::NotAShare));
        assert_eq!(parse_share("10000000"), Err(DecimalError::NotAShare));
    }

    #[test]
    fn printing_is_shortest_and_reads_back() {
        let table =
            [(0, "0"), (1, "0.000001"), (150_000, "0.15"), (1_425_000, "1.425"), (10_000_000, "10"), (u64::MAX, "18446744073709.551615")];
        for (micro, want) in table {
            assert_eq!(chf_text(MicroChf::new(micro)), want);
            assert_eq!(price_text(Price::from_micro_chf(micro)), want);
            assert_eq!(parse_chf(want), Ok(MicroChf::new(micro)));
        }
        assert_eq!(quantity_text(Quantity::new(10_020)), "10.02");
        assert_eq!(share_text(BasisPoints::new(8_250)), "0.825");
    }

    proptest::proptest! {
        #[test]
        fn every_amount_survives_its_text(value: u64) {
            proptest::prop_assert_eq!(parse_chf(&chf_text(MicroChf::new(value))), Ok(MicroChf::new(value)));
            proptest::prop_assert_eq!(parse_quantity(&quantity_text(Quantity::new(value))), Ok(Quantity::new(value)));
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.eE_ ]{0,50}") {
            let _ = parse_chf(&text);
            let _ = parse_share(&text);
        }
    }
}
