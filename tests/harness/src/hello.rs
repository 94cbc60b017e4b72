//! What OpenSSL's clients say first, for tests that go on in their own way.

use std::io::Read;
use std::net::TcpListener;
use std::process::{Command, Stdio};

/// The record with the ClientHello that `openssl s_client` sends with `arguments`, taken from a connection to ourselves.
pub fn client_hello(arguments: &[&str]) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    let mut client = Command::new("openssl")
        .args(["s_client", "-connect", &address])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
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
