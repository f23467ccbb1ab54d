use super::*;
use crate::parts::{StreamInfo, split};
use crate::testkit::{chain_id, committee, key, member};
use leg_ledger::ids::BlockId;

fn info(height: u64, round: u32, streamer: u8, stream: u64) -> StreamInfo {
    StreamInfo {
        height: Height::new(height),
        round: Round::new(round),
        pol_round: None,
        block: BlockId::from_hash(Hash::from_bytes([7; 32])),
        streamer: member(streamer),
        stream,
    }
}

fn parts(info: StreamInfo, length: usize) -> Vec<BlockPart> {
    let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
    let streamer = (0..=9).find(|i| member(*i) == info.streamer).unwrap();
    split(chain_id(), info, &bytes.into(), &key(streamer))
}

struct Table {
    assembly: Assembly,
    committee: Committee,
}

impl Table {
    fn new() -> Self {
        Table { assembly: Assembly::new(chain_id(), SignatureCheck::default()), committee: committee(4) }
    }

    fn add(&mut self, part: &BlockPart) -> Result<Option<Assembled>, PartError> {
        let position =
            Position { height: Height::new(5), round: Round::new(2), committee: &self.committee, next_committee: Some(&self.committee) };
        self.assembly.add(part, position, |_| None)
    }

    fn held(&self) -> usize {
        self.assembly.streamers.values().map(|s| s.streams.len()).sum()
    }
}

#[test]
fn blocks_of_every_length_come_back_in_any_order() {
    for length in [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, HARD_BLOCK_BYTES] {
        let mut table = Table::new();
        let mut parts = parts(info(5, 0, 1, 1), length);
        assert_eq!(parts.len(), length.div_ceil(CHUNK_BYTES));
        parts.reverse();
        let (last, earlier) = parts.split_last().unwrap();
        for part in earlier {
            assert_eq!(table.add(part), Ok(None));
            assert_eq!(table.add(part), Ok(None), "twice is once");
        }
        let assembled = table.add(last).unwrap().unwrap();
        assert_eq!(assembled.bytes.len(), length);
        assert!(assembled.bytes.iter().enumerate().all(|(i, b)| *b == (i % 251) as u8));
        assert_eq!(table.add(last), Ok(None), "a stream completes once");
        assert_eq!(table.held(), 0);
    }
}

#[test]
fn what_is_not_of_the_stream_is_refused_before_it_is_kept() {
    let good = parts(info(5, 0, 1, 1), 2 * CHUNK_BYTES)[0].clone();
    let change = |f: &dyn Fn(&mut SignedManifest)| {
        let mut signed = SignedManifest::clone(&good.signed);
        f(&mut signed);
        BlockPart { signed: std::sync::Arc::new(signed), ..good.clone() }
    };
    // Signed as asked, so that only the manifest is at fault.
    let signed = |f: &dyn Fn(&mut Manifest)| {
        change(&|s| {
            f(&mut s.manifest);
            s.signature = key(1).sign(&s.manifest.signing_bytes(chain_id()));
        })
    };
    let chunk = |index: u32, chunk: Vec<u8>| BlockPart { index, chunk: chunk.into(), ..good.clone() };
    let cases = [
        (parts(info(4, 0, 1, 1), 9)[0].clone(), PartError::Height(Height::new(4))),
        (parts(info(7, 0, 1, 1), 9)[0].clone(), PartError::Height(Height::new(7))),
        (parts(info(5, 13, 1, 1), 9)[0].clone(), PartError::Round(Round::new(13))),
        (parts(info(6, 11, 1, 1), 9)[0].clone(), PartError::Round(Round::new(11))),
        (parts(info(5, 0, 9, 1), 9)[0].clone(), PartError::Stranger(member(9))),
        (change(&|s| s.manifest.stream = 2), PartError::Signature(member(1))),
        (change(&|s| s.signature = key(2).sign(b"x")), PartError::Signature(member(1))),
        (change(&|s| s.manifest.streamer = member(2)), PartError::Signature(member(2))),
        (signed(&|m| m.length = 0), PartError::Manifest),
        (signed(&|m| m.length = u32::MAX), PartError::Manifest),
        (signed(&|m| m.chunks.push(Hash::ZERO)), PartError::Manifest),
        (signed(&|m| m.chunks.clear()), PartError::Manifest),
        (signed(&|m| m.pol_round = Some(m.round)), PartError::Manifest),
        (chunk(0, vec![0; CHUNK_BYTES]), PartError::Chunk(0)),
        (chunk(0, vec![0; CHUNK_BYTES + 1]), PartError::Chunk(0)),
        (chunk(1, good.chunk.to_vec()), PartError::Chunk(1)),
        (chunk(2, good.chunk.to_vec()), PartError::Chunk(2)),
        (chunk(u32::MAX, vec![]), PartError::Chunk(u32::MAX)),
    ];
    for (part, error) in cases {
        let mut table = Table::new();
        assert_eq!(table.add(&part), Err(error));
        assert_eq!(table.held(), 0);
        // Nor does it spoil the stream of the same streamer.
        assert_eq!(table.add(&good), Ok(None));
    }
}

