//! Our server and the packaged one judge the same transactions of the same clients.

use std::path::PathBuf;

use ovsdb_harness::server::create_database;
use ovsdb_harness::{Peer, Random, Scratch, Server};
use serde_json::{Map, Value, json};

use crate::named::NamedClient;
use crate::site::Site;

const TRANSACTIONS: u64 = 400;
/// After so many the rules are replaced.
const RULES_PERIOD: u64 = 8;

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];
const TABLES: [&str; 3] = ["A", "B", "RBAC_Permission"];
const OWNERS: [&str; 13] = [
    "",
    "owner",
    "owner",
    "maybe",
    "owners",
    "names",
    "names:k",
    "names:l",
    "pair:k",
    "number",
    "missing",
    "::names::k:l",
    "names:",
];
const COLUMNS: [&str; 4] = ["number", "owner", "other", "insert_delete"];

fn schema() -> Value {
    let strings = json!({"type": {"key": "string", "min": 0, "max": "unlimited"}});
    let owned = json!({"isRoot": true, "columns": {
        "number": {"type": "integer"},
        "other": {"type": "integer"},
        "owner": {"type": "string"},
        "maybe": {"type": {"key": "string", "min": 0, "max": 1}},
        "owners": strings,
        "names": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
        "pair": {"type": {"key": "string", "value": "string", "min": 0, "max": 2}}}});
    json!({"name": "D", "version": "1.0.0", "tables": {
        "Root": {"isRoot": true, "columns": {"remotes": {"type":
            {"key": {"type": "uuid", "refTable": "Remote"}, "min": 0, "max": "unlimited"}}}},
        "Remote": {"columns": {"target": {"type": "string"}, "role": {"type": "string"}}},
        "RBAC_Role": {"isRoot": true, "columns": {"name": {"type": "string"}, "permissions": {"type":
            {"key": "string", "value": {"type": "uuid", "refTable": "RBAC_Permission", "refType": "weak"},
             "min": 0, "max": "unlimited"}}}},
        "RBAC_Permission": {"isRoot": true, "columns": {"table": {"type": "string"},
            "authorization": strings, "update": strings, "insert_delete": {"type": "boolean"}}},
        "A": owned, "B": owned}})
}

/// One server, its root client, and the clients with names.
struct Side {
    /// Ends after the clients.
    root: ovsdb_harness::Client,
    clients: Vec<NamedClient>,
    _server: Server,
}

impl Side {
    fn start(peer: Peer, site: &Site<'_>, scratch: &Scratch, identities: &[crate::pki::Identity]) -> Side {
        let name = format!("{peer:?}");
        let schema = scratch.write("rights.ovsschema", schema().to_string());
        let file: PathBuf = create_database(peer, scratch, &format!("{name}.db"), &schema);
        let server = site.options(peer, &name, &file, "D,Root,remotes").start(scratch);
        let mut root = server.client();
        let results = root.transact("D", json!([
            {"op": "insert", "table": "Remote", "uuid-name": "r", "row": {"target": "pssl:0:127.0.0.1", "role": "limited"}},
            {"op": "insert", "table": "Root", "row": {"remotes": ["named-uuid", "r"]}}]));
        assert_eq!(results.len(), 2, "{results:?}");
        let port = server.logged_port(1);
        let clients = identities
            .iter()
            .map(|identity| site.connect(identity, port))
            .collect();
        Side {
            root,
            clients,
            _server: server,
        }
    }
}

fn strings(random: &mut Random, of: &[&str], most: u64) -> Value {
    let list: Vec<&str> = (0..random.below(most + 1)).map(|_| *random.pick(of)).collect();
    let mut distinct = list.clone();
    distinct.sort_unstable();
    distinct.dedup();
    json!(["set", distinct])
}

fn names(random: &mut Random) -> Value {
    let keys: Vec<&str> = ["k", "l"].into_iter().filter(|_| random.chance(50)).collect();
    let pairs: Vec<Value> = keys
        .iter()
        .map(|key| json!([key, random.pick(&PEOPLE)]))
        .collect();
    json!(["map", pairs])
}

fn uuid(random: &mut Random) -> String {
    format!(
        "{:08x}-0000-4000-8000-{:012x}",
        random.next_u64() as u32,
        random.next_u64() >> 16
    )
}

