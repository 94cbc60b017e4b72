//! Handshakes that take their time, or never end, hold up nobody.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ovsdb_harness::{Peer, Scratch, wait};
use serde_json::json;

use crate::site::{Site, wait_for_log};

/// Handshakes that are begun and left alone.
const HALF_OPEN: usize = 1000;

/// The longest that a request of somebody else may take meanwhile.
const ECHO_MAX: Duration = Duration::from_secs(1);

/// A ClientHello as OpenSSL sends it, taken from a connection to ourselves.
fn client_hello() -> Vec<u8> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    let mut client = std::process::Command::new("openssl")
        .args(["s_client", "-connect", &address])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("openssl is installed");
    let (mut peer, _) = listener.accept().expect("it connects");
    let mut head = [0; 5];
    peer.read_exact(&mut head).expect("a record begins");
    let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    peer.read_exact(&mut hello).expect("a record is whole");
    drop(peer);
    client.wait().expect("it ends");
    [&head[..], &hello].concat()
}

#[test]
fn half_open_handshakes_disturb_nobody_and_are_ended() {
    if Peer::under_test() == Peer::Packaged {
        // Upstream keeps them for ever.
        return;
    }
    let hello = client_hello();
    for manner in ["--threads=1", "--threads=2"] {
        let scratch = Scratch::new();
        let site = Site::new(&scratch);
        let (server, target) = site.listen(site.options().argument(manner));
        let address = target.trim_start_matches("ssl:").to_owned();
        let mut other = server.client();
        let mut slowest = Duration::ZERO;
        let mut echo = |slowest: &mut Duration| {
            let begin = Instant::now();
            assert_eq!(other.call("echo", json!([1])), Ok(json!([1])));
            *slowest = (*slowest).max(begin.elapsed());
        };

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
            if at % 50 == 0 {
                echo(&mut slowest);
            }
        }
        echo(&mut slowest);
        site.check(&target);
        assert!(slowest < ECHO_MAX, "an echo took {slowest:?} during handshakes");
        println!("{manner}: slowest echo {slowest:?}");

        wait_for_log(&server, "SSL_accept: no handshake within 10 seconds");
        wait::until("the end of all handshakes", || {
            half_open.retain(|stream| !has_ended(stream));
            half_open.is_empty().then_some(())
        });
        site.check(&target);
        server.stop();
    }
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

/// What is no handshake ends it at once.
#[test]
fn garbage_ends_a_handshake() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let (server, target) = site.listen(site.options());
    let address = target.trim_start_matches("ssl:");
    let mut large = vec![0x16, 3, 3, 0xff, 0xff];
    large.resize(70_000, 1);
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9\r\n",
        &[0; 64],
        &large,
    ] {
        let mut stream = TcpStream::connect(address).expect("it listens");
        // It may have closed before it was told everything.
        if let Err(error) = stream.write_all(garbage) {
            println!("{error}");
        }
        wait::until("the end of a connection", || has_ended(&stream).then_some(()));
    }
    wait_for_log(&server, "SSL_accept: received corrupt message");
    site.check(&target);
    server.stop();
}
