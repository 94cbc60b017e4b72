//! Peers whose certificates or handshakes are bad, and those who never end theirs: rows 33 and 34 of the list in
//! `README.md`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use ovsdb_harness::command::{run, run_ok};
use ovsdb_harness::hello::client_hello;
use ovsdb_harness::pki::{Authority, Identity, Pki};
use ovsdb_harness::{Peer, Scratch, schema, wait};
use serde_json::json;

use crate::bystander::{Bystander, Scene};
use crate::watch::{Memory, Processor, Watch};

/// Handshakes that are begun and left alone.
const HALF_OPEN: usize = 1000;

/// Processor time of one refused handshake; the signature of a server's key takes some milliseconds without
/// optimisation, and the kernel counts in steps of ten.
const HANDSHAKE_MAX: Duration = Duration::from_millis(if cfg!(debug_assertions) { 150 } else { 50 });

/// More authorities than anybody has.
const LONG_CHAIN: usize = 100;

/// Bytes of a message that is too long for a handshake.
const LONG_MESSAGE: usize = 1 << 20;

/// Starts a server that listens by TLS, with what `more` adds to its options, and gives its address.
fn listen(pki: &Pki<'_>, more: &[String]) -> (Scene, String) {
    let keys = pki.identity("server", Authority::Servers);
    let options = keys.options(&pki.authority(Authority::Clients));
    let scene = Scene::with(schema::LOAD, |own| {
        let all = options.iter().chain(more);
        all.fold(own, |own, option| own.argument(option))
            .argument("--remote=pssl:0:127.0.0.1")
    });
    let address = format!("127.0.0.1:{}", scene.server.logged_port(1));
    (scene, address)
}

/// `openssl s_client` at `address`.
fn s_client(scratch: &Scratch, address: &str, identity: Option<&Identity>, more: &[&str]) -> Command {
    let mut command = scratch.command("openssl");
    command.args(["s_client", "-connect", address]);
    if let Some(identity) = identity {
        command.arg("-key").arg(&identity.key);
        command.arg("-cert").arg(&identity.certificate);
    }
    // Keys that it holds for too weak itself are shown all the same.
    command.args(["-cipher", "DEFAULT:@SECLEVEL=0"]).args(more);
    command
}

/// Somebody who is not let in.
struct Stranger {
    what: &'static str,
    identity: Option<Identity>,
    more: Vec<String>,
    /// What the log says of it.
    told: &'static str,
}

fn strangers(pki: &Pki<'_>) -> Vec<Stranger> {
    let stranger = |what, identity, more: &[&str], told| Stranger {
        what,
        identity,
        more: more.iter().map(|word| (*word).to_owned()).collect(),
        told,
    };
    let revoked = pki.identity("revoked", Authority::Clients);
    pki.revoke(&revoked, Authority::Clients);
    let (remote, chain) = pki.chain("remote", Authority::Clients, LONG_CHAIN);
    let chain = chain.display().to_string();
    let own = |name| Some(pki.identity(name, Authority::Clients));
    let odd = |name, key, more: &[&str]| Some(pki.odd(name, Authority::Clients, key, more));
    vec![
        stranger("no certificate", None, &[], "peer sent no certificates"),
        stranger(
            "an expired certificate",
            Some(pki.expired("expired", Authority::Clients)),
            &[],
            "certificate expired",
        ),
        stranger(
            "a certificate of another authority",
            Some(pki.identity("foreign", Authority::Servers)),
            &[],
            "unknown issuer: none of the CA certificates has signed it\n",
        ),
        stranger(
            "a self-signed certificate",
            Some(pki.self_signed("alone")),
            &[],
            "unknown issuer: none of the CA certificates has signed it\n",
        ),
        stranger(
            "a revoked certificate",
            Some(revoked),
            &[],
            "invalid peer certificate: revoked\n",
        ),
        stranger(
            "a signature by SHA-1",
            odd("sha1", "rsa:2048", &["-sha1"]),
            &[],
            "invalid peer certificate: unsupported signature algorithm\n",
        ),
        stranger(
            "a key of 512 bits",
            odd("short", "rsa:512", &[]),
            // The only signature that a key of that size holds.
            &["-tls1_2", "-sigalgs", "RSA+SHA256"],
            "invalid peer certificate: an RSA key of 512 bits, where 2048 are the least; make a new key\n",
        ),
        stranger(
            "a key of 1024 bits",
            odd("shortish", "rsa:1024", &[]),
            &[],
            "invalid peer certificate: an RSA key of 1024 bits, where 2048 are the least; make a new key\n",
        ),
        stranger(
            "a certificate of version 1",
            Some(pki.version_1("plain", Authority::Clients)),
            &[],
            "invalid peer certificate: a certificate of X.509 version 1, which is not taken; have it signed with ",
        ),
        stranger(
            "a certificate of an authority",
            odd("proud", "ec", &["-addext", "basicConstraints=critical,CA:true"]),
            &[],
            "invalid peer certificate: the certificate of an authority (CA:TRUE), which is none of a client or server",
        ),
        stranger(
            "a chain of a hundred authorities",
            Some(remote),
            &["-cert_chain", &chain],
            "invalid peer certificate",
        ),
        stranger("TLS 1.1", own("old"), &["-tls1_1"], "SSL_accept"),
        stranger(
            "no cipher in common",
            own("weak"),
            &["-tls1_2", "-cipher", "AES128-SHA"],
            "peer is incompatible",
        ),
    ]
}

