use super::*;
use crate::context::LegContext;
use crate::parts::{StreamInfo, split};
use crate::testkit::*;
use crate::types::*;
use arc_malachitebft_app_channel::app::consensus::LivenessMsg;
use arc_malachitebft_app_channel::app::types::{ProposedValue, SignedConsensusMsg};
use arc_malachitebft_codec::{Codec, HasEncodedLen};
use arc_malachitebft_core_types::{
    NilOrVal, PolkaCertificate, PolkaSignature, Round, RoundCertificate, RoundCertificateType, RoundSignature, SignedMessage,
    ValidatorProof, Validity, VoteType,
};
use arc_malachitebft_sync::{RawDecidedValue, Request, Response, Status, ValueRequest, ValueResponse};
use bytes::Bytes;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{BlockId, Height};
use leg_ledger::signature::Signature;
use std::fmt::Debug;

fn signature() -> Signature {
    Signature::from_bytes([0xab; 64])
}

fn block_id() -> BlockId {
    BlockId::from_hash(Hash::from_bytes([2; 32]))
}

fn vote(kind: VoteType, value: NilOrVal<BlockId>) -> SignedMessage<LegContext, BlockVote> {
    let height = EngineHeight::new(Height::new(7));
    let voter = Address::local(member(1));
    SignedMessage::new(BlockVote { kind, height, round: Round::new(3), value, voter }, signature())
}

fn proposal() -> SignedMessage<LegContext, BlockProposal> {
    let message = BlockProposal {
        height: EngineHeight::new(Height::new(7)),
        round: Round::new(3),
        value: BlockValue::new(block_id()),
        pol_round: Round::Nil,
        proposer: Address::new(member(2)),
    };
    SignedMessage::new(message, signature())
}

fn polka() -> PolkaCertificate<LegContext> {
    PolkaCertificate {
        height: EngineHeight::new(Height::new(7)),
        round: Round::new(0),
        value_id: block_id(),
        polka_signatures: (0..3).map(|i| PolkaSignature::new(Address::new(member(i)), signature())).collect(),
    }
}

fn round_proof() -> RoundCertificate<LegContext> {
    let signature = |i, vote_type, value| RoundSignature::new(vote_type, value, Address::new(member(i)), signature());
    RoundCertificate {
        height: EngineHeight::new(Height::new(7)),
        round: Round::new(2),
        cert_type: RoundCertificateType::Skip,
        round_signatures: vec![
            signature(0, VoteType::Prevote, NilOrVal::Nil),
            signature(1, VoteType::Precommit, NilOrVal::Val(block_id())),
        ],
    }
}

/// Comes back as it was, and neither with a byte more nor with one less.
fn round_trip<T: PartialEq + Debug>(value: &T) -> Bytes
where
    EngineCodec: Codec<T, Error = EngineCodecError>,
{
    let bytes = EngineCodec.encode(value).unwrap();
    assert_eq!(&EngineCodec.decode(bytes.clone()).unwrap(), value);
    let mut longer = bytes.to_vec();
    longer.push(0);
    let longer: Result<T, _> = EngineCodec.decode(longer.into());
    assert!(longer.is_err(), "trailing byte");
    let shorter: Result<T, _> = EngineCodec.decode(bytes.slice(..bytes.len() - 1));
    assert!(shorter.is_err(), "missing byte");
    bytes
}

#[test]
fn votes_and_proposals_have_frozen_bytes() {
    let name = |name: &str| format!("{}{}", hex::encode(name), "00".repeat(32 - name.len()));
    let (two, ab) = ("02".repeat(32), "ab".repeat(64));
    let bytes = round_trip(&SignedConsensusMsg::<LegContext>::Vote(vote(VoteType::Precommit, NilOrVal::Val(block_id()))));
    assert_eq!(hex::encode(bytes), format!("00000000010000000700000000000000010300000001{two}{}{ab}", name("hub-1")));
    let bytes = round_trip(&SignedConsensusMsg::<LegContext>::Vote(vote(VoteType::Prevote, NilOrVal::Nil)));
    assert_eq!(hex::encode(bytes), format!("00000000000000000700000000000000010300000000{}{ab}", name("hub-1")));
    let bytes = round_trip(&SignedConsensusMsg::Proposal(proposal()));
    assert_eq!(hex::encode(bytes), format!("0100000007000000000000000103000000{two}00{}{ab}", name("hub-2")));
}

#[test]
fn every_message_comes_back_as_it_was() {
    round_trip(&LivenessMsg::<LegContext>::Vote(vote(VoteType::Prevote, NilOrVal::Nil)));
    round_trip(&LivenessMsg::PolkaCertificate(polka()));
    round_trip(&LivenessMsg::SkipRoundCertificate(round_proof()));
    round_trip(&polka());
    round_trip(&ProposedValue::<LegContext> {
        height: EngineHeight::new(Height::new(7)),
        round: Round::new(1),
        valid_round: Round::Nil,
        proposer: Address::new(member(0)),
        value: BlockValue::new(block_id()),
        validity: Validity::Invalid,
    });
    round_trip(&Status::<LegContext> {
        peer_id: peer(1),
        tip_height: EngineHeight::new(Height::new(9)),
        history_min_height: EngineHeight::new(Height::new(1)),
    });
    let range = EngineHeight::new(Height::new(1))..=EngineHeight::new(Height::new(8));
    let request = round_trip(&Request::<LegContext>::ValueRequest(ValueRequest::new(range)));
    assert!(request.len() <= MAX_SYNC_REQUEST_BYTES);
    round_trip(&ValidatorProof::<LegContext>::new(vec![1; 32], vec![2; 38], signature()));
}

