//! Following the final blocks of a node on one connection.

use anyhow::{Context, Result, bail};
use leg_ledger::codec;
use leg_node::api::FinalBlock;
use std::time::Duration;

/// Longest frame: more ids than a block can have.
const MAX_FRAME: usize = 1 << 20;
/// Longest wait for the connection.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// An open stream of final blocks.
#[derive(Debug)]
pub struct Follower {
    answer: reqwest::Response,
    frames: Frames,
}

impl Follower {
    /// Opens the stream of the node at `base`.
    ///
    /// # Errors
    /// The node does not answer, or refuses.
    pub async fn open(base: &str) -> Result<Self> {
        // No time-out for the whole answer: it goes on for as long as the node does.
        let client = reqwest::Client::builder().connect_timeout(CONNECT_TIME).build().context("no HTTP client")?;
        let answer = client.get(format!("{base}/api/blocks/follow")).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status).with_context(|| format!("{base} does not tell its blocks"))?;
        Ok(Follower { answer, frames: Frames::default() })
    }

    /// The next final block.
    ///
    /// # Errors
    /// The stream ended, or is none of frames.
    pub async fn next(&mut self) -> Result<FinalBlock> {
        loop {
            if let Some(block) = self.frames.next()? {
                return Ok(block);
            }
            match self.answer.chunk().await.context("the stream of blocks broke off")? {
                Some(chunk) => self.frames.push(&chunk),
                None => bail!("the node ended its stream of blocks"),
            }
        }
    }
}

/// Frames that arrive in pieces.
#[derive(Debug, Default)]
struct Frames {
    bytes: Vec<u8>,
    /// What of `bytes` was taken.
    taken: usize,
}

impl Frames {
    fn push(&mut self, piece: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.taken));
        self.bytes.extend_from_slice(piece);
    }

    fn next(&mut self) -> Result<Option<FinalBlock>> {
        let Some((length, rest)) = self.bytes[self.taken..].split_first_chunk::<4>() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length > MAX_FRAME {
            bail!("a frame of {length} bytes is none of a block");
        }
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        let block = codec::decode(frame, MAX_FRAME).context("a frame is no block")?;
        self.taken += 4 + length;
        Ok(Some(block))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::hash::Hash;
    use leg_ledger::ids::{Height, TransactionId};

    #[test]
    fn blocks_are_read_from_pieces_of_any_length() {
        let block = |height: u64| FinalBlock {
            height: Height::new(height),
            transactions: vec![TransactionId::from_hash(Hash::ZERO); height as usize],
            actions: 3,
            rejected: 1,
            trades: 2,
        };
        let blocks: Vec<FinalBlock> = (0..5).map(block).collect();
        let bytes: Vec<u8> = blocks.iter().flat_map(FinalBlock::to_frame).collect();
        for size in [1, 3, 50, 10_000] {
            let (mut frames, mut found) = (Frames::default(), Vec::new());
            for piece in bytes.chunks(size) {
                frames.push(piece);
                while let Some(block) = frames.next().unwrap() {
                    found.push(block);
                }
            }
            assert_eq!(found, blocks, "pieces of {size}");
        }
        let mut frames = Frames::default();
        frames.push(&[255, 255, 255, 255, 0]);
        assert!(frames.next().is_err(), "no frame is that long");
        let mut frames = Frames::default();
        frames.push(&[1, 0, 0, 0, 0]);
        assert!(frames.next().is_err(), "no block is that short");
    }
}