/// Each is refused and told why, in a bounded time of the processor and with bounded memory; nobody else waits.
#[test]
fn strangers_are_refused_at_little_cost() {
    if Peer::under_test() == Peer::Packaged {
        // Whom OpenSSL refuses is its matter, and it has other words.
        return;
    }
    let keys = Scratch::new();
    let pki = Pki::new(&keys);
    let strangers = strangers(&pki);
    let welcome = pki.identity("welcome", Authority::Clients);
    let crl = pki.revocation_list(Authority::Clients);
    let (scene, address) = listen(&pki, &[format!("--ssl-crl={}", crl.display())]);
    let mut bystander = Bystander::new(&scene.server);
    let knock = |stranger: &Stranger| {
        let start = scene.server.log().len();
        let more: Vec<&str> = stranger.more.iter().map(String::as_str).collect();
        let mut command = s_client(&keys, &address, stranger.identity.as_ref(), &more);
        // It ends when the server closes.
        let ended = run(command.arg("-ign_eof"));
        println!(
            "{}",
            ended
                .text()
                .lines()
                .filter(|line| line.contains("alert"))
                .collect::<String>()
        );
        scene.wait_for_log(start, stranger.told);
    };
    // SNI does not matter, and neither does who has been here before.
    let enter = || {
        let mut command = s_client(&keys, &address, Some(&welcome), &["-servername", "other.example"]);
        run_ok(command.arg("-no_ign_eof"));
    };
    enter();
    for stranger in &strangers {
        let (processor, memory) = (Processor::mark(&scene.server), Memory::mark(&scene.server));
        knock(stranger);
        processor.check(stranger.what, HANDSHAKE_MAX);
        memory.check(stranger.what, 64 << 10);
    }
    let watch = Watch::start(&scene.server);
    strangers.iter().for_each(knock);
    watch.finish("strangers");
    enter();
    bystander.check();
}

/// Whether the server has closed; what it has sent before is thrown away.
fn has_ended(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("an open socket can be set");
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }
}

/// A record of TLS with `content` of this type.
fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("a record is short");
    [&[kind, 3, 3][..], &length.to_be_bytes(), content].concat()
}

/// A message of a handshake that says it has `length` bytes, as records of zeros.
fn long_message(kind: u8, length: usize) -> Vec<u8> {
    let head = u32::try_from(length)
        .expect("it fits into three bytes")
        .to_be_bytes();
    let message = [&[kind, head[1], head[2], head[3]][..], &vec![0; length]].concat();
    message
        .chunks(16 << 10)
        .flat_map(|part| record(0x16, part))
        .collect()
}

