//! A sequencer without threads, for the tests of this module.

use super::{ColumnDiff, Event, Group, Now, Rights, Sequencer, Settings, Submission, Ticket};
use crate::ids::{RequestId, SessionId, WorkerId};
use crate::schema;
use crate::store::Store;
use crate::testing::with_json;
use crate::txn::Program;
use std::sync::Arc;
use uuid::Uuid;

pub(super) const NOW: Now = Now {
    wall_ms: 1_700_000_000_000,
    monotonic_ms: 1000,
};

/// A sequencer and a source of uuids that counts.
pub(super) struct Bench {
    pub(super) sequencer: Sequencer,
    pub(super) schema: Arc<schema::Schema>,
    uuids: u128,
    requests: u64,
}

impl Bench {
    pub(super) fn new() -> Bench {
        let text = r#"{"name": "T", "tables": {"Item": {"columns": {"n": {"type": "integer"}}, "indexes": [["n"]]}}}"#;
        let schema = Arc::new(with_json(text, |value| schema::parse(value).unwrap()));
        let store = Store::new(Arc::clone(&schema), 1, Uuid::from_u128(1));
        let settings = Settings {
            column_diff: ColumnDiff::new(true),
            nonce: Uuid::nil(),
        };
        let sequencer = Sequencer::new(store, Arc::default(), settings);
        Bench {
            sequencer,
            schema,
            uuids: 1000,
            requests: 0,
        }
    }

    pub(super) fn submit(&mut self, ops: &str) {
        let uuids = &mut self.uuids;
        let mut entropy = || {
            *uuids += 1;
            Uuid::from_u128(*uuids)
        };
        let program = with_json(ops, |value| {
            Program::compile(&self.schema, value.as_array().unwrap(), &mut entropy)
        });
        self.requests += 1;
        let ticket = Ticket {
            worker: WorkerId(0),
            session: SessionId(1),
            request: RequestId(self.requests),
        };
        let submission = Submission {
            ticket: Some(ticket),
            program: Arc::new(program),
            started_ms: None,
            rights: Arc::new(Rights::default()),
        };
        self.handle(Event::Submit(submission));
    }

    pub(super) fn handle(&mut self, event: Event) {
        let uuids = &mut self.uuids;
        self.sequencer.handle(event, NOW, &mut || {
            *uuids += 1;
            Uuid::from_u128(*uuids)
        });
    }

    pub(super) fn group(&mut self) -> Group {
        self.sequencer.take_group().expect("there is something to write")
    }

    /// The values of `n` in the version after what has been executed.
    pub(super) fn numbers(&mut self) -> Vec<String> {
        let view = self.sequencer.view();
        let table = view.schema().table_named("Item").unwrap();
        let n = view.schema().table(table).column_named("n").unwrap();
        let mut numbers: Vec<String> = view
            .table(table)
            .iter()
            .map(|(_, row)| format!("{:?}", row.get(n)))
            .collect();
        numbers.sort();
        numbers
    }
}

pub(super) fn insert(n: u32) -> String {
    format!(r#"[{{"op":"insert","table":"Item","row":{{"n":{n}}}}}]"#)
}
