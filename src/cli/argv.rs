//! Arguments read by a clap definition with the rules of GNU `getopt_long`.
//!
//! clap alone differs where scripts rely on getopt: `-vSPEC` and `-v` (an optional value must be attached
//! and never eats the next argument), `--pidfile[=F]` likewise, unambiguous prefixes of long options
//! together with full names, options after operands, and the texts of errors. So the arguments are first
//! brought into one canonical form, options as `--name` or `--name=value` before all operands, and that
//! form is what clap reads. The definition stays the only list of options.

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command, Parser};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::{Fatal, generate};

/// Why there is nothing to run.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// Asked for: print this on standard output and exit with status 0.
    Print(String),
    /// The arguments are wrong.
    Fail(Fatal),
}

impl From<Fatal> for Stop {
    fn from(fatal: Fatal) -> Stop {
        Stop::Fail(fatal)
    }
}

/// Reads `args` (without the program's name) by the definition of `P`.
pub fn parse<P: Parser>(program: &str, args: impl IntoIterator<Item = OsString>) -> Result<P, Stop> {
    let mut definition = definition_of::<P>();
    // Argument groups and the like are completed when a command is built.
    definition.build();
    let args: Vec<OsString> = args.into_iter().collect();
    if let [only] = &args[..]
        && let Some(stop) = generate::asked_for(P::command(), only.as_bytes())
    {
        return Err(stop);
    }
    let canonical = canonical(program, &definition, args.into_iter())?;
    let matches = plain_operands(definition_of::<P>())
        .args_override_self(true)
        .try_get_matches_from(canonical)
        .map_err(|error| told(&error))?;
    P::from_arg_matches(&matches).map_err(|error| told(&error))
}

fn definition_of<P: Parser>() -> Command {
    P::command().after_help(generate::HELP)
}

/// What follows a command are operands, whatever they begin with: in the canonical form all options precede it.
fn plain_operands(definition: Command) -> Command {
    definition.mut_subcommands(|command| {
        command
            .disable_help_flag(true)
            .mut_args(|operand| operand.allow_hyphen_values(true))
    })
}

/// The text that clap gives an error, without its decoration. Value parsers of ours say all in one sentence; the reason
/// of clap's own follows the option and its value.
fn told(error: &clap::Error) -> Stop {
    use std::error::Error as _;
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let wrong = || {
        let option = context(ContextKind::InvalidArg);
        let option = option.split(' ').next().unwrap_or_default();
        format!("{option}={}", context(ContextKind::InvalidValue))
    };
    let text = match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(source), _) if source.is::<Fatal>() => source.to_string(),
        (Some(source), _) => format!("{}: {source}", wrong()),
        (None, Some(ContextValue::Strings(known))) if !known.is_empty() => {
            format!("{}: not one of {}", wrong(), known.join(", "))
        }
        (None, _) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            first.strip_prefix("error: ").unwrap_or(first).to_owned()
        }
    };
    Stop::Fail(Fatal::new(text))
}

/// Whether an option has a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// Only attached: `--name=value`, `-nvalue`.
    Optional,
    Required,
}

fn takes(arg: &Arg) -> Takes {
    match (arg.get_action(), arg.get_num_args()) {
        (ArgAction::Set | ArgAction::Append, Some(range)) if range.min_values() == 0 => Takes::Optional,
        (ArgAction::Set | ArgAction::Append, _) => Takes::Required,
        _ => Takes::Nothing,
    }
}

