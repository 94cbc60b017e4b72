//! Our server and the packaged one, side by side, and connections to both at a time.

use std::path::PathBuf;
use std::time::Duration;

use ovsdb_harness::client::Reply;
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Peer, Scratch, Server, ServerOptions};
use serde_json::{Value, json};

use crate::arbitrary;
use crate::compare;
use crate::names::Names;
use crate::schema;

/// Both servers on databases of the same schema.
pub(crate) struct Twins {
    pub(crate) ours: Server,
    pub(crate) theirs: Server,
    pub(crate) files: Files,
}

/// The files of both databases.
pub(crate) struct Files {
    pub(crate) ours: PathBuf,
    pub(crate) theirs: PathBuf,
    pub(crate) scratch: Scratch,
}

impl Files {
    /// Two empty databases, each made by its server's own tool.
    pub(crate) fn create() -> Files {
        let scratch = Scratch::new();
        let schema = scratch.write("every.ovsschema", schema::EVERY);
        Files {
            ours: create_database(Peer::Ours, &scratch, "ours.db", &schema),
            theirs: create_database(Peer::Packaged, &scratch, "theirs.db", &schema),
            scratch,
        }
    }

    /// Each server gets the other's file.
    pub(crate) fn exchanged(self) -> Files {
        Files {
            ours: self.theirs,
            theirs: self.ours,
            scratch: self.scratch,
        }
    }

    /// Starts both servers.
    pub(crate) fn serve(self) -> Twins {
        let ours = ServerOptions::new(Peer::Ours, "ours")
            .database(&self.ours)
            .argument("--threads=2");
        let theirs = ServerOptions::new(Peer::Packaged, "theirs").database(&self.theirs);
        Twins {
            ours: ours.start(&self.scratch),
            theirs: theirs.start(&self.scratch),
            files: self,
        }
    }
}

impl Twins {
    /// Starts both on empty databases.
    pub(crate) fn start() -> Twins {
        Files::create().serve()
    }

    /// Stops both.
    pub(crate) fn stop(self) -> Files {
        self.ours.stop();
        self.theirs.stop();
        self.files
    }

    /// Has ours rewrite its file.
    pub(crate) fn compact_ours(&self) {
        compact(&self.ours);
    }

    /// Has theirs rewrite its file.
    pub(crate) fn compact_theirs(&self) {
        compact(&self.theirs);
    }

    /// A connection to each.
    pub(crate) fn connect(&self) -> Pair {
        Pair {
            ours: self.ours.client(),
            theirs: self.theirs.client(),
        }
    }
}

fn compact(server: &Server) {
    server
        .control("ovsdb-server/compact", &[])
        .expect("a server compacts its databases");
}

/// A connection to each server. What is sent to one is sent to the other.
pub(crate) struct Pair {
    pub(crate) ours: Client,
    pub(crate) theirs: Client,
}

impl Pair {
    /// Sends a request, in their names, to both. Their ids are the same.
    pub(crate) fn send(&mut self, names: &Names, method: &str, params: &Value) -> u64 {
        let id = self.theirs.send(method, params.clone());
        assert_eq!(self.ours.send(method, names.to_ours(params)), id);
        id
    }

    /// The replies to request `id`.
    pub(crate) fn reply(&mut self, id: u64) -> (Reply, Reply) {
        let theirs = self
            .theirs
            .try_reply(id)
            .unwrap_or_else(|error| panic!("the packaged server gives no reply to {id}: {error}"));
        let ours = self.ours.try_reply(id).unwrap_or_else(|error| {
            panic!("our server gives no reply to {id}: {error}, theirs says {theirs:?}")
        });
        (ours, theirs)
    }

    /// Makes one request of both and compares the replies. Gives theirs.
    pub(crate) fn call(&mut self, names: &mut Names, method: &str, params: &Value) -> Reply {
        let id = self.send(names, method, params);
        let (ours, theirs) = self.reply(id);
        compare_replies(names, &ours, &theirs, method, params);
        theirs
    }

    /// The notifications that both have sent before the replies to a request that changes nothing. Every update of
    /// commits that were acknowledged before to anybody is among them (architecture: update before reply).
    pub(crate) fn notifications(&mut self, names: &Names) -> (Vec<Value>, Vec<Value>) {
        let id = self.send(names, "transact", &json!([schema::DATABASE]));
        let replies = self.reply(id);
        assert_eq!(replies, (Ok(json!([])), Ok(json!([]))));
        (drain(&mut self.ours), drain(&mut self.theirs))
    }
}

/// Panics with the request unless the replies are equal, or differ in what is arbitrary: then it gives false.
pub(crate) fn compare_replies(
    names: &mut Names,
    ours: &Reply,
    theirs: &Reply,
    method: &str,
    params: &Value,
) -> bool {
    let (a, b) = (as_json(ours), as_json(theirs));
    let Err(difference) = compare::equal(names, &a, &b) else {
        return true;
    };
    let operations = params
        .as_array()
        .map_or(&[][..], |params| params.get(1..).unwrap_or_default());
    let excused = method == "transact" && arbitrary::is_arbitrary(operations, &a["result"], &b["result"]);
    assert!(excused, "{method} {params}\nours   {a}\ntheirs {b}\n{difference}");
    false
}

fn as_json(reply: &Reply) -> Value {
    match reply {
        Ok(result) => json!({"result": result}),
        Err(error) => json!({"error": error}),
    }
}

/// The notifications that have arrived.
fn drain(client: &mut Client) -> Vec<Value> {
    std::iter::from_fn(|| client.notification(Duration::ZERO)).collect()
}
