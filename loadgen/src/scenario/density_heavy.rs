//! `density-heavy`: ovn-heater's density_heavy on a played site. Each iteration starts two pods, adds an address to the
//! set of their namespace and makes a service of them: load balancers for three protocols, with one address each, and
//! their flows, which northd writes in six transactions.

use crate::error::Result;
use crate::scenario::{Trial, played};

const ITERATIONS: usize = 40;
/// Flows of a service's protocol, ten for the three together.
const FLOWS: usize = 3;

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    played::run(trial, ITERATIONS, |script, iteration| {
        if iteration == 0 {
            script.namespace("heavy");
        }
        script.address("heavy");
        script.add_pods(2, 1);
        script.service(&format!("heavy-{iteration}"), 1, FLOWS);
    })
}
