//! A site: chassis, logical switches with their flows, and ports, in the numbers of rows that OVN makes of them.
//!
//! Per node and per pod the rows follow what was measured of northd: 112 flows, 8 ports, 3 datapaths and one chassis
//! a node, 5 flows and one port a pod. Texts have the lengths of real matches and actions.

use std::fmt::Write;

use serde_json::Value;

use crate::error::{Failure, Result};
use crate::fold::columns::Columns;
use crate::server::Control;

/// Operations of one transaction when a site is filled: large enough to be quick, small enough not to be a load test
/// of its own.
const OPERATIONS_MAX: usize = 2000;

/// What a site has.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub nodes: usize,
    /// Logical flows of each node's switch.
    pub flows_per_node: usize,
    pub pods_per_node: usize,
}

/// UUIDs of a site's rows, in the notation of UUIDs.
#[derive(Clone, Debug, Default)]
pub struct Site {
    pub global: String,
    /// By node.
    pub chassis: Vec<String>,
    pub chassis_private: Vec<String>,
    pub datapaths: Vec<String>,
    /// Pods, `pods_per_node` for each node after the other.
    pub ports: Vec<String>,
}

/// The tables and columns that a site needs.
pub const NEEDED: &[(&str, &[&str])] = &[
    ("SB_Global", &["nb_cfg"]),
    ("Chassis", &["name", "hostname", "encaps"]),
    ("Encap", &["type", "ip", "chassis_name"]),
    (
        "Chassis_Private",
        &["name", "chassis", "nb_cfg", "nb_cfg_timestamp"],
    ),
    ("Datapath_Binding", &["tunnel_key", "external_ids"]),
    (
        "Port_Binding",
        &["logical_port", "datapath", "tunnel_key", "mac", "chassis", "up"],
    ),
    (
        "Logical_Flow",
        &[
            "logical_datapath",
            "pipeline",
            "table_id",
            "priority",
            "match",
            "actions",
            "external_ids",
        ],
    ),
    ("Multicast_Group", &["datapath", "name", "tunnel_key", "ports"]),
    ("Address_Set", &["name", "addresses"]),
    ("Port_Group", &["name", "ports"]),
    ("Load_Balancer", &["name", "vips", "protocol"]),
];

