//! A site in the shape of an OVN deployment: its schema, its rows, and the transactions that its daemons send.
//!
//! Numbers of rows and sizes of their columns follow what was measured at OVN's southbound databases: a flow is
//! some 340 bytes of JSON, a port 310; an agent's reports are one row of a few numbers, a new port is one port,
//! five flows and two rewritten groups.

use uuid::Uuid;

use crate::random::Random;

/// Name of the database.
pub const DATABASE: &str = "Site";

/// Its schema. Ports hang on datapaths by strong references and on nodes by weak ones, as in OVN.
pub const SCHEMA: &str = r#"{"name":"Site","version":"1.0.0","tables":{
"Global":{"isRoot":true,"maxRows":1,"columns":{
  "nb_cfg":{"type":"integer"},"nb_cfg_timestamp":{"type":"integer"},
  "options":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}}}},
"Node":{"isRoot":true,"indexes":[["name"]],"columns":{
  "name":{"type":"string"},"hostname":{"type":"string"},
  "other_config":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}}}},
"Node_State":{"isRoot":true,"indexes":[["name"]],"columns":{
  "name":{"type":"string"},"node":{"type":{"key":{"type":"uuid","refTable":"Node","refType":"weak"},"min":0,"max":1}},
  "nb_cfg":{"type":"integer"},"nb_cfg_timestamp":{"type":"integer"},
  "external_ids":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}}}},
"Datapath":{"isRoot":true,"indexes":[["tunnel_key"]],"columns":{
  "tunnel_key":{"type":{"key":{"type":"integer","minInteger":1,"maxInteger":16777215}}},
  "external_ids":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}}}},
"Port":{"isRoot":true,"indexes":[["datapath","tunnel_key"],["logical_port"]],"columns":{
  "logical_port":{"type":"string"},"type":{"type":"string"},
  "datapath":{"type":{"key":{"type":"uuid","refTable":"Datapath"}}},
  "tunnel_key":{"type":{"key":{"type":"integer","minInteger":1,"maxInteger":32767}}},
  "node":{"type":{"key":{"type":"uuid","refTable":"Node","refType":"weak"},"min":0,"max":1}},
  "mac":{"type":{"key":"string","min":0,"max":"unlimited"}},
  "up":{"type":{"key":"boolean","min":0,"max":1}},
  "options":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}},
  "external_ids":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}}}},
"Group":{"isRoot":true,"indexes":[["datapath","tunnel_key"],["datapath","name"]],"columns":{
  "name":{"type":"string"},"datapath":{"type":{"key":{"type":"uuid","refTable":"Datapath"}}},
  "tunnel_key":{"type":{"key":{"type":"integer","minInteger":32768,"maxInteger":65535}}},
  "ports":{"type":{"key":{"type":"uuid","refTable":"Port","refType":"weak"},"min":0,"max":"unlimited"}}}},
"Flow":{"isRoot":true,"columns":{
  "datapath":{"type":{"key":{"type":"uuid","refTable":"Datapath"},"min":0,"max":1}},
  "pipeline":{"type":{"key":{"type":"string","enum":["set",["ingress","egress"]]}}},
  "table_id":{"type":{"key":{"type":"integer","minInteger":0,"maxInteger":64}}},
  "priority":{"type":{"key":{"type":"integer","minInteger":0,"maxInteger":65535}}},
  "match":{"type":"string"},"actions":{"type":"string"},
  "tags":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}},
  "external_ids":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}}}}}}"#;

/// Datapaths that an agent looks at.
pub const AGENT_DATAPATHS: usize = 10;
/// Ports of each datapath.
const PORTS_PER_DATAPATH: usize = 10;
/// Rows that one transaction of [`Site::load`] inserts.
const ROWS_PER_LOAD: usize = 1000;

/// How large a site is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Hypervisors, each with one datapath of ten ports.
    pub nodes: usize,
    pub flows: usize,
}

