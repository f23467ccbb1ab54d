//! Slices of stored content: asked of a member's node, given or refused by whoever reads there.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_slice_is_given_to_the_member_that_asks() {
    let mut seller = TestNode::start(1, &[], &[1, 2]).await;
    let buyer = TestNode::start(2, &[&seller], &[1, 2]).await;
    buyer.connected(node(1)).await;
    let wanting = buyer.network.clone();
    let wanted = tokio::spawn(async move { wanting.want(member(1), Bytes::from_static(b"which")).await });
    let ask = within("a request", seller.content.recv()).await.unwrap();
    assert_eq!((ask.from, ask.request.as_ref()), (member(2), b"which".as_ref()));
    seller.network.give(ask, Bytes::from_static(b"a slice")).await.unwrap();
    assert_eq!(within("a slice", wanted).await.unwrap().unwrap().as_ref(), b"a slice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_noticed_and_strangers_are_not_asked() {
    let mut seller = TestNode::start(1, &[], &[1, 2]).await;
    let buyer = TestNode::start(2, &[&seller], &[1, 2]).await;
    buyer.connected(node(1)).await;
    let wanting = buyer.network.clone();
    let wanted = tokio::spawn(async move { wanting.want(member(1), Bytes::from_static(b"which")).await });
    drop(within("a request", seller.content.recv()).await.unwrap());
    assert_eq!(within("a refusal", wanted).await.unwrap(), None);
    assert_eq!(buyer.network.want(member(3), Bytes::from_static(b"which")).await, None, "no node of that member is connected");
    let long = Bytes::from(vec![0; 1_000]);
    assert_eq!(within("a failure", buyer.network.want(member(1), long)).await, None, "longer than the protocol lets pass");
}
