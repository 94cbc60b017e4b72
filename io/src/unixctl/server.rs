//! The server side: a listening socket and a task per connection on the control thread.

use super::commands::{Answer, Commands, Described, Format, Outcome};
use crate::daemon::cleanup;
use crate::errors::strerror;
use crate::limits::{CONTROL_ARGUMENT_BYTES, CONTROL_ARGUMENTS_MAX, CONTROL_MESSAGE_BYTES};
use crate::messages;
use crate::net::{bind_unix, unix_client_name};
use crate::{dirs, vlog};
use bumpalo::Bump;
use ovsdb_wire::frame::{Flags, Framer, Scan};
use ovsdb_wire::message::{self, Message};
use ovsdb_wire::parse::Parser;
use ovsdb_wire::value::Value;
use ovsdb_wire::write::{self, Members};
use std::cell::RefCell;
use std::fmt;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{AbortHandle, spawn_local};

/// The control socket that `path` means: absolute, or in the directory of sockets; by default after the program and its
/// process id.
pub fn socket_path(path: Option<&str>) -> PathBuf {
    match path {
        Some(path) => dirs::absolute(&dirs::rundir(), path),
        None => dirs::rundir().join(format!("{}.{}.ctl", vlog::program_name(), std::process::id())),
    }
}

/// A control socket that is being served. Dropping it closes the socket and removes its file.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    task: AbortHandle,
}

impl Server {
    /// Listens on `path`, see [`socket_path`], and serves `commands` there, `list-commands`, `version` (which answers `version`) and `set-options` among them.
    /// To be called on the control thread, in the process that is to be controlled.
    pub fn start(path: PathBuf, version: &str, commands: Rc<RefCell<Commands>>) -> io::Result<Server> {
        let socket = bind_unix(&path).inspect_err(|error| {
            log::error!(target: "stream_unix", "{}: binding failed: {}", path.display(), strerror(error));
        })?;
        cleanup::add_file(&path);
        rustix::net::listen(&socket, crate::limits::LISTEN_BACKLOG)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        let listener = UnixListener::from_std(socket.into())?;
        register_built_in(&commands, version);
        let task = spawn_local(accept_for_ever(listener, commands)).abort_handle();
        Ok(Server { path, task })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        cleanup::remove_file_now(&self.path);
    }
}

/// The commands that every control socket has, for manuals.
pub const BUILT_IN: [Described; 3] = [
    Described::new("list-commands", "", "List the commands"),
    Described::new("version", "", "Show the version"),
    Described::new(
        "set-options",
        "--format text|json",
        "Choose the format of the answers on this connection",
    ),
];

fn register_built_in(commands: &Rc<RefCell<Commands>>, version: &str) {
    let version = version.to_owned();
    let for_list = Rc::downgrade(commands);
    let mut commands = commands.borrow_mut();
    commands.register("list-commands", Some(""), 0..=0, move |_, answer| {
        let commands = for_list
            .upgrade()
            .expect("a command is called while its table lives");
        match answer.format() {
            Format::Text => answer.text(commands.borrow().list_text()),
            Format::Json => answer.json(commands.borrow().list_json()),
        }
    });
    commands.register("version", Some(""), 0..=0, move |_, answer| {
        answer.text(version.as_str())
    });
    // Concerns the connection alone, which acts when this succeeds.
    commands.register(
        "set-options",
        Some("[--format text|json]"),
        1..=2,
        |arguments, answer| match parse_options(arguments, answer.format()) {
            Ok(_) => answer.done(),
            Err(error) => answer.error(error),
        },
    );
}

/// The format that the arguments of `set-options` leave in force.
fn parse_options(arguments: &[String], format: Format) -> Result<Format, String> {
    let value = match arguments {
        [option, value] if option == "--format" => value.as_str(),
        [option] if option == "--format" => return Err("option '--format' requires an argument".to_owned()),
        [option, ..] => match option.strip_prefix("--format=") {
            Some(value) => value,
            None if option.starts_with('-') => return Err(format!("unrecognized option '{option}'")),
            None => return Ok(format),
        },
        [] => return Ok(format),
    };
    match value.to_ascii_lowercase().as_str() {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err(format!("option format has invalid value {value}")),
    }
}

