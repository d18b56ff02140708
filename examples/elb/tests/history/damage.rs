//! Files that are damaged, changed by others, or not a history.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use elb::history::{HistorySettings, Reader};
use sflow_metrics::Timestamp;
use tempfile::TempDir;

use crate::{entry, fill, now, settings, start};

/// A history with three decisions that is then changed by these statements.
fn changed(statements: &str) -> (TempDir, HistorySettings) {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let (writer, _) = start(&settings);
    let entries = [1, 2, 3].map(|id| entry(id, "web", now()));
    writer.record_round(&entries, std::iter::empty());
    drop(writer);
    let database = rusqlite::Connection::open(&settings.path).unwrap();
    database.execute_batch(statements).unwrap();
    (folder, settings)
}

#[test]
fn file_with_other_tables_triggers_or_numbers_is_renamed() {
    for statements in [
        "CREATE TRIGGER t AFTER DELETE ON decision BEGIN INSERT INTO decision VALUES (1, '', ''); END",
        "DROP TABLE mode; CREATE VIEW mode AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
            SELECT i AS time, 'service' AS kind, 'web' AS subject, 'act' AS mode, '' AS source FROM n",
        "ALTER TABLE decision RENAME COLUMN entry TO entri",
        "DROP TABLE run",
        "DELETE FROM run",
        "UPDATE run SET last = 9223372036854775807",
    ] {
        let (_folder, settings) = changed(statements);
        let (writer, restored) = start(&settings);
        assert_eq!(restored.decisions.len(), 0, "{statements}");
        assert_eq!(writer.health().problem, None, "{statements}");
    }
}

#[test]
fn damaged_rows_are_skipped() {
    for statements in [
        "UPDATE decision SET entry = CAST(x'ff' AS TEXT) WHERE rowid = 2",
        "UPDATE decision SET entry = x'00' WHERE rowid = 2",
        "UPDATE decision SET entry = '{}' WHERE rowid = 2",
        "INSERT INTO mode VALUES (1, 1.5, x'ff', 'act', '')",
        "INSERT INTO observation VALUES (1, 'text')",
    ] {
        let (_folder, settings) = changed(statements);
        let (writer, restored) = start(&settings);
        assert!(restored.decisions.len() >= 2, "{statements}");
        assert_eq!(restored.last, 3, "{statements}");
        assert_eq!(writer.health().problem, None, "{statements}");
    }
}

#[test]
#[cfg(unix)]
fn link_is_refused_and_its_target_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let target = folder.path().join("target");
    fs::write(&target, "text").unwrap();
    fs::set_permissions(&target, Permissions::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink(&target, &settings.path).unwrap();
    let (writer, _) = start(&settings);
    let problem = writer.health().problem.unwrap();
    assert!(problem.contains("not a regular file"), "{problem}");
    assert_eq!(fs::read(&target).unwrap(), b"text");
    let mode = fs::metadata(&target).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

#[test]
fn damaged_files_are_renamed_and_a_new_history_begins() {
    let whole = {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder);
        let (writer, _) = start(&settings);
        for seed in 0..20 {
            fill(&writer, now(), 20_000, seed);
        }
        drop(writer);
        fs::read(&settings.path).unwrap()
    };
    let mut other_version = whole.clone();
    other_version[63] = 99;
    let mut other_program = whole.clone();
    other_program[71] = 1;
    let mut overwritten = whole.clone();
    overwritten[4_096..40_960].fill(0xa5);
    let damaged: [&[u8]; 6] = [
        &whole[..whole.len() / 2],
        &whole[..50],
        &[0x5a; 70_000],
        &other_version,
        &other_program,
        &overwritten,
    ];
    for bytes in damaged {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder);
        fs::write(&settings.path, bytes).unwrap();
        let (writer, restored) = start(&settings);
        assert_eq!((restored.last, restored.decisions.len()), (0, 0));
        assert_eq!(writer.health().problem, None);
        writer.record_round(&[entry(1, "web", now())], std::iter::empty());
        drop(writer);
        assert_eq!(start(&settings).1.decisions.len(), 1);
        let names = fs::read_dir(folder.path()).unwrap();
        let names: Vec<PathBuf> = names.map(|it| it.unwrap().path()).collect();
        let aside = names
            .iter()
            .find(|it| it.to_str().unwrap().contains(".damaged-"));
        assert_eq!(fs::read(aside.unwrap()).unwrap(), bytes);
    }
}

#[test]
fn batch_that_a_killed_process_left_unfinished_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let (writer, _) = start(&settings);
    writer.record_round(&[entry(1, "web", now())], std::iter::empty());
    for seed in 0..10 {
        fill(&writer, now(), 50_000, seed);
    }
    drop(writer);
    let killed = folder.path().join("killed.db");
    let journal = |path: &Path| PathBuf::from(format!("{}-journal", path.display()));
    // The small cache makes SQLite write pages before the end of the transaction.
    let database = rusqlite::Connection::open(&settings.path).unwrap();
    let unfinished =
        "PRAGMA cache_size = 1; BEGIN; UPDATE observation SET records = zeroblob(9000);
                      DELETE FROM decision;";
    database.execute_batch(unfinished).unwrap();
    fs::copy(journal(&settings.path), journal(&killed)).unwrap();
    fs::copy(&settings.path, &killed).unwrap();
    assert_ne!(fs::read(&killed).unwrap().len(), 0);
    let records = Reader::open(&killed).unwrap();
    assert_eq!(records.records(Timestamp::ZERO, None, 10).unwrap().len(), 1);
    assert_eq!(records.inputs(Timestamp::ZERO).unwrap().len(), 10);
    assert!(!journal(&killed).exists());
}
