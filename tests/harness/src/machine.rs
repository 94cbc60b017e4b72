//! What a machine may lack although every package is installed. Only `tests/run` may say that something is missing,
//! after it has looked, and it repeats at the end what was not shown for that reason. Without its word the tests
//! count on everything.

/// Features that are missing, separated by commas; set by `tests/run`.
pub const WITHOUT_VARIABLE: &str = "OVSDB_TEST_WITHOUT";

/// Something of the kernel that a test needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// io_uring, which old kernels and the default profiles of container runtimes refuse.
    Uring,
    /// The IPv6 loopback address.
    Ipv6,
}

impl Feature {
    /// Whether the machine has it, as far as anybody has said otherwise.
    pub fn is_present(self) -> bool {
        let name = match self {
            Feature::Uring => "uring",
            Feature::Ipv6 => "ipv6",
        };
        let without = std::env::var(WITHOUT_VARIABLE).unwrap_or_default();
        !without.split(',').any(|missing| missing == name)
    }
}
