//! What the played northd writes: transactions of the sizes that were measured of the real one.

use std::ops::Range;
use std::sync::Arc;

use crate::southbound::site::{self, Site};

/// Flows of a pod.
pub(super) const POD_FLOWS: usize = 5;
/// Pods of one transaction at most, so that its reply stays short.
const PODS_MAX: usize = 5;
/// Address sets of a namespace: its own, and two address families of each of its three port groups.
const NAMESPACE_SETS: usize = 7;
const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// A pod on the switch of a node.
#[derive(Clone, Debug)]
pub(in crate::scenario) struct Pod {
    pub(super) node: usize,
    pub(super) key: usize,
    pub(super) name: String,
}

/// One transaction of northd.
#[derive(Clone, Debug)]
pub(super) enum Transaction {
    /// Operations in JSON, and the rows that they insert.
    Operations { text: String, rows: u64 },
    /// Pods appear: each a port and its flows, and their places in the multicast groups of their switches.
    Add(Vec<Pod>),
    /// Pods vanish, with all that was added with them.
    Remove(Vec<Pod>),
}

impl Transaction {
    /// Rows that appear or vanish.
    fn rows(&self) -> u64 {
        match self {
            Transaction::Operations { rows, .. } => *rows,
            Transaction::Add(pods) | Transaction::Remove(pods) => (pods.len() * (1 + POD_FLOWS)) as u64,
        }
    }
}

/// All transactions of a trial. Those of a phase follow each other; the next phase waits until all is heard.
pub(in crate::scenario) struct Script {
    site: Arc<Site>,
    transactions: Vec<Transaction>,
    /// Rows and pods up to and including each transaction.
    totals: Vec<(u64, u64)>,
    phases: Vec<Range<usize>>,
    iterations: Vec<Vec<Range<usize>>>,
    pods: usize,
    flows: usize,
}

impl Script {
    pub(super) fn new(site: Arc<Site>) -> Script {
        Script {
            site,
            transactions: Vec::new(),
            totals: Vec::new(),
            phases: Vec::new(),
            iterations: Vec::new(),
            pods: 0,
            flows: 0,
        }
    }

    /// New pods, on one node after the other; `together` of them at most share a transaction.
    pub(in crate::scenario) fn add_pods(&mut self, number: usize, together: usize) -> Vec<Pod> {
        let nodes = self.site.datapaths.len();
        let pods: Vec<Pod> = (self.pods..self.pods + number)
            .map(|pod| Pod {
                node: pod % nodes,
                key: pod / nodes + 1,
                name: format!(
                    "pod-{}-{pod}",
                    self.transactions.len() + (pod - self.pods) / together.min(PODS_MAX)
                ),
            })
            .collect();
        self.pods += number;
        for pods in pods.chunks(together.min(PODS_MAX)) {
            self.push(Transaction::Add(pods.to_vec()));
        }
        pods
    }

    /// Pods that were added in an earlier phase vanish, each in a transaction.
    pub(in crate::scenario) fn remove_pods(&mut self, pods: Vec<Pod>) {
        for pod in pods {
            self.push(Transaction::Remove(vec![pod]));
        }
    }

    /// A namespace: its address sets.
    pub(in crate::scenario) fn namespace(&mut self, name: &str) {
        let sets: Vec<String> = (0..NAMESPACE_SETS)
            .map(|set| {
                format!(
                    r#"{{"op":"insert","table":"Address_Set","row":{{"name":"as_{name}_{set}","addresses":"10.0.0.1"}}}}"#
                )
            })
            .collect();
        self.operations(sets.join(","), NAMESPACE_SETS as u64);
    }

    /// One more address in the first set of a namespace.
    pub(in crate::scenario) fn address(&mut self, name: &str) {
        let number = self.transactions.len();
        let address = format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
        let text = format!(
            r#"{{"op":"mutate","table":"Address_Set","where":[["name","==","as_{name}_0"]],"mutations":[["addresses","insert","{address}"]]}}"#
        );
        self.operations(text, 0);
    }

