//! A client of a node's HTTP API.

use anyhow::{Context, Result, anyhow, bail, ensure};
use async_trait::async_trait;
use bytes::BytesMut;
use futures::stream::try_unfold;
use http_body::Frame;
use http_body_util::StreamBody;
use leg_ledger::block::{Block, Certificate};
use leg_ledger::codec;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, TransactionId};
use leg_ledger::limits::HARD_BLOCK_BYTES;
use leg_ledger::transaction::SignedTransaction;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longest wait for an answer; a node answers `wait=final` within 5 s.
const ANSWER_TIME: Duration = Duration::from_secs(20);
/// Longest time for a file to be uploaded or read back.
const TRANSFER_TIME: Duration = Duration::from_secs(24 * 3_600);
/// Bytes of a file that are read at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// Its last block.
    pub height: Height,
    /// Root of the state after it.
    pub state_root: Hash,
}

/// What the development network needs of a ledger; a node's API over HTTP, or a ledger within a test.
#[async_trait]
pub trait LedgerApi: Send + Sync {
    /// Sends a signed transaction and returns when the mempool has it. Sending one twice is no error.
    ///
    /// # Errors
    /// It is refused, or the node does not answer.
    async fn submit(&self, transaction: &SignedTransaction) -> Result<TransactionId>;

    /// Where the node stands.
    ///
    /// # Errors
    /// The node does not answer.
    async fn status(&self) -> Result<NodeStatus>;

    /// A committed block; `None` while there is none at this height.
    ///
    /// # Errors
    /// The node does not answer.
    async fn block(&self, height: Height) -> Result<Option<(Block, Certificate)>>;
}

/// A node over HTTP.
#[derive(Clone, Debug)]
pub struct HttpNode {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// What an API answers when it refuses.
#[derive(Debug, Deserialize)]
struct ErrorAnswer {
    code: String,
    message: String,
    field: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusAnswer {
    height: u64,
    state_root: Hash,
}

#[derive(Serialize)]
struct SubmitRequest {
    transaction: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubmitAnswer {
    ledger_transaction: String,
}

/// A refusal of the API, with its stable code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// HTTP status.
    pub status: u16,
    /// Stable code.
    pub code: String,
    /// For people.
    pub message: String,
    /// The field that it is about.
    pub field: Option<String>,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{} ({}, field {field}, HTTP {})", self.message, self.code, self.status),
            None => write!(f, "{} ({}, HTTP {})", self.message, self.code, self.status),
        }
    }
}

impl std::error::Error for Refused {}

