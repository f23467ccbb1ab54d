//! Many transactions in one request.

use super::client::{Node, Reply};
use super::net::Net;
use crate::api::{ApiLimits, BatchAnswer, MAX_BATCH};
use axum::body::Body;
use axum::http::{Method, Request, header};
use leg_ledger::codec;
use leg_ledger::ids::{Height, MemberId, Nonce};
use leg_ledger::member::KeyRole;
use leg_ledger::signature::SecretKey;
use leg_ledger::transaction::{Action, Resource, SignedTransaction, TransactionBody};

fn signed(net: &Net, nonce: u64, key: &SecretKey) -> SignedTransaction {
    let body = TransactionBody {
        version: 1,
        chain: net.ledger(|ledger| ledger.chain()),
        signer: MemberId::parse("hub-05").unwrap(),
        role: KeyRole::Operator,
        nonce: Nonce::new(nonce),
        last_valid: Height::new(900),
        atomic: false,
        actions: vec![Action::HaltMarket { resource: Resource::Heat }],
    };
    body.sign(key)
}

async fn send(node: &Node, kind: &str, body: Vec<u8>) -> Reply {
    let request = Request::builder().method(Method::POST).uri("/api/transactions/batch").header(header::CONTENT_TYPE, kind);
    node.send(request.body(Body::from(body)).unwrap()).await
}

const BYTES: &str = "application/octet-stream";

#[tokio::test]
async fn each_transaction_of_a_batch_is_admitted_or_refused_by_itself() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let (operator, garbage) = (net.keys("hub-05").operator.clone(), SecretKey::from_bytes(&[9; 32]));
    let list = vec![signed(&net, 1, &operator), signed(&net, 2, &garbage), signed(&net, 1, &operator), signed(&net, 3, &operator)];
    let answer: BatchAnswer = serde_json::from_value(send(&node, BYTES, codec::encode(&list)).await.ok()).unwrap();
    let found: Vec<_> = answer.answers.iter().map(|a| (a.code.as_str(), a.field.as_deref(), a.message.is_some())).collect();
    let want =
        [("admitted", None, false), ("bad_signature", Some("signature"), true), ("already_waiting", None, true), ("admitted", None, false)];
    assert_eq!((answer.admitted, found.as_slice()), (2, want.as_slice()));
    assert_eq!(net.submitted(), 2);
    let block = node.get("/api/blocks/1").await.ok();
    assert_eq!(block["transactions"].as_array().unwrap().len(), 2, "one block has both");
    let again: BatchAnswer = serde_json::from_value(send(&node, BYTES, codec::encode(&list)).await.ok()).unwrap();
    assert_eq!((again.admitted, again.answers[0].code.as_str()), (0, "replayed"));
}

#[tokio::test]
async fn what_is_no_batch_is_refused_whole() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let good = codec::encode(&vec![signed(&net, 1, &net.keys("hub-05").operator)]);
    for kind in ["application/json", "", "text/plain"] {
        assert_eq!(send(&node, kind, good.clone()).await.error(), (415, "bad_content_type", Some("Content-Type")), "{kind}");
    }
    let bad = (422, "bad_transaction", Some("transactions"));
    let table: [(&str, Vec<u8>); 6] = [
        ("nothing", vec![]),
        ("half a length", vec![1, 0, 0]),
        ("an empty list", codec::encode(&Vec::<SignedTransaction>::new())),
        ("a list that announces more than it has", [&2_u64.to_le_bytes()[..], &good[8..]].concat()),
        ("bytes after the end", [good.as_slice(), &[0][..]].concat()),
        ("a list without its end", good[..good.len() - 1].to_vec()),
    ];
    for (what, bytes) in table {
        assert_eq!(send(&node, BYTES, bytes).await.error(), bad, "{what}");
    }
    let many = [(MAX_BATCH as u64 + 1).to_le_bytes(), u64::MAX.to_le_bytes()];
    for length in many {
        let reply = send(&node, BYTES, [&length[..], &good[8..]].concat()).await;
        assert_eq!(reply.error(), (413, "too_many_transactions", Some("transactions")));
    }
    assert_eq!(send(&node, BYTES, vec![0; 600 * 1024]).await.error(), (413, "body_too_large", None));
    assert_eq!(net.submitted(), 0);
}

#[tokio::test]
async fn a_batch_costs_its_sender_as_much_as_its_transactions() {
    let net = Net::new();
    let node = Node::with_limits(&net, "hub-01", ApiLimits { transactions_per_second: 2, ..ApiLimits::default() });
    let key = net.keys("hub-05").operator.clone();
    let list = |nonces: std::ops::Range<u64>| codec::encode(&nonces.map(|nonce| signed(&net, nonce, &key)).collect::<Vec<_>>());
    assert_eq!(send(&node, BYTES, list(0..5)).await.error(), (429, "rate_limited", None));
    assert_eq!(send(&node, BYTES, list(0..3)).await.status, 200);
    assert_eq!(send(&node, BYTES, list(3..5)).await.error(), (429, "rate_limited", None));
    assert_eq!(send(&node, BYTES, list(3..4)).await.status, 200);
}
