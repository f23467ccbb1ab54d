//! From actions to a final answer: sign, remember the idempotency key, submit, wait (DESIGN, promise 4).
//!
//! ```text
//! actions ──sign──> transaction ──remember(key)──> submit ──> wait for its block ──> Outcome
//!                        ▲              │ the key is known: the transaction that was signed then
//!                        └──────────────┘
//! ```
//!
//! Invariant: a key is durable before its transaction leaves, so that whatever a retry meets, one transaction at most exists for it.

use super::error::ApiError;
use super::extract::{Sending, Wait};
use super::ports::{Refused, Results};
use super::service::Api;
use crate::storage::{IdempotencyKey, IdempotencyRecord};
use axum::http::StatusCode;
use leg_ledger::execute::Inadmissible;
use leg_ledger::ids::{Height, TransactionId};
use leg_ledger::member::KeyRole;
use leg_ledger::receipt::{Code, Receipt};
use leg_ledger::time::BlockTime;
use leg_ledger::transaction::{Action, SignedTransaction};
use std::sync::Arc;

/// What became of a transaction so far.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The transaction.
    pub transaction: SignedTransaction,
    /// Its id.
    pub id: TransactionId,
    /// What its block left behind; `None` while it waits for one.
    pub results: Option<Arc<Results>>,
}

impl Outcome {
    /// Receipts of its actions, in their order; empty while it waits.
    pub fn receipts(&self) -> Vec<Receipt> {
        let all = self.results.iter().flat_map(|results| results.receipts.iter());
        all.filter(|receipt| receipt.transaction == self.id).copied().collect()
    }

    /// 200 when it is final, 202 while it waits.
    pub fn status(&self) -> StatusCode {
        if self.results.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED }
    }

    /// The receipt of the only action of a transaction, as an error when the rules rejected it. `field` names what a code is about.
    ///
    /// # Errors
    /// [`ApiError::rejected`].
    pub fn check(&self, field: impl Fn(Code) -> Option<&'static str>) -> Result<(), ApiError> {
        match self.receipts().iter().find(|receipt| receipt.code != Code::Ok) {
            Some(receipt) => Err(ApiError::rejected(receipt.code, field(receipt.code))),
            None => Ok(()),
        }
    }
}

/// A request that is signed with one of the hub's keys.
#[derive(Clone, Debug)]
pub struct ToSign {
    /// With which key.
    pub role: KeyRole,
    /// All actions or none.
    pub atomic: bool,
    /// What is signed.
    pub actions: Vec<Action>,
    /// In which equal requests are equal.
    pub fingerprint: Vec<u8>,
}

/// Signs, submits and waits as the client asked.
///
/// # Errors
/// What refuses the transaction before a block has it. What its block rejects is in the outcome's receipts.
pub async fn sign_and_submit(api: &Api, sending: Sending, request: ToSign) -> Result<Outcome, ApiError> {
    let wait = sending.wait;
    let (transaction, origin) = api.blocking(move |api| sign(api, sending.key.as_deref(), request)).await?;
    submit(api, transaction, wait, origin).await
}

/// The transaction to send: signed now, or the one that was signed for the same key before. May wait for the disk.
///
/// # Errors
/// What refuses the request before anything is sent.
pub fn sign(api: &Api, key: Option<&str>, request: ToSign) -> Result<(SignedTransaction, Origin), ApiError> {
    let signer = api.signer()?;
    let moment = api.moment()?;
    let Some(text) = key else {
        return Ok((signer.sign(moment, request.role, request.atomic, request.actions)?, Origin::Signed));
    };
    let key = IdempotencyKey::parse(signer.member(), text).ok_or_else(bad_key)?;
    let now = moment.now;
    if let Some(earlier) = api.idempotency().recall(&key, now)? {
        return same_request(earlier, &request.fingerprint);
    }
    let transaction = signer.sign(moment, request.role, request.atomic, request.actions)?;
    let expires = BlockTime::from_ms(now.ms().saturating_add(api.limits().idempotency_ms));
    let record = IdempotencyRecord { request: request.fingerprint.clone(), transaction, expires };
    match api.idempotency().remember(&key, &record, now)? {
        Some(earlier) => same_request(earlier, &request.fingerprint),
        None => Ok((record.transaction, Origin::Signed)),
    }
}