#[test]
fn a_streamer_pushes_out_only_its_own_streams() {
    let mut table = Table::new();
    let honest = parts(info(5, 2, 2, 1), 2 * CHUNK_BYTES);
    assert_eq!(table.add(&honest[0]), Ok(None));
    for stream in 0..100 {
        assert_eq!(table.add(&parts(info(5, 2, 1, stream), HARD_BLOCK_BYTES)[0]), Ok(None));
    }
    assert_eq!(table.held(), MAX_STREAMS + 1);
    assert!(table.add(&honest[1]).unwrap().is_some());
    // Earlier rounds go first.
    let mut table = Table::new();
    let late = parts(info(5, 3, 1, 7), 2 * CHUNK_BYTES);
    table.add(&late[0]).unwrap();
    for stream in 0..100 {
        table.add(&parts(info(5, 0, 1, stream), 2 * CHUNK_BYTES)[0]).unwrap();
    }
    assert!(table.add(&late[1]).unwrap().is_some());
}

#[test]
fn finished_streams_are_bounded_too_and_forgotten_with_their_height() {
    let mut table = Table::new();
    for stream in 0..MAX_FINISHED as u64 {
        assert!(table.add(&parts(info(5, 0, 1, stream), 10)[0]).unwrap().is_some());
    }
    let one_more = parts(info(5, 0, 1, 9_999), 10)[0].clone();
    assert_eq!(table.add(&one_more), Err(PartError::TooMany(member(1))));
    assert!(table.add(&parts(info(5, 0, 2, 1), 10)[0]).unwrap().is_some(), "others are not affected");
    table.assembly.forget(Height::new(5));
    assert!(table.assembly.streamers.is_empty());
}

#[test]
fn a_stream_of_a_known_block_is_complete_with_its_first_part() {
    let committee = committee(4);
    let position = Position { height: Height::new(5), round: Round::new(0), committee: &committee, next_committee: None };
    let mut assembly = Assembly::new(chain_id(), SignatureCheck::default());
    let parts = parts(info(5, 0, 1, 1), HARD_BLOCK_BYTES);
    let known = |_: &Manifest| Some(Bytes::from_static(b"held"));
    let assembled = assembly.add(&parts[3], position, known).unwrap().unwrap();
    assert_eq!(assembled.bytes, Bytes::from_static(b"held"));
    assert_eq!(assembly.add(&parts[4], position, known), Ok(None));
    let next = super::tests::parts(info(6, 0, 1, 1), 10);
    assert_eq!(assembly.add(&next[0], position, known), Err(PartError::Height(Height::new(6))), "its committee is not known yet");
}