/// One pass over the arguments, in their order, as getopt makes it.
fn canonical(
    program: &str,
    definition: &Command,
    mut args: impl Iterator<Item = OsString>,
) -> Result<Vec<OsString>, Stop> {
    let mut options = vec![OsString::from(program)];
    let mut operands: Vec<OsString> = Vec::new();
    while let Some(arg) = args.next() {
        let bytes = arg.as_bytes();
        if bytes == b"--" {
            operands.extend(args);
            break;
        } else if let Some(long) = bytes.strip_prefix(b"--") {
            let (name, value) = match long.iter().position(|&byte| byte == b'=') {
                Some(at) => (&long[..at], Some(&long[at + 1..])),
                None => (long, None),
            };
            let option = find_long(definition, name, &arg)?;
            let full = full_name(option);
            let value = match (takes(option), value) {
                (Takes::Nothing, Some(_)) => {
                    return Err(wrong(format!("option '--{full}' doesn't allow an argument")));
                }
                (Takes::Required, None) => Some(
                    args.next()
                        .ok_or_else(|| wrong(format!("option '--{full}' requires an argument")))?
                        .into_vec(),
                ),
                (_, value) => value.map(<[u8]>::to_vec),
            };
            push_option(definition, program, &mut options, option, value)?;
        } else if bytes.len() > 1 && bytes[0] == b'-' {
            for at in 1..bytes.len() {
                let letter = char::from(bytes[at]);
                let option = definition
                    .get_arguments()
                    .find(|option| option.get_short() == Some(letter))
                    .ok_or_else(|| wrong(format!("invalid option -- '{letter}'")))?;
                let attached = &bytes[at + 1..];
                let value = match takes(option) {
                    Takes::Nothing => None,
                    Takes::Optional if attached.is_empty() => None,
                    Takes::Required if attached.is_empty() => Some(
                        args.next()
                            .ok_or_else(|| wrong(format!("option requires an argument -- '{letter}'")))?
                            .into_vec(),
                    ),
                    _ => Some(attached.to_vec()),
                };
                push_option(definition, program, &mut options, option, value)?;
                if takes(option) != Takes::Nothing {
                    break;
                }
            }
        } else {
            operands.push(arg);
        }
    }
    let mut canonical = options;
    let mut operands = operands.into_iter();
    if definition.has_subcommands() {
        let name = operands
            .next()
            .ok_or_else(|| wrong("missing command name; use --help for help".to_owned()))?;
        check_command(definition, &name, operands.len())?;
        canonical.push(name);
    } else {
        canonical.push(OsString::from("--"));
    }
    canonical.extend(operands);
    Ok(canonical)
}

fn wrong(message: String) -> Stop {
    Stop::Fail(Fatal::new(message))
}

fn full_name(option: &Arg) -> &str {
    option
        .get_long()
        .expect("every option of the programs has a long name")
}

/// The option with the long name `name` or, if there is none, the only one that begins with it.
fn find_long<'d>(definition: &'d Command, name: &[u8], arg: &OsStr) -> Result<&'d Arg, Stop> {
    let mut candidates = Vec::new();
    for option in definition.get_arguments() {
        let Some(long) = option.get_long() else { continue };
        if long.as_bytes() == name {
            return Ok(option);
        }
        if long.as_bytes().starts_with(name) {
            candidates.push(option);
        }
    }
    match candidates[..] {
        [] => Err(wrong(format!("unrecognized option '{}'", arg.to_string_lossy()))),
        [option] => Ok(option),
        _ => {
            let mut text = format!("option '{}' is ambiguous; possibilities:", arg.to_string_lossy());
            for option in candidates {
                text.push_str(" '--");
                text.push_str(full_name(option));
                text.push('\'');
            }
            Err(wrong(text))
        }
    }
}

/// Appends the canonical spelling; `--help`, `--version` and `--option` end the reading right where they stand.
fn push_option(
    definition: &Command,
    program: &str,
    options: &mut Vec<OsString>,
    option: &Arg,
    value: Option<Vec<u8>>,
) -> Result<(), Stop> {
    match option.get_action() {
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong => {
            return Err(Stop::Print(help_text(definition)));
        }
        ArgAction::Version => return Err(Stop::Print(crate::version_text(program))),
        _ if option.get_id() == "option" => return Err(Stop::Print(options_text(definition))),
        _ => {}
    }
    let mut text = format!("--{}", full_name(option)).into_bytes();
    if let Some(value) = value {
        text.push(b'=');
        text.extend(value);
    }
    options.push(OsString::from_vec(text));
    Ok(())
}

/// What `--help` prints: clap's text, with the operands of each command before its description.
pub fn help_text(definition: &Command) -> String {
    let mut definition = definition.clone().mut_subcommands(|command| {
        let operands = operands_text(&command).to_uppercase();
        match command.get_about().map(ToString::to_string) {
            Some(about) if !operands.is_empty() => command.about(format!("{operands}: {about}")),
            _ => command,
        }
    });
    definition.render_help().to_string()
}