async fn accept_for_ever(listener: UnixListener, commands: Rc<RefCell<Commands>>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(spawn_local(serve(stream, Rc::clone(&commands)))),
            Err(error) => {
                log::warn!(target: "unixctl", "accept failed: {}", strerror(&error));
                tokio::time::sleep(std::time::Duration::from_millis(crate::limits::ACCEPT_PAUSE_MS)).await;
            }
        }
    }
}

/// Serves one connection to its end.
async fn serve(mut stream: UnixStream, commands: Rc<RefCell<Commands>>) {
    let name = unix_client_name();
    let mut framer = Framer::with_limit(CONTROL_MESSAGE_BYTES);
    let mut unread = Vec::new();
    let mut format = Format::Text;
    loop {
        let (end, flags) = match framer.scan(&unread) {
            Ok(Scan::Text { end, flags }) => (end, flags),
            Ok(Scan::Incomplete) => {
                if unread.len() == unread.capacity() {
                    // Fourfold: fewer copies of what is long are left behind.
                    unread.reserve(3 * unread.len());
                }
                match stream.read_buf(&mut unread).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => continue,
                }
            }
            Err(error) => {
                return log::warn!(target: "unixctl", "{name}: error parsing stream: {error}");
            }
        };
        let text = take_front(&mut unread, end);
        let reply = match answer(&name, (text, flags), &mut format, &commands).await {
            Ok(reply) => reply,
            Err(error) => return log::warn!(target: "unixctl", "{name}: {error}"),
        };
        if messages::are_wanted() {
            messages::tell_sent(&name, &reply);
        }
        if stream.write_all(&reply).await.is_err() {
            return;
        }
    }
}

/// Takes the first `end` bytes out of `unread`.
fn take_front(unread: &mut Vec<u8>, end: usize) -> Vec<u8> {
    let rest = unread.split_off(end);
    mem::replace(unread, rest)
}

/// Runs the command in `text` and gives the reply to send, or why the connection is to be closed.
async fn answer(
    name: &str,
    text: (Vec<u8>, Flags),
    format: &mut Format,
    commands: &RefCell<Commands>,
) -> Result<Vec<u8>, String> {
    // Neither the text nor what was made of it is there any more when the reply is written.
    let (id, outcome) = obey(name, text, format, commands).await?;
    Ok(write_reply(&id, &outcome, *format))
}

/// Runs the command in `text`; the id is that of the request, as JSON.
async fn obey(
    name: &str,
    (mut text, flags): (Vec<u8>, Flags),
    format: &mut Format,
    commands: &RefCell<Commands>,
) -> Result<(Vec<u8>, Outcome), String> {
    let arena = Bump::new();
    let value = Parser::new().parse(&mut text, flags, &arena);
    let value = value.map_err(|error| format!("error parsing stream: {error}"))?;
    let message =
        message::classify(value).map_err(|error| format!("received bad JSON-RPC message: {error}"))?;
    if messages::are_wanted() {
        messages::tell_received(name, &message);
    }
    let kind = match message {
        Message::Request { id, method, params } => {
            let (told_id, told_params) = (Json(&id), Json(&Value::Array(params)));
            log::debug!(target: "unixctl", "received request {method}{told_params}, id={told_id}");
            let outcome = run(method, params, format, commands).await;
            log::debug!(target: "unixctl", "replying with {}, id={told_id}: {outcome}", outcome.word());
            let mut id_json = Vec::new();
            write::value(&mut id_json, &id);
            return Ok((id_json, outcome));
        }
        Message::Notification { .. } => "notification",
        Message::Reply { .. } => "reply",
        Message::Error { .. } => "error",
    };
    Err(format!("received unexpected {kind} message"))
}