impl HttpNode {
    /// A client of the node at `base`, such as `http://127.0.0.1:7001`. `token` is needed for what signs with the hub's key.
    ///
    /// # Errors
    /// When the system offers no HTTP client.
    pub fn new(base: &str, token: Option<String>) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(ANSWER_TIME).build().context("no HTTP client")?;
        Ok(HttpNode { http, base: base.trim_end_matches('/').to_owned(), token })
    }

    /// Its address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Gets JSON.
    ///
    /// # Errors
    /// [`Refused`], or what failed on the way.
    pub async fn get<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T> {
        let request = self.http.get(format!("{}{path}", self.base));
        let bytes = self.send(request, path).await?;
        serde_json::from_slice(&bytes).with_context(|| format!("{}{path} answered with another shape", self.base))
    }

    /// Posts JSON; `key` is the `Idempotency-Key`.
    ///
    /// # Errors
    /// [`Refused`], or what failed on the way.
    pub async fn post<T: for<'de> Deserialize<'de>>(&self, path: &str, body: &impl Serialize, key: Option<&str>) -> Result<T> {
        let mut request = self.http.post(format!("{}{path}", self.base)).json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let bytes = self.send(request, path).await?;
        serde_json::from_slice(&bytes).with_context(|| format!("{}{path} answered with another shape", self.base))
    }

    /// Deletes.
    ///
    /// # Errors
    /// [`Refused`], or what failed on the way.
    pub async fn delete<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T> {
        let request = self.http.delete(format!("{}{path}", self.base));
        let bytes = self.send(request, path).await?;
        serde_json::from_slice(&bytes).with_context(|| format!("{}{path} answered with another shape", self.base))
    }

    /// Puts bytes.
    ///
    /// # Errors
    /// [`Refused`], or what failed on the way.
    pub async fn put<T: for<'de> Deserialize<'de>>(&self, path: &str, body: impl Into<reqwest::Body>) -> Result<T> {
        let request = self.http.put(format!("{}{path}", self.base)).header("Content-Type", "application/octet-stream").body(body);
        let bytes = self.send(request, path).await?;
        serde_json::from_slice(&bytes).with_context(|| format!("{}{path} answered with another shape", self.base))
    }

    /// Puts a file, as it is read from the disk.
    ///
    /// # Errors
    /// The file cannot be read, [`Refused`], or what failed on the way.
    pub async fn upload<T: for<'de> Deserialize<'de>>(&self, path: &str, file: &Path) -> Result<T> {
        let opened = File::open(file).await.with_context(|| format!("cannot read {}", file.display()))?;
        let pieces = try_unfold(opened, |mut file| async move {
            let mut piece = BytesMut::with_capacity(PIECE_BYTES);
            let read = file.read_buf(&mut piece).await?;
            Ok::<_, std::io::Error>((read > 0).then(|| (Frame::data(piece.freeze()), file)))
        });
        let body = reqwest::Body::wrap(StreamBody::new(pieces));
        let request = self.http.put(format!("{}{path}", self.base)).header("Content-Type", "application/octet-stream");
        let bytes = self.send(request.timeout(TRANSFER_TIME).body(body), path).await?;
        serde_json::from_slice(&bytes).with_context(|| format!("{}{path} answered with another shape", self.base))
    }

    /// Gets bytes into a new file, which is there only when all of them are; returns how many.
    ///
    /// # Errors
    /// The file exists or cannot be written, [`Refused`], or the answer ended early.
    pub async fn download(&self, path: &str, file: &Path) -> Result<u64> {
        ensure!(!file.exists(), "{} exists already; it is not replaced", file.display());
        let request = self.http.get(format!("{}{path}", self.base)).timeout(TRANSFER_TIME);
        let mut answer = self.answer(request, path).await?;
        let part = file.with_added_extension("part");
        let unwritable = || format!("cannot write {}", part.display());
        let mut output = File::create(&part).await.with_context(unwritable)?;
        let mut bytes = 0;
        let early = || format!("the answer of {}{path} ended early; {} has what came", self.base, part.display());
        while let Some(piece) = answer.chunk().await.with_context(early)? {
            output.write_all(&piece).await.with_context(unwritable)?;
            bytes += piece.len() as u64;
        }
        output.sync_all().await.with_context(unwritable)?;
        tokio::fs::rename(&part, file).await.with_context(|| format!("cannot write {}", file.display()))?;
        Ok(bytes)
    }

    /// Gets bytes.
    ///
    /// # Errors
    /// [`Refused`], or what failed on the way.
    pub async fn bytes(&self, path: &str) -> Result<Vec<u8>> {
        self.send(self.http.get(format!("{}{path}", self.base)), path).await
    }

    async fn send(&self, request: reqwest::RequestBuilder, path: &str) -> Result<Vec<u8>> {
        let bytes = self.answer(request, path).await?.bytes().await;
        Ok(bytes.with_context(|| format!("the answer of {}{path} ended early", self.base))?.to_vec())
    }

    /// A success whose body is still to be read.
    async fn answer(&self, request: reqwest::RequestBuilder, path: &str) -> Result<reqwest::Response> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let unreachable = || format!("the node at {} does not answer ({path}); is it running?", self.base);
        let answer = request.send().await.with_context(unreachable)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let bytes = answer.bytes().await.with_context(unreachable)?;
        match serde_json::from_slice::<ErrorAnswer>(&bytes) {
            Ok(ErrorAnswer { code, message, field }) => Err(Refused { status: status.as_u16(), code, message, field }.into()),
            Err(_) => bail!("{}{path} answered HTTP {status}", self.base),
        }
    }
}

#[async_trait]
impl LedgerApi for HttpNode {
    async fn submit(&self, transaction: &SignedTransaction) -> Result<TransactionId> {
        let body = SubmitRequest { transaction: hex::encode(codec::encode(transaction)) };
        let answer: SubmitAnswer = self.post("/api/transactions?wait=admitted", &body, None).await?;
        TransactionId::from_hex(&answer.ledger_transaction).ok_or_else(|| anyhow!("{} answered with a bad transaction id", self.base))
    }

    async fn status(&self) -> Result<NodeStatus> {
        let StatusAnswer { height, state_root } = self.get("/status").await?;
        Ok(NodeStatus { height: Height::new(height), state_root })
    }

    async fn block(&self, height: Height) -> Result<Option<(Block, Certificate)>> {
        let path = format!("/api/blocks/{height}/raw");
        match self.send(self.http.get(format!("{}{path}", self.base)), &path).await {
            Ok(bytes) => {
                let decoded = codec::decode(&bytes, HARD_BLOCK_BYTES * 2);
                Ok(Some(decoded.with_context(|| format!("{}{path} is no block", self.base))?))
            }
            Err(error) => match error.downcast_ref::<Refused>() {
                Some(refused) if refused.status == 404 => Ok(None),
                _ => Err(error),
            },
        }
    }
}
