//! Large transactions, which are parsed and compiled elsewhere than on their worker, and in pieces.
//!
//! ```text
//!  {"id":7,"method":"transact","params":["DB",{…},{…},{…},{…},{…}]}
//!  └────────────────────────────────────────────┘ └─────────┘ └───┘   cut at commas, each made JSON of its own
//! ```
//!
//! An operation that is longer than several pieces is one by itself, and cut in turn if its condition makes it long
//! (`long`).
//!
//! Only what is right is done here. A message that is no transaction, or has a mistake anywhere, is left to be
//! looked at as a whole, which says what is wrong with it.

mod long;

use super::methods::Answer;
use super::{Catalog, Machine, Sessions};
use crate::commit::Drafting;
use crate::ids::SessionId;
use crate::txn::{Compiler, Program};
use bumpalo::Bump;
use ovsdb_wire::frame::Flags;
use ovsdb_wire::limits::LONG_ELEMENT_BYTES;
use ovsdb_wire::parse::Parser;
use ovsdb_wire::value::Value;
use ovsdb_wire::write;
use std::sync::Arc;
use uuid::Uuid;

/// A transaction ready to be handed over to its database.
#[derive(Debug)]
pub struct Compiled {
    /// The client's id as JSON.
    id: Vec<u8>,
    /// Of the database.
    epoch: u64,
    program: Program,
    /// Size of the message.
    bytes: usize,
}

/// A transaction of which a part has been compiled, perhaps while the rest is still received.
#[derive(Debug)]
pub struct Compilation {
    pieces: Pieces,
    envelope: Envelope,
    /// Of the database.
    epoch: u64,
    compiler: Compiler,
    /// Cuts that what has been compiled goes up to.
    cuts_count: usize,
}

impl Compilation {
    /// Begins with `head`, a message up to its first cut; `flags` are those of the message at least that far.
    /// `None`, here and below: the message is to be looked at as a whole, such as one that takes more than
    /// `parsed_factor_max` times its text.
    pub fn begin(
        catalog: &Catalog,
        head: &[u8],
        flags: Flags,
        parsed_factor_max: usize,
        entropy: &mut dyn FnMut() -> Uuid,
    ) -> Option<Compilation> {
        let mut pieces = Pieces::new(parsed_factor_max);
        let mut envelope = Envelope::default();
        let head = pieces.parse([b"", head, b"]}"], flags)?;
        let (("params", params), before) = head.as_object()?.members().split_last()? else {
            return None;
        };
        envelope.read(before)?;
        let (Value::String(db), ops) = params.as_array()?.split_first()? else {
            return None;
        };
        let database = catalog.find(db)?;
        let mut compiler = Compiler::new(&database.schema);
        compiler.push(ops, entropy).ok()?;
        Some(Compilation {
            envelope,
            epoch: database.epoch,
            compiler,
            cuts_count: 1,
            pieces,
        })
    }

    /// Adds the operations between the comma of a cut and the next cut.
    pub fn push(&mut self, piece: &[u8], flags: Flags, entropy: &mut dyn FnMut() -> Uuid) -> Option<()> {
        self.cuts_count += 1;
        if piece.len() >= LONG_ELEMENT_BYTES {
            let end = self.push_long(piece, flags, entropy)?;
            return piece[end..].trim_ascii().is_empty().then_some(());
        }
        self.push_short(piece, flags, entropy)
    }

    fn push_short(&mut self, piece: &[u8], flags: Flags, entropy: &mut dyn FnMut() -> Uuid) -> Option<()> {
        let ops = self.pieces.parse([b"[", piece, b"]"], flags)?;
        self.compiler.push(ops.as_array()?, entropy).ok()
    }

    /// What is to be [worked on](Drafting::work) elsewhere whenever something has been added.
    pub fn drafting(&self) -> &Arc<Drafting> {
        self.compiler.drafting()
    }

