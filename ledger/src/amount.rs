//! Amounts as integers (MARKET 1): micro-francs, quantities in a resource's state unit, prices, basis points.
//!
//! Invariants: no float; every operation is checked and returns `None` on overflow; rounding is named.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Money in micro-CHF (1 CHF = 1 000 000), never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct MicroChf(u64);

impl MicroChf {
    /// No money.
    pub const ZERO: MicroChf = MicroChf(0);

    /// An amount in micro-CHF.
    pub const fn new(micro_chf: u64) -> Self {
        MicroChf(micro_chf)
    }

    /// Micro-CHF.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Sum; `None` on overflow.
    pub fn checked_add(self, other: MicroChf) -> Option<Self> {
        self.0.checked_add(other.0).map(MicroChf)
    }

    /// Difference; `None` below zero.
    pub fn checked_sub(self, other: MicroChf) -> Option<Self> {
        self.0.checked_sub(other.0).map(MicroChf)
    }

    /// Difference, at least zero.
    pub fn saturating_sub(self, other: MicroChf) -> Self {
        MicroChf(self.0.saturating_sub(other.0))
    }

    /// floor(self x bp / 10 000): the fee rule of MARKET 1.
    pub fn share_floor(self, share: BasisPoints) -> Option<Self> {
        let product = u128::from(self.0).checked_mul(u128::from(share.0))?;
        u64::try_from(product.checked_div(10_000)?).ok().map(MicroChf)
    }

    /// True for no money.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for MicroChf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, 6)
    }
}

fn write_scaled(f: &mut fmt::Formatter<'_>, value: u64, digits: u32) -> fmt::Result {
    let unit = 10_u64.saturating_pow(digits);
    let whole = value.checked_div(unit).unwrap_or(0);
    let part = value.checked_rem(unit).unwrap_or(0);
    let width = usize::try_from(digits).unwrap_or(0);
    write!(f, "{whole}.{part:0width$}")
}

/// A quantity in the state unit of its resource: Wh, milli-hours or MB-months (MARKET 1). 1 000 of them are one priced unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Quantity(u64);

impl Quantity {
    /// Nothing.
    pub const ZERO: Quantity = Quantity(0);

    /// A quantity in state units.
    pub const fn new(units: u64) -> Self {
        Quantity(units)
    }

    /// State units.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Sum; `None` on overflow.
    pub fn checked_add(self, other: Quantity) -> Option<Self> {
        self.0.checked_add(other.0).map(Quantity)
    }

    /// Difference; `None` below zero.
    pub fn checked_sub(self, other: Quantity) -> Option<Self> {
        self.0.checked_sub(other.0).map(Quantity)
    }

    /// Difference, at least zero.
    pub fn saturating_sub(self, other: Quantity) -> Self {
        Quantity(self.0.saturating_sub(other.0))
    }

    /// True for nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// floor(self x numerator / denominator); `None` on overflow or a zero denominator.
    pub fn mul_div_floor(self, numerator: u64, denominator: u64) -> Option<Self> {
        if let Some(product) = self.0.checked_mul(numerator) {
            return product.checked_div(denominator).map(Quantity);
        }
        let product = u128::from(self.0).checked_mul(u128::from(numerator))?;
        u64::try_from(product.checked_div(u128::from(denominator))?).ok().map(Quantity)
    }

    /// The largest multiple of `lot` that is at most this quantity.
    pub fn floor_to(self, lot: Quantity) -> Option<Self> {
        let rest = self.0.checked_rem(lot.0)?;
        self.0.checked_sub(rest).map(Quantity)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, 3)
    }
}

/// A price in micro-CHF per priced unit (kWh, hour, GB-month).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Price(u64);

impl Price {
    /// A price in micro-CHF per priced unit.
    pub const fn from_micro_chf(micro_chf: u64) -> Self {
        Price(micro_chf)
    }

    /// Micro-CHF per priced unit.
    pub const fn micro_chf(self) -> u64 {
        self.0
    }

