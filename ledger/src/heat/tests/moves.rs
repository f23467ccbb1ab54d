//! Transfer and retirement.

use super::*;
use crate::execute::HistoryRecord;
use crate::hash::Hash;
use crate::heat::{HeatCertificate, retire, transfer};
use crate::ids::TradeId;
use crate::member::MemberStatus;
use crate::time::DAY_MS;
use crate::transaction::{HeatPart, HeatPurpose, HeatSelection, RetireHeat};

/// hub-1 has 753 Wh that expire after 5 days, of which 250 stand behind an ask, and 500 Wh that expire after 10 days.
fn world() -> (World, HeatLotKey, HeatLotKey) {
    let mut world = World::new();
    let (late, early) = (give(&mut world, "hub-1", 1, 500, 10), give(&mut world, "hub-1", 2, 753, 5));
    block(&mut world, 1, &[("hub-1", heat(Side::Ask, 250, 80_000))])[0].unwrap();
    (world, late, early)
}

fn part(key: HeatLotKey, quantity: u64) -> HeatPart {
    HeatPart { producer: key.producer, slot: key.slot, trade: key.trade, quantity: wh(quantity) }
}

fn unknown(key: HeatLotKey) -> HeatLotKey {
    HeatLotKey { trade: TradeId::from_hash(Hash::MAX), ..key }
}

#[test]
fn every_selection_of_heat_has_its_code() {
    type Selection = fn(HeatLotKey, HeatLotKey) -> HeatSelection;
    let table: [(&str, Selection, u64, Code); 12] = [
        ("some", |_, _| HeatSelection::Earliest(wh(1)), 0, Code::Ok),
        ("all that is free", |_, _| HeatSelection::Earliest(wh(1_003)), 0, Code::Ok),
        ("what is reserved", |_, _| HeatSelection::Earliest(wh(1_004)), 0, Code::InsufficientHeat),
        ("nothing", |_, _| HeatSelection::Earliest(wh(0)), 0, Code::BadQuantity),
        ("no part", |_, _| HeatSelection::Parts(Vec::new()), 0, Code::BadQuantity),
        ("an empty part", |late, _| HeatSelection::Parts(vec![part(late, 0)]), 0, Code::BadQuantity),
        ("parts", |late, early| HeatSelection::Parts(vec![part(late, 500), part(early, 503)]), 0, Code::Ok),
        ("a part of what is reserved", |_, early| HeatSelection::Parts(vec![part(early, 504)]), 0, Code::InsufficientHeat),
        ("a part twice", |late, _| HeatSelection::Parts(vec![part(late, 300), part(late, 201)]), 0, Code::InsufficientHeat),
        ("an unknown lot", |late, _| HeatSelection::Parts(vec![part(unknown(late), 1)]), 0, Code::UnknownLot),
        ("an overdue lot", |_, early| HeatSelection::Parts(vec![part(early, 1)]), 5, Code::UnknownLot),
        ("more than has not expired", |_, _| HeatSelection::Earliest(wh(501)), 5, Code::InsufficientHeat),
    ];
    for (name, selection, days, want) in table {
        for kind in ["transfer", "retire"] {
            let (mut world, late, early) = world();
            world.wait_ms(days * DAY_MS);
            let before = world.state().clone();
            let heat = selection(late, early);
            let code = match kind {
                "transfer" => world.act(|ctx| transfer(ctx, &envelope("hub-1", 9), member("buyer"), &heat)),
                _ => {
                    let action = RetireHeat { heat, used_by: member("buyer"), purpose: HeatPurpose::HotWater, document: None };
                    world.act(|ctx| retire(ctx, &envelope("hub-1", 9), &action))
                }
            };
            assert_eq!(code, want, "{kind} {name}");
            world.check();
            world.check_index();
            assert!(want == Code::Ok || *world.state() == before, "{kind} {name}");
        }
    }
}

