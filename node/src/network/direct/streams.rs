//! One task writes to a peer, one reads from it.

use super::DirectConfig;
use super::frame::{Frame, MAX_FRAME_BYTES};
use super::hub::HubMessage;
use crate::network::NodeId;
use crate::network::budget::Budget;
use bytes::Bytes;
use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::Stream;
use libp2p::swarm::ConnectionId;
use std::io;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A frame counts as this many bytes at least: small ones cost the reader too.
const FLOOR: usize = 256;

/// Where the hub puts frames for one connection.
#[derive(Debug)]
pub(super) struct Writer {
    small: mpsc::Sender<Bytes>,
    bulk: mpsc::Sender<Bytes>,
}

/// Why a frame was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// The queue for large frames is full: this one is dropped.
    Dropped,
    /// The peer does not read, or its stream ended: its connection has to be closed.
    Stuck,
}

impl Writer {
    /// Starts the task; `hub` is told when the stream ends.
    pub(super) fn start(
        node: NodeId,
        connection: ConnectionId,
        stream: Stream,
        config: DirectConfig,
        hub: mpsc::Sender<HubMessage>,
    ) -> Self {
        let (small, small_queue) = mpsc::channel(config.queue);
        let (bulk, bulk_queue) = mpsc::channel(config.bulk_queue);
        tokio::spawn(async move {
            if let Err(error) = write(stream, small_queue, bulk_queue, config).await {
                tracing::debug!(%node, %error, "stream to a peer ended");
                let _ = hub.send(HubMessage::StreamEnded(connection)).await;
            }
        });
        Writer { small, bulk }
    }

    pub(super) fn send(&self, encoded: Bytes, is_bulk: bool) -> Result<(), NotTaken> {
        let queue = if is_bulk { &self.bulk } else { &self.small };
        queue.try_send(encoded).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) if is_bulk => NotTaken::Dropped,
            _ => NotTaken::Stuck,
        })
    }
}

/// Small frames go first. Ends without an error when the hub drops the queues.
async fn write(
    mut stream: Stream,
    mut small: mpsc::Receiver<Bytes>,
    mut bulk: mpsc::Receiver<Bytes>,
    config: DirectConfig,
) -> io::Result<()> {
    loop {
        let frame = tokio::select! {
            biased;
            frame = small.recv() => frame,
            frame = bulk.recv() => frame,
        };
        let Some(frame) = frame else { return Ok(()) };
        let more = !small.is_empty() || !bulk.is_empty();
        let write = async {
            stream.write_all(&frame).await?;
            if more { Ok(()) } else { stream.flush().await }
        };
        timeout(config.write_timeout, write).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    }
}

/// Starts the task that reads; it ends with the stream, and `hub` is told.
pub(super) fn start_reader(node: NodeId, connection: ConnectionId, stream: Stream, config: DirectConfig, hub: mpsc::Sender<HubMessage>) {
    tokio::spawn(async move {
        if let Err(error) = read(node, stream, config, &hub).await {
            tracing::debug!(%node, %error, "stream from a peer ended");
        }
        let _ = hub.send(HubMessage::StreamEnded(connection)).await;
    });
}

async fn read(node: NodeId, stream: Stream, config: DirectConfig, hub: &mpsc::Sender<HubMessage>) -> io::Result<()> {
    let mut stream = futures::io::BufReader::with_capacity(16 * 1024, stream);
    let mut volume = Budget::new(config.burst_bytes, config.bytes_per_second, Instant::now());
    let mut count = Budget::new(config.burst_frames, config.frames_per_second, Instant::now());
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length).await?;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > MAX_FRAME_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too long"));
        }
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).await?;
        let frame = Frame::decode(bytes.into());
        if hub.send(HubMessage::Received { node, frame }).await.is_err() {
            return Ok(());
        }
        let cost = u32::try_from(length.max(FLOOR)).unwrap_or(u32::MAX);
        let now = Instant::now();
        let (within_volume, within_count) = (volume.charge(cost, now), count.charge(1, now));
        if !within_volume || !within_count {
            // Not reading on is what slows a flooding peer down: its own queue fills, nobody else's.
            tokio::time::sleep(volume.wait(now).max(count.wait(now))).await;
        }
    }
}