    /// Compiles what is left of the whole message, of which these are all cuts; `added` is called after each piece.
    pub fn finish(
        mut self,
        text: &[u8],
        cuts: &[usize],
        flags: Flags,
        entropy: &mut dyn FnMut() -> Uuid,
        added: &mut dyn FnMut(&Arc<Drafting>),
    ) -> Option<Compiled> {
        for bounds in cuts[self.cuts_count - 1..].windows(2) {
            self.push(&text[bounds[0] + 1..bounds[1]], flags, entropy)?;
            added(self.drafting());
        }
        let mut tail = &text[*cuts.last()? + 1..];
        if tail.len() >= LONG_ELEMENT_BYTES {
            let end = self.push_long(tail, flags, entropy)?;
            tail = &tail[end..];
        }
        let tail = self.pieces.parse([PARAMS_OPEN, tail, b""], flags)?;
        let (("params", ops), after) = tail.as_object()?.members().split_first()? else {
            return None;
        };
        self.compiler.push(ops.as_array()?, entropy).ok()?;
        self.envelope.read(after)?;
        Some(Compiled {
            id: self.envelope.id.filter(|_| self.envelope.is_transact)?,
            epoch: self.epoch,
            program: self.compiler.finish(),
            bytes: text.len(),
        })
    }
}

const PARAMS_OPEN: &[u8] = b"{\"params\":[";

/// Parses pieces one after the other, keeping its buffers.
struct Pieces {
    parsed_factor_max: usize,
    parser: Parser,
    arena: Bump,
    scratch: Vec<u8>,
}

impl std::fmt::Debug for Pieces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pieces").finish_non_exhaustive()
    }
}

impl Pieces {
    fn new(parsed_factor_max: usize) -> Pieces {
        Pieces {
            parsed_factor_max,
            parser: Parser::with_factor(parsed_factor_max),
            arena: Bump::new(),
            scratch: Vec::new(),
        }
    }

    /// Buffers of their own, for pieces that stay while others come.
    fn another(&self) -> Pieces {
        Pieces::new(self.parsed_factor_max)
    }

    /// Parses what the parts are together.
    fn parse(&mut self, parts: [&[u8]; 3], flags: Flags) -> Option<Value<'_>> {
        self.arena.reset();
        self.scratch.clear();
        for part in parts {
            self.scratch.extend_from_slice(part);
        }
        self.parser.parse(&mut self.scratch, flags, &self.arena).ok()
    }
}

/// What a message says besides its parameters.
#[derive(Debug, Default)]
struct Envelope {
    id: Option<Vec<u8>>,
    is_transact: bool,
}

impl Envelope {
    /// Reads members; `None` for any but an id and the method, or for the second of a name.
    fn read(&mut self, members: &[(&str, Value<'_>)]) -> Option<()> {
        for (name, value) in members {
            match (*name, value) {
                ("id", value) if self.id.is_none() && !value.is_null() => {
                    let mut id = Vec::new();
                    write::value(&mut id, value);
                    self.id = Some(id);
                }
                ("method", Value::String("transact")) if !self.is_transact => self.is_transact = true,
                _ => return None,
            }
        }
        Some(())
    }
}

impl Sessions {
    /// Takes a transaction that was compiled elsewhere, as [`Sessions::request`] would have. False: its message
    /// is to be looked at as a whole. The session must not have been read since, nor have been busy.
    pub fn take_compiled(
        &mut self,
        session: SessionId,
        compiled: Compiled,
        machine: &mut dyn Machine,
    ) -> bool {
        self.prepare(machine);
        self.prepare(machine);
        let Some(at) = self
            .locals
            .iter()
            .position(|local| local.database.epoch == compiled.epoch)
        else {
            return false;
        };
        let Some(state) = self.sessions.get(&session) else {
            return true;
        };
        if self.gate(at).is_some() {
            return false;
        }
        let is_known = state.requests.iter().any(|other| other.id == compiled.id);
        if is_known || state.check_waits(&self.shared.bounds).is_some() {
            return false;
        }
        let Compiled {
            id, program, bytes, ..
        } = compiled;
        if let Answer::Result(result) = self.submit(session, id.clone(), bytes, at, program, machine) {
            self.push_result(session, &id, result, machine);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::Catalog;
    use super::{Compilation, Compiled};
    use crate::database::Database;
    use crate::inbox::Inbox;
    use crate::schema;
    use crate::store::Store;
    use crate::txn::Program;
    use bumpalo::Bump;
    use ovsdb_wire::frame::{Framer, Scan};
    use ovsdb_wire::limits::PARSED_FACTOR_MAX;
    use ovsdb_wire::strict;
    use std::sync::Arc;
    use uuid::Uuid;

    const SCHEMA: &str = r#"{"name":"D","tables":{"T":{"columns":{"n":{"type":"integer"},"t":{"type":"string"},
        "refs":{"type":{"key":{"type":"uuid","refTable":"T"},"min":0,"max":"unlimited"}}}}}}"#;

