//! `netpol`: ovn-heater's netpol_multitenant on a played site: tenants that are kept from each other. Each iteration is
//! a namespace with its address sets, one to twenty pods in transactions of five, its port groups, and its policies:
//! four ACLs that deny by default, two that allow traffic within and two for addresses outside, with the flows that
//! northd was seen to make of each.

use crate::error::Result;
use crate::scenario::{Trial, played};

const ITERATIONS: usize = 12;
/// Pods of namespaces, in turn.
const PODS: [usize; 3] = [1, 5, 20];
const PODS_TOGETHER: usize = 5;
/// Flows of the ACLs of a namespace: the first brings the stages that all need.
const DENY: [usize; 4] = [14, 2, 2, 2];
const ALLOW: [usize; 2] = [12, 12];
const EXTERNAL: [usize; 2] = [2, 2];

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    played::run(trial, ITERATIONS, |script, iteration| {
        let name = format!("tenant-{iteration}");
        script.namespace(&name);
        let pods = script.add_pods(PODS[iteration % PODS.len()], PODS_TOGETHER);
        script.port_groups(&name, &pods);
        for (acl, flows) in [&DENY[..], &ALLOW, &EXTERNAL].concat().into_iter().enumerate() {
            script.flows(&format!("{name}-acl-{acl}"), flows);
        }
    })
}
