use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn open(folder: &tempfile::TempDir) -> MarkFile {
    MarkFile::open(folder.path()).unwrap()
}

fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join(NAME)
}

/// What opening finds in a file of these bytes.
fn found(folder: &tempfile::TempDir, bytes: &[u8]) -> Result<Vec<u8>, MarkError> {
    std::fs::write(file(folder), bytes).unwrap();
    MarkFile::open(folder.path()).map(|file| file.load().expect("a file is never \"no mark\"").to_vec())
}

/// The bytes of the file after these marks were saved.
fn saved(folder: &tempfile::TempDir, marks: &[&[u8]]) -> Vec<u8> {
    let mut opened = open(folder);
    marks.iter().for_each(|mark| opened.save(mark).unwrap());
    std::fs::read(file(folder)).unwrap()
}

/// Where a copy of the slot of the `sequence`-th save (from zero) begins.
fn place(sequence: usize, copy: usize) -> usize {
    (copy * 2 + sequence % 2) * SLOT_BYTES
}

#[test]
fn a_saved_mark_is_there_after_opening_again() {
    let folder = folder();
    assert_eq!(open(&folder).load(), None);
    for round in 0..5_u8 {
        let marks = [vec![round; 7], vec![], vec![round; MarkFile::MAX_BYTES], vec![round]];
        for mark in marks {
            let mut opened = open(&folder);
            opened.save(&mark).unwrap();
            assert_eq!(opened.load(), Some(mark.as_slice()));
            drop(opened);
            assert_eq!(open(&folder).load(), Some(mark.as_slice()));
            assert_eq!(std::fs::metadata(file(&folder)).unwrap().len(), FILE_BYTES);
        }
    }
}

#[test]
fn a_flipped_byte_anywhere_leaves_the_newest_mark() {
    let folder = folder();
    let good = saved(&folder, &[b"first", b"second"]);
    let record = HEADER_BYTES + b"second".len();
    // Some of what a record does not need as well.
    for at in (0..4).flat_map(|slot| slot * SLOT_BYTES..slot * SLOT_BYTES + record + 2) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert_eq!(found(&folder, &bad).unwrap(), b"second", "byte {at}");
        assert_eq!(std::fs::read(file(&folder)).unwrap()[place(1, 0)..][..record], good[place(1, 0)..][..record], "restored");
    }
}

#[test]
fn a_save_that_was_torn_at_any_length_leaves_the_mark_before_or_its_own() {
    let folder = folder();
    let before = saved(&folder, &[b"first", b"second"]);
    let after = saved(&folder, &[b"the third"]);
    let length = HEADER_BYTES + b"the third".len();
    for (first, second) in (0..=length).flat_map(|at| [(at, 0), (0, at), (at, at), (length, at)]) {
        let mut torn = before.clone();
        for (copy, written) in [first, second].into_iter().enumerate() {
            torn[place(2, copy)..][..written].copy_from_slice(&after[place(2, copy)..][..written]);
        }
        let expected: &[u8] = if first.max(second) == length { b"the third" } else { b"second" };
        assert_eq!(found(&folder, &torn).unwrap(), expected, "{first} and {second} bytes");
        // It goes on from what was found.
        open(&folder).save(b"the next").unwrap();
        assert_eq!(open(&folder).load(), Some(&b"the next"[..]));
    }
}

#[test]
fn what_was_found_in_one_copy_is_in_both_after_opening() {
    let folder = folder();
    let mut bytes = saved(&folder, &[b"first", b"second"]);
    bytes[place(1, 1)..][..HEADER_BYTES].fill(0);
    assert_eq!(found(&folder, &bytes).unwrap(), b"second");
    let mut restored = std::fs::read(file(&folder)).unwrap();
    restored[place(1, 0)..][..HEADER_BYTES].fill(0);
    assert_eq!(found(&folder, &restored).unwrap(), b"second");
}

#[test]
fn a_file_of_another_length_or_without_any_record_is_damage() {
    let folder = folder();
    let good = saved(&folder, &[b"first", b"second"]);
    let empty = vec![0; good.len()];
    let longer = [good.as_slice(), &[0]].concat();
    let mut swapped = good[SLOT_BYTES..2 * SLOT_BYTES].to_vec();
    swapped.extend_from_slice(&good[..SLOT_BYTES]);
    let swapped = swapped.repeat(2);
    let cut = [0, 1, HEADER_BYTES, SLOT_BYTES, 2 * SLOT_BYTES, good.len() - 1].map(|at| good[..at].to_vec());
    for bad in cut.into_iter().chain([empty, longer, swapped]) {
        assert!(matches!(found(&folder, &bad), Err(MarkError::Damaged(_))), "{} bytes", bad.len());
        assert_eq!(std::fs::read(file(&folder)).unwrap(), bad, "nothing is written over it");
    }
}

#[test]
fn a_crash_before_the_file_has_its_name_leaves_no_mark() {
    let folder = folder();
    std::fs::write(folder.path().join("mark.new"), b"torn").unwrap();
    let mut opened = open(&folder);
    assert_eq!(opened.load(), None);
    opened.save(b"first").unwrap();
    drop(opened);
    assert_eq!(open(&folder).load(), Some(&b"first"[..]));
}

#[test]
fn only_one_process_has_it_open() {
    let folder = folder();
    let first = open(&folder);
    assert!(matches!(MarkFile::open(folder.path()), Err(MarkError::Locked(_))));
    drop(first);
    assert!(MarkFile::open(folder.path()).is_ok());
}

#[test]
fn after_a_failed_save_no_other_is_tried() {
    let folder = folder();
    let mut first = open(&folder);
    // A folder in the way of the new file.
    std::fs::create_dir(folder.path().join("mark.new")).unwrap();
    assert!(matches!(first.save(b"mark"), Err(MarkError::Io { .. })));
    std::fs::remove_dir(folder.path().join("mark.new")).unwrap();
    assert!(matches!(first.save(b"mark"), Err(MarkError::Failed)));
    assert_eq!(first.load(), None);
    drop(first);
    let mut later = open(&folder);
    later.save(b"mark").unwrap();
    // A file that cannot be written.
    let (writable, record) = later.saved.take().unwrap();
    later.saved = Some((File::open(file(&folder)).unwrap(), record));
    assert!(matches!(later.save(b"next"), Err(MarkError::Io { .. })));
    later.saved = Some((writable, Record { sequence: 0, mark: b"mark".to_vec() }));
    assert!(matches!(later.save(b"next"), Err(MarkError::Failed)));
    drop(later);
    assert_eq!(open(&folder).load(), Some(&b"mark"[..]));
}

#[test]
fn a_mark_that_does_not_fit_stops_the_node_and_harms_nothing() {
    let folder = folder();
    let mut opened = open(&folder);
    opened.save(b"mark").unwrap();
    assert!(matches!(opened.save(&vec![0; MarkFile::MAX_BYTES + 1]), Err(MarkError::TooLong { .. })));
    assert!(matches!(opened.save(b"next"), Err(MarkError::Failed)));
    drop(opened);
    assert_eq!(open(&folder).load(), Some(&b"mark"[..]));
}
