//! What the write-ahead log keeps. Votes and proposals are as on the wire.

use super::{EngineCodec, EngineCodecError, MAX_MESSAGE_BYTES, mirror};
use crate::context::LegContext;
use arc_malachitebft_app_channel::app::types::ProposedValue;
use arc_malachitebft_codec::Codec;
use arc_malachitebft_core_types::PolkaCertificate;
use bytes::Bytes;
use leg_ledger::codec;

impl Codec<ProposedValue<LegContext>> for EngineCodec {
    type Error = EngineCodecError;

    fn decode(&self, bytes: Bytes) -> Result<ProposedValue<LegContext>, EngineCodecError> {
        Ok(codec::decode::<mirror::Value>(&bytes, MAX_MESSAGE_BYTES)?.into())
    }

    fn encode(&self, value: &ProposedValue<LegContext>) -> Result<Bytes, EngineCodecError> {
        Ok(codec::encode(&mirror::Value::from(value)).into())
    }
}

impl Codec<PolkaCertificate<LegContext>> for EngineCodec {
    type Error = EngineCodecError;

    fn decode(&self, bytes: Bytes) -> Result<PolkaCertificate<LegContext>, EngineCodecError> {
        codec::decode::<mirror::Polka>(&bytes, MAX_MESSAGE_BYTES)?.try_into()
    }

    fn encode(&self, polka: &PolkaCertificate<LegContext>) -> Result<Bytes, EngineCodecError> {
        Ok(codec::encode(&mirror::Polka::from(polka)).into())
    }
}
