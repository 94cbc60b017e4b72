//! Where keys and certificates come from: columns of a database, the first connection, and files that change under
//! load.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use ovsdb_harness::command::{run, run_ok};
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Daemon, Peer, Scratch, ServerOptions, wait};
use serde_json::json;

use crate::site::{Site, wait_for_log};
use ovsdb_harness::pki::{Authority, Identity};

/// How often the server's pair is exchanged under load.
const EXCHANGES: usize = 6;

#[test]
fn a_database_may_hold_everything() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let column = |option: &str, name: &str| format!("--{option}=db:Open_vSwitch,SSL,{name}");
    let options = site
        .bare_options()
        .argument(column("private-key", "private_key"))
        .argument(column("certificate", "certificate"))
        .argument(column("ca-cert", "ca_cert"));
    let (server, target) = site.listen(options);
    let refused = site.as_identity(&site.client, &target);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.text());

    let set = |identity: &Identity| {
        let row = json!({
            "private_key": identity.key,
            "certificate": identity.certificate,
            "ca_cert": site.pki.authority(Authority::Clients),
        });
        let results = server.client().transact(
            "Open_vSwitch",
            json!([
                {"op": "delete", "table": "Open_vSwitch", "where": []},
                {"op": "insert", "table": "SSL", "row": row, "uuid-name": "ssl"},
                {"op": "insert", "table": "Open_vSwitch", "row": {"ssl": ["named-uuid", "ssl"]}},
            ]),
        );
        assert!(
            results.iter().all(|result| result.get("error").is_none()),
            "{results:?}"
        );
    };
    set(&site.server);
    wait::until("a server that has read its keys", || {
        run(site.command(Peer::Ours.client()).args(["list-dbs", &target]))
            .status
            .success()
            .then_some(())
    });
    site.check(&target);

    let other = site.pki.identity("other", Authority::Servers);
    set(&other);
    wait::until("the other certificate", || {
        (served(&site, &target) == "other").then_some(())
    });
    server.stop();
}

/// Every option may name a column, protocols and ciphers too, and what a column says later counts from then on.
#[test]
fn a_database_may_say_which_protocols_and_ciphers() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let columns = [
        "private_key",
        "certificate",
        "ca_cert",
        "ssl_protocols",
        "ssl_ciphers",
        "ssl_ciphersuites",
    ];
    let text = |name: &&str| ((*name).to_owned(), json!({"type": "string"}));
    let of_table: serde_json::Map<_, _> = columns.iter().map(text).collect();
    let schema =
        json!({"name": "Keys", "version": "1.0.0", "tables": {"Row": {"columns": of_table, "isRoot": true}}});
    let schema = scratch.write("keys.ovsschema", schema.to_string());
    let file = create_database(Peer::under_test(), &scratch, "keys.db", &schema);
    let options = ServerOptions::new(Peer::under_test(), "keys").database(&file);
    let options = columns.iter().fold(options, |options, name| {
        let option = name.replace('_', "-");
        options.argument(format!("--{option}=db:Keys,Row,{name}"))
    });
    let (server, target) = site.listen(options);
    let set = |row: serde_json::Value| {
        let replace = json!([{"op": "delete", "table": "Row", "where": []},
            {"op": "insert", "table": "Row", "row": row}]);
        server.client().transact("Keys", replace);
    };
    let list = |more: &[&str]| {
        run(site
            .command(Peer::Ours.client())
            .args(more)
            .args(["list-dbs", &target]))
    };
    let is_served = |more: &[&str]| list(more).status.success();

    let mut row = json!({
        "private_key": site.server.key,
        "certificate": site.server.certificate,
        "ca_cert": site.pki.authority(Authority::Clients),
        "ssl_protocols": "TLSv1.3,TLSv1.2",
        "ssl_ciphers": "DEFAULT:@SECLEVEL=2:!AES128",
        "ssl_ciphersuites": "TLS_CHACHA20_POLY1305_SHA256",
    });
    set(row.clone());
    wait::until("a server that has read its keys", || is_served(&[]).then_some(()));
    for protocols in [
        "TLSv1.2",
        "TLSv1.3",
        "TLSv1.2-TLSv1.3",
        "TLSv1.3-TLSv1.2",
        "TLSv1.2+",
    ] {
        let option = format!("--ssl-protocols={protocols}");
        let served = list(&[&option, "-vconsole:stream_ssl:dbg"]);
        assert!(served.status.success(), "{}", served.text());
        assert!(
            served.stderr.contains("Enabled protocol range: TLSv1."),
            "{}",
            served.stderr
        );
    }
    for refused in [
        [
            "--ssl-protocols=TLSv1.2",
            "--ssl-ciphers=ECDHE-RSA-AES128-GCM-SHA256",
        ],
        [
            "--ssl-protocols=TLSv1.3",
            "--ssl-ciphersuites=TLS_AES_256_GCM_SHA384",
        ],
    ] {
        let refused = list(&refused);
        assert_eq!(refused.status.code(), Some(1), "{}", refused.text());
        assert!(
            refused.stderr.contains("alert handshake failure"),
            "{}",
            refused.stderr
        );
    }

    row["ssl_protocols"] = json!("TLSv1.3");
    set(row);
    wait::until("a server that wants TLSv1.3", || {
        (!is_served(&["--ssl-protocols=TLSv1.2"])).then_some(())
    });
    assert!(is_served(&[]));
    server.stop();
}

