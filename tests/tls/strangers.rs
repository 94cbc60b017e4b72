//! Who is not meant to get in does not, and both sides are told why.

use ovsdb_harness::command::run;
use ovsdb_harness::{Peer, Scratch, Server, ServerOptions, wait};

use crate::site::{Site, wait_for_log};
use ovsdb_harness::pki::Authority;

#[test]
fn a_certificate_must_hold() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let expired = site.pki.expired("expired", Authority::Clients);
    let foreign = site.pki.identity("foreign", Authority::Servers);
    let alone = site.pki.self_signed("alone");
    let (server, target) = site.listen(site.options());

    let nobody = site.s_client(&target, &[]);
    assert!(
        nobody.text().contains("alert certificate required"),
        "{}",
        nobody.text()
    );
    wait_for_log(&server, "SSL_accept: peer sent no certificates");

    for (identity, logged) in [
        (
            &expired,
            "SSL_accept: invalid peer certificate: certificate expired",
        ),
        (
            &foreign,
            "SSL_accept: invalid peer certificate: unknown issuer: none of",
        ),
        (
            &alone,
            "SSL_accept: invalid peer certificate: unknown issuer: none of",
        ),
    ] {
        let refused = site.as_identity(identity, &target);
        assert_eq!(refused.status.code(), Some(1), "{}", refused.text());
        assert!(
            refused.stderr.contains("received fatal alert"),
            "{}",
            refused.stderr
        );
        wait_for_log(&server, logged);
    }

    // The client does not trust a server of another authority either.
    let mut command = scratch.command(Peer::Ours.client());
    command.args(site.client.options(&site.pki.authority(Authority::Clients)));
    let refused = run(command.args(["list-dbs", &target]));
    assert_eq!(
        refused.stderr.lines().last(),
        Some(format!("ovsdb-client: failed to connect to \"{target}\" (Protocol error)").as_str())
    );
    // What the client says of it is read only if it has not left before its turn came, so no log is waited for.
    site.check(&target);
    server.stop();
}

#[test]
fn a_revoked_certificate_is_refused() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let revoked = site.pki.identity("revoked", Authority::Clients);
    let list = site.pki.revocation_list(Authority::Clients);
    let crl = format!("--ssl-crl={}", list.display());
    let (server, target) = site.listen(site.options().argument(crl));
    site.check(&target);
    assert_eq!(
        site.as_identity(&revoked, &target).stdout,
        "Open_vSwitch\n_Server\n"
    );

    site.pki.revoke(&revoked, Authority::Clients);
    site.pki.revocation_list(Authority::Clients);
    wait_for_log(&server, "read revocation list");
    let refused = site.as_identity(&revoked, &target);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.text());
    wait_for_log(&server, "invalid peer certificate: revoked");
    site.check(&target);
    server.stop();
}

#[test]
fn nobody_is_verified_with_none() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let [key, certificate, _] = site.server.options(&site.server.key);
    let options = site.bare_options().argument(key).argument(certificate);
    let (server, target) = site.listen(options.argument("--ca-cert=none"));
    wait_for_log(
        &server,
        "Peer certificate validation disabled (this is a security risk)",
    );
    let foreign = site.pki.identity("foreign", Authority::Servers);
    assert_eq!(
        site.as_identity(&foreign, &target).stdout,
        "Open_vSwitch\n_Server\n"
    );
    site.check(&target);
    server.stop();
}

#[test]
fn what_is_missing_is_named() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let (server, target) = site.listen(site.bare_options());
    let refused = site.as_identity(&site.client, &target);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.text());
    for what in ["Private key", "Certificate", "CA certificate"] {
        wait_for_log(&server, &format!("{what} must be configured to use SSL/TLS"));
    }
    server.stop();

    let missing = scratch.join("missing.pem");
    let garbage = scratch.write("garbage.pem", "no certificate");
    let encrypted = scratch.write(
        "encrypted.pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let other = site.pki.identity("other", Authority::Servers);
    let plain = site.pki.version_1("plain", Authority::Servers);
    let short = site.pki.odd("short", Authority::Servers, "rsa:1024", &[]);
    let clients = site.pki.authority(Authority::Clients);
    for (key, certificate, authority, told) in [
        (
            &missing,
            &site.server.certificate,
            &clients,
            "missing.pem: cannot be read (No such file or directory)",
        ),
        (
            &site.server.key,
            &garbage,
            &clients,
            "garbage.pem: no certificate in it",
        ),
        (
            &site.server.key,
            &site.server.key,
            &clients,
            "server-privkey.pem: no certificate in it",
        ),
        (
            &encrypted,
            &site.server.certificate,
            &clients,
            "encrypted.pem: the private key is encrypted",
        ),
        (
            &other.key,
            &site.server.certificate,
            &clients,
            "Private key does not match certificate public key",
        ),
        (
            &plain.key,
            &plain.certificate,
            &clients,
            "plain-cert.pem: cannot be used: a certificate of X.509 version 1, which is not taken; ",
        ),
        (
            &short.key,
            &short.certificate,
            &clients,
            "short-privkey.pem: cannot be used: an RSA key of 1024 bits, where 2048 are the least; make a new key",
        ),
        (
            &site.server.key,
            &site.server.certificate,
            &garbage,
            "garbage.pem: no certificate in it",
        ),
    ] {
        let options = site
            .bare_options()
            .argument(format!("--private-key={}", key.display()))
            .argument(format!("--certificate={}", certificate.display()))
            .argument(format!("--ca-cert={}", authority.display()));
        let (server, target) = site.listen(options);
        wait_for_log(&server, told);
        // Who comes in vain has the same said again, and not that something is missing.
        site.as_identity(&site.client, &target);
        wait::until("the second time", || {
            (server.log().matches(told).count() == 2).then_some(())
        });
        assert!(!server.log().contains("must be configured"), "{}", server.log());
        server.stop();
    }
    // Half a pair is read for its mistakes.
    let option = format!("--private-key={}", missing.display());
    let (server, target) = site.listen(site.bare_options().argument(&option));
    wait_for_log(&server, "missing.pem: cannot be read (No such file or directory)");
    site.as_identity(&site.client, &target);
    wait_for_log(&server, "Certificate must be configured to use SSL/TLS");
    server.stop();
    let refused = run(scratch
        .command(Peer::Ours.client())
        .args([&option, "list-dbs", "ssl:127.0.0.1:1"]));
    for told in [
        "missing.pem: cannot be read",
        "Certificate must be configured",
        "(Protocol not available)",
    ] {
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
    }

    let crl = site.pki.old_revocation_list(Authority::Clients);
    let (server, target) = site.listen(site.options().argument(format!("--ssl-crl={}", crl.display())));
    wait_for_log(&server, "-crl.pem: not a revocation list of version 2");
    let refused = site.as_identity(&site.client, &target);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.text());
    let told = || {
        server
            .log()
            .matches("-crl.pem: not a revocation list of version 2")
            .count()
    };
    wait::until("the second time", || (told() == 2).then_some(()));
    server.stop();
}

