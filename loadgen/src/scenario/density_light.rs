//! `density-light`: ovn-heater's density_light on a played site. Pods start one after the other, each with one address
//! more in the address set of its namespace, and nothing else: what a cluster does all day. An iteration is one pod,
//! from northd's first transaction until all controllers have heard of everything and northd that the pod is up.

use crate::error::Result;
use crate::scenario::{Trial, played};

const PODS: usize = 100;

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    played::run(trial, PODS, |script, iteration| {
        if iteration == 0 {
            script.namespace("light");
        }
        script.address("light");
        script.add_pods(1, 1);
    })
}