#[test]
fn the_largest_messages_fit_their_limits() {
    let signatures = |n: usize| vec![PolkaSignature::new(Address::new(member(0)), signature()); n];
    let mut largest = polka();
    largest.polka_signatures = signatures(24);
    assert!(round_trip(&LivenessMsg::PolkaCertificate(largest.clone())).len() <= MAX_MESSAGE_BYTES);
    largest.polka_signatures = signatures(25);
    let bytes = EngineCodec.encode(&largest).unwrap();
    let refused: Result<PolkaCertificate<LegContext>, _> = EngineCodec.decode(bytes);
    assert_eq!(refused, Err(EngineCodecError::List { actual: 25, limit: 24 }));
    let oversized: Result<SignedConsensusMsg<LegContext>, _> = EngineCodec.decode(vec![0; MAX_MESSAGE_BYTES + 1].into());
    assert!(matches!(oversized, Err(EngineCodecError::Bytes(_))));
}

#[test]
fn frames_of_every_kind_come_back_and_the_largest_part_fits() {
    let info = StreamInfo {
        height: Height::new(7),
        round: leg_ledger::ids::Round::new(0),
        pol_round: None,
        block: block_id(),
        streamer: member(1),
        stream: 5,
    };
    let parts = split(chain_id(), info, &vec![1; leg_ledger::limits::HARD_BLOCK_BYTES].into(), &key(1));
    assert_eq!(parts.len(), crate::parts::MAX_CHUNKS);
    let part = stream_message(parts[15].clone());
    assert_eq!((part.sequence, part.stream_id.to_bytes().len()), (15, 32));
    let messages = [
        WireMessage::Consensus(SignedConsensusMsg::Proposal(proposal())),
        WireMessage::Liveness(LivenessMsg::SkipRoundCertificate(round_proof())),
        WireMessage::Part(part),
    ];
    for message in messages {
        let frame = message.encode().unwrap();
        assert!(frame.len() <= MAX_WIRE_BYTES);
        assert_eq!(WireMessage::decode(frame.clone()).unwrap(), message);
        let mut longer = frame.to_vec();
        longer.push(0);
        assert!(WireMessage::decode(longer.into()).is_err());
        let mut unknown = frame.to_vec();
        unknown[0] = 9;
        assert!(WireMessage::decode(unknown.into()).is_err());
    }
    assert!(WireMessage::decode(Bytes::new()).is_err());
}

fn answer(blocks: usize) -> (MemoryChain, Response<LegContext>) {
    let chain = MemoryChain::new(4);
    for height in 1..=blocks as u64 {
        let block = chain.block(0, member(proposer(height, 0)), at(height * 100));
        let decided = certificate(&block, 0, [0, 1, 2]);
        chain.with(|s| s.blocks.push((block, decided)));
    }
    let values = chain.with(|s| {
        let value = |(b, c): &(_, _)| {
            RawDecidedValue::new(leg_ledger::codec::encode::<leg_ledger::block::Block>(b).into(), certificate_to_engine(c))
        };
        s.blocks.iter().map(value).collect()
    });
    (chain, Response::ValueResponse(ValueResponse::new(EngineHeight::new(Height::new(1)), values)))
}

#[test]
fn answers_come_back_and_know_their_length() {
    for blocks in [0, 1, 8, SYNC_BATCH] {
        let (_, response) = answer(blocks);
        let bytes = round_trip(&response);
        assert_eq!(EngineCodec.encoded_len(&response), Ok(bytes.len()));
    }
    let (_, more) = answer(SYNC_BATCH + 1);
    let refused: Result<Response<LegContext>, _> = EngineCodec.decode(EngineCodec.encode(&more).unwrap());
    assert_eq!(refused, Err(EngineCodecError::List { actual: SYNC_BATCH + 1, limit: SYNC_BATCH }));
}

#[test]
fn an_answer_is_refused_whose_block_is_not_the_certificates() {
    let decode =
        |response: &Response<LegContext>| -> Result<Response<LegContext>, _> { EngineCodec.decode(EngineCodec.encode(response).unwrap()) };
    let change = |f: &dyn Fn(&mut Vec<RawDecidedValue<LegContext>>)| {
        let (_, Response::ValueResponse(mut response)) = answer(3);
        f(&mut response.values);
        decode(&Response::ValueResponse(response))
    };
    let not_certified = |height| Err(EngineCodecError::NotCertified { height: Height::new(height) });
    assert_eq!(change(&|v| v[1].certificate.value_id = block_id()), not_certified(2));
    let another_header = |v: &mut Vec<RawDecidedValue<LegContext>>| {
        let mut bytes = v[2].value_bytes.to_vec();
        bytes[200] ^= 1;
        v[2].value_bytes = bytes.into();
    };
    assert_eq!(change(&another_header), not_certified(3));
    assert_eq!(change(&|v| v.swap(0, 1)), Err(EngineCodecError::Gap));
    assert_eq!(change(&|v| drop(v.remove(1))), Err(EngineCodecError::Gap));
    assert!(matches!(change(&|v| v[0].value_bytes = Bytes::from_static(b"short")), Err(EngineCodecError::Bytes(_))));
}

#[test]
fn a_block_starts_with_its_header() {
    let chain = MemoryChain::new(4);
    let block = chain.block(0, member(0), at(1));
    let header = leg_ledger::codec::encode(&block.header);
    assert_eq!(header.len(), sync::HEADER_BYTES);
    assert!(leg_ledger::codec::encode(&block).starts_with(&header));
}
