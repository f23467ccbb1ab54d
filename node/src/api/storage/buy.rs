//! Buying storage: encrypts the uploaded content for each replica, keeps the keys, places the bids.

use super::super::auth::Authorized;
use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Body, Sending, WaitParams};
use super::super::service::Api;
use super::super::submit::{ToSign, sign, submit};
use super::answer::{BoughtAnswer, ReplicaAnswer};
use super::content::failed;
use super::request::StorageRequest;
use crate::content::{ContentError, Desk, MAX_CONTENT_BYTES, Record, ReplicaKey, contracts_of};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use leg_ledger::amount::{Price, Quantity};
use leg_ledger::execute::Ledger;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, MemberId, OrderId};
use leg_ledger::limits::MAX_CANDIDATES;
use leg_ledger::market::{effective_price, order_id, reference_price};
use leg_ledger::member::KeyRole;
use leg_ledger::state::{IndexKey, Members, Orders, View};
use leg_ledger::transaction::{Action, Market, PlaceOrder, Product, Resource, Side, SignedTransaction, StorageManifest};
use std::collections::BTreeSet;

type Answer = (StatusCode, Json<BoughtAnswer>);

/// Buys storage for an uploaded content: one bid for each replica, which one seller fills whole. The node announces, hands over and keeps the
/// keys by itself; the upload is erased once every replica is encrypted.
#[utoipa::path(
    post, path = "/api/storage", tag = "storage", request_body = StorageRequest, params(WaitParams), security(("token" = [])),
    responses(
        (status = 200, description = "The bids are in a final block.", body = BoughtAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = BoughtAnswer),
        (status = "4XX", description = "Nothing was bought.", body = ErrorAnswer),
    )
)]
pub async fn buy_storage(_: Authorized, State(api): State<Api>, sending: Sending, body: Body<StorageRequest>) -> Result<Answer, ApiError> {
    let request = body.value;
    request.check()?;
    let wait = sending.wait;
    let (wish, fingerprint) = (request.clone(), body.fingerprint);
    let prepared = api.blocking(move |api| prepare(api, &wish, sending.key.as_deref(), fingerprint)).await?;
    let Prepared { transaction, origin, replicas } = prepared;
    let outcome = submit(&api, transaction, wait, origin).await?;
    outcome.check(|code| request.field_of(code))?;
    let plain = request.root()?;
    let bought = api.blocking(move |api| {
        // What is not erased now is erased a day later.
        let _ = api.content()?.uploads.remove(plain);
        let own = api.signer()?.member();
        api.read(|ledger| contracts_of(ledger.state(), own))
    });
    let contracts = bought.await?;
    let of = |(order, root): (OrderId, Hash)| ReplicaAnswer::new(order, root, contracts.iter().find(|c| c.bid == order));
    let height = outcome.results.as_ref().map(|results| results.height.get());
    let replicas = replicas.into_iter().map(of).collect();
    Ok((outcome.status(), Json(BoughtAnswer { replicas, ledger_transaction: outcome.id.to_string(), height })))
}

struct Prepared {
    transaction: SignedTransaction,
    origin: super::super::submit::Origin,
    replicas: Vec<(OrderId, Hash)>,
}

/// Signs the bids and makes their records durable, before anything is sent.
fn prepare(api: &Api, wish: &StorageRequest, key: Option<&str>, fingerprint: Vec<u8>) -> Result<Prepared, ApiError> {
    let desk = api.content()?;
    let plain = wish.root()?;
    let known = desk.records.all();
    let earlier = known.iter().find(|record| record.plain == plain).map(|record| record.manifest.size);
    let unknown = || ApiError::not_found("unknown_content", "there is no such upload; PUT /api/storage/content takes one").at("content");
    let size = desk.uploads.size(plain).or(earlier).ok_or_else(unknown)?;
    let bids = api.read(|ledger| bids(ledger, wish, api.signer()?.member(), size))??;
    let actions = bids.into_iter().map(Action::PlaceOrder).collect();
    let (transaction, origin) = sign(api, key, ToSign { role: KeyRole::Operator, atomic: true, actions, fingerprint })?;
    let tip = api.moment()?.tip;
    let orders = (0..wish.replicas).map(|replica| (replica, order_id(transaction.id(), u16::from(replica))));
    let mut replicas = Vec::new();
    for (replica, order) in orders {
        let record = match desk.records.get(order) {
            Some(record) => record,
            None => encrypt(desk, wish, (plain, size), (replica, order), tip).map_err(failed)?,
        };
        replicas.push((order, record.manifest.root));
    }
    Ok(Prepared { transaction, origin, replicas })
}