impl Size {
    /// For tests that only want to see that everything runs.
    pub const TINY: Size = Size { nodes: 4, flows: 100 };
    /// One that instructions can be counted on within seconds.
    pub const SMALL: Size = Size {
        nodes: 100,
        flows: 2000,
    };
    /// A node's and a pod's worth of rows for each of 100 hypervisors: some 12,000 rows.
    pub const MEDIUM: Size = Size {
        nodes: 100,
        flows: 10_000,
    };
    /// One million flows.
    pub const LARGE: Size = Size {
        nodes: 1000,
        flows: 1_000_000,
    };
}

/// Names and identities of a site's rows; the rows themselves are made as text.
#[derive(Clone, Debug)]
pub struct Site {
    pub global: Uuid,
    pub nodes: Vec<Uuid>,
    pub states: Vec<Uuid>,
    pub datapaths: Vec<Uuid>,
    pub ports: Vec<Uuid>,
    pub groups: Vec<Uuid>,
    flows: usize,
    random: Random,
}

impl Site {
    pub fn new(size: Size) -> Site {
        let mut random = Random::new(1);
        let mut uuids = |count: usize| (0..count).map(|_| random.uuid()).collect::<Vec<Uuid>>();
        Site {
            global: uuids(1)[0],
            nodes: uuids(size.nodes),
            states: uuids(size.nodes),
            datapaths: uuids(size.nodes),
            ports: uuids(size.nodes * PORTS_PER_DATAPATH),
            groups: uuids(size.nodes),
            flows: size.flows,
            random,
        }
    }

    /// Operations that fill an empty database, in pieces of bounded size: each a JSON array of operations.
    pub fn load(&self) -> impl Iterator<Item = String> {
        let rows = self.fixed_rows().chain(self.flow_rows());
        let mut rows = rows.peekable();
        std::iter::from_fn(move || {
            rows.peek()?;
            let piece: Vec<String> = rows.by_ref().take(ROWS_PER_LOAD).collect();
            Some(format!("[{}]", piece.join(",")))
        })
    }