async fn run(
    method: &str,
    params: &[Value<'_>],
    format: &mut Format,
    commands: &RefCell<Commands>,
) -> Outcome {
    // Bound first, so that the table is not borrowed while the command runs.
    let found = commands.borrow().find(method, params.len());
    let handler = match found {
        Ok(handler) => handler,
        Err(error) => return Outcome::Error(error),
    };
    if let Err(error) = check_size(method, params) {
        return Outcome::Error(error);
    }
    let arguments: Option<Vec<String>> = params
        .iter()
        .map(|param| param.as_str().map(str::to_owned))
        .collect();
    let Some(arguments) = arguments else {
        return Outcome::Error(format!("\"{method}\" command has non-string argument"));
    };
    let (answer, outcome) = Answer::new(*format);
    handler(&arguments, answer);
    let outcome = outcome
        .await
        .unwrap_or_else(|_| Outcome::Error(format!("\"{method}\" was not answered")));
    if method == "set-options"
        && let Ok(chosen) = parse_options(&arguments, *format)
    {
        *format = chosen;
    }
    outcome
}

/// Refuses arguments that no command has a use for, before there are copies of them.
fn check_size(method: &str, params: &[Value<'_>]) -> Result<(), String> {
    if params.len() > CONTROL_ARGUMENTS_MAX {
        return Err(format!(
            "\"{method}\" command takes at most {CONTROL_ARGUMENTS_MAX} arguments"
        ));
    }
    let is_long = |param: &Value<'_>| {
        param
            .as_str()
            .is_some_and(|text| text.len() > CONTROL_ARGUMENT_BYTES)
    };
    match params.iter().any(is_long) {
        true => Err(format!(
            "\"{method}\" command has an argument of more than {CONTROL_ARGUMENT_BYTES} bytes"
        )),
        false => Ok(()),
    }
}

/// A value as the log shows it.
struct Json<'v>(&'v Value<'v>);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        write::value_sorted(&mut text, self.0);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

/// Appends `text` with the newline at its end that older versions of `ovs-appctl` do not add themselves.
fn write_lines(out: &mut Vec<u8>, text: &str) {
    write::string(out, text);
    if !text.is_empty() && !text.ends_with('\n') {
        assert_eq!(out.pop(), Some(b'"'), "a string ends with a quotation mark");
        out.extend_from_slice(b"\\n\"");
    }
}

/// What a reply has besides its text, about.
const REPLY_FRAME_BYTES: usize = 100;

fn write_reply(id: &[u8], outcome: &Outcome, format: Format) -> Vec<u8> {
    let length = match outcome {
        Outcome::Error(text) | Outcome::Text(text) => text.len(),
        Outcome::Json(json) => json.len(),
    };
    let mut reply = Vec::with_capacity(id.len() + length + REPLY_FRAME_BYTES);
    match outcome {
        Outcome::Error(text) => message::write_error(&mut reply, id, |out| match format {
            Format::Text => write_lines(out, text),
            Format::Json => write::string(out, text),
        }),
        Outcome::Json(json) => message::write_reply(&mut reply, id, |out| out.extend_from_slice(json)),
        Outcome::Text(text) => message::write_reply(&mut reply, id, |out| match format {
            Format::Text => write_lines(out, text),
            Format::Json => {
                let mut members = Members::begin(out);
                write::string(members.key("reply-format"), "plain");
                write::string(members.key("reply"), text);
                members.end();
            }
        }),
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unixctl::{Refused, call};
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream as Client;

    /// Runs `client` on a thread of its own against a server with some commands.
    fn with_server(client: impl FnOnce(&Path) + Send + 'static) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.ctl");
        let executor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        executor.block_on(tokio::task::LocalSet::new().run_until(async {
            let commands = Rc::new(RefCell::new(Commands::new()));
            vlog::register_commands(&mut commands.borrow_mut());
            commands
                .borrow_mut()
                .register("echo", Some("[WORD]..."), 0..=usize::MAX, |words, answer| {
                    let text = words.join(" ");
                    std::thread::spawn(move || answer.text(text));
                });
            commands
                .borrow_mut()
                .register("forget", Some(""), 0..=0, |_, answer| drop(answer));
            let server = Server::start(path.clone(), "ovsdb-server (Open vSwitch) 9.9", commands).unwrap();
            assert_eq!(server.path(), path);
            let for_client = path.clone();
            tokio::task::spawn_blocking(move || client(&for_client))
                .await
                .unwrap();
            drop(server);
            assert!(!path.exists());
        }));
    }

    #[test]
    fn commands_are_answered() {
        with_server(|path| {
            let ask = |method: &str, arguments: &[&str]| call(path, method, arguments);
            assert_eq!(ask("echo", &["a", "b\n"]).unwrap(), "a b\n");
            assert_eq!(ask("echo", &["a"]).unwrap(), "a\n");
            assert_eq!(ask("version", &[]).unwrap(), "ovsdb-server (Open vSwitch) 9.9\n");
            assert!(
                ask("list-commands", &[])
                    .unwrap()
                    .contains("\n  set-options             [--format text|json]\n")
            );
            assert!(ask("vlog/list", &[]).unwrap().contains("jsonrpc"));
            assert!(ask("list-commands", &[]).unwrap().contains("vlog/set"));
            assert!(!ask("list-commands", &[]).unwrap().contains("vlog/message"));
            let refused = |method: &str, arguments: &[&str]| match ask(method, arguments) {
                Err(Refused::Command(text)) => text.trim_end().to_owned(),
                other => panic!("{other:?}"),
            };
            assert_eq!(
                refused("version", &["x"]),
                "\"version\" command takes at most 0 arguments"
            );
            assert_eq!(refused("forget", &[]), "\"forget\" was not answered");
            assert_eq!(
                refused("vlog/set", &["zzz"]),
                "no destination, level, or module \"zzz\""
            );
            assert_eq!(refused("vlog/enable-rate-limit", &["zzz"]), "unknown module");
            assert_eq!(
                refused("set-options", &["--format", "xml"]),
                "option format has invalid value xml"
            );
            assert_eq!(
                refused("set-options", &["--colour"]),
                "unrecognized option '--colour'"
            );
        });
    }

    #[test]
    fn what_is_listed_is_described() {
        let commands = Rc::new(RefCell::new(Commands::new()));
        register_built_in(&commands, "");
        vlog::register_commands(&mut commands.borrow_mut());
        let mut described: Vec<&str> = BUILT_IN
            .iter()
            .chain(&vlog::COMMANDS)
            .map(|one| one.name)
            .collect();
        described.sort_unstable();
        let commands = commands.borrow();
        let listed: Vec<&str> = commands.listed().map(|(name, _)| name).collect();
        assert_eq!(described, listed);
    }

    #[test]
    fn requests_may_be_pipelined_and_the_format_stays_with_the_connection() {
        with_server(|path| {
            let mut client = Client::connect(path).unwrap();
            let requests = concat!(
                r#"{"id":1,"method":"echo","params":["x"]}"#,
                r#"{"id":2,"method":"set-options","params":["--format=json"]} "#,
                r#"{"id":3,"method":"echo","params":["y"]}{"id":4,"method":"echo","params":[5]}"#
            );
            for byte in requests.as_bytes() {
                client.write_all(&[*byte]).unwrap();
            }
            client.shutdown(std::net::Shutdown::Write).unwrap();
            let mut replies = String::new();
            client.read_to_string(&mut replies).unwrap();
            let expected = concat!(
                r#"{"id":1,"result":"x\n","error":null}"#,
                r#"{"id":2,"result":{"reply-format":"plain","reply":""},"error":null}"#,
                r#"{"id":3,"result":{"reply-format":"plain","reply":"y"},"error":null}"#,
                r#"{"id":4,"error":"\"echo\" command has non-string argument"}"#
            );
            assert_eq!(replies, expected);
        });
    }

    #[test]
    fn what_is_no_request_ends_the_connection_alone() {
        with_server(|path| {
            for nonsense in [
                r#"{"method":"x","params":[]}"#,
                "[]",
                "{x}",
                r#"{"id":1,"result":2}"#,
            ] {
                let mut client = Client::connect(path).unwrap();
                client.write_all(nonsense.as_bytes()).unwrap();
                assert_eq!(client.read(&mut [0]).unwrap(), 0, "{nonsense}");
            }
            assert_eq!(call(path, "echo", &["still here"]).unwrap(), "still here\n");
        });
    }
}
