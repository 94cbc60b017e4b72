//! A disk that fails on command below a whole server: what clients, monitors and operators see, and what is in the
//! file afterwards. The server runs in this process, since no kernel fails on command.

mod scene;

use std::fs;

use ovsdb_harness::Client;
use ovsdb_storage::disk::faulty::{Fault, Operation};
use serde_json::{Value, json};

use crate::scene::{Scene, THREADS, insert, items, names};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EACCES: i32 = 13;

/// The error of a commit, element N + 1 of the results.
fn commit_error(results: &[Value]) -> &Value {
    let error = results.last().expect("results");
    assert_eq!(results.len(), 2, "{results:?}");
    assert_eq!(error["error"], "I/O error", "{results:?}");
    error
}

/// After a failed sync the system may call pages clean that never reached the disk.
#[test]
fn a_failed_sync_is_final_for_writes_and_nothing_else() {
    for threads in THREADS {
        let mut scene = Scene::start(threads);
        let (mut client, mut listener) = (scene.client(), scene.client());
        listener
            .call("monitor", json!(["Load", "m", {"Item": {"columns": ["name"]}}]))
            .expect("the monitor is accepted");
        assert_eq!(insert(&mut client, "before").len(), 1);
        listener.notification(scene::LIMIT).expect("the row is told of");

        scene.faults.plan(Operation::Sync, 0, 1, Fault::Error(EIO));
        let results = insert(&mut client, "during");
        let error = commit_error(&results);
        assert_eq!(error["io-error"], "Input/output error", "{error}");
        assert!(
            error["details"].to_string().contains("load.db: fsync failed"),
            "{error}"
        );
        // The disk would sync again; what it says is not believed.
        commit_error(&insert(&mut client, "after"));
        assert_eq!(scene.faults.used(), 1);

        // Who reads finds what was acknowledged, and hears of nothing else.
        assert_eq!(items(&mut client), names(&["before"]));
        let dump = scene
            .client()
            .call("monitor", json!(["Load", "n", {"Item": {"columns": ["name"]}}]))
            .expect("monitors are accepted");
        assert_eq!(dump["Item"].as_object().map(serde_json::Map::len), Some(1));
        listener.call("echo", json!([])).expect("an echo");
        assert_eq!(listener.notification(scene::SHORT), None);
        // The other database does not notice.
        let other = json!(["Other", {"op": "insert", "table": "Item", "row": {"name": "other"}}]);
        assert_eq!(
            client
                .call("transact", other)
                .expect("results")
                .as_array()
                .map(Vec::len),
            Some(1)
        );

        let status = scene.control("ovsdb-server/get-db-storage-status", &["Load"]);
        assert!(
            status.clone().is_ok_and(|status| status.contains("fsync failed")),
            "{status:?}"
        );
        let status = scene.control("ovsdb-server/get-db-storage-status", &["Other"]);
        assert_eq!(status, Ok("status: ok\n".to_owned()));
        assert!(
            scene.control("ovsdb-server/compact", &["Load"]).is_err(),
            "what is in the file is not known"
        );

        // A restart finds what the disk has. Of what was refused that is what had been written when the sync failed.
        scene.restart();
        let mut client = scene.client();
        let found = items(&mut client);
        assert!(found.contains("before") && !found.contains("after"), "{found:?}");
        assert_eq!(insert(&mut client, "again").len(), 1);
        scene.stop();
    }
}

#[test]
fn a_failed_write_costs_its_transactions_only() {
    for threads in THREADS {
        let mut scene = Scene::start(threads);
        let mut client = scene.client();
        assert_eq!(insert(&mut client, "before").len(), 1);

        // Nothing at all, then a part of a record.
        scene.faults.plan(Operation::Write, 0, 1, Fault::Error(ENOSPC));
        let results = insert(&mut client, "refused");
        assert_eq!(commit_error(&results)["io-error"], "No space left on device");
        scene.faults.plan(Operation::Write, 0, 1, Fault::Short(20));
        scene.faults.plan(Operation::Write, 1, 1, Fault::Error(ENOSPC));
        commit_error(&insert(&mut client, "torn"));
        assert_eq!(scene.faults.used(), 3);

        assert_eq!(insert(&mut client, "after").len(), 1);
        assert_eq!(items(&mut client), names(&["before", "after"]));
        let status = scene.control("ovsdb-server/get-db-storage-status", &["Load"]);
        assert_eq!(status, Ok("status: ok\n".to_owned()));
        scene.restart();
        assert_eq!(items(&mut scene.client()), names(&["before", "after"]));
        scene.stop();
    }
}

