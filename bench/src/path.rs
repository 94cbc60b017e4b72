//! The list of all hot paths.

use ovsdb_engine::hash;

use crate::site::Size;
use crate::{engine_paths, monitor_paths, server_paths, wire_paths};

/// Does the work once. The result is for nobody but the compiler, who must not leave the work out.
pub type Run = Box<dyn FnMut() -> u64>;

/// Decides where things are in hash tables, and so how often these are probed and when they grow.
const HASH_KEY: u64 = 1;

/// Something the server does often, or in large pieces.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// Unique: `AREA/WHAT`.
    pub name: &'static str,
    make: fn(Size) -> Run,
    /// How often it is run to be counted: as often as makes some ten million instructions.
    pub runs: u32,
}

impl Path {
    /// Makes the fixture: the same steps with the same size, in every process.
    ///
    /// # Panics
    ///
    /// If the process has made hash tables under another key than that of the paths.
    pub fn prepare(&self, size: Size) -> Run {
        hash::set_key(HASH_KEY);
        (self.make)(size)
    }
}

/// Every path, in the order of a message's life.
pub const PATHS: &[Path] = &[
    path("frame/report", wire_paths::frame_report, 1000),
    path("frame/flows", wire_paths::frame_flows, 20),
    path("parse/report", wire_paths::parse_report, 1000),
    path("parse/port-add", wire_paths::parse_port_add, 100),
    path("parse/flows", wire_paths::parse_flows, 20),
    path("datum/parse", engine_paths::datum_parse, 100),
    path("datum/print", engine_paths::datum_print, 100),
    path("datum/diff", engine_paths::datum_diff, 100),
    path("condition/parse", engine_paths::condition_parse, 100),
    path("condition/match", engine_paths::condition_match, 100),
    path("transact/compile-report", engine_paths::compile_report, 1000),
    path("transact/compile-port-add", engine_paths::compile_port_add, 100),
    path("transact/execute-report", engine_paths::execute_report, 200),
    path("transact/execute-claim", engine_paths::execute_claim, 200),
    path("transact/execute-port-add", engine_paths::execute_port_add, 50),
    path("commit/publish-report", engine_paths::publish_report, 200),
    path("record/encode", engine_paths::record_encode, 200),
    path("record/replay", engine_paths::record_replay, 100),
    path("record/snapshot", engine_paths::snapshot, 1),
    path("monitor/equal", monitor_paths::equal, 20),
    path("monitor/conditional", monitor_paths::conditional, 20),
    path("monitor/catch-up", monitor_paths::catch_up, 20),
    path("monitor/change", monitor_paths::change, 4),
    path("dump/first", monitor_paths::dump_first, 4),
    path("dump/shared", monitor_paths::dump_shared, 20),
    path("server/echo", server_paths::echo, 1000),
    path("server/report", server_paths::report, 200),
    path("server/port-add", server_paths::port_add, 50),
    path("server/select", server_paths::select, 200),
    path("server/fanout-1", server_paths::fanout_1, 200),
    path("server/fanout-1000", server_paths::fanout_1000, 20),
];

const fn path(name: &'static str, make: fn(Size) -> Run, runs: u32) -> Path {
    Path { name, make, runs }
}
