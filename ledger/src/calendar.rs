//! Calendar months of market time (MARKET 1): month k ends k months after the start, at the same UTC day and time, clamped to the month's
//! last day. Proleptic Gregorian calendar.

use crate::time::{DAY_MS, MarketTime};

/// Days from 0000-01-01 to 1970-01-01, where market time has its zero.
const EPOCH_DAYS: u64 = 719_528;
/// Days of the 400 years after which the calendar repeats.
const CYCLE_DAYS: u128 = 146_097;

impl MarketTime {
    /// The same UTC day and time `months` later, clamped to that month's last day; `None` past the end of the number range.
    pub fn checked_add_months(self, months: u32) -> Option<MarketTime> {
        let days = self.ms().checked_div(DAY_MS)?.checked_add(EPOCH_DAYS)?;
        let (year, month, day) = civil(days)?;
        let months = month.checked_add(u64::from(months))?;
        let (year, month) = (year.checked_add(months.checked_div(12)?)?, months.checked_rem(12)?);
        let last = month_days(year, month).checked_sub(1)?;
        let before = (0..month).try_fold(days_before(year)?, |sum, m| sum.checked_add(month_days(year, m)))?;
        let days = before.checked_add(day.min(last))?.checked_sub(EPOCH_DAYS)?;
        let ms = days.checked_mul(DAY_MS)?.checked_add(self.ms().checked_rem(DAY_MS)?)?;
        Some(MarketTime::from_ms(ms))
    }
}

/// (year, month from 0, day from 0) of a day counted from 0000-01-01.
fn civil(days: u64) -> Option<(u64, u64, u64)> {
    let mean = u128::from(days).checked_mul(400)?.checked_div(CYCLE_DAYS)?;
    // The mean year is at most one off: start below it and step up.
    let mut year = u64::try_from(mean).ok()?.saturating_sub(1);
    for _ in 0..3 {
        let next = year.checked_add(1)?;
        if days_before(next)? <= days {
            year = next;
        }
    }
    let mut day = days.checked_sub(days_before(year)?)?;
    for month in 0..12 {
        match day.checked_sub(month_days(year, month)) {
            Some(rest) => day = rest,
            None => return Some((year, month, day)),
        }
    }
    None
}

/// Days before the first of January of a year, counted from year 0.
fn days_before(year: u64) -> Option<u64> {
    let leaps = year.div_ceil(4).checked_sub(year.div_ceil(100))?.checked_add(year.div_ceil(400))?;
    year.checked_mul(365)?.checked_add(leaps)
}

fn month_days(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 if leap => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_keep_day_and_time_and_clamp_at_the_month_end() {
        // (Unix seconds, months, Unix seconds), worked out with `date -u`.
        let table = [
            (0, 12, 31_536_000),                // 1970-01-01 -> 1971-01-01
            (1_706_745_599, 1, 1_709_251_199),  // 2024-01-31 23:59:59 -> 2024-02-29
            (1_738_367_999, 1, 1_740_787_199),  // 2025-01-31 23:59:59 -> 2025-02-28
            (1_709_208_000, 12, 1_740_744_000), // 2024-02-29 12:00 -> 2025-02-28 12:00
            (1_735_603_200, 2, 1_740_700_800),  // 2024-12-31 -> 2025-02-28
            (1_753_956_000, 12, 1_785_492_000), // 2025-07-31 10:00 -> 2026-07-31 10:00
            (4_107_456_000, 12, 4_138_992_000), // 2100-02-28 -> 2101-02-28: 2100 is no leap year
            (951_782_400, 48, 1_078_012_800),   // 2000-02-29 -> 2004-02-29
        ];
        for (from, months, to) in table {
            let (from, to) = (MarketTime::from_ms(from * 1_000 + 7), MarketTime::from_ms(to * 1_000 + 7));
            assert_eq!(from.checked_add_months(months), Some(to), "{from} + {months} months");
        }
        assert_eq!(MarketTime::from_ms(u64::MAX).checked_add_months(1), None);
    }

    #[test]
    fn every_day_of_nine_centuries_has_one_date() {
        let (mut year, mut month, mut day) = (1970, 0, 0);
        for days in EPOCH_DAYS..EPOCH_DAYS + 330_000 {
            assert_eq!(civil(days), Some((year, month, day)));
            day += 1;
            if day == month_days(year, month) {
                (month, day) = (month + 1, 0);
            }
            if month == 12 {
                (year, month) = (year + 1, 0);
            }
        }
    }
}
