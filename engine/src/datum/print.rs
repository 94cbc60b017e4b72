//! Datums as JSON (RFC 7047 §5.1 `<value>`) and as the text notation of the command-line tools, appended to
//! the caller's buffer without an allocation of its own.

use super::{Atom, Datum, Pair, uuid_text};
use crate::schema::ColumnType;
use ovsdb_wire::write;

/// Appends the JSON of a datum: a bare atom for exactly one element, `["set",[…]]` or `["map",[…]]` else. Reals
/// have 15 digits, as upstream sends them.
pub fn write(datum: &Datum, out: &mut Vec<u8>) {
    write_with(datum, write_atom, out);
}

/// The same with as many digits as it takes to read the very datum back. Two reals of a set may have the same 15
/// digits; a file that has one of them twice is a file that nobody can open.
pub fn write_exact(datum: &Datum, out: &mut Vec<u8>) {
    write_with(datum, write_atom_exact, out);
}

fn write_with(datum: &Datum, write_atom: impl Fn(&Atom, &mut Vec<u8>), out: &mut Vec<u8>) {
    match datum {
        Datum::One(atom) => write_atom(atom, out),
        Datum::Set(set) => {
            out.extend_from_slice(b"[\"set\",[");
            for (at, atom) in set.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_atom(atom, out);
            }
            out.extend_from_slice(b"]]");
        }
        Datum::Map(map) => {
            out.extend_from_slice(b"[\"map\",[");
            for (at, (key, value)) in map.iter().map(Pair::split).enumerate() {
                out.extend_from_slice(if at > 0 { b",[" } else { b"[" });
                write_atom(key, out);
                out.push(b',');
                write_atom(value, out);
                out.push(b']');
            }
            out.extend_from_slice(b"]]");
        }
    }
}

/// Appends the JSON of an atom; a uuid as `["uuid","…"]`.
pub fn write_atom(atom: &Atom, out: &mut Vec<u8>) {
    match atom {
        Atom::Integer(number) => write::integer(out, *number),
        Atom::Real(real) => write::real(out, real.0),
        Atom::Boolean(flag) => write::boolean(out, *flag),
        Atom::String(text) => write::string_bytes(out, text.as_bytes()),
        Atom::Uuid(uuid) => {
            out.extend_from_slice(b"[\"uuid\",\"");
            uuid_text::write(uuid, out);
            out.extend_from_slice(b"\"]");
        }
    }
}

fn write_atom_exact(atom: &Atom, out: &mut Vec<u8>) {
    match atom {
        Atom::Real(real) => write::real_exact(out, real.0),
        other => write_atom(other, out),
    }
}

/// Appends the text that tools show and error texts quote: `[a, b]`, `{k=v}`, without brackets where the
/// column holds at most one element and has it. Strings are quoted only where they must be.
pub fn write_text(datum: &Datum, ty: &ColumnType, out: &mut Vec<u8>) {
    let is_bracketed = ty.n_max > 1 || datum.is_empty();
    let (open, close) = if ty.is_map() { (b'{', b'}') } else { (b'[', b']') };
    if is_bracketed {
        out.push(open);
    }
    separated(datum, b", ", write_atom_text, out);
    if is_bracketed {
        out.push(close);
    }
}

/// Appends an atom as text: a string as it is if it is a word, else as JSON; a uuid as its 36 characters.
pub fn write_atom_text(atom: &Atom, out: &mut Vec<u8>) {
    match atom {
        Atom::String(text) if !needs_quotes(text.as_bytes()) => out.extend_from_slice(text.as_bytes()),
        Atom::Uuid(uuid) => uuid_text::write(uuid, out),
        other => write_atom(other, out),
    }
}

/// Appends the barest text, for shell scripts: elements separated by spaces, no brackets, no quotes.
pub fn write_bare(datum: &Datum, out: &mut Vec<u8>) {
    separated(datum, b" ", write_atom_bare, out);
}

/// Appends an atom as the barest text.
pub fn write_atom_bare(atom: &Atom, out: &mut Vec<u8>) {
    match atom {
        Atom::String(text) => out.extend_from_slice(text.as_bytes()),
        other => write_atom_text(other, out),
    }
}

fn separated(datum: &Datum, separator: &[u8], write_atom: fn(&Atom, &mut Vec<u8>), out: &mut Vec<u8>) {
    for (at, atom) in datum.atoms().iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(separator);
        }
        write_atom(atom, out);
    }
    for (at, (key, value)) in datum.pairs().iter().map(Pair::split).enumerate() {
        if at > 0 {
            out.extend_from_slice(separator);
        }
        write_atom(key, out);
        out.push(b'=');
        write_atom(value, out);
    }
}

/// True for what would not be read back as the same string without quotes.
fn needs_quotes(text: &[u8]) -> bool {
    let Some((&first, rest)) = text.split_first() else {
        return true;
    };
    let is_word = (first.is_ascii_alphabetic() || first == b'_')
        && rest
            .iter()
            .all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    !is_word || matches!(text, b"true" | b"false") || uuid_text::parse(text).is_some()
}
