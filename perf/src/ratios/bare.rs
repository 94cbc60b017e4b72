//! What the machine can do at best, measured in the same run: bare sends and a bare echo over loopback TCP.
//!
//! They know no protocol and keep no state, so no server can beat them; and they move with the machine as a server
//! does, so that a figure taken elsewhere can be scaled by them.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::time::ClockId;

use crate::ratios::median;

/// A notification of one changed row with its envelope is about that long.
const MESSAGE_BYTES: usize = 300;
/// A small transaction and its answer are about that long.
const ECHO_BYTES: usize = 200;
/// Connections of the echo: as many as the scenario of small transactions has.
const ECHO_CONNECTIONS: usize = 50;
const ECHO_LENGTH: Duration = Duration::from_millis(1000);
/// Events taken from the kernel at a time.
const EVENTS_MAX: usize = 256;
/// Descriptors for everything but the sockets.
const DESCRIPTORS_SPARE: u64 = 64;
/// Rounds of sends, of which the median counts.
const ROUNDS: usize = 9;

/// Seconds from the first send of a message to each of `sockets` clients until another thread has read the last.
///
/// Both ends are here. Where this process may not have so many descriptors, as many as it may are measured, and the
/// time is that of so many sends each of which costs as much: a little less than the truth.
pub(super) fn sends(sockets: usize) -> io::Result<f64> {
    let measured = sockets.min(descriptors()? / 2);
    Ok(sends_measured(measured)? * sockets as f64 / measured as f64)
}

/// How many descriptors may be opened, after raising the limit as far as it goes.
fn descriptors() -> io::Result<usize> {
    loadgen::descriptors::raise(0).map_err(|failure| io::Error::other(failure.to_string()))?;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    Ok(limit.map_or(usize::MAX, |limit| {
        limit.saturating_sub(DESCRIPTORS_SPARE) as usize
    }))
}

fn sends_measured(sockets: usize) -> io::Result<f64> {
    let (mut senders, receivers) = pairs(sockets)?;
    let (heard, has_heard) = mpsc::channel();
    let reader = thread::spawn(move || read(receivers, &heard));
    let message = [b'x'; MESSAGE_BYTES];
    let mut took = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for sender in &mut senders {
            sender.write_all(&message)?;
        }
        if has_heard.recv().is_err() {
            break;
        }
        took.push(start.elapsed().as_secs_f64());
    }
    drop(senders);
    reader
        .join()
        .map_err(|_| io::Error::other("the bare reader panicked"))??;
    Ok(median(&took))
}

/// Connected sockets.
fn pairs(count: usize) -> io::Result<(Vec<TcpStream>, Vec<TcpStream>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let pairs: io::Result<Vec<(TcpStream, TcpStream)>> = (0..count)
        .map(|_| {
            let receiver = TcpStream::connect(address)?;
            let (sender, _) = listener.accept()?;
            sender.set_nodelay(true)?;
            receiver.set_nodelay(true)?;
            Ok((sender, receiver))
        })
        .collect();
    Ok(pairs?.into_iter().unzip())
}

/// Says so whenever each connection has brought another message; ends when they are closed.
fn read(connections: Vec<TcpStream>, heard: &mpsc::Sender<()>) -> io::Result<()> {
    let (count, mut bytes) = (connections.len(), 0);
    each_ready(connections, |connection| {
        let mut buffer = [0; MESSAGE_BYTES];
        let read = connection.read(&mut buffer)?;
        bytes += read;
        if bytes == count * MESSAGE_BYTES {
            bytes = 0;
            // The other side may have given up.
            heard.send(()).map_err(io::Error::other)?;
        }
        Ok(read > 0)
    })
}

/// Calls `serve` for connections with something to read, until it has said of each that it is over.
fn each_ready(
    mut connections: Vec<TcpStream>,
    mut serve: impl FnMut(&mut TcpStream) -> io::Result<bool>,
) -> io::Result<()> {
    let ready = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (index, connection) in connections.iter().enumerate() {
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&ready, connection, data, epoll::EventFlags::IN)?;
    }
    let mut events = Vec::with_capacity(EVENTS_MAX);
    let mut open = connections.len();
    while open > 0 {
        events.clear();
        epoll::wait(&ready, spare_capacity(&mut events), None)?;
        for event in &events {
            let connection = &mut connections[event.data.u64() as usize];
            if !serve(connection)? {
                epoll::delete(&ready, &*connection)?;
                open -= 1;
            }
        }
    }
    Ok(())
}

/// Seconds of processor time that answering one small message takes, with fifty clients that ask one after another.
pub(super) fn echo() -> io::Result<f64> {
    let (served, mut clients) = pairs(ECHO_CONNECTIONS)?;
    let server = thread::spawn(move || serve(served));
    let deadline = Instant::now() + ECHO_LENGTH;
    let message = [b'x'; ECHO_BYTES];
    let mut buffer = [0; ECHO_BYTES];
    while Instant::now() < deadline {
        for client in &mut clients {
            client.write_all(&message)?;
        }
        for client in &mut clients {
            client.read_exact(&mut buffer)?;
        }
    }
    drop(clients);
    server
        .join()
        .map_err(|_| io::Error::other("the bare echo panicked"))?
}

/// Answers until all clients are gone; gives the processor time of one answer.
fn serve(connections: Vec<TcpStream>) -> io::Result<f64> {
    let mut answers = 0u64;
    let before = processor_time();
    each_ready(connections, |connection| {
        let mut buffer = [0; ECHO_BYTES];
        match connection.read(&mut buffer)? {
            0 => Ok(false),
            // So short a message comes in one piece over loopback; if it did not, its parts would be answered.
            read => {
                connection.write_all(&buffer[..read])?;
                answers += 1;
                Ok(true)
            }
        }
    })?;
    Ok((processor_time() - before).as_secs_f64() / answers.max(1) as f64)
}

/// What this thread has used.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    #[test]
    fn bare_loops_end_and_take_time() {
        assert!(super::sends(10).expect("loopback works") > 0.0);
        assert!(super::echo().expect("loopback works") > 0.0);
    }
}
