//! Schemas that the suites share, and those of the distribution.

use std::path::{Path, PathBuf};

/// The distribution's schema of the switch's database.
pub const VSWITCH: &str = "/usr/share/openvswitch/vswitch.ovsschema";
/// The distribution's schema of OVN's northbound database.
pub const OVN_NORTHBOUND: &str = "/usr/share/ovn/ovn-nb.ovsschema";
/// The distribution's schema of OVN's southbound database.
pub const OVN_SOUTHBOUND: &str = "/usr/share/ovn/ovn-sb.ovsschema";

/// A schema file of the distribution. Panics with the remedy when it is not installed.
pub fn installed(path: &str) -> PathBuf {
    let path = Path::new(path);
    assert!(
        path.is_file(),
        "{} is not installed; tests/run installs what the tests need",
        path.display()
    );
    path.to_path_buf()
}

/// A small schema for load: `Item` with a number, a text and an optional pointer, `Counter` with one row to add up.
pub const LOAD: &str = r#"{
  "name": "Load",
  "version": "1.0.0",
  "tables": {
    "Item": {
      "columns": {
        "number": {"type": "integer"},
        "name": {"type": "string"},
        "tags": {"type": {"key": "string", "min": 0, "max": "unlimited"}},
        "peer": {"type": {"key": {"type": "uuid", "refTable": "Item", "refType": "weak"}, "min": 0, "max": 1}}
      },
      "isRoot": true
    },
    "Counter": {
      "columns": {
        "name": {"type": "string"},
        "total": {"type": "integer"}
      },
      "indexes": [["name"]],
      "isRoot": true
    }
  }
}
"#;