/// The options, as `--option` lists them for scripts and completion (upstream `command-line.c`).
pub fn options_text(definition: &Command) -> String {
    let mut text = String::new();
    for option in definition.get_arguments() {
        let Some(long) = option.get_long() else { continue };
        let (value, spaced) = match takes(option) {
            Takes::Nothing => ("", ""),
            Takes::Optional => ("=[ARG]", "[ARG]"),
            Takes::Required => ("=ARG", "ARG"),
        };
        text.push_str(&format!("--{long}{value}\n"));
        if let Some(letter) = option.get_short() {
            text.push_str(&format!("-{letter} {spaced}\n"));
        }
    }
    text
}

/// The commands with their operands, as `list-commands` prints them.
pub fn commands_text(definition: &Command) -> String {
    let mut text = String::from("The available commands are:\n");
    for command in definition.get_subcommands() {
        let usage = operands_text(command);
        text.push_str(&format!("  {:<23} {usage}\n", command.get_name()));
    }
    text
}

/// `db [schema [dst]]`: what may be left out in brackets, nested from the right.
fn operands_text(command: &Command) -> String {
    let mut text = String::new();
    let mut open = 0;
    for (at, operand) in command.get_positionals().enumerate() {
        let name = operand
            .get_value_names()
            .and_then(<[_]>::first)
            .map_or_else(String::new, |name| name.to_lowercase());
        if operand.is_hide_set() {
            continue;
        }
        if name.contains('[') {
            // The whole synopsis, for a command that sorts its operands out itself.
            text.push_str(&name);
            continue;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        let follows_required = command.get_positionals().skip(at + 1).any(Arg::is_required_set);
        if operand.is_required_set() {
            text.push_str(&name);
        } else if follows_required {
            // `query [db] trns`: it may be missing although something follows.
            text.push_str(&format!("[{name}]"));
        } else {
            text.push('[');
            text.push_str(&name);
            open += 1;
        }
        if operand_count_max(operand) == usize::MAX {
            text.push_str("...");
        }
    }
    text.push_str(&"]".repeat(open));
    text
}

fn operand_count_max(operand: &Arg) -> usize {
    operand.get_num_args().map_or(1, |range| range.max_values())
}

/// Refuses unknown commands and wrong numbers of operands with upstream's texts.
fn check_command(definition: &Command, name: &OsStr, count: usize) -> Result<(), Stop> {
    let Some(command) = definition
        .get_subcommands()
        .find(|command| command.get_name() == name)
    else {
        return Err(wrong(format!(
            "unknown command '{}'; use --help for help",
            name.to_string_lossy()
        )));
    };
    let name = command.get_name();
    let required = command
        .get_positionals()
        .filter(|operand| operand.is_required_set())
        .count();
    let allowed = command.get_positionals().fold(0usize, |sum, operand| {
        sum.saturating_add(operand_count_max(operand))
    });
    if count < required {
        Err(wrong(format!(
            "'{name}' command requires at least {required} arguments"
        )))
    } else if count > allowed {
        Err(wrong(format!(
            "'{name}' command takes at most {allowed} arguments"
        )))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Subcommand};

    #[derive(Parser, Debug, PartialEq)]
    #[command(disable_help_subcommand = true)]
    struct Sample {
        #[arg(short = 'v', long, num_args = 0..=1, require_equals = true, default_missing_value = "",
              action = ArgAction::Append)]
        verbose: Vec<String>,
        #[arg(long)]
        verify: bool,
        #[arg(short, long, action = ArgAction::Count)]
        more: u8,
        #[arg(short = 'f', long)]
        format: Option<String>,
        #[arg(long, num_args = 0..=1, require_equals = true)]
        pidfile: Option<Option<String>>,
        #[command(subcommand)]
        command: SampleCommand,
    }

    #[derive(Subcommand, Debug, PartialEq)]
    enum SampleCommand {
        #[command(allow_missing_positional = true)]
        Query {
            db: Option<String>,
            transaction: String,
        },
        Compact {
            db: Option<String>,
            dst: Option<String>,
        },
        Join {
            db: String,
            remotes: Vec<String>,
        },
    }

    fn read(args: &str) -> Result<Sample, String> {
        parse("prog", args.split_whitespace().map(OsString::from)).map_err(|stop| match stop {
            Stop::Print(text) => format!("print {}", text.lines().next().unwrap_or_default()),
            Stop::Fail(fatal) => fatal.to_string(),
        })
    }

    fn sample(command: SampleCommand) -> Sample {
        Sample {
            verbose: vec![],
            verify: false,
            more: 0,
            format: None,
            pidfile: None,
            command,
        }
    }

    fn compact(db: Option<&str>) -> SampleCommand {
        SampleCommand::Compact {
            db: db.map(str::to_owned),
            dst: None,
        }
    }

    #[test]
    fn optional_values_are_attached_and_never_the_next_argument() {
        let want = Sample {
            verbose: vec!["jsonrpc:dbg".into(), String::new()],
            pidfile: Some(None),
            ..sample(compact(Some("a")))
        };
        assert_eq!(read("-vjsonrpc:dbg -v --pidfile compact a"), Ok(want));
        let want = Sample {
            pidfile: Some(Some("x".into())),
            ..sample(compact(None))
        };
        assert_eq!(read("compact --pidfile=x"), Ok(want));
    }

    #[test]
    fn short_options_bundle() {
        let want = Sample {
            more: 2,
            verbose: vec!["x".into()],
            ..sample(compact(None))
        };
        assert_eq!(read("-mmvx compact"), Ok(want));
        let want = Sample {
            more: 1,
            format: Some("-v".into()),
            ..sample(compact(None))
        };
        assert_eq!(read("compact -mf -v"), Ok(want));
        let want = Sample {
            format: Some("csv".into()),
            ..sample(compact(None))
        };
        assert_eq!(read("compact -fcsv"), Ok(want));
    }

    #[test]
    fn long_options_abbreviate_and_the_last_one_wins() {
        let want = Sample {
            format: Some("b".into()),
            more: 1,
            ..sample(compact(None))
        };
        assert_eq!(read("--form=a --mo compact --f b"), Ok(want));
    }

    #[test]
    fn operands_may_look_like_options_after_two_dashes() {
        assert_eq!(read("compact -- -v"), Ok(sample(compact(Some("-v")))));
        assert_eq!(read("-- compact -v"), Ok(sample(compact(Some("-v")))));
    }

    #[test]
    fn first_operand_may_be_left_out() {
        let query = |db: Option<&str>| {
            sample(SampleCommand::Query {
                db: db.map(str::to_owned),
                transaction: "[]".into(),
            })
        };
        assert_eq!(read("query []"), Ok(query(None)));
        assert_eq!(read("query a []"), Ok(query(Some("a"))));
    }

    #[test]
    fn errors_read_as_those_of_getopt_and_upstream() {
        for (args, error) in [
            ("--foo", "unrecognized option '--foo'"),
            ("--foo=bar", "unrecognized option '--foo=bar'"),
            ("-x", "invalid option -- 'x'"),
            ("-f", "option requires an argument -- 'f'"),
            ("--format", "option '--format' requires an argument"),
            ("--more=3", "option '--more' doesn't allow an argument"),
            (
                "--ver",
                "option '--ver' is ambiguous; possibilities: '--verbose' '--verify'",
            ),
            ("", "missing command name; use --help for help"),
            ("foo", "unknown command 'foo'; use --help for help"),
            ("compact a b c", "'compact' command takes at most 2 arguments"),
            ("query", "'query' command requires at least 1 arguments"),
        ] {
            assert_eq!(read(args), Err(error.to_owned()), "{args}");
        }
    }

    #[test]
    fn commands_are_listed_with_their_operands() {
        let mut command = Sample::command();
        command.build();
        assert_eq!(
            commands_text(&command),
            "The available commands are:\n  query                   [db] transaction\n  \
             compact                 [db [dst]]\n  join                    db [remotes...]\n"
        );
    }
}
