//! What an `ovn-controller` with `ovn-monitor-all=false` asks for once it knows its chassis: the ports that it may have
//! to do with, the rows of its datapaths, and all flows of groups of datapaths, which may contain its own.
//!
//! The clauses are those of a controller of OVN 26.03 that is at rest, in the order in which it sends them but for those
//! of one column, which it permutes. Clauses of columns that the schema at hand has not are left out, as the controller
//! itself does.

use std::borrow::Cow;

use crate::fold::columns::Columns;
use crate::fold::row::EMPTY;
use crate::southbound::monitor::{self, Clause, Condition};
use crate::southbound::site;

/// Tables of which it asks for the rows of its datapaths.
const BY_DATAPATH: [&str; 7] = [
    "Advertised_MAC_Binding",
    "Advertised_Route",
    "ECMP_Nexthop",
    "IP_Multicast",
    "MAC_Binding",
    "Multicast_Group",
    "Port_Binding",
];

/// Tables that it has conditions for, or few rows of: without those that it asks for whole, which have rows for every
/// chassis of the site.
pub const TABLES: &[&str] = &[
    "SB_Global",
    "Advertised_MAC_Binding",
    "Advertised_Route",
    "Chassis_Private",
    "Chassis_Template_Var",
    "Controller_Event",
    "DNS",
    "ECMP_Nexthop",
    "FDB",
    "IGMP_Group",
    "IP_Multicast",
    "Logical_DP_Group",
    "Logical_Flow",
    "MAC_Binding",
    "Multicast_Group",
    "Port_Binding",
];

/// The tables and columns by which its clauses select.
pub const SELECTED_BY: &[(&str, &str)] = &[
    ("Advertised_MAC_Binding", "datapath"),
    ("Advertised_Route", "datapath"),
    ("Chassis_Private", "name"),
    ("Chassis_Template_Var", "chassis"),
    ("Controller_Event", "chassis"),
    ("DNS", "datapaths"),
    ("ECMP_Nexthop", "datapath"),
    ("FDB", "dp_key"),
    ("IGMP_Group", "chassis"),
    ("IP_Multicast", "datapath"),
    ("Logical_Flow", "logical_datapath"),
    ("Logical_Flow", "logical_dp_group"),
    ("MAC_Binding", "datapath"),
    ("Multicast_Group", "datapath"),
    ("Port_Binding", "chassis"),
    ("Port_Binding", "datapath"),
    ("Port_Binding", "logical_port"),
    ("Port_Binding", "options"),
    ("Port_Binding", "parent_port"),
    ("Port_Binding", "requested_chassis"),
    ("Port_Binding", "type"),
];

/// Who asks.
#[derive(Clone, Debug)]
pub struct Controller<'a> {
    /// The name of its chassis, and the UUID of that one's row.
    pub name: &'a str,
    pub chassis: &'a str,
    /// The UUIDs and tunnel keys of its datapaths.
    pub datapaths: Vec<(&'a str, usize)>,
    /// The names of its interfaces.
    pub ports: Vec<&'a str>,
}

impl Controller<'_> {
    /// What it asks for of `tables`; of all that a controller monitors, if none is named.
    pub fn condition(&self, columns: &Columns, tables: &[&'static str]) -> Condition {
        let mut clauses = Clauses {
            columns,
            clauses: Vec::new(),
        };
        let (name, chassis) = (format!("\"{}\"", self.name), site::reference(self.chassis));
        for kind in ["patch", "chassisredirect", "external"] {
            clauses.add("Port_Binding", "type", "==", format!("\"{kind}\""));
        }
        for column in ["chassis", "requested_chassis"] {
            clauses.add("Port_Binding", column, "==", chassis.clone());
        }
        for option in ["l2gateway-chassis", "l3gateway-chassis"] {
            let pair = format!(r#"["map",[["{option}",{name}]]]"#);
            clauses.add("Port_Binding", "options", "includes", pair);
        }
        let periodic = r#"["map",[["ipv6_ra_send_periodic","true"]]]"#;
        clauses.add("Port_Binding", "options", "includes", periodic.to_owned());
        clauses.add("Port_Binding", "parent_port", "!=", EMPTY.to_owned());
        for port in &self.ports {
            clauses.add("Port_Binding", "logical_port", "==", format!("\"{port}\""));
        }
        clauses.add("Logical_Flow", "logical_dp_group", "!=", EMPTY.to_owned());
        for (datapath, key) in &self.datapaths {
            let datapath = site::reference(datapath);
            for table in BY_DATAPATH {
                clauses.add(table, "datapath", "==", datapath.clone());
            }
            clauses.add("DNS", "datapaths", "includes", datapath.clone());
            clauses.add("Logical_Flow", "logical_datapath", "==", datapath);
            clauses.add("FDB", "dp_key", "==", key.to_string());
        }
        for table in ["Controller_Event", "IGMP_Group"] {
            clauses.add(table, "chassis", "==", chassis.clone());
        }
        clauses.add("Chassis_Private", "name", "==", name.clone());
        clauses.add("Chassis_Template_Var", "chassis", "==", name);
        Condition {
            clauses: clauses.clauses,
            only: monitor::names(tables),
        }
    }
}

/// Clauses of columns that there are.
struct Clauses<'a> {
    columns: &'a Columns,
    clauses: Vec<Clause>,
}

impl Clauses<'_> {
    fn add(&mut self, table: &'static str, column: &'static str, function: &'static str, value: String) {
        let found = self.columns.table(table);
        if found.is_some_and(|(_, found)| found.column(column).is_some()) {
            self.clauses.push(Clause {
                table: Cow::Borrowed(table),
                column: Cow::Borrowed(column),
                function,
                value,
            });
        }
    }
}