/// Encrypts the upload for one replica and keeps its record.
fn encrypt(
    desk: &Desk,
    wish: &StorageRequest,
    (plain, size): (Hash, u64),
    (replica, order): (u8, OrderId),
    height: Height,
) -> Result<Record, ContentError> {
    let key = ReplicaKey::random();
    let (root, _) = desk.store.add(&mut key.encrypting(desk.uploads.read(plain)?), MAX_CONTENT_BYTES)?;
    // Replicas of one purchase belong together; another purchase of the same content is another group.
    let group = Hash::of_parts(leg_ledger::hash::Domain::StorageContent, &[plain.as_bytes(), &height.get().to_le_bytes()]);
    let manifest = StorageManifest { root, size, tier: wish.tier, content: group, replica, replicas: wish.replicas };
    let record = Record { order, plain, manifest, key, height };
    desk.records.insert(record.clone())?;
    Ok(record)
}

/// One bid for each replica. Several are given to sellers of different owners, the cheapest that offer enough now.
fn bids(ledger: &Ledger, wish: &StorageRequest, own: MemberId, bytes: u64) -> Result<Vec<PlaceOrder>, ApiError> {
    let params = ledger.params().ok_or_else(|| ApiError::internal(&"the state has no parameters"))?;
    let reference = reference_price(ledger.state(), params, Resource::Storage, None);
    let quantity = wish.quantity(bytes)?;
    let limit = wish.limit(reference, params.resources.storage.tick)?;
    if wish.replicas == 1 {
        return Ok(vec![wish.bid(quantity, limit, None)]);
    }
    let sellers = sellers(ledger, wish, own, quantity, limit, reference);
    if sellers.len() < usize::from(wish.replicas) {
        let message = format!("{} replicas need as many owners that offer {quantity} GB; now there are {}", wish.replicas, sellers.len());
        return Err(ApiError::new(StatusCode::CONFLICT, "not_enough_sellers", message).at("replicas"));
    }
    Ok(sellers.into_iter().take(usize::from(wish.replicas)).map(|seller| wish.bid(quantity, limit, Some(seller))).collect())
}

/// Sellers of different owners whose ask takes the bid, cheapest first.
fn sellers(ledger: &Ledger, wish: &StorageRequest, own: MemberId, quantity: Quantity, limit: Price, reference: Price) -> Vec<MemberId> {
    let state = ledger.state();
    let Some(rules) = ledger.params().map(|params| params.resources.storage) else { return Vec::new() };
    let own = state.get::<Members>(&own).map(|member| member.owner);
    let first = super::super::order::book_start(Market::Storage, Side::Ask);
    let asks = state.index(first..).take(MAX_CANDIDATES).map_while(|key| match key {
        IndexKey::Book { market: Market::Storage, side: Side::Ask, order, .. } => state.get::<Orders>(&order),
        _ => None,
    });
    let mut found: Vec<(Price, MemberId)> = Vec::new();
    for ask in asks {
        let Some(seller) = state.get::<Members>(&ask.member).filter(|seller| Some(seller.owner) != own) else { continue };
        let price = effective_price(ask, reference, seller.reputation, &rules);
        let longest = if let Product::Storage { months } = ask.terms.product { months } else { 0 };
        if ask.open >= quantity && longest >= wish.months && price <= limit {
            found.push((price, ask.member));
        }
    }
    found.sort_unstable();
    let mut owners = BTreeSet::new();
    let is_new = |seller: &MemberId| state.get::<Members>(seller).is_some_and(|member| owners.insert(member.owner));
    found.into_iter().map(|(_, seller)| seller).filter(is_new).collect()
}
