//! Giving up root (`--user=USER[:GROUP]`).

use super::MODULE;
use crate::{errors, vlog};
use nix::unistd::{Gid, Group, Uid, User, initgroups, setgid, setuid};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_keep_capabilities};
use std::ffi::CString;

/// A user and group to become.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    name: String,
    uid: Uid,
    gid: Gid,
}

/// Becomes the user that `spec` names, or ends the process with a message. The log file goes along.
pub(super) fn become_user(spec: &str) {
    if !Uid::current().is_root() || !Uid::effective().is_root() {
        vlog::fatal(MODULE, format_args!("only root can use --user option"));
    }
    let switched = parse(spec).and_then(|target| switch(&target));
    if let Err(message) = switched {
        vlog::fatal(MODULE, format_args!("{message}, aborting."));
    }
}

fn parse(spec: &str) -> Result<Target, String> {
    let (user, group) = spec.split_once(':').unwrap_or((spec, ""));
    let (user, group) = (user.trim_start(), group.trim_start());
    let found = if user.is_empty() {
        User::from_uid(Uid::current())
    } else {
        User::from_name(user)
    };
    let found = match found {
        Ok(Some(found)) => found,
        Ok(None) => return Err(format!("user {user} not found")),
        Err(error) => return Err(format!("Failed to retrieve user {user}'s uid ({})", error.desc())),
    };
    let mut target = Target {
        name: found.name,
        uid: found.uid,
        gid: found.gid,
    };
    if !group.is_empty() {
        let found = match Group::from_name(group) {
            Ok(Some(found)) => found,
            Ok(None) => return Err(format!("group {group} not found")),
            Err(error) => {
                return Err(format!(
                    "Failed to get group entry for {group}, ({})",
                    error.desc()
                ));
            }
        };
        if found.gid != target.gid && !found.mem.contains(&target.name) {
            return Err(format!(
                "Invalid --user option {spec} (user {} is not in group {group})",
                target.name
            ));
        }
        target.gid = found.gid;
    }
    Ok(target)
}

fn switch(target: &Target) -> Result<(), String> {
    vlog::change_log_file_owner(target.uid.as_raw(), target.gid.as_raw()).map_err(|error| {
        format!(
            "fail to change the owner of the log file ({})",
            errors::strerror(&error)
        )
    })?;
    let name =
        CString::new(target.name.as_str()).map_err(|_| "a user's name holds a zero byte".to_owned())?;
    setgid(target.gid).map_err(|_| format!("fail to switch group to gid as {}", target.gid))?;
    initgroups(&name, target.gid)
        .map_err(|_| format!("fail to add supplementary group gid {}", target.gid))?;
    let kept = keep_capabilities_for(|| {
        setuid(target.uid).map_err(|_| format!("fail to switch user to {}", target.name))
    })?;
    kept.map_err(|error| format!("fail to keep CAP_NET_BIND_SERVICE ({error})"))?;
    assert_eq!(
        (Uid::current(), Uid::effective(), Gid::effective()),
        (target.uid, target.uid, target.gid),
        "the kernel said that root was given up"
    );
    Ok(())
}

/// Runs `switch`, which gives up root, and keeps of root's rights the one to listen on ports below 1024, as upstream: a
/// remote may be added at any time. The inner result tells whether that could be done.
fn keep_capabilities_for(
    switch: impl FnOnce() -> Result<(), String>,
) -> Result<rustix::io::Result<()>, String> {
    // In a container root may not have it itself.
    let wanted = capabilities(None).map(|sets| sets.permitted & CapabilitySet::NET_BIND_SERVICE);
    let prepared = set_keep_capabilities(true);
    switch()?;
    let keep = |wanted| {
        let sets = CapabilitySets {
            effective: wanted,
            permitted: wanted,
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, sets)
    };
    Ok(prepared
        .and(wanted)
        .and_then(keep)
        .and_then(|()| set_keep_capabilities(false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_are_looked_up() {
        let root = Target {
            name: "root".to_owned(),
            uid: Uid::from_raw(0),
            gid: Gid::from_raw(0),
        };
        assert_eq!(parse("root"), Ok(root));
        assert_eq!(
            parse("no-such-user"),
            Err("user no-such-user not found".to_owned())
        );
        assert_eq!(
            parse("root:no-such-group"),
            Err("group no-such-group not found".to_owned())
        );
        assert!(parse("nobody:root").unwrap_err().contains("is not in group root"));
    }
}
