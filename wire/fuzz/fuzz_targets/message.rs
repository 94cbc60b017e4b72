//! Nothing a client sends panics on its way to typed requests and operations, and all of it prints and reads back.
#![no_main]

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;
use ovsdb_wire::message::{Message, classify};
use ovsdb_wire::operation::Operation;
use ovsdb_wire::request::Request;
use ovsdb_wire::{strict, write};

fuzz_target!(|data: &[u8]| {
    let arena = Bump::new();
    let Ok(value) = strict::parse(data, &arena) else { return };
    let mut printed = Vec::new();
    write::value(&mut printed, &value);
    assert!(strict::parse(&printed, &arena).is_ok());
    let Ok(Message::Request { method, params, .. }) = classify(value) else { return };
    match Request::parse(method, params) {
        Ok(Request::Transact { ops, .. }) => {
            for (at, op) in ops.iter().enumerate() {
                drop(Operation::parse(*op, at + 1, ops.len(), &|table| table.len() == 1));
            }
        }
        Ok(Request::Monitor(monitor)) => drop(monitor.arguments()),
        Ok(Request::MonitorCondChange(change)) => drop(change.requests()),
        Ok(Request::Lock(lock)) => drop(lock.name()),
        Ok(Request::Convert(convert)) => drop(convert.schema()),
        Ok(_) => {}
        Err(error) => error.write(&mut printed),
    }
});
