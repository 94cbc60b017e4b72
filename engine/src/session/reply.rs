//! JSON-RPC messages that the server sends (RFC 7047 §4), each complete in one buffer, from ready JSON.

use crate::error::OvsdbError;
use bytes::Bytes;
use ovsdb_wire::{message, write};
use std::iter;

/// What a message has besides what is given to it, at most.
pub(super) const FRAME_BYTES: usize = 40;

/// `{"id":ID,"result":RESULT,"error":null}`.
pub(super) fn result(id: &[u8], result: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(id.len() + result.len() + FRAME_BYTES);
    message::write_reply(&mut out, id, |out| out.extend_from_slice(result));
    out
}

/// [`result`] with the result in segments.
pub(super) fn gathered_result(id: &[u8], result: Vec<Bytes>) -> impl Iterator<Item = Bytes> {
    let mut head = Vec::with_capacity(id.len() + FRAME_BYTES);
    message::write_reply_head(&mut head, id);
    let tail = Bytes::from_static(message::REPLY_TAIL);
    iter::once(head.into()).chain(result).chain(iter::once(tail))
}

/// `{"id":ID,"error":ERROR}`; upstream leaves the result out.
pub(super) fn error(id: &[u8], error: &OvsdbError) -> Vec<u8> {
    let mut out = Vec::new();
    message::write_error(&mut out, id, |out| error.write(out));
    out
}

/// [`error`] for the errors that are plain strings.
pub(super) fn plain_error(id: &[u8], text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    message::write_error(&mut out, id, |out| write::string(out, text));
    out
}

/// [`error`] for an error that is JSON already.
pub(super) fn ready_error(id: &[u8], error: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(id.len() + error.len() + FRAME_BYTES);
    message::write_error(&mut out, id, |out| out.extend_from_slice(error));
    out
}

/// `{"id":null,"method":METHOD,"params":[PARAM]}`.
pub(super) fn notification(method: &str, param: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(param.len() + method.len() + FRAME_BYTES);
    message::write_notification(&mut out, method, |out| {
        out.push(b'[');
        out.extend_from_slice(param);
        out.push(b']');
    });
    out
}