    /// The port groups of a namespace, each with the ports of some pods, whose addresses join its sets.
    pub(in crate::scenario) fn port_groups(&mut self, name: &str, pods: &[Pod]) {
        let ports: Vec<String> = pods.iter().map(|pod| format!("\"{}\"", pod.name)).collect();
        let mut operations = Vec::new();
        for group in 0..3 {
            operations.push(format!(
                r#"{{"op":"insert","table":"Port_Group","row":{{"name":"pg_{name}_{group}","ports":["set",[{}]]}}}}"#,
                ports.join(",")
            ));
            let addresses: Vec<String> = (0..pods.len())
                .map(|pod| format!("\"10.1.{group}.{pod}\""))
                .collect();
            operations.push(format!(
                r#"{{"op":"mutate","table":"Address_Set","where":[["name","==","as_{name}_{group}"]],"mutations":[["addresses","insert",["set",[{}]]]]}}"#,
                addresses.join(",")
            ));
        }
        self.operations(operations.join(","), 3);
    }

    /// A service: a load balancer for each protocol, with so many addresses, and then `flows` flows for each.
    pub(in crate::scenario) fn service(&mut self, name: &str, addresses: usize, flows: usize) {
        for protocol in PROTOCOLS {
            let vips: Vec<String> = (0..addresses)
                .map(|at| format!(r#"["172.30.{at}.1:80","10.2.{at}.1:8080,10.2.{at}.2:8080"]"#))
                .collect();
            let text = format!(
                r#"{{"op":"insert","table":"Load_Balancer","row":{{"name":"lb_{name}_{protocol}","protocol":"{protocol}","vips":["map",[{}]],"options":["map",[["hairpin_orig_tuple","true"]]],"external_ids":["map",[["lb_id","lb_{name}_{protocol}"]]]}}}}"#,
                vips.join(",")
            );
            self.operations(text, 1);
        }
        for protocol in PROTOCOLS {
            self.flows(&format!("lb_{name}_{protocol}"), flows);
        }
    }

    /// Flows of an ACL or a load balancer, all of one datapath.
    pub(in crate::scenario) fn flows(&mut self, name: &str, number: usize) {
        let node = self.transactions.len() % self.site.datapaths.len();
        let datapath = site::reference(&self.site.datapaths[node]);
        let flows: Vec<String> = (self.flows..self.flows + number)
            .map(|flow| site::flow_operation(&datapath, node, flow, name))
            .collect();
        self.flows += number;
        self.operations(flows.join(","), number as u64);
    }

    /// What follows waits until all have heard of what precedes.
    pub(in crate::scenario) fn end_phase(&mut self) {
        let begin = match (self.phases.last(), self.iterations.last()) {
            (Some(phase), _) => phase.end,
            (None, Some(iteration)) => iteration.last().map_or(0, |phase| phase.end),
            (None, None) => 0,
        };
        if begin < self.transactions.len() {
            self.phases.push(begin..self.transactions.len());
        }
    }

    pub(super) fn end_iteration(&mut self) {
        self.end_phase();
        self.iterations.push(std::mem::take(&mut self.phases));
    }

    fn operations(&mut self, text: String, rows: u64) {
        self.push(Transaction::Operations { text, rows });
    }

    fn push(&mut self, transaction: Transaction) {
        let (rows, pods) = self.totals.last().copied().unwrap_or_default();
        let added = match &transaction {
            Transaction::Add(pods) => pods.len() as u64,
            _ => 0,
        };
        self.totals.push((rows + transaction.rows(), pods + added));
        self.transactions.push(transaction);
    }

    pub(super) fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    /// The phases of each iteration.
    pub(super) fn iterations(&self) -> &[Vec<Range<usize>>] {
        &self.iterations
    }

    /// Rows that have appeared or vanished by the end of a transaction.
    pub(super) fn rows_until(&self, transaction: usize) -> Option<u64> {
        self.totals.get(transaction).map(|(rows, _)| *rows)
    }

    /// Pods of the first transactions.
    pub(super) fn pods(&self, transactions: usize) -> u64 {
        transactions.checked_sub(1).map_or(0, |last| self.totals[last].1)
    }

    /// What is done when all clients have heard of the first transactions: each row by each client, and each pod that
    /// is up by northd.
    pub(super) fn events(&self, transactions: usize, clients: usize) -> u64 {
        let (rows, pods) = transactions
            .checked_sub(1)
            .map_or((0, 0), |last| self.totals[last]);
        rows * clients as u64 + pods
    }

    /// The multicast groups of the nodes that get pods, two each, as operations.
    pub(super) fn groups(&self) -> String {
        let nodes = &self.site.datapaths[..self.pods.min(self.site.datapaths.len())];
        let groups: Vec<String> = nodes
            .iter()
            .flat_map(|datapath| {
                [("_MC_flood", 32768), ("_MC_flood_l2", 32773)]
                    .map(|(name, key)| site::multicast_group(datapath, name, key))
            })
            .collect();
        groups.join(",")
    }
}