/// What was executed on top of a commit that the disk refused is executed again without it.
#[test]
fn nothing_rests_on_what_the_disk_has_refused() {
    for threads in THREADS {
        let mut scene = Scene::start(threads);
        let mut client = scene.client();
        scene.faults.plan(Operation::Write, 0, 1, Fault::Error(ENOSPC));
        let refused = client.send("transact", json!(["Load", scene::insertion("refused")]));
        let dependents: Vec<u64> = (0..20)
            .map(|number| {
                let update = json!({"op": "update", "table": "Item", "where": [["name", "==", "refused"]],
                    "row": {"number": number}});
                client.send(
                    "transact",
                    json!(["Load", update, scene::insertion(&format!("own {number}"))]),
                )
            })
            .collect();
        let results = client.reply(refused).expect("results");
        commit_error(results.as_array().expect("results"));
        let mut done = 0;
        for id in dependents {
            let results = client.reply(id).expect("results");
            // A transaction of the same write shares its fate; all others see no row of that name.
            match results.as_array().map(Vec::len) {
                Some(2) => {
                    assert_eq!(results[0]["count"], json!(0), "{results}");
                    done += 1;
                }
                _ => assert_eq!(results[2]["error"], "I/O error", "{results}"),
            }
        }
        assert_eq!(items(&mut client).len(), done);
        scene.restart();
        assert_eq!(items(&mut scene.client()).len(), done);
        scene.stop();
    }
}

/// A compaction that fails at any step leaves the file, its contents and the right to write as they were.
#[test]
fn a_failed_compaction_leaves_everything_as_it_was() {
    for threads in THREADS {
        let mut scene = Scene::start(threads);
        let mut client = scene.client();
        for number in 0..10 {
            insert(&mut client, &format!("item {number}"));
        }
        let all = items(&mut client);
        let (content, entries) = (fs::read(&scene.file).expect("the file"), scene.entries());
        for (operation, number) in [
            (Operation::Open, EACCES),
            (Operation::Write, ENOSPC),
            (Operation::Sync, EIO),
            (Operation::Rename, EACCES),
        ] {
            scene.faults.plan(operation, 0, 1, Fault::Error(number));
            let used = scene.faults.used();
            let error = scene
                .control("ovsdb-server/compact", &["Load"])
                .expect_err("the compaction fails");
            println!("{operation:?}: {error}");
            assert_eq!(scene.faults.used(), used + 1, "{operation:?} has failed once");
            assert!(
                error.contains("load.db"),
                "{operation:?}: the file is not named: {error}"
            );
            assert_eq!(fs::read(&scene.file).expect("the file"), content, "{operation:?}");
            assert_eq!(
                scene.entries(),
                entries,
                "{operation:?}: something was left behind"
            );
            assert_eq!(items(&mut client), all, "{operation:?}");
        }
        assert_eq!(insert(&mut client, "after").len(), 1);
        scene
            .control("ovsdb-server/compact", &["Load"])
            .expect("nothing fails any more");
        let all = items(&mut client);
        scene.restart();
        assert_eq!(items(&mut scene.client()), all);
        scene.stop();
    }
}

/// After an I/O error in the middle of a rename nobody knows which file the name leads to: nothing is written to
/// either, and everything is served.
#[test]
fn a_rename_that_may_have_happened_ends_writing() {
    let mut scene = Scene::start(THREADS[1]);
    let mut client = scene.client();
    insert(&mut client, "before");
    scene.faults.plan(Operation::Rename, 0, 1, Fault::Error(EIO));
    scene
        .control("ovsdb-server/compact", &["Load"])
        .expect_err("the compaction fails");
    commit_error(&insert(&mut client, "after"));
    assert_eq!(items(&mut client), names(&["before"]));
    let status = scene.control("ovsdb-server/get-db-storage-status", &["Load"]);
    assert!(
        status
            .clone()
            .is_ok_and(|status| status.contains("failed to rename")),
        "{status:?}"
    );
    scene.restart();
    assert_eq!(items(&mut scene.client()), names(&["before"]));
    scene.stop();
}

/// A file that cannot be read is not served, and not changed.
#[test]
fn a_read_error_at_the_start_is_no_torn_tail() {
    let mut scene = Scene::start(THREADS[1]);
    insert(&mut scene.client(), "before");
    scene.stop();
    let content = fs::read(&scene.file).expect("the file");
    scene.faults.plan(Operation::Read, 0, u64::MAX, Fault::Error(EIO));
    assert!(scene.run_to_its_end().is_err());
    assert_eq!(fs::read(&scene.file).expect("the file"), content);
    scene.faults.clear();
    scene.restart();
    let mut client: Client = scene.client();
    assert_eq!(items(&mut client), names(&["before"]));
    scene.stop();
}
