//! What every handler holds: the ports, the hub's signer, the token, limits.

use super::auth::Token;
use super::error::ApiError;
use super::limiter::Limiter;
use super::ports::{ChainPort, ClockPort, IdempotencyPort, MempoolPort, NetworkPort, Unavailable, read};
use super::signer::{Moment, Signer};
use super::waiters::Waiters;
use crate::content::Desk;
use crate::telemetry::{ApiMetrics, Telemetry};
use axum::http::StatusCode;
use leg_ledger::execute::Ledger;
use leg_ledger::time::{BlockTime, MarketTime};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, watch};

/// Limits of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiLimits {
    /// Largest body, bytes; 256 orders and a transaction in hex fit.
    pub body_bytes: usize,
    /// Longest time from a request's head to its answer.
    pub request_time: Duration,
    /// The same for an upload.
    pub upload_time: Duration,
    /// Longest time that `wait=final` waits.
    pub finality_time: Duration,
    /// Requests that are worked on at the same time; a further one is refused, so that a flood costs its senders.
    pub requests: usize,
    /// Connections that follow the blocks at the same time; a further one is refused.
    pub followers: usize,
    /// Transactions signed elsewhere, from one address, a second; twice as many at once.
    pub transactions_per_second: u32,
    /// How long an idempotency key is remembered, ms of block time.
    pub idempotency_ms: u64,
}

impl Default for ApiLimits {
    fn default() -> Self {
        ApiLimits {
            body_bytes: 512 * 1024,
            request_time: Duration::from_secs(20),
            upload_time: Duration::from_secs(3_600),
            requests: 8_192,
            followers: 64,
            finality_time: Duration::from_secs(5),
            transactions_per_second: 2_000,
            idempotency_ms: 24 * 3_600_000,
        }
    }
}

/// What an API is made of.
pub struct ApiParts {
    /// The committed chain.
    pub chain: Arc<dyn ChainPort>,
    /// The waiting transactions.
    pub mempool: Arc<dyn MempoolPort>,
    /// The swarm.
    pub network: Arc<dyn NetworkPort>,
    /// Durable idempotency keys.
    pub idempotency: Arc<dyn IdempotencyPort>,
    /// The node's clock.
    pub clock: Arc<dyn ClockPort>,
    /// The hub's keys; `None` on a node that signs nothing.
    pub signer: Option<Arc<Signer>>,
    /// Stored content; `None` on a node that keeps none.
    pub content: Option<Arc<Desk>>,
    /// The bearer token.
    pub token: Token,
    /// Metrics.
    pub telemetry: Telemetry,
    /// Limits.
    pub limits: ApiLimits,
}

struct Inner {
    parts: ApiParts,
    waiters: Arc<Waiters>,
    limiter: Limiter,
    requests: Semaphore,
    followers: Arc<Semaphore>,
    stopping: watch::Sender<bool>,
    metrics: ApiMetrics,
}

/// The API's state; clones share it.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

impl Api {
    /// Builds the state and starts the task that answers whoever waits for finality. The task ends when the chain stops.
    ///
    /// MUST be called within a tokio runtime.
    pub fn start(parts: ApiParts) -> Api {
        let waiters = Arc::new(Waiters::default());
        tokio::spawn(Arc::clone(&waiters).run(parts.chain.follow(), Arc::clone(&parts.chain)));
        let limiter = Limiter::new(parts.limits.transactions_per_second);
        let metrics = ApiMetrics::register(&parts.telemetry);
        let requests = Semaphore::new(parts.limits.requests);
        let followers = Arc::new(Semaphore::new(parts.limits.followers));
        let (stopping, _) = watch::channel(false);
        Api(Arc::new(Inner { parts, waiters, limiter, requests, followers, stopping, metrics }))
    }

    /// The chain.
    pub fn chain(&self) -> &dyn ChainPort {
        self.0.parts.chain.as_ref()
    }

    /// The mempool.
    pub fn mempool(&self) -> &dyn MempoolPort {
        self.0.parts.mempool.as_ref()
    }

