//! Times at the boundary: RFC 3339 or Unix milliseconds in, RFC 3339 (UTC) out. All of them are market time (MARKET 1).

use super::error::ApiError;
use leg_ledger::time::{MarketTime, SLOT_MS, Slot};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// A time or a slot as a client wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeText {
    /// A string: RFC 3339.
    Text(String),
    /// A number: Unix milliseconds, or a slot's number where a slot is asked for.
    Number(u64),
}

impl TimeText {
    /// As a market time.
    ///
    /// # Errors
    /// An [`ApiError`] that names `field`.
    pub fn market_time(&self, field: &str) -> Result<MarketTime, ApiError> {
        match self {
            TimeText::Number(ms) => Ok(MarketTime::from_ms(*ms)),
            TimeText::Text(text) => parse(text).ok_or_else(|| ApiError::bad_value(field, "not a time such as 2026-11-22T14:00:00Z")),
        }
    }

    /// As a slot: its number, or its first instant.
    ///
    /// # Errors
    /// An [`ApiError`] that names `field`.
    pub fn slot(&self, field: &str) -> Result<Slot, ApiError> {
        match self {
            TimeText::Number(number) => Ok(Slot::new(*number)),
            TimeText::Text(text) => parse_slot(text, field),
        }
    }
}

/// A slot in a path or query: its number, or its first instant as RFC 3339.
///
/// # Errors
/// An [`ApiError`] that names `field`.
pub fn parse_slot(text: &str, field: &str) -> Result<Slot, ApiError> {
    if let Ok(number) = text.parse::<u64>() {
        return Ok(Slot::new(number));
    }
    let start = parse(text).ok_or_else(|| ApiError::bad_value(field, "not a slot's number or start such as 2026-11-22T14:15:00Z"))?;
    if start.ms() % SLOT_MS != 0 {
        return Err(ApiError::bad_value(field, "a slot starts at a full quarter of an hour"));
    }
    Ok(start.slot())
}

fn parse(text: &str) -> Option<MarketTime> {
    let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
    u64::try_from(nanos / 1_000_000).ok().filter(|_| nanos >= 0).map(MarketTime::from_ms)
}

/// A time as RFC 3339 in UTC; past the year 9999 as milliseconds.
pub fn text(time: MarketTime) -> String {
    let nanos = i128::from(time.ms()) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok().and_then(|t| t.format(&Rfc3339).ok()).unwrap_or_else(|| time.ms().to_string())
}

/// The first instant of a slot as RFC 3339.
pub fn slot_text(slot: Slot) -> String {
    slot.start().map_or_else(|| slot.get().to_string(), text)
}

impl<'de> Deserialize<'de> for TimeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || serde::de::Error::custom("must be a time as RFC 3339 text, or a whole number");
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(TimeText::Text(text)),
            Value::Number(number) => number.as_u64().map(TimeText::Number).ok_or_else(wrong),
            _ => Err(wrong()),
        }
    }
}

impl PartialSchema for TimeText {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        let number = ObjectBuilder::new().schema_type(Type::Integer);
        let description = "Market time as RFC 3339 or Unix milliseconds; a slot also by its number.";
        OneOfBuilder::new().item(text).item(number).description(Some(description)).into()
    }
}

impl ToSchema for TimeText {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_any_offset_and_printed_in_utc() {
        let time = TimeText::Text("2026-11-22T15:15:00.250+01:00".into()).market_time("t").unwrap();
        assert_eq!(text(time), "2026-11-22T14:15:00.25Z");
        assert_eq!(TimeText::Number(time.ms()).market_time("t").unwrap(), time);
        for bad in ["", "yesterday", "2026-11-22", "2026-11-22 14:15", "1969-12-31T23:59:59Z", "2026-13-01T00:00:00Z"] {
            assert!(TimeText::Text(bad.into()).market_time("t").is_err(), "{bad}");
        }
        assert_eq!(text(MarketTime::from_ms(u64::MAX)), u64::MAX.to_string());
    }

    #[test]
    fn slots_are_numbers_or_quarter_hours() {
        let slot = parse_slot("2026-11-22T14:15:00Z", "slot").unwrap();
        assert_eq!(parse_slot(&slot.get().to_string(), "slot").unwrap(), slot);
        assert_eq!(slot_text(slot), "2026-11-22T14:15:00Z");
        let error = parse_slot("2026-11-22T14:16:00Z", "slot").unwrap_err();
        assert_eq!(error.field(), Some("slot"));
        assert!(serde_json::from_str::<TimeText>("-1").is_err());
        assert!(serde_json::from_str::<TimeText>("1.5").is_err());
    }
}