/// Operations of the root client that put new rules in the place of those before.
fn rules(random: &mut Random) -> Value {
    let mut ops = vec![
        json!({"op": "delete", "table": "RBAC_Role", "where": []}),
        json!({"op": "delete", "table": "RBAC_Permission", "where": []}),
    ];
    let mut links = Vec::new();
    for table in TABLES {
        // The rules themselves are in reach of some, but seldom.
        if random.chance(if table == "RBAC_Permission" { 80 } else { 15 }) {
            continue;
        }
        let id = uuid(random);
        let row = json!({"table": table, "insert_delete": random.chance(60),
            "authorization": strings(random, &OWNERS, 3), "update": strings(random, &COLUMNS, 4)});
        ops.push(json!({"op": "insert", "table": "RBAC_Permission", "uuid": id, "row": row}));
        links.push(json!([table, ["uuid", id]]));
    }
    let role = if random.chance(90) { "limited" } else { "another" };
    ops.push(
        json!({"op": "insert", "table": "RBAC_Role", "row": {"name": role, "permissions": ["map", links]}}),
    );
    json!(ops)
}

fn operation(random: &mut Random) -> Value {
    let table = *random.pick(&["A", "A", "B", "RBAC_Permission"]);
    if table == "RBAC_Permission" {
        return json!({"op": "update", "table": table, "where": [], "row": {"insert_delete": random.chance(50)}});
    }
    let below = json!([["number", "<", random.below(8)]]);
    match random.below(5) {
        0 | 1 => {
            let row = json!({"number": random.below(8), "owner": random.pick(&PEOPLE),
                "maybe": strings(random, &PEOPLE, 1), "owners": strings(random, &PEOPLE, 2),
                "names": names(random), "pair": names(random)});
            json!({"op": "insert", "table": table, "uuid": uuid(random), "row": row})
        }
        2 => {
            let mut row = Map::new();
            if random.chance(60) {
                row.insert("number".to_owned(), json!(random.below(8)));
            }
            if random.chance(30) {
                row.insert("owner".to_owned(), json!(random.pick(&PEOPLE)));
            }
            json!({"op": "update", "table": table, "where": below, "row": row})
        }
        3 => {
            let columns: Vec<&str> = (0..1 + random.below(2))
                .map(|_| *random.pick(&["number", "other"]))
                .collect();
            let mutations: Vec<Value> = columns.iter().map(|column| json!([column, "+=", 1])).collect();
            json!({"op": "mutate", "table": table, "where": below, "mutations": mutations})
        }
        _ => json!({"op": "delete", "table": table, "where": below}),
    }
}

#[test]
fn both_servers_permit_and_refuse_the_same() {
    let mut random = Random::from_environment();
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let identities = PEOPLE.map(|name| site.identity(name));
    let mut sides = [Peer::Ours, Peer::Packaged].map(|peer| Side::start(peer, &site, &scratch, &identities));
    let mut verdicts = [0, 0];
    for number in 0..TRANSACTIONS {
        if number % RULES_PERIOD == 0 {
            let rules = rules(&mut random);
            for side in &mut sides {
                let results = side.root.transact("D", rules.clone());
                assert!(
                    results.iter().all(|result| result["error"].is_null()),
                    "{results:?}"
                );
            }
        }
        let who = random.below(PEOPLE.len() as u64) as usize;
        let operations: Vec<Value> = (0..1 + random.below(3)).map(|_| operation(&mut random)).collect();
        let [ours, theirs] = sides
            .each_mut()
            .map(|side| side.clients[who].transact("D", &operations));
        let asked = json!(operations);
        assert_eq!(ours, theirs, "{} asks for {asked}", PEOPLE[who]);
        let is_refused = ours
            .iter()
            .any(|result| result["error"] == json!("permission error"));
        verdicts[usize::from(is_refused)] += 1;
    }
    let select = |table: &str| {
        json!([{"op": "select", "table": table, "where": [], "sort": ["_uuid"],
        "columns": ["_uuid", "number", "owner", "maybe", "owners", "names"]}])
    };
    for table in ["A", "B"] {
        let [ours, theirs] = sides
            .each_mut()
            .map(|side| side.root.transact("D", select(table)));
        assert_eq!(ours, theirs);
    }
    println!("{} permitted, {} refused", verdicts[0], verdicts[1]);
    assert!(verdicts.iter().all(|count| *count > TRANSACTIONS / 20));
}
