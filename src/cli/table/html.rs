//! The layout `html`: uuids become links to the row's own cell, shortened to eight digits.

use ovsdb_engine::datum::uuid_text;

use super::{Style, Table};

/// Characters of a uuid's text.
const UUID_LEN: usize = 36;

/// Characters of a uuid that are shown.
const UUID_SHOWN: usize = 8;

pub(super) fn write(table: &Table<'_>, style: &Style, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<table border=1>\n");
    if let Some(caption) = &table.caption {
        write_cell("caption", caption.as_bytes(), out);
    }
    if style.has_headings {
        out.extend_from_slice(b"  <tr>\n");
        for heading in &table.headings {
            write_cell("th", heading.as_bytes(), out);
        }
        out.extend_from_slice(b"  </tr>\n");
    }
    for row in &table.rows {
        out.extend_from_slice(b"  <tr>\n");
        for (heading, cell) in table.headings.iter().zip(row) {
            let text = cell.text(style.cell_format);
            if *heading == "_uuid" {
                write_anchor(&text, out);
            } else {
                write_cell("td", &text, out);
            }
        }
        out.extend_from_slice(b"  </tr>\n");
    }
    out.extend_from_slice(b"</table>\n");
}

/// The cell that the links of other cells lead to.
fn write_anchor(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"    <td><a name=\"");
    escape(text, out);
    out.extend_from_slice(b"\">");
    escape(&text[..text.len().min(UUID_SHOWN)], out);
    out.extend_from_slice(b"</a></td>\n");
}

fn write_cell(element: &str, mut text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("    <{element}>").as_bytes());
    while let Some((first, rest)) = text.split_first() {
        match text.get(..UUID_LEN) {
            Some(uuid) if uuid_text::parse(uuid).is_some() => {
                out.extend_from_slice(b"<a href=\"#");
                out.extend_from_slice(uuid);
                out.extend_from_slice(b"\">");
                out.extend_from_slice(&uuid[..UUID_SHOWN]);
                out.extend_from_slice(b"</a>");
                text = &text[UUID_LEN..];
            }
            _ => {
                escape(&[*first], out);
                text = rest;
            }
        }
    }
    out.extend_from_slice(format!("</{element}>\n").as_bytes());
}

fn escape(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            _ => out.push(byte),
        }
    }
}