/// Common name of the certificate that a server shows.
fn served(site: &Site<'_>, target: &str) -> String {
    let shown = site.s_client(target, &["-no_ign_eof"]).text();
    let subject = shown
        .lines()
        .find(|line| line.trim_start().starts_with("subject=") || line.contains("s:C = "));
    let name = subject.and_then(|line| line.rsplit("CN = ").next());
    name.unwrap_or_default().trim().to_owned()
}

#[test]
fn a_client_bootstraps_the_authority() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let authority = site.pki.authority(Authority::Servers);
    let peer_ca = format!("--peer-ca-cert={}", authority.display());
    let (server, target) = site.listen(site.options().argument(peer_ca));
    for peer in [Peer::Packaged, Peer::Ours] {
        let file = scratch.join(&format!("{peer:?}-ca.pem"));
        let [key, certificate, _] = site.client_options();
        let try_once = || {
            let mut command = scratch.command(peer.client());
            command
                .args([&key, &certificate, "--timeout=20"])
                .arg(format!("--bootstrap-ca-cert={}", file.display()));
            run(command.args(["list-dbs", &target]))
        };
        // The first connection brings the file, and is dropped because it was not verified.
        let first = try_once();
        assert_eq!(first.status.code(), Some(1), "{}", first.text());
        let told = format!("successfully bootstrapped CA cert to {}", file.display());
        assert!(first.stderr.contains(&told), "{}", first.stderr);
        assert_eq!(der(&scratch, &file), der(&scratch, &authority));
        assert_eq!(try_once().stdout, "Open_vSwitch\n_Server\n");
    }
    server.stop();
}

/// A certificate without what is around it.
fn der(scratch: &Scratch, file: &Path) -> String {
    let mut command = scratch.command("openssl");
    run_ok(command.arg("x509").arg("-in").arg(file)).stdout
}

/// The server itself connects, bootstraps, and is served by a client that listens.
#[test]
fn a_server_that_connects_bootstraps_too() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    // The manager that the server connects to holds a servers' certificate and sends its authority's with it.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port is free")
        .port();
    let ca = scratch.join("bootstrapped.pem");
    let manager = site.pki.identity("manager", Authority::Servers);
    let client = site.pki.identity("dialling", Authority::Clients);
    let options = site
        .bare_options()
        .argument(format!("--private-key={}", client.key.display()))
        .argument(format!("--certificate={}", client.certificate.display()))
        .argument(format!("--bootstrap-ca-cert={}", ca.display()))
        .argument(format!("--remote=ssl:127.0.0.1:{port}"));
    let server = options.start(&scratch);
    // The packaged client cannot send the authority's certificate, so ours comes first.
    let peer_ca = format!(
        "--peer-ca-cert={}",
        site.pki.authority(Authority::Servers).display()
    );
    for (peer, more) in [(Peer::Ours, Some(&peer_ca)), (Peer::Packaged, None)] {
        let listed = wait::until("a manager that is connected to", || {
            let mut command = scratch.command(peer.client());
            command
                .args(manager.options(&site.pki.authority(Authority::Clients)))
                .args(more)
                .arg("--timeout=20");
            let finished = run(command.args(["list-dbs", &format!("pssl:{port}:127.0.0.1")]));
            finished.status.success().then_some(finished.stdout)
        });
        assert_eq!(listed, "Open_vSwitch\n_Server\n");
    }
    wait_for_log(&server, "successfully bootstrapped CA cert");
    assert_eq!(
        der(&scratch, &ca),
        der(&scratch, &site.pki.authority(Authority::Servers))
    );
    server.stop();
}