impl Site {
    /// Fills a database, which may have a SB_Global row already.
    pub fn fill(control: &mut Control, columns: &Columns, size: Size) -> Result<Site> {
        let mut site = Site {
            global: global(control, &columns.database)?,
            ..Site::default()
        };
        let mut filler = Filler {
            control,
            columns,
            operations: String::new(),
            count: 0,
            wanted: Vec::new(),
            found: Vec::new(),
        };
        for node in 0..size.nodes {
            filler.chassis(node)?;
        }
        filler.flush()?;
        for [chassis, chassis_private, datapath] in std::mem::take(&mut filler.found).as_chunks::<3>().0 {
            site.chassis.push(chassis.clone());
            site.chassis_private.push(chassis_private.clone());
            site.datapaths.push(datapath.clone());
        }
        for (node, datapath) in site.datapaths.iter().enumerate() {
            for flow in 0..size.flows_per_node {
                filler.add(
                    &flow_operation(
                        &format!(r#"["uuid","{datapath}"]"#),
                        node,
                        flow,
                        &format!("sw{node}-{flow}"),
                    ),
                    false,
                )?;
            }
            for pod in 0..size.pods_per_node {
                filler.add(
                    &port_operation(
                        &format!(r#"["uuid","{datapath}"]"#),
                        &pod_name(node, pod),
                        pod + 1,
                    ),
                    true,
                )?;
            }
        }
        filler.flush()?;
        site.ports = filler.found;
        Ok(site)
    }
}

/// The name of a pod's port.
pub fn pod_name(node: usize, pod: usize) -> String {
    format!("lp-{node}-{pod}")
}

/// The UUID of the row of SB_Global, which is inserted if it is not there.
pub fn global(control: &mut Control, database: &str) -> Result<String> {
    let found = control.transact(
        database,
        r#"{"op":"select","table":"SB_Global","where":[],"columns":["_uuid"]}"#,
    )?;
    if let Some(uuid) = found[0]["rows"][0]["_uuid"][1].as_str() {
        return Ok(uuid.to_owned());
    }
    let inserted = control.transact(database, r#"{"op":"insert","table":"SB_Global","row":{}}"#)?;
    uuid_of(&inserted[0])
}

/// The insertion of a logical flow of a datapath, which is given in JSON, like those that northd makes.
pub fn flow_operation(datapath: &str, node: usize, flow: usize, name: &str) -> String {
    flow_of("logical_datapath", datapath, node, flow, name)
}

/// The insertion of a logical flow of a group of datapaths, which is given in JSON.
pub fn group_flow_operation(group: &str, flow: usize) -> String {
    flow_of("logical_dp_group", group, 0, flow, &format!("group-{flow}"))
}

/// The insertion of a logical flow of what `column` refers to.
fn flow_of(column: &str, reference: &str, node: usize, flow: usize, name: &str) -> String {
    let (table, priority) = (flow % 33, 50 + flow % 60);
    let pipeline = if flow.is_multiple_of(3) {
        "egress"
    } else {
        "ingress"
    };
    format!(
        r#"{{"op":"insert","table":"Logical_Flow","row":{{"{column}":{reference},"pipeline":"{pipeline}","table_id":{table},"priority":{priority},"match":"inport == \"{name}\" && eth.src == {{02:d2:{:02x}:{:02x}:{:02x}:04}} && ip4.src == 10.{}.{}.{}","actions":"reg0[{}] = 1; outport = \"{name}\"; flags.loopback = 1; next;","external_ids":["map",[["source","northd.c:{}"],["stage-hint","{:08x}"],["stage-name","ls_in_l2_lkup"]]]}}}}"#,
        node >> 8 & 255,
        node & 255,
        flow & 255,
        node >> 8 & 255,
        node & 255,
        flow & 255,
        flow % 16,
        9000 + flow % 5000,
        (node * 1000 + flow) as u32,
    )
}

/// The insertion of a pod's port.
pub fn port_operation(datapath: &str, name: &str, key: usize) -> String {
    format!(
        r#"{{"op":"insert","table":"Port_Binding","row":{{"logical_port":"{name}","datapath":{datapath},"tunnel_key":{},"mac":"0a:00:{:02x}:{:02x}:{:02x}:01 10.1.{}.{}","external_ids":["map",[["namespace","ns-{}"],["pod","true"]]]}}}}"#,
        key % 32767 + 1,
        key >> 16 & 255,
        key >> 8 & 255,
        key & 255,
        key >> 8 & 255,
        key & 255,
        key % 97,
    )
}

/// A UUID in the notation of values.
pub fn reference(uuid: &str) -> String {
    format!(r#"["uuid","{uuid}"]"#)
}

/// The parameters of the transaction by which a controller claims a port.
pub fn claim(database: &str, port: &str, chassis: &str) -> String {
    let chassis = reference(chassis);
    change_port(database, port, &format!(r#"{{"chassis":{chassis}}}"#))
}

/// The parameters of the transaction by which a controller reports a port up.
pub fn report_up(database: &str, port: &str) -> String {
    change_port(database, port, r#"{"up":true}"#)
}

/// The parameters of the transaction by which a controller answers that it has reached a number.
pub fn answer(database: &str, chassis_private: &str, number: i64) -> String {
    format!(
        r#"["{database}",{{"op":"update","table":"Chassis_Private","where":[["_uuid","==",["uuid","{chassis_private}"]]],"row":{{"nb_cfg":{number},"nb_cfg_timestamp":{number}000}}}},{{"op":"comment","comment":"ovn-controller"}}]"#
    )
}

/// What the replies to these transactions of controllers contain.
pub const ANSWERED: &str = r#"[{"count":1},{}]"#;

/// The insertion of a multicast group without ports; `datapath` is a UUID.
pub fn multicast_group(datapath: &str, name: &str, key: u16) -> String {
    let datapath = reference(datapath);
    format!(
        r#"{{"op":"insert","table":"Multicast_Group","row":{{"datapath":{datapath},"name":"{name}","tunnel_key":{key}}}}}"#
    )
}

fn change_port(database: &str, port: &str, row: &str) -> String {
    format!(
        r#"["{database}",{{"op":"update","table":"Port_Binding","where":[["_uuid","==",["uuid","{port}"]]],"row":{row}}},{{"op":"comment","comment":"ovn-controller"}}]"#
    )
}

struct Filler<'a> {
    control: &'a mut Control,
    columns: &'a Columns,
    operations: String,
    count: usize,
    /// Which of the gathered operations' UUIDs are to be remembered.
    wanted: Vec<bool>,
    found: Vec<String>,
}

impl Filler<'_> {
    fn add(&mut self, operation: &str, wanted: bool) -> Result<()> {
        if self.count > 0 {
            self.operations.push(',');
        }
        self.operations.push_str(operation);
        self.count += 1;
        self.wanted.push(wanted);
        if self.count >= OPERATIONS_MAX {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// A chassis with its encapsulation and private row, and its switch. Remembers chassis, private row and switch.
    fn chassis(&mut self, node: usize) -> Result<()> {
        // They name each other, so they stay in one transaction.
        if self.count + 4 > OPERATIONS_MAX {
            self.flush()?;
        }
        let (high, low) = (node >> 8 & 255, node & 255);
        let encap = format!(
            r#"{{"op":"insert","table":"Encap","uuid-name":"e{node}","row":{{"type":"geneve","ip":"192.168.{high}.{low}","chassis_name":"hv-{node}","options":["map",[["csum","true"]]]}}}}"#
        );
        let chassis = format!(
            r#"{{"op":"insert","table":"Chassis","uuid-name":"c{node}","row":{{"name":"hv-{node}","hostname":"hv-{node}.example.org","encaps":["named-uuid","e{node}"],"external_ids":["map",[["ovn-bridge-mappings","physnet:br-ex"],["datapath-type","system"]]]}}}}"#
        );
        let private = format!(
            r#"{{"op":"insert","table":"Chassis_Private","row":{{"name":"hv-{node}","chassis":["named-uuid","c{node}"]}}}}"#
        );
        let datapath = format!(
            r#"{{"op":"insert","table":"Datapath_Binding","row":{{"tunnel_key":{},"external_ids":["map",[["name","sw-{node}"],["logical-switch","{node:08x}-0000-4000-8000-000000000000"]]]}}}}"#,
            node + 1
        );
        self.add(&encap, false)?;
        self.add(&chassis, true)?;
        self.add(&private, true)?;
        self.add(&datapath, true)
    }

    fn flush(&mut self) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let database = &self.columns.database;
        let results = self.control.transact(database, &self.operations)?;
        for (result, wanted) in results.iter().zip(std::mem::take(&mut self.wanted)) {
            if wanted {
                self.found.push(uuid_of(result)?);
            }
        }
        self.operations.clear();
        self.count = 0;
        Ok(())
    }
}

/// The UUID that an insertion answers.
pub fn uuid_of(result: &Value) -> Result<String> {
    let uuid = result["uuid"][1].as_str();
    uuid.map(str::to_owned)
        .ok_or_else(|| Failure::Wrong(format!("{result} in answer to an insertion")))
}

/// Appends an array of UUIDs as a set in JSON.
pub fn uuid_set(out: &mut String, uuids: &[String]) {
    out.push_str(r#"["set",["#);
    for (index, uuid) in uuids.iter().enumerate() {
        let separator = if index == 0 { "" } else { "," };
        write!(out, r#"{separator}["uuid","{uuid}"]"#).expect("a string takes everything");
    }
    out.push_str("]]");
}