    fn catalog() -> Catalog {
        let arena = Bump::new();
        let schema = schema::parse(&strict::parse(SCHEMA.as_bytes(), &arena).unwrap()).unwrap();
        let mut store = Store::new(Arc::new(schema), 1, Uuid::nil());
        let database = Database::new(store.view(), Inbox::new(|| {}), 1);
        Catalog::default().with(Arc::new(database))
    }

    /// Operations that name each other's rows across pieces.
    fn operations(count: usize) -> Vec<String> {
        let text = r#"x [{\",\\ é "#.repeat(8);
        (0..count)
            .map(|n| {
                let other = (n * 7919) % count;
                format!(
                    r#"{{"op":"insert","table":"T","uuid-name":"r{n}","row":{{"n":{n},"t":"{text}","refs":["set",[["named-uuid","r{other}"]]]}}}}"#
                )
            })
            .collect()
    }

    fn counter() -> impl FnMut() -> Uuid {
        let mut last = 0;
        move || {
            last += 1;
            Uuid::from_u128(last)
        }
    }

    fn compile(catalog: &Catalog, message: &str) -> Option<Compiled> {
        compile_cut(catalog, message, 3)
    }

    /// Compiles a message that is so large that it has this many cuts at least.
    fn compile_cut(catalog: &Catalog, message: &str, cuts_min: usize) -> Option<Compiled> {
        let mut framer = Framer::new();
        let Ok(Scan::Text { end, flags }) = framer.scan(message.as_bytes()) else {
            panic!("the message is framed")
        };
        let (text, cuts, entropy) = (&message.as_bytes()[..end], framer.cuts(), &mut counter());
        assert!(cuts.len() >= cuts_min, "the message is large");
        let begun = Compilation::begin(catalog, &text[..cuts[0]], flags, PARSED_FACTOR_MAX, entropy)?;
        begun.finish(text, cuts, flags, entropy, &mut |drafting| drafting.work())
    }