/// Keys and certificates are exchanged, one file after the other, while clients connect without pause. None of them is
/// ever refused, and one that stays connected notices nothing.
#[test]
fn pairs_are_exchanged_under_load() {
    if Peer::under_test() == Peer::Packaged {
        // Between the two files it refuses everybody.
        return;
    }
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let pairs = [
        site.server.clone(),
        site.pki.identity("second", Authority::Servers),
    ];
    let live = Identity {
        key: scratch.join("live-key.pem"),
        certificate: scratch.join("live-cert.pem"),
    };
    put(&pairs[0].key, &live.key);
    put(&pairs[0].certificate, &live.certificate);
    let options = live
        .options(&site.pki.authority(Authority::Clients))
        .into_iter()
        .fold(site.bare_options(), |options, option| options.argument(option));
    let (server, target) = site.listen(options);
    let log = scratch.join("monitor.log");
    let mut monitor = site.command(Peer::Ours.client());
    monitor.args(["monitor", &target, "Open_vSwitch", "Open_vSwitch"]);
    let mut staying = Daemon::start("monitor", without_timeout(&site, monitor), &log);

    let (is_over, connected) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    run_ok(site.command(Peer::Packaged.client()).args(["list-dbs", &target]));
                    connected.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let has_seen_more = |count: usize| {
            let before = connected.load(Ordering::Relaxed);
            wait::until("clients that connect", || {
                (connected.load(Ordering::Relaxed) >= before + count).then_some(())
            });
        };
        for exchange in 1..=EXCHANGES {
            let next = &pairs[exchange % 2];
            let name = if exchange % 2 == 0 { "server" } else { "second" };
            put(&next.key, &live.key);
            has_seen_more(2);
            put(&next.certificate, &live.certificate);
            wait::until("the new certificate", || {
                (served(&site, &target) == name).then_some(())
            });
        }
        // Half of a file is no certificate either.
        fs::write(&live.certificate, "-----BEGIN CERTIFICATE-----\n").expect("it can be written");
        wait_for_log(&server, "live-cert.pem: ends within a section of PEM");
        has_seen_more(2);
        is_over.store(true, Ordering::Relaxed);
    });
    println!("{} connections", connected.load(Ordering::Relaxed));
    assert!(staying.status().is_none(), "{}", staying.log());
    let told = server.log();
    let complaints = told
        .lines()
        .filter(|line| line.contains("Private key does not match"))
        .count();
    // Where nobody looked between the two files there was nothing to complain of.
    assert!(complaints <= EXCHANGES, "at most once for each exchange:\n{told}");
    assert!(told.contains("(what was read before stays in use)"), "{told}");
    server.stop();
}

/// Puts a copy of a file in place of another, as `mv` does.
fn put(from: &Path, to: &Path) {
    let new = to.with_extension("new");
    fs::copy(from, &new).expect("a file can be copied");
    fs::rename(&new, to).expect("a file can be renamed");
}

/// The same command for a client that stays.
fn without_timeout(site: &Site<'_>, command: std::process::Command) -> std::process::Command {
    let mut staying = site.scratch.command(command.get_program());
    staying.args(command.get_args().filter(|argument| *argument != "--timeout=20"));
    staying
}
