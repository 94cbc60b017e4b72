//! A client with a name: JSON-RPC through `openssl s_client`.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use ovsdb_harness::text::Scan;
use serde_json::{Value, json};

/// A connection with a certificate. It ends with the value.
pub(crate) struct NamedClient {
    child: Child,
    next_id: u64,
}

impl NamedClient {
    /// `command` is `openssl s_client` with its options.
    pub(crate) fn start(mut command: Command) -> NamedClient {
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        NamedClient { child, next_id: 0 }
    }

    /// The reply's result or error; `None` if the server closes the connection.
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Option<Result<Value, Value>> {
        self.next_id += 1;
        let request = json!({"id": self.next_id, "method": method, "params": params}).to_string();
        let stdin = self.child.stdin.as_mut().expect("it is a pipe");
        stdin.write_all(request.as_bytes()).ok()?;
        let mut reply = self.message()?;
        while reply["method"] == json!("echo") {
            reply = self.message()?;
        }
        assert_eq!(reply["id"], json!(self.next_id), "{reply}");
        let error = reply["error"].take();
        Some(if error.is_null() {
            Ok(reply["result"].take())
        } else {
            Err(error)
        })
    }

    /// The results of a transaction's operations.
    pub(crate) fn transact(&mut self, database: &str, operations: &[Value]) -> Vec<Value> {
        let params: Vec<Value> = [json!(database)]
            .into_iter()
            .chain(operations.iter().cloned())
            .collect();
        match self.call("transact", &json!(params)) {
            Some(Ok(Value::Array(results))) => results,
            other => panic!("the reply to a transaction is an array of results, not {other:?}"),
        }
    }

    fn message(&mut self) -> Option<Value> {
        let stdout = self.child.stdout.as_mut().expect("it is a pipe");
        let (mut text, mut scan) = (Vec::new(), Scan::default());
        let mut byte = [0];
        // Nobody sends more than the one message, so bytes behind it need not be kept.
        while scan.end_of_text(&text).is_none() {
            if stdout.read(&mut byte).ok()? == 0 {
                return None;
            }
            text.push(byte[0]);
        }
        serde_json::from_slice(&text).ok()
    }
}

impl Drop for NamedClient {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            println!("openssl: {error}");
        }
    }
}
