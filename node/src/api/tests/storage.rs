//! Storage through the API: uploads, purchases, the agents of both parties, reading back, bad input.

use super::client::{Node, TOKEN};
use super::net::Net;
use crate::api::Signer;
use crate::content::{Agent, ContentStore, Desk, Records, SLICE_BYTES, SliceRequest, Slices};
use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Method, Request, header};
use bytes::Bytes;
use leg_ledger::ids::MemberId;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::sync::watch;

const ORDERS: &str = "/api/marketplace/orders";
const UPLOAD: &str = "/api/storage/content";

fn id(name: &str) -> MemberId {
    MemberId::parse(name).unwrap()
}

/// The stores of all nodes, as if each were connected with each.
#[derive(Default)]
struct Neighbours(Mutex<BTreeMap<MemberId, Arc<ContentStore>>>);

#[async_trait]
impl Slices for Neighbours {
    async fn slice(&self, of: MemberId, request: SliceRequest) -> Option<Bytes> {
        let store = self.0.lock().unwrap().get(&of).cloned()?;
        let length = SLICE_BYTES.min(store.size(request.root)?.checked_sub(request.from)?);
        store.slice(request.root, request.from, length).ok().map(Bytes::from)
    }
}

/// A hub's node with a content store; its agent looks whenever `blocks` changes.
struct Hub {
    node: Node,
    desk: Arc<Desk>,
    blocks: watch::Sender<u64>,
    _folder: TempDir,
}

fn hub(net: &Arc<Net>, name: &str, all: &Arc<Neighbours>) -> Hub {
    let folder = TempDir::new().unwrap();
    let open = |name: &str| Arc::new(ContentStore::open(&folder.path().join(name), 2_000_000).unwrap());
    let desk = Arc::new(Desk {
        store: open("stored"),
        uploads: open("uploads"),
        records: Arc::new(Records::open(&folder.path().join("keys")).unwrap()),
        slices: all.clone(),
    });
    all.0.lock().unwrap().insert(id(name), Arc::clone(&desk.store));
    let keys = net.keys(name);
    let signer = Arc::new(Signer::new(id(name), Some(keys.operator.clone()), Some(keys.meter.clone())));
    let (blocks, watching) = watch::channel(0);
    let agent =
        Agent { desk: Arc::clone(&desk), chain: net.clone(), mempool: net.clone(), clock: net.clone(), signer: Arc::clone(&signer) };
    tokio::spawn(agent.run(watching));
    Hub { node: Node::with_content(net, signer, Arc::clone(&desk)), desk, blocks, _folder: folder }
}

fn request(method: Method, path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
    request.body(body.into()).unwrap()
}

async fn upload(hub: &Hub, bytes: &[u8]) -> String {
    let answer = hub.node.send(request(Method::PUT, UPLOAD, bytes.to_vec())).await.ok();
    answer["content"].as_str().unwrap().to_owned()
}

async fn ask(hub: &Hub, gb: &str, price: &str) {
    let order = json!({"side": "ask", "resource": "storage", "quantity": gb, "months": 12, "minPricePerUnitChf": price});
    assert_eq!(hub.node.post(ORDERS, order).await.ok()["status"], "open");
}

fn wish(root: &str, change: Value) -> Value {
    let mut body = json!({"content": root, "tier": "cold", "months": 12});
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    body
}