    /// The swarm.
    pub fn network(&self) -> &dyn NetworkPort {
        self.0.parts.network.as_ref()
    }

    /// Idempotency keys.
    pub fn idempotency(&self) -> &dyn IdempotencyPort {
        self.0.parts.idempotency.as_ref()
    }

    /// The limits.
    pub fn limits(&self) -> &ApiLimits {
        &self.0.parts.limits
    }

    /// The token.
    pub fn token(&self) -> &Token {
        &self.0.parts.token
    }

    /// Metrics of all rooms.
    pub fn telemetry(&self) -> &Telemetry {
        &self.0.parts.telemetry
    }

    /// The API's own metrics.
    pub fn metrics(&self) -> &ApiMetrics {
        &self.0.metrics
    }

    /// Who waits.
    pub fn waiters(&self) -> &Arc<Waiters> {
        &self.0.waiters
    }

    /// The limiter of transactions signed elsewhere.
    pub fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    /// A place among the requests that are worked on, until it is dropped.
    ///
    /// # Errors
    /// 503 when there is none.
    pub fn enter(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        let message = "the node works on as many requests as it can; try again in a moment";
        self.0.requests.try_acquire().map_err(|_| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message))
    }

    /// A place among those who follow the blocks, until it is dropped.
    ///
    /// # Errors
    /// 503 when there is none.
    pub fn follow(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let message = "as many connections follow the blocks as this node serves; follow another node, or try again later";
        let place = Arc::clone(&self.0.followers).try_acquire_owned();
        place.map_err(|_| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message))
    }

    /// Ends what never ends by itself: the node stops.
    pub fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Resolves when the node stops.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopping = self.0.stopping.subscribe();
        async move {
            // The sender is gone only with the API.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        }
    }

    /// The node's clock.
    pub fn now(&self) -> BlockTime {
        self.0.parts.clock.now()
    }

    /// The hub's signer.
    ///
    /// # Errors
    /// 403 on a node without keys.
    pub fn signer(&self) -> Result<&Signer, ApiError> {
        let message = "this node has no hub's keys; send a signed transaction to /api/transactions";
        self.0.parts.signer.as_deref().ok_or_else(|| ApiError::new(StatusCode::FORBIDDEN, "no_key", message))
    }

    /// The hub's signer, if there is one.
    pub fn own(&self) -> Option<&Signer> {
        self.0.parts.signer.as_deref()
    }

    /// Stored content.
    ///
    /// # Errors
    /// 403 on a node that keeps none.
    pub fn content(&self) -> Result<&Arc<Desk>, ApiError> {
        let message = "this node keeps no content: it has no hub's keys";
        self.0.parts.content.as_ref().ok_or_else(|| ApiError::new(StatusCode::FORBIDDEN, "no_content_store", message))
    }

    /// Reads the ledger after the last committed block.
    ///
    /// # Errors
    /// 500 when the chain did not let the reader run.
    pub fn read<T>(&self, reader: impl FnOnce(&Ledger) -> T) -> Result<T, ApiError> {
        read(self.chain(), reader).ok_or_else(|| ApiError::from(Unavailable("the ledger was not read".into())))
    }

    /// Runs what reads the chain away from the runtime's own threads: it may wait for a commit or for the disk.
    ///
    /// # Errors
    /// Those of `job`.
    pub async fn blocking<T: Send + 'static>(&self, job: impl FnOnce(&Api) -> Result<T, ApiError> + Send + 'static) -> Result<T, ApiError> {
        let api = self.clone();
        tokio::task::spawn_blocking(move || job(&api)).await.map_err(|error| ApiError::internal(&error))?
    }

    /// Where and when a transaction would be signed now.
    ///
    /// # Errors
    /// As [`Api::read`].
    pub fn moment(&self) -> Result<Moment, ApiError> {
        let now = self.now();
        self.read(|ledger| Moment::of(ledger, now))
    }

    /// Market time by the node's clock.
    ///
    /// # Errors
    /// As [`Api::read`].
    pub fn market_now(&self) -> Result<MarketTime, ApiError> {
        let now = self.now();
        self.read(|ledger| ledger.market_time(now))
    }
}
