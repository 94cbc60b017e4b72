//! Commands of the control socket that concern the log.

use crate::errors::strerror;
use crate::unixctl::{Answer, Commands, Described};

/// They, for manuals.
pub const COMMANDS: [Described; 7] = [
    Described::new(
        "vlog/set",
        "[MODULE][:DESTINATION][:LEVEL]...",
        "Set levels, as --verbose does",
    ),
    Described::new("vlog/list", "", "Show the levels of all modules"),
    Described::new("vlog/list-pattern", "", "Show the patterns of messages"),
    Described::new(
        "vlog/enable-rate-limit",
        "[MODULE]...",
        "Drop messages that come too often",
    ),
    Described::new("vlog/disable-rate-limit", "[MODULE]...", "Log every message"),
    Described::new(
        "vlog/reopen",
        "",
        "Open the log file anew, after it was moved away",
    ),
    Described::new("vlog/close", "", "Close the log file until it is opened anew"),
];

/// Adds `vlog/*` to `commands`.
pub fn register_commands(commands: &mut Commands) {
    const ANY: usize = usize::MAX;
    commands.register(
        "vlog/set",
        Some("{spec | PATTERN:destination:pattern}"),
        0..=ANY,
        set,
    );
    commands.register("vlog/list", Some(""), 0..=0, |_, answer| {
        answer.text(super::levels_text())
    });
    commands.register("vlog/list-pattern", Some(""), 0..=0, |_, answer| {
        answer.text(super::patterns_text())
    });
    commands.register(
        "vlog/enable-rate-limit",
        Some("[module]..."),
        0..=ANY,
        |modules, answer| {
            set_rate_limits(modules, true, answer);
        },
    );
    commands.register(
        "vlog/disable-rate-limit",
        Some("[module]..."),
        0..=ANY,
        |modules, answer| {
            set_rate_limits(modules, false, answer);
        },
    );
    commands.register(
        "vlog/reopen",
        Some(""),
        0..=0,
        |_, answer| match super::reopen_log_file() {
            Ok(true) => answer.done(),
            Ok(false) => answer.error("Logging to file not configured"),
            Err(error) => answer.error(strerror(&error)),
        },
    );
    commands.register("vlog/close", Some(""), 0..=0, |_, answer| {
        super::close_log_file();
        answer.done();
    });
    commands.register("vlog/message", None, 1..=1, |words, answer| {
        log::info!(target: "vlog", "user-message: {}", words[0]);
        answer.done();
    });
}

fn set(specs: &[String], answer: Answer) {
    if specs.is_empty() {
        super::set_most_verbose();
    }
    for spec in specs {
        if let Err(error) = super::set(spec) {
            return answer.error(error);
        }
    }
    answer.done();
}

fn set_rate_limits(modules: &[String], honour: bool, answer: Answer) {
    if modules.is_empty() {
        super::set_rate_limits(None, honour);
    }
    for module in modules {
        let module = Some(module.as_str()).filter(|name| !name.eq_ignore_ascii_case("ANY"));
        if !super::set_rate_limits(module, honour) {
            return answer.error("unknown module");
        }
    }
    answer.done();
}