/// Lets blocks and agents go on until a contract is stored; bounded, and each turn is a block.
async fn stored(net: &Net, hubs: &[&Hub], id: &str) -> Value {
    for block in 1..20_000 {
        net.produce();
        hubs.iter().for_each(|hub| drop(hub.blocks.send(block)));
        tokio::task::yield_now().await;
        let contract = hubs[0].node.get(&format!("/api/storage/{id}")).await.ok();
        if contract["status"] == "stored" {
            return contract;
        }
    }
    panic!("the content is not stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_is_bought_stored_proved_and_read_back() {
    let (net, all) = (Net::new(), Arc::default());
    let (buyer, seller) = (hub(&net, "hub-01", &all), hub(&net, "hub-02", &all));
    ask(&seller, "5", "0.05").await;
    let bytes: Vec<u8> = (0..700_000_u32).map(|n| n.to_le_bytes()[(n % 3) as usize]).collect();
    let root = upload(&buyer, &bytes).await;
    let bought = buyer.node.post("/api/storage", wish(&root, json!({}))).await.ok();
    let bid = bought["replicas"][0]["orderId"].as_str().unwrap();
    assert!(bought["replicas"][0]["storageId"].is_string(), "{bought}");
    assert_eq!(buyer.desk.uploads.used(), 0, "the upload is erased");
    let contract = stored(&net, &[&buyer, &seller], bid).await;
    assert_eq!((contract["quantityGb"].to_string(), contract["pricePerGbMonth"].to_string()), ("1".into(), "0.05".into()));
    assert_eq!((contract["buyer"].as_str(), contract["seller"].as_str()), (Some("hub-01"), Some("hub-02")));
    assert_ne!(contract["manifest"]["root"], root.as_str(), "the seller has it encrypted");
    let path = format!("/api/storage/{}/content", contract["storageId"].as_str().unwrap());
    assert!(buyer.node.bytes(request(Method::GET, &path, Body::empty())).await == bytes);
    let refused = seller.node.send(request(Method::GET, &path, Body::empty())).await;
    assert_eq!(refused.error(), (403, "no_content_key", None));

    let listed = seller.node.get("/api/storage").await.ok();
    assert_eq!(listed["contracts"][0]["storageId"], contract["storageId"]);
    let noticed = buyer.node.call(Method::DELETE, &format!("/api/storage/{bid}"), None, None).await.ok();
    assert_eq!((noticed["status"].as_str(), noticed["notice"].as_str()), (Some("stored"), Some("hub-01")));
    let again = buyer.node.call(Method::DELETE, &format!("/api/storage/{bid}"), None, None).await;
    assert_eq!(again.error(), (409, "notice_given", None));

    // What the seller's disk spoils is told, not given.
    all.0.lock().unwrap().remove(&id("hub-02"));
    assert_eq!(buyer.node.send(request(Method::GET, &path, Body::empty())).await.error(), (503, "seller_unreachable", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_go_to_different_owners_with_roots_of_their_own() {
    let (net, all) = (Net::new(), Arc::default());
    let hubs = ["hub-01", "hub-02", "hub-03"].map(|name| hub(&net, name, &all));
    let [buyer, first, second] = &hubs;
    ask(first, "5", "0.05").await;
    let root = upload(buyer, b"kept twice").await;
    let twice = || wish(&root, json!({"replicas": 2, "maxPricePerGbMonth": "0.06"}));
    assert_eq!(buyer.node.post("/api/storage", twice()).await.error(), (409, "not_enough_sellers", Some("replicas")));
    ask(second, "5", "0.06").await;
    let bought = buyer.node.post("/api/storage", twice()).await.ok();
    let mut seen = Vec::new();
    for replica in bought["replicas"].as_array().unwrap() {
        let contract = stored(&net, &[buyer, first, second], replica["orderId"].as_str().unwrap()).await;
        seen.push((contract["seller"].clone(), contract["manifest"]["root"].clone()));
    }
    assert!(seen.len() == 2 && seen[0].0 != seen[1].0 && seen[0].1 != seen[1].1, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wishes_that_cannot_be_are_refused_with_their_field() {
    let (net, all) = (Net::new(), Arc::default());
    let buyer = hub(&net, "hub-01", &all);
    let root = upload(&buyer, b"something").await;
    let unknown = "00".repeat(32);
    let table = [
        (wish(&unknown, json!({})), (404, "unknown_content", Some("content"))),
        (wish("root", json!({})), (422, "bad_value", Some("content"))),
        (wish(&root, json!({"tier": "warm"})), (422, "bad_value", Some("tier"))),
        (wish(&root, json!({"months": 0})), (422, "bad_window", Some("months"))),
        (wish(&root, json!({"months": 121})), (422, "bad_window", Some("months"))),
        (wish(&root, json!({"months": -1})), (422, "bad_value", Some("months"))),
        (wish(&root, json!({"months": "a year"})), (422, "bad_value", Some("months"))),
        (wish(&root, json!({"replicas": 0})), (422, "bad_value", Some("replicas"))),
        (wish(&root, json!({"replicas": 9})), (422, "bad_value", Some("replicas"))),
        (wish(&root, json!({"sizeGb": "0"})), (422, "bad_value", Some("sizeGb"))),
        (wish(&root, json!({"sizeGb": "1.5"})), (422, "bad_quantity", Some("sizeGb"))),
        (wish(&root, json!({"sizeGb": "1000000"})), (409, "insufficient_funds", Some("sizeGb"))),
        (wish(&root, json!({"maxPricePerGbMonth": "5"})), (422, "price_outside_collar", Some("maxPricePerGbMonth"))),
        (wish(&root, json!({"maxPricePerGbMonth": "much"})), (422, "not_a_number", Some("maxPricePerGbMonth"))),
        (wish(&root, json!({"price": "1"})), (422, "unknown_field", Some("price"))),
        (json!({"content": root, "tier": "hot"}), (422, "missing_field", Some("months"))),
    ];
    for (body, want) in table {
        assert_eq!(buyer.node.post("/api/storage", body.clone()).await.error(), want, "{body}");
    }
    for path in ["/api/storage/nothing", &format!("/api/storage/{unknown}")] {
        assert_eq!(buyer.node.get(path).await.error(), (404, "unknown_storage_contract", Some("id")), "{path}");
    }
    let empty = buyer.node.send(request(Method::PUT, UPLOAD, Body::empty())).await;
    assert_eq!(empty.error(), (422, "empty_content", None));
    let large = buyer.node.send(request(Method::PUT, UPLOAD, vec![0; 3_000_000])).await;
    assert_eq!(large.error(), (507, "quota_exceeded", None));
    let anonymous = Request::builder().method(Method::PUT).uri(UPLOAD).body(Body::from("x")).unwrap();
    assert_eq!(buyer.node.send(anonymous).await.error(), (401, "unauthorized", Some("Authorization")));
    let observer = Node::of(&net, "observer");
    assert_eq!(observer.send(request(Method::PUT, UPLOAD, "x")).await.error(), (403, "no_content_store", None));
}