    #[test]
    fn pieces_compile_to_what_the_whole_does() {
        let catalog = catalog();
        let operations = operations(2000).join(",");
        let expected = compiled_whole(&catalog, &operations);
        for message in [
            format!(r#"{{"id":7,"method":"transact","params":["D",{operations}]}}"#),
            format!(r#" {{"method":"transact", "params" :["D", {operations} ],"id":7 }}"#),
            format!(r#"{{"params":["D",{operations}],"id":7,"method":"transact"}}"#),
        ] {
            let compiled = compile(&catalog, &message).expect("it is good");
            assert_eq!(compiled.id, b"7");
            assert_eq!(compiled.bytes, message.len());
            assert!(format!("{:?}", compiled.program) == expected);
        }
    }

    /// An operation with a condition of so many clauses, between short ones.
    fn conditional(operation: &str, count: usize) -> Vec<String> {
        let clauses: Vec<String> = (0..count)
            .map(|n| match n % 3 {
                0 => format!(r#"["n","<",{}]"#, n % 15_000),
                1 => format!(r#"["refs","excludes",["named-uuid","r{}"]]"#, n % 7),
                _ => r#" ["t" , "!=","x"]"#.to_owned(),
            })
            .collect();
        let mut operations = operations(20);
        let long = operation.replace("CLAUSES", &clauses.join(","));
        operations.extend([r#"{"op":"comment","comment":"c"}"#.to_owned(), long]);
        operations
    }

    const CONDITIONAL: [&str; 6] = [
        r#"{"op":"select","table":"T","where":[CLAUSES],"columns":["n"]}"#,
        r#" {"where" : [CLAUSES],"table":"T","op":"delete"} "#,
        r#"{"op":"update","where":[CLAUSES],"row":{"n":3},"table":"T"}"#,
        r#"{"op":"mutate","table":"T","mutations":[["n","+=",1]],"where":[CLAUSES]}"#,
        r#"{"op":"wait","table":"T","where":[CLAUSES],"until":"==","rows":[{"n":1}],"columns":["n"],"timeout":0}"#,
        r#"{"op":"delete","table":"T","where":[true,CLAUSES,false]}"#,
    ];

    /// The program of operations that are parsed and compiled as one text, as it is printed.
    fn compiled_whole(catalog: &Catalog, operations: &str) -> String {
        let whole = format!("[{operations}]");
        let arena = Bump::new();
        let value = strict::parse(whole.as_bytes(), &arena).unwrap();
        let schema = &catalog.databases[0].schema;
        format!(
            "{:?}",
            Program::compile(schema, value.as_array().unwrap(), &mut counter())
        )
    }

    #[test]
    fn a_long_condition_compiles_in_pieces_to_what_the_whole_does() {
        let catalog = catalog();
        for (operation, is_last) in CONDITIONAL.iter().flat_map(|op| [(op, false), (op, true)]) {
            let mut operations = conditional(operation, 20_000);
            if !is_last {
                operations.push(r#"{"op":"comment","comment":"d"}"#.to_owned());
            }
            let operations = operations.join(",");
            let expected = compiled_whole(&catalog, &operations);
            let message = format!(r#"{{"id":7,"method":"transact","params":["D",{operations}]}}"#);
            let compiled = compile_cut(&catalog, &message, 1).expect("it is good");
            assert!(format!("{:?}", compiled.program) == expected, "{operation}");
        }
    }

    #[test]
    fn a_long_condition_with_a_mistake_is_left_to_a_look_at_the_whole() {
        let catalog = catalog();
        for operation in [
            r#"{"op":"select","table":"T","where":[CLAUSES,["n","<","x"]]}"#,
            r#"{"op":"select","table":"T","where":[["x","<",1],CLAUSES]}"#,
            r#"{"op":"select","table":"T","where":[CLAUSES,3,CLAUSES]}"#,
            r#"{"op":"select","where":[],"table":"T","where":[CLAUSES],"columns":3}"#,
            r#"{"op":"select","table":"U","where":[CLAUSES]}"#,
            r#"{"op":"none","table":"T","where":[CLAUSES]}"#,
            r#"{"op":"insert","table":"T","where":[CLAUSES],"row":{}}"#,
            r#"{"op":"comment","comment":"","where":[CLAUSES]}"#,
            r#"[CLAUSES]"#,
        ] {
            let operations = conditional(operation, 20_000).join(",");
            let message = format!(r#"{{"id":7,"method":"transact","params":["D",{operations}]}}"#);
            assert!(compile_cut(&catalog, &message, 1).is_none(), "{operation}");
        }
    }

    /// To look for each of them among all others would take so long that this would never end.
    #[test]
    fn members_by_the_hundred_thousand_are_not_compared() {
        let catalog = catalog();
        let unknown: Vec<String> = (0..200_000).map(|n| format!(r#""x{n}":0"#)).collect();
        let operation = format!(
            r#"{{"op":"delete",{},"table":"T","where":[CLAUSES]}}"#,
            unknown.join(",")
        );
        let operations = conditional(&operation, 20_000).join(",");
        let message = format!(r#"{{"id":7,"method":"transact","params":["D",{operations}]}}"#);
        assert!(compile_cut(&catalog, &message, 1).is_none());
    }

    /// Nothing after it is executed, so what is wrong there is not looked at.
    #[test]
    fn what_follows_an_abort_is_counted_only() {
        let catalog = catalog();
        for at in [0, 700, 1999] {
            let mut operations = operations(2000);
            operations[at] = r#"{"op":"abort"}"#.to_owned();
            if let Some(last) = operations.get_mut(at + 1..).and_then(<[_]>::last_mut) {
                *last = r#"{"op":"none"}"#.to_owned();
            }
            let operations = operations.join(",");
            let expected = compiled_whole(&catalog, &operations);
            let message = format!(r#"{{"id":7,"method":"transact","params":["D",{operations}]}}"#);
            let compiled = compile(&catalog, &message).expect("it is good");
            assert!(format!("{:?}", compiled.program) == expected, "{at}");
        }
    }

    #[test]
    fn a_message_compiles_alike_however_much_of_it_came_first() {
        let catalog = catalog();
        let operations = operations(2000).join(",");
        let message = format!(r#"{{"id":7,"method":"transact","params":["D",{operations}]}}"#);
        let text = message.as_bytes();
        let mut framer = Framer::new();
        framer.scan(text).expect("the message is framed");
        let cuts = framer.cuts().to_vec();
        let whole = compile(&catalog, &message).expect("it is good");
        for early in 1..=cuts.len() {
            let mut entropy = counter();
            let mut framer = Framer::new();
            let received = &text[..=cuts[early - 1]];
            assert_eq!(framer.scan(received), Ok(Scan::Incomplete));
            assert_eq!(framer.cuts(), &cuts[..early]);
            let head = &received[..cuts[0]];
            let begun = Compilation::begin(&catalog, head, framer.flags(), PARSED_FACTOR_MAX, &mut entropy);
            let mut begun = begun.expect("the head is good");
            for bounds in framer.cuts().windows(2) {
                let piece = &received[bounds[0] + 1..bounds[1]];
                begun
                    .push(piece, framer.flags(), &mut entropy)
                    .expect("it is good");
            }
            let Ok(Scan::Text { flags, .. }) = framer.scan(text) else {
                panic!("the message is framed")
            };
            let compiled = begun.finish(text, &cuts, flags, &mut entropy, &mut |_| {});
            let compiled = compiled.expect("it is good");
            assert_eq!(compiled.bytes, whole.bytes);
            assert!(format!("{:?}", compiled.program) == format!("{:?}", whole.program));
        }
    }

    #[test]
    fn whatever_is_not_right_is_left_to_a_look_at_the_whole() {
        let catalog = catalog();
        let good = operations(2000);
        let with = |at: usize, operation: &str| {
            let mut operations = good.clone();
            operations[at] = operation.to_owned();
            operations.join(",")
        };
        let good = good.join(",");
        let transact =
            |operations: &str| format!(r#"{{"id":7,"method":"transact","params":["D",{operations}]}}"#);
        for message in [
            format!(r#"{{"id":7,"method":"transact","params":["E",{good}]}}"#),
            format!(r#"{{"id":7,"method":"monitor","params":["D",{good}]}}"#),
            format!(r#"{{"id":null,"method":"transact","params":["D",{good}]}}"#),
            format!(r#"{{"method":"transact","params":["D",{good}]}}"#),
            format!(r#"{{"id":7,"method":"transact","params":["D",{good}],"id":8}}"#),
            format!(r#"{{"id":7,"method":"transact","params":["D",{good}],"error":3}}"#),
            format!(r#"{{"id":7,"method":"transact","params":["D"],"x":[{good}]}}"#),
            format!(r#"{{"id":7,"x":[{good}],"method":"transact","params":["D",{good}]}}"#),
            transact(&with(1500, "3")),
            transact(&with(1500, r#"{"op":"insert","table":"T","row":{"n":"x"}}"#)),
            transact(&with(
                1500,
                r#"{"op":"insert","table":"T","uuid-name":"r3","row":{}}"#,
            )),
            transact(&with(1500, r#"{"op":"comment","comment":"\x"}"#)),
        ] {
            assert!(compile(&catalog, &message).is_none(), "{}", &message[..80]);
        }
    }
}