fn bad_key() -> ApiError {
    let message = format!("an idempotency key has 1 to {} visible ASCII characters", IdempotencyKey::MAX_BYTES);
    ApiError::new(StatusCode::BAD_REQUEST, "bad_idempotency_key", message).at("Idempotency-Key")
}

fn same_request(earlier: IdempotencyRecord, fingerprint: &[u8]) -> Result<(SignedTransaction, Origin), ApiError> {
    if earlier.request == fingerprint {
        return Ok((earlier.transaction, Origin::Remembered));
    }
    let message = "this key was used for another request; use a new one";
    Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_mismatch", message).at("Idempotency-Key"))
}

/// Where a transaction comes from: whether it may have been sent before, and for whom a repetition is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Signed elsewhere. Sent twice it is a replay.
    Elsewhere,
    /// Signed for this request. A retry of the same key, which runs at the same time, may overtake it.
    Signed,
    /// Signed for an earlier request of the same key.
    Remembered,
}

/// Submits a signed transaction and waits as asked. One of our own that was sent before is not sent again: what became of it is answered.
///
/// # Errors
/// What refuses the transaction before a block has it.
pub async fn submit(api: &Api, transaction: SignedTransaction, wait: Wait, origin: Origin) -> Result<Outcome, ApiError> {
    let id = transaction.id();
    let waiter = if wait == Wait::Final { api.waiters().register(id) } else { None };
    if origin == Origin::Remembered
        && let Some(results) = committed(api, id).await?
    {
        return Ok(Outcome { transaction, id, results: Some(results) });
    }
    match api.mempool().submit(transaction.clone()).await {
        Ok(()) | Err(Refused::Waiting) => {}
        Err(Refused::Inadmissible(cause)) if origin != Origin::Elsewhere => {
            let results = match cause {
                // A request of the same key sent it, and its block is final already.
                Inadmissible::Replayed { .. } => committed(api, id).await?,
                Inadmissible::Expired { .. } => return Err(expired(id)),
                _ => None,
            };
            let results = results.ok_or_else(|| ApiError::from(Refused::Inadmissible(cause)))?;
            return Ok(Outcome { transaction, id, results: Some(results) });
        }
        Err(refused) => return Err(refused.into()),
    }
    let Some(mut waiter) = waiter else { return Ok(Outcome { transaction, id, results: None }) };
    let results = match tokio::time::timeout(api.limits().finality_time, waiter.finality()).await.unwrap_or_default() {
        Some(results) => Some(results),
        None => committed(api, id).await?,
    };
    Ok(Outcome { transaction, id, results })
}

/// What the block of a transaction left behind, if one is final.
async fn committed(api: &Api, id: TransactionId) -> Result<Option<Arc<Results>>, ApiError> {
    api.blocking(move |api| {
        let Some(height) = api.chain().height_of(id)? else { return Ok(None) };
        let results = api.chain().results(height)?.ok_or_else(|| forgotten(id, height))?;
        Ok(Some(Arc::new(results)))
    })
    .await
}

fn forgotten(id: TransactionId, height: Height) -> ApiError {
    let message = format!("transaction {id} is final in block {height}, whose receipts this node no longer keeps");
    ApiError::new(StatusCode::GONE, "receipts_forgotten", message)
}

fn expired(id: TransactionId) -> ApiError {
    let message = format!("transaction {id} of this key expired before a block had it; nothing was bought. Use a new key");
    ApiError::new(StatusCode::CONFLICT, "expired", message).at("Idempotency-Key")
}