    fn fixed_rows(&self) -> impl Iterator<Item = String> {
        let global = insert(
            "Global",
            self.global,
            r#""options":["map",[["mac_prefix","0a:00:00"]]]"#,
        );
        let nodes = self.nodes.iter().enumerate().map(|(at, uuid)| {
            let row = format!(
                r#""name":"node-{at}","hostname":"node-{at}.example.org","other_config":["map",[["bridge-mappings","physnet:br-ex"],["ct-no-masked-label","true"],["datapath-type","system"],["is-interconn","false"]]]"#
            );
            insert("Node", *uuid, &row)
        });
        let states = self.states.iter().enumerate().map(|(at, uuid)| {
            let row = format!(r#""name":"node-{at}","node":["uuid","{}"]"#, self.nodes[at]);
            insert("Node_State", *uuid, &row)
        });
        let datapaths = self.datapaths.iter().enumerate().map(|(at, uuid)| {
            let row = format!(
                r#""tunnel_key":{},"external_ids":["map",[["logical-switch","{uuid}"],["name","switch-{at}"]]]"#,
                at + 1
            );
            insert("Datapath", *uuid, &row)
        });
        let ports = self.ports.iter().enumerate().map(|(at, uuid)| {
            let datapath = at / PORTS_PER_DATAPATH;
            let node = format!(r#","node":["uuid","{}"],"up":true"#, self.nodes[datapath]);
            insert("Port", *uuid, &self.port_row(datapath, at, &node))
        });
        let groups = self.groups.iter().enumerate().map(|(at, uuid)| {
            let row = format!(
                r#""name":"_MC_flood","datapath":["uuid","{}"],"tunnel_key":32768,"ports":{}"#,
                self.datapaths[at],
                uuid_set(self.ports_of(at))
            );
            insert("Group", *uuid, &row)
        });
        std::iter::once(global)
            .chain(nodes)
            .chain(states)
            .chain(datapaths)
            .chain(ports)
            .chain(groups)
    }

    fn flow_rows(&self) -> impl Iterator<Item = String> {
        let mut random = self.random.clone();
        (0..self.flows).map(move |at| {
            let uuid = random.uuid();
            insert("Flow", uuid, &self.flow_row(at % self.datapaths.len(), at))
        })
    }

    fn ports_of(&self, datapath: usize) -> &[Uuid] {
        &self.ports[datapath * PORTS_PER_DATAPATH..][..PORTS_PER_DATAPATH]
    }

    fn port_row(&self, datapath: usize, at: usize, more: &str) -> String {
        format!(
            r#""logical_port":"pod-{at}","type":"","datapath":["uuid","{}"],"tunnel_key":{},"mac":"0a:00:00:00:{:02x}:{:02x} 10.{}.{}.{}"{more},"options":["map",[["iface-id-ver","v{at}"],["requested-chassis","node-{datapath}"]]],"external_ids":["map",[["namespace","space-{datapath}"],["pod","true"]]]"#,
            self.datapaths[datapath],
            at % 30_000 + 1,
            at >> 8 & 255,
            at & 255,
            at >> 16 & 255,
            at >> 8 & 255,
            at & 255,
        )
    }

    fn flow_row(&self, datapath: usize, at: usize) -> String {
        format!(
            r#""datapath":["uuid","{}"],"pipeline":"{}","table_id":{},"priority":{},"match":"inport == \"pod-{at}\" && eth.src == 0a:00:00:00:{:02x}:{:02x} && ip4","actions":"reg0[15] = 1; next(pipeline=ingress,table={}); /* {at} */","external_ids":["map",[["source","northd.c:{}"],["stage-name","ls_in_check_port_sec"]]]"#,
            self.datapaths[datapath],
            ["ingress", "egress"][at % 2],
            at % 30,
            50 + at % 100,
            at >> 8 & 255,
            at & 255,
            at % 30,
            5000 + at % 1000,
        )
    }

    /// Operations by which an agent says that it has come to configuration `cfg`: one row of two numbers.
    pub fn report_ops(&self, node: usize, cfg: u64) -> String {
        format!(
            r#"[{{"op":"update","row":{{"nb_cfg":{cfg},"nb_cfg_timestamp":{}}},"table":"Node_State","where":[["_uuid","==",["uuid","{}"]]]}},{{"comment":"agent","op":"comment"}}]"#,
            1_700_000_000_000 + cfg,
            self.states[node]
        )
    }

    /// Operations by which an agent claims or releases a port.
    pub fn claim_ops(&self, port: usize, is_up: bool) -> String {
        format!(
            r#"[{{"op":"update","row":{{"node":["uuid","{}"],"up":{is_up}}},"table":"Port","where":[["_uuid","==",["uuid","{}"]]]}},{{"comment":"agent: claim","op":"comment"}}]"#,
            self.nodes[port / PORTS_PER_DATAPATH],
            self.ports[port]
        )
    }

    /// Operations that add port number `at` to a datapath: the port, its five flows, and the datapath's group
    /// rewritten with the port in it. The first identities are drawn from `random`.
    pub fn port_add_ops(&self, datapath: usize, at: usize, random: &mut Random) -> String {
        let port = random.uuid();
        let mut ops = vec![insert("Port", port, &self.port_row(datapath, at, ""))];
        for flow in 0..5 {
            ops.push(insert(
                "Flow",
                random.uuid(),
                &self.flow_row(datapath, at * 5 + flow),
            ));
        }
        let mut ports = self.ports_of(datapath).to_vec();
        ports.push(port);
        ops.push(format!(
            r#"{{"op":"update","table":"Group","row":{{"ports":{}}},"where":[["_uuid","==",["uuid","{}"]]]}}"#,
            uuid_set(&ports),
            self.groups[datapath]
        ));
        ops.push(r#"{"op":"comment","comment":"northd"}"#.to_owned());
        format!("[{}]", ops.join(","))
    }

    /// Operations of `flows` inserted flows.
    pub fn flows_ops(&self, flows: usize, random: &mut Random) -> String {
        let inserts: Vec<String> = (0..flows)
            .map(|at| {
                insert(
                    "Flow",
                    random.uuid(),
                    &self.flow_row(at % self.datapaths.len(), at),
                )
            })
            .collect();
        format!("[{}]", inserts.join(","))
    }

    /// `transact` as a message, around operations.
    pub fn transact(id: u64, ops: &str) -> String {
        let ops = ops.strip_prefix('[').expect("operations are an array");
        format!(r#"{{"id":{id},"method":"transact","params":["{DATABASE}",{ops},"#)
            .trim_end_matches(',')
            .to_owned()
            + "}"
    }

    /// The tables that everybody monitors whole, as monitor requests.
    pub fn monitor_all(&self) -> String {
        let columns = r#"{"Global":[{"columns":["nb_cfg","options"]}],"Node":[{"columns":["name","hostname","other_config"]}],"Node_State":[{"columns":["name","nb_cfg","nb_cfg_timestamp"]}],"Datapath":[{"columns":["tunnel_key","external_ids"]}],"Port":[{"columns":["logical_port","type","datapath","tunnel_key","node","mac","up","options"]}],"Group":[{"columns":["name","datapath","tunnel_key","ports"]}],"Flow":[{"columns":["datapath","pipeline","table_id","priority","match","actions"]}]}"#;
        columns.to_owned()
    }

    /// Monitor requests of an agent that looks at the datapaths of ten nodes from its own on.
    pub fn monitor_local(&self, node: usize) -> String {
        let datapath = self.datapath_clauses(node, AGENT_DATAPATHS);
        format!(
            r#"{{"Node_State":[{{"columns":["name","nb_cfg"],"where":[["name","==","node-{node}"]]}}],"Port":[{{"columns":["logical_port","type","datapath","tunnel_key","node","mac","up","options"],"where":[["type","==","patch"],["node","==",["uuid","{}"]],{datapath}]}}],"Flow":[{{"columns":["datapath","pipeline","table_id","priority","match","actions"],"where":[{datapath}]}}]}}"#,
            self.nodes[node % self.nodes.len()]
        )
    }

    /// The requests of `monitor_cond_change` that let that agent look at so many datapaths.
    pub fn change_local(&self, node: usize, datapaths: usize) -> String {
        let datapath = self.datapath_clauses(node, datapaths);
        format!(
            r#"{{"Port":[{{"where":[["type","==","patch"],["node","==",["uuid","{}"]],{datapath}]}}],"Flow":[{{"where":[{datapath}]}}]}}"#,
            self.nodes[node % self.nodes.len()]
        )
    }

    fn datapath_clauses(&self, node: usize, datapaths: usize) -> String {
        let clauses: Vec<String> = (0..datapaths.min(self.datapaths.len()))
            .map(|step| {
                let datapath = self.datapaths[(node + step) % self.datapaths.len()];
                format!(r#"["datapath","==",["uuid","{datapath}"]]"#)
            })
            .collect();
        clauses.join(",")
    }
}

fn insert(table: &str, uuid: Uuid, row: &str) -> String {
    format!(r#"{{"op":"insert","table":"{table}","uuid":"{uuid}","row":{{{row}}}}}"#)
}

/// A set of uuids as JSON.
pub fn uuid_set(uuids: &[Uuid]) -> String {
    let elements: Vec<String> = uuids.iter().map(|uuid| format!(r#"["uuid","{uuid}"]"#)).collect();
    format!(r#"["set",[{}]]"#, elements.join(","))
}
