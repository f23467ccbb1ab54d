//! Reports with their codes.

use super::*;
use crate::limits::MAX_ORACLE_SOURCES;
use crate::state::{IndexKey, OracleInput, OracleReportTable, TimerId, View};
use crate::testing::START;
use crate::time::{DAY_MS, MarketTime, SLOT_MS};

#[test]
fn every_report_has_its_code() {
    let ahead = 3 * 96;
    type Report = fn(&mut World, Slot) -> Code;
    let table: [(&str, Report, Code); 18] = [
        ("running slot", |w, s| solar(w, "o-1", "zh", &[(s, 1)]), Code::Ok),
        ("nothing made", |w, s| solar(w, "o-1", "zh", &[(s, 0)]), Code::Ok),
        ("several", |w, s| solar(w, "o-1", "be", &[(s, 1), (Slot::new(s.get() + 4), 2)]), Code::Ok),
        ("a hub", |w, s| solar(w, "a", "zh", &[(s, 1)]), Code::WrongRole),
        ("a grid operator", |w, s| solar(w, "grid", "zh", &[(s, 1)]), Code::WrongRole),
        ("nobody", |w, s| solar(w, "nobody", "zh", &[(s, 1)]), Code::MemberInactive),
        ("no such zone", |w, s| solar(w, "o-1", "vd", &[(s, 1)]), Code::UnknownZone),
        ("no slot", |w, _| solar(w, "o-1", "zh", &[]), Code::BadSlot),
        ("a slot twice", |w, s| solar(w, "o-1", "zh", &[(s, 1), (s, 2)]), Code::BadSlot),
        ("past slot", |w, s| solar(w, "o-1", "zh", &[(Slot::new(s.get() - 1), 1)]), Code::BadSlot),
        ("too much", |w, s| solar(w, "o-1", "zh", &[(s, crate::limits::MAX_QUANTITY + 1)]), Code::BadQuantity),
        ("level", |w, s| level(w, "o-1", "zh", &[(s, 3)]), Code::Ok),
        ("level of the grid operator", |w, s| level(w, "grid", "zh", &[(s, -1)]), Code::Ok),
        ("level of another zone's", |w, s| level(w, "grid-be", "zh", &[(s, 0)]), Code::NotParty),
        ("level of a hub", |w, s| level(w, "a", "zh", &[(s, 0)]), Code::WrongRole),
        ("too low", |w, s| level(w, "o-1", "zh", &[(s, -2)]), Code::BadLevel),
        ("too high", |w, s| level(w, "o-1", "zh", &[(s, 4)]), Code::BadLevel),
        ("level of no zone", |w, s| level(w, "o-1", "vd", &[(s, 0)]), Code::UnknownZone),
    ];
    for (name, report, want) in table {
        let mut world = world();
        let (slot, before) = (world.slot(0), world.state.clone());
        assert_eq!(report(&mut world, slot), want, "{name}");
        assert_eq!(world.state == before, want != Code::Ok, "{name}");
    }
    let mut world = world();
    let (last, beyond) = (world.slot(ahead), world.slot(ahead + 1));
    assert_eq!(solar(&mut world, "o-1", "zh", &[(last, 1)]), Code::Ok);
    assert_eq!(solar(&mut world, "o-1", "zh", &[(beyond, 1)]), Code::BadSlot);
}

#[test]
fn sources_are_bounded_and_may_correct_themselves() {
    let mut world = world();
    let names: Vec<String> = (0..=MAX_ORACLE_SOURCES).map(|n| format!("p-{n}")).collect();
    for name in &names {
        world.add(Member { role: Role::Oracle, ..hub(name) }, 0);
    }
    let slot = world.slot(1);
    for name in &names[..MAX_ORACLE_SOURCES] {
        assert_eq!(solar(&mut world, name, "zh", &[(slot, 1)]), Code::Ok);
    }
    assert_eq!(solar(&mut world, &names[MAX_ORACLE_SOURCES], "zh", &[(slot, 1)]), Code::TooManySources);
    assert_eq!(solar(&mut world, &names[0], "zh", &[(slot, 2)]), Code::Ok);
    let reports = world.state.get::<OracleReportTable>(&(OracleInput::SolarForecast, zone("zh"), slot)).unwrap();
    assert_eq!((reports.by.len(), reports.by[&crate::testing::id("p-0")].value), (MAX_ORACLE_SOURCES, 2));
}

#[test]
fn reports_are_forgotten_eight_days_after_their_slot() {
    let mut world = world();
    let slot = world.slot(0);
    solar(&mut world, "o-1", "zh", &[(slot, 1)]);
    let key = (OracleInput::SolarForecast, zone("zh"), slot);
    let due = MarketTime::from_ms(START + SLOT_MS + 8 * DAY_MS);
    assert!(world.state.index(..).any(|k| k == IndexKey::Timer { due, id: TimerId::OracleReports(key) }));
    world.block(|ctx| crate::oracle::expire_reports(ctx, key));
    assert!(world.state.get::<OracleReportTable>(&key).is_none());
}