/// What is no handshake ends it at once.
#[test]
fn what_is_no_handshake_ends_it() {
    if Peer::under_test() == Peer::Packaged {
        return;
    }
    let keys = Scratch::new();
    let (scene, address) = listen(&Pki::new(&keys), &[]);
    let mut bystander = Bystander::new(&scene.server);
    let hello = client_hello(&["-tls1_3"]);
    let hello_12 = client_hello(&["-tls1_2"]);
    let mut huge_record = vec![0x16, 3, 3, 0xff, 0xff];
    huge_record.resize(70_000, 1);
    let cases = [
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("SSH", b"SSH-2.0-OpenSSH_9\r\n".to_vec()),
        ("JSON-RPC", br#"{"id":1,"method":"echo","params":[]}"#.to_vec()),
        ("zeros", vec![0; 64]),
        ("a record of 64 KiB", huge_record),
        ("an alert", record(0x15, &[2, 40])),
        ("a hello of a megabyte", long_message(1, LONG_MESSAGE)),
        (
            "a certificate of a megabyte",
            [hello_12.clone(), long_message(11, LONG_MESSAGE)].concat(),
        ),
        ("two hellos", [&hello_12[..], &hello_12].concat()),
        ("early data", [hello, record(0x17, &[7; 600])].concat()),
    ];
    let watch = Watch::start(&scene.server);
    for (what, bytes) in &cases {
        let start = scene.server.log().len();
        let memory = Memory::mark(&scene.server);
        let mut stream = TcpStream::connect(&address).expect("it listens");
        // It may have closed before it was told everything.
        if let Err(error) = stream.write_all(bytes) {
            println!("{what}: {error}");
        }
        wait::until(&format!("the end of a connection by {what}"), || {
            has_ended(&stream).then_some(())
        });
        memory.check(what, bytes.len());
        scene.wait_for_log(start, "SSL_accept: ");
        let told = scene.server.log()[start..].matches("SSL_accept: ").count();
        assert_eq!(told, 1, "{what}: {}", &scene.server.log()[start..]);
    }
    watch.finish("what is no handshake");
    bystander.check();
}

/// Thousands may begin and stop: nobody waits for them, they take little, and they are ended.
#[test]
fn half_open_handshakes_disturb_nobody_and_are_ended() {
    if Peer::under_test() == Peer::Packaged {
        // Upstream keeps them for ever.
        return;
    }
    std::thread::scope(|scope| {
        for manner in ["--threads=1", "--threads=2"] {
            scope.spawn(move || half_open_handshakes(manner));
        }
    });
}

fn half_open_handshakes(manner: &str) {
    let hello = client_hello(&[]);
    let keys = Scratch::new();
    let (scene, address) = listen(&Pki::new(&keys), &[manner.to_owned()]);
    let mut bystander = Bystander::new(&scene.server);
    let memory = Memory::mark(&scene.server);
    let watch = Watch::start(&scene.server);
    let mut half_open = Vec::new();
    for at in 0..HALF_OPEN {
        let mut stream = TcpStream::connect(&address).expect("it listens");
        // Some say nothing, some stop in the middle of a message, most before their second one.
        let said = match at % 10 {
            0 => 0,
            1 => hello.len() / 2,
            _ => hello.len(),
        };
        stream.write_all(&hello[..said]).expect("it takes bytes");
        half_open.push(stream);
    }
    scene.wait_for_log(0, "SSL_accept: no handshake within 10 seconds");
    wait::until("the end of all handshakes", || {
        half_open.retain(|stream| !has_ended(stream));
        half_open.is_empty().then_some(())
    });
    watch.finish(&format!("half-open handshakes with {manner}"));
    memory.check(manner, HALF_OPEN * hello.len());
    bystander.check();
}

/// Who is in may not begin anew, and may leave without a word.
#[test]
fn renegotiation_and_a_missing_goodbye_cost_their_connection_only() {
    if Peer::under_test() == Peer::Packaged {
        return;
    }
    let keys = Scratch::new();
    let pki = Pki::new(&keys);
    let client = pki.identity("client", Authority::Clients);
    let (scene, address) = listen(&pki, &[]);
    let mut bystander = Bystander::new(&scene.server);
    let descriptors = || {
        let all = std::fs::read_dir(format!("/proc/{}/fd", scene.server.pid()));
        all.expect("the server is ours").count()
    };
    let watch = Watch::start(&scene.server);
    // Once this one is answered, those before it have been accepted.
    let mut last = scene.server.client();
    assert_eq!(last.call("echo", json!([])), Ok(json!([])));
    let before = descriptors();
    for what in ["a renegotiation", "no goodbye"] {
        let processor = Processor::mark(&scene.server);
        let mut child = s_client(&keys, &address, Some(&client), &["-tls1_2"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        wait::until("a connection", || (descriptors() > before).then_some(()));
        if what == "a renegotiation" {
            let input = child.stdin.as_mut().expect("it has one");
            // Each asks to begin anew; it may end at the first.
            for _ in 0..100 {
                if input.write_all(b"R\n").is_err() {
                    break;
                }
            }
        }
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
        wait::until("the end of the connection", || {
            (descriptors() <= before).then_some(())
        });
        processor.check(what, Duration::from_secs(1));
    }
    watch.finish("renegotiation");
    bystander.check();
}