    /// round_half_even(price x quantity / 1 000) (MARKET 1); `None` on overflow.
    pub fn gross(self, quantity: Quantity) -> Option<MicroChf> {
        // Most products fit 64 bits, whose division costs a tenth.
        let (whole, rest) = match self.0.checked_mul(quantity.0) {
            Some(product) => (product.checked_div(1_000)?, product.checked_rem(1_000)?),
            None => {
                let product = u128::from(self.0).checked_mul(u128::from(quantity.0))?;
                let rest = u64::try_from(product.checked_rem(1_000)?).ok()?;
                (u64::try_from(product.checked_div(1_000)?).ok()?, rest)
            }
        };
        let odd = whole.checked_rem(2)? == 1;
        let up = rest > 500 || (rest == 500 && odd);
        let rounded = if up { whole.checked_add(1)? } else { whole };
        Some(MicroChf(rounded))
    }

    /// The nearest multiple of `tick` at or below.
    pub fn floor_to(self, tick: Price) -> Option<Self> {
        let rest = self.0.checked_rem(tick.0)?;
        self.0.checked_sub(rest).map(Price)
    }

    /// The nearest multiple of `tick` at or above.
    pub fn ceil_to(self, tick: Price) -> Option<Self> {
        self.0.checked_next_multiple_of(tick.0).map(Price)
    }

    /// price x factor / 10 000, truncated; `None` on overflow.
    pub fn scaled(self, factor: BasisPoints) -> Option<Self> {
        let product = u128::from(self.0).checked_mul(u128::from(factor.0))?;
        u64::try_from(product.checked_div(10_000)?).ok().map(Price)
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, 6)
    }
}

/// A share in basis points; 10 000 is all. Also reputation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct BasisPoints(u32);

impl BasisPoints {
    /// All of it.
    pub const ALL: BasisPoints = BasisPoints(10_000);

    /// Basis points; may be above all of it where a factor is meant.
    pub const fn new(basis_points: u32) -> Self {
        BasisPoints(basis_points)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenario_1_is_exact() {
        let gross = Price::from_micro_chf(150_000).gross(Quantity::new(10_000)).unwrap();
        let fee = gross.share_floor(BasisPoints::new(500)).unwrap();
        assert_eq!((gross.get(), fee.get(), gross.checked_sub(fee).unwrap().get()), (1_500_000, 75_000, 1_425_000));
    }

    #[test]
    fn gross_rounds_half_to_even() {
        let table = [(1, 500, 0), (3, 500, 2), (1, 501, 1), (1, 499, 0), (5, 500, 2), (7, 500, 4)];
        for (price, quantity, want) in table {
            let gross = Price::from_micro_chf(price).gross(Quantity::new(quantity));
            assert_eq!(gross, Some(MicroChf::new(want)), "{price} x {quantity}");
        }
    }

    #[test]
    fn gross_rounds_a_product_beyond_64_bits_alike() {
        let ten: u64 = 10_000_000_000;
        let table = [
            (ten + 1, ten + 499, 100_000_005_000_000_000),
            (ten + 1, ten + 500, 100_000_005_010_000_000),
            (ten + 1, ten + 501, 100_000_005_020_000_001),
            (ten + 3, ten + 500, 100_000_005_030_000_002),
        ];
        for (price, quantity, want) in table {
            assert_eq!(price.checked_mul(quantity), None, "beyond 64 bits");
            let gross = Price::from_micro_chf(price).gross(Quantity::new(quantity));
            assert_eq!(gross, Some(MicroChf::new(want)), "{price} x {quantity}");
        }
    }

    #[test]
    fn overflow_is_none() {
        assert_eq!(Price::from_micro_chf(u64::MAX).gross(Quantity::new(u64::MAX)), None);
        assert_eq!(MicroChf::new(u64::MAX).checked_add(MicroChf::new(1)), None);
        assert_eq!(MicroChf::new(1).checked_sub(MicroChf::new(2)), None);
        assert_eq!(Price::from_micro_chf(5).floor_to(Price::from_micro_chf(0)), None);
    }

    #[test]
    fn amounts_print_as_decimals() {
        assert_eq!(MicroChf::new(1_425_000).to_string(), "1.425000");
        assert_eq!(Quantity::new(10_020).to_string(), "10.020");
    }
}