#[test]
fn every_recipient_has_its_code() {
    let table = [
        ("buyer", Code::Ok, Code::Ok),
        ("hub-2", Code::Ok, Code::Ok),
        ("hub-1", Code::BadRecipient, Code::Ok),
        ("grid-1", Code::BadRecipient, Code::Ok),
        ("hub-3", Code::BadRecipient, Code::Ok),
        ("nobody", Code::BadRecipient, Code::BadRecipient),
    ];
    for (name, transferred, retired) in table {
        let (mut world, _, _) = world();
        world.edit_member("hub-3", |m| m.status = MemberStatus::Suspended);
        let heat = HeatSelection::Earliest(wh(100));
        assert_eq!(world.act(|ctx| transfer(ctx, &envelope("hub-1", 9), member(name), &heat)), transferred, "{name}");
        let action = RetireHeat { heat, used_by: member(name), purpose: HeatPurpose::Other, document: None };
        assert_eq!(world.act(|ctx| retire(ctx, &envelope("hub-1", 10), &action)), retired, "{name}");
        world.check();
    }
}

#[test]
fn more_than_256_lots_take_several_actions() {
    let mut world = World::new();
    for number in 0..258 {
        give(&mut world, "hub-1", number, 10, 10);
    }
    let heat = |quantity| HeatSelection::Earliest(wh(quantity));
    assert_eq!(world.act(|ctx| transfer(ctx, &envelope("hub-1", 1), member("buyer"), &heat(2_570))), Code::TooManyLots);
    assert_eq!(world.act(|ctx| transfer(ctx, &envelope("hub-1", 2), member("buyer"), &heat(2_560))), Code::Ok);
    assert_eq!(world.act(|ctx| transfer(ctx, &envelope("hub-1", 3), member("buyer"), &heat(20))), Code::Ok);
    world.check();
}

#[test]
fn parts_that_come_together_again_are_one_lot() {
    let (mut world, late, _) = world();
    let heat = |quantity| HeatSelection::Parts(vec![part(late, quantity)]);
    assert_eq!(world.act(|ctx| transfer(ctx, &envelope("hub-1", 1), member("buyer"), &heat(200))), Code::Ok);
    let expires_at = lot(&world, late).unwrap().expires_at;
    let given = lot(&world, late.held_by(member("buyer"))).unwrap();
    assert_eq!((lot(&world, late).unwrap().quantity, given.quantity, given.expires_at), (wh(300), wh(200), expires_at));
    assert_eq!(world.act(|ctx| transfer(ctx, &envelope("buyer", 1), member("hub-1"), &heat(200))), Code::Ok);
    assert_eq!((lot(&world, late).unwrap().quantity, lot(&world, late.held_by(member("buyer")))), (wh(500), None));
    world.check();
}

#[test]
fn a_certificate_says_who_used_which_heat_for_what() {
    let (mut world, late, early) = world();
    let document = Some(Hash::MAX);
    let action =
        RetireHeat { heat: HeatSelection::Earliest(wh(600)), used_by: member("buyer"), purpose: HeatPurpose::SpaceHeating, document };
    assert_eq!(world.act(|ctx| retire(ctx, &envelope("hub-1", 9), &action)), Code::Ok);
    let found: Vec<&HeatCertificate> = world
        .finished
        .iter()
        .filter_map(|record| match record {
            HistoryRecord::HeatRetired { certificate, .. } => Some(certificate),
            _ => None,
        })
        .collect();
    let [certificate] = found[..] else { panic!("{found:?}") };
    assert_eq!((certificate.member, certificate.used_by, certificate.quantity), (member("hub-1"), member("buyer"), wh(600)));
    assert_eq!((certificate.purpose, certificate.document, certificate.retired_at), (HeatPurpose::SpaceHeating, document, world.now()));
    assert_eq!(certificate.parts, [part(early, 503), part(late, 97)]);
    assert_eq!((world.totals().heat_retired, world.account("hub-1").heat_free), (wh(600), wh(403)));
    world.check();
}
