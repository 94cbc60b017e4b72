//! `cluster-density`: ovn-heater's cluster_density on a played site: what a project of users does to a cluster. Each
//! iteration makes a namespace with its address sets, starts six pods that build, four that serve and load balancers
//! with three addresses for three protocols, and removes the six at the end.

use crate::error::Result;
use crate::scenario::{Trial, played};

const ITERATIONS: usize = 10;
const BUILD_PODS: usize = 6;
const PODS: usize = 4;
/// Addresses of a load balancer, and flows of each protocol.
const ADDRESSES: usize = 3;
const FLOWS: usize = 10;

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    played::run(trial, ITERATIONS, |script, iteration| {
        let name = format!("cluster-{iteration}");
        script.namespace(&name);
        let building = script.add_pods(BUILD_PODS, 1);
        script.add_pods(PODS, 1);
        script.service(&name, ADDRESSES, FLOWS);
        script.end_phase();
        script.remove_pods(building);
    })
}
