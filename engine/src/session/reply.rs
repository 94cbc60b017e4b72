//! JSON-RPC messages that the server sends (RFC 7047 §4), each complete in one buffer.

use crate::error::OvsdbError;
use bytes::Bytes;
use ovsdb_wire::write;
use std::iter;

/// `{"id":ID,"result":RESULT,"error":null}` with ready JSON for both.
pub(super) fn result(id: &[u8], result: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(id.len() + result.len() + 32);
    out.extend_from_slice(b"{\"id\":");
    out.extend_from_slice(id);
    out.extend_from_slice(b",\"result\":");
    out.extend_from_slice(result);
    out.extend_from_slice(b",\"error\":null}");
    out
}

/// [`result`] with ready JSON for the result in segments.
pub(super) fn gathered_result(id: &[u8], result: Vec<Bytes>) -> impl Iterator<Item = Bytes> {
    let head = [b"{\"id\":", id, b",\"result\":"].concat();
    let tail = Bytes::from_static(b",\"error\":null}");
    iter::once(head.into()).chain(result).chain(iter::once(tail))
}

/// `{"id":ID,"error":ERROR}`; upstream leaves the result out.
pub(super) fn error(id: &[u8], error: &OvsdbError) -> Vec<u8> {
    let mut text = Vec::new();
    error.write(&mut text);
    ready_error(id, &text)
}

/// [`error`] for the errors that are plain strings.
pub(super) fn plain_error(id: &[u8], text: &str) -> Vec<u8> {
    let mut quoted = Vec::new();
    write::string(&mut quoted, text);
    ready_error(id, &quoted)
}

pub(super) fn ready_error(id: &[u8], error: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(id.len() + error.len() + 24);
    out.extend_from_slice(b"{\"id\":");
    out.extend_from_slice(id);
    out.extend_from_slice(b",\"error\":");
    out.extend_from_slice(error);
    out.push(b'}');
    out
}

/// `{"id":null,"method":METHOD,"params":[PARAM]}` with ready JSON for the parameter.
pub(super) fn notification(method: &str, param: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(param.len() + method.len() + 40);
    out.extend_from_slice(b"{\"id\":null,\"method\":\"");
    out.extend_from_slice(method.as_bytes());
    out.extend_from_slice(b"\",\"params\":[");
    out.extend_from_slice(param);
    out.extend_from_slice(b"]}");
    out
}
