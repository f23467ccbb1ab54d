//! Requests and answers of nodes that catch up, as opaque bytes with a length in front.

use async_trait::async_trait;
use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};
use std::io;
use std::time::Duration;

/// Bounds of sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncConfig {
    /// Most bytes of a request.
    pub max_request: usize,
    /// Most bytes of an answer.
    pub max_response: usize,
    /// Longest from request to answer.
    pub timeout: Duration,
    /// Requests in flight with one peer, both directions.
    pub streams: usize,
    /// Requests of all peers that wait for this node's answer; more are dropped.
    pub pending: usize,
}

impl Default for SyncConfig {
    fn default() -> Self {
        SyncConfig { max_request: 1_024, max_response: 12 << 20, timeout: Duration::from_secs(10), streams: 16, pending: 64 }
    }
}

/// `u32` length, little-endian, then the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct SyncCodec {
    config: SyncConfig,
}

impl SyncCodec {
    pub(super) const fn new(config: SyncConfig) -> Self {
        SyncCodec { config }
    }
}

async fn read<T: AsyncRead + Unpin + Send>(io: &mut T, limit: usize) -> io::Result<Bytes> {
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let length = u64::from(u32::from_le_bytes(length));
    if length > limit as u64 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{length} bytes; at most {limit} are allowed")));
    }
    // Grows with what arrives, not with what is claimed.
    let mut bytes = Vec::new();
    let read = io.take(length).read_to_end(&mut bytes).await?;
    if read as u64 == length { Ok(bytes.into()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

async fn write<T: AsyncWrite + Unpin + Send>(io: &mut T, bytes: Bytes, limit: usize) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= limit);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "more bytes than a peer would read"))?;
    io.write_all(&length.to_le_bytes()).await?;
    io.write_all(&bytes).await?;
    io.flush().await
}

#[async_trait]
impl request_response::Codec for SyncCodec {
    type Protocol = StreamProtocol;
    type Request = Bytes;
    type Response = Bytes;

    async fn read_request<T: AsyncRead + Unpin + Send>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Bytes> {
        read(io, self.config.max_request).await
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Bytes> {
        read(io, self.config.max_response).await
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Bytes) -> io::Result<()> {
        write(io, bytes, self.config.max_request).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Bytes) -> io::Result<()> {
        write(io, bytes, self.config.max_response).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::io::Cursor;

    #[tokio::test]
    async fn lengths_are_checked_on_both_sides() {
        let mut out = Vec::new();
        write(&mut out, Bytes::from_static(b"abc"), 3).await.unwrap();
        assert_eq!(out, b"\x03\0\0\0abc");
        assert_eq!(read(&mut Cursor::new(&out), 3).await.unwrap().as_ref(), b"abc");
        assert!(read(&mut Cursor::new(&out), 2).await.is_err());
        assert!(read(&mut Cursor::new(&out[..6]), 3).await.is_err());
        assert!(read(&mut Cursor::new(b"\xff\xff\xff\xff"), usize::MAX).await.is_err());
        assert!(write(&mut Vec::new(), Bytes::from_static(b"abcd"), 3).await.is_err());
    }
}