#[test]
fn versions_and_ciphers_are_those_configured() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let [key, certificate, _] = site.client_options();
    let identity = [
        "-key",
        key.split_once('=').unwrap().1,
        "-cert",
        certificate.split_once('=').unwrap().1,
    ];
    let agreed = |target: &str, arguments: &[&str]| {
        let mut all = identity.to_vec();
        all.extend(["-no_ign_eof", "-brief"]);
        all.extend(arguments);
        let text = site.s_client(target, &all).text();
        let of = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.map(|rest| rest.trim().to_owned())
        };
        Some((of("Protocol version:")?, of("Ciphersuite:")?))
    };
    let pair = |version: &str, cipher: &str| Some((version.to_owned(), cipher.to_owned()));

    let (server, target) = site.listen(site.options());
    assert_eq!(agreed(&target, &[]), pair("TLSv1.3", "TLS_AES_256_GCM_SHA384"));
    assert_eq!(
        agreed(&target, &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"]),
        pair("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256")
    );
    assert_eq!(
        agreed(&target, &["-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"]),
        pair("TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256")
    );
    assert_eq!(
        agreed(&target, &["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]),
        None
    );
    assert_eq!(agreed(&target, &["-tls1_2", "-cipher", "AES128-SHA"]), None);
    server.stop();

    let options = site
        .options()
        .argument("--ssl-protocols=TLSv1,TLSv1.1,TLSv1.2")
        .argument("--ssl-ciphers=HIGH:!aNULL:!CHACHA20:NOSUCH");
    let (server, target) = site.listen(options);
    wait_for_log(&server, "TLSv1.1: SSL/TLS protocol not recognized");
    wait_for_log(&server, "NOSUCH is no cipher that we know");
    assert_eq!(
        agreed(&target, &[]),
        pair("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384")
    );
    assert_eq!(agreed(&target, &["-tls1_3"]), None);
    assert_eq!(
        agreed(&target, &["-tls1_2", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"]),
        None
    );
    server.stop();

    let options = site
        .options()
        .argument("--ssl-protocols=TLSv1.3")
        .argument("--ssl-ciphersuites=TLS_AES_128_GCM_SHA256");
    let (server, target) = site.listen(options);
    assert_eq!(agreed(&target, &[]), pair("TLSv1.3", "TLS_AES_128_GCM_SHA256"));
    assert_eq!(agreed(&target, &["-tls1_2"]), None);
    server.stop();
}

/// TLS where there is none, and none where there is: the log says it in upstream's words.
#[test]
fn mistaken_ports_are_told_of() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let (server, target) = site.listen(site.options());
    let plain = target.replace("ssl:", "tcp:");
    for peer in [Peer::Packaged, Peer::Ours] {
        let mut command = scratch.command(peer.client());
        let refused = run(command.args(["--timeout=20", "list-dbs", &plain]));
        assert_eq!(refused.status.code(), Some(1), "{}", refused.text());
        if peer == Peer::Ours {
            let told = format!("{plain}: received SSL/TLS data on JSON-RPC channel");
            assert!(refused.stderr.contains(&told), "{}", refused.stderr);
        }
    }
    wait_for_log(&server, "received JSON-RPC data on SSL/TLS channel");
    site.check(&target);
    server.stop();

    let server = plain_server(&site);
    let target = format!("ssl:127.0.0.1:{}", server.logged_port(1));
    for peer in [Peer::Packaged, Peer::Ours] {
        let refused = run(site.command(peer.client()).args(["list-dbs", &target]));
        assert_eq!(refused.status.code(), Some(1), "{}", refused.text());
    }
    wait_for_log(&server, "received SSL/TLS data on JSON-RPC channel");
    server.stop();
}

fn plain_server(site: &Site<'_>) -> Server {
    let options: ServerOptions = site.bare_options();
    options.argument("--remote=ptcp:0:127.0.0.1").start(site.scratch)
}
