//! The layouts `table`, `list` and `csv`. Widths are bytes, as upstream's.

use super::{Style, Table};

fn write_caption(table: &Table<'_>, out: &mut Vec<u8>) {
    if let Some(caption) = &table.caption {
        out.extend_from_slice(caption.as_bytes());
        out.push(b'\n');
    }
}

/// Columns padded to the width of their widest cell; blanks at the end of a line are left out.
pub(super) fn write_columns(table: &Table<'_>, style: &Style, out: &mut Vec<u8>) {
    write_caption(table, out);
    let rows: Vec<Vec<Vec<u8>>> = table
        .rows
        .iter()
        .map(|row| row.iter().map(|cell| cell.text(style.cell_format)).collect())
        .collect();
    let width = |column: usize| {
        let widest = rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widest = match style.column_width_max {
            0 => widest,
            max => widest.min(max),
        };
        if style.has_headings {
            widest.max(table.headings[column].len())
        } else {
            widest
        }
    };
    let widths: Vec<usize> = (0..table.headings.len()).map(width).collect();
    if style.has_headings {
        write_line(
            &widths,
            table.headings.iter().map(|heading| heading.as_bytes()),
            out,
        );
        let rules: Vec<Vec<u8>> = widths.iter().map(|&width| vec![b'-'; width]).collect();
        write_line(&widths, rules.iter().map(Vec::as_slice), out);
    }
    for row in &rows {
        write_line(&widths, row.iter().map(Vec::as_slice), out);
    }
}

fn write_line<'c>(widths: &[usize], cells: impl Iterator<Item = &'c [u8]>, out: &mut Vec<u8>) {
    for (at, (cell, &width)) in cells.zip(widths).enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        let shown = cell.len().min(width);
        out.extend_from_slice(&cell[..shown]);
        out.resize(out.len() + width - shown, b' ');
    }
    // Upstream trims whatever blanks precede, the line ends of empty lines stop it.
    while out.last() == Some(&b' ') {
        out.pop();
    }
    out.push(b'\n');
}

/// One cell a line behind its heading, a blank line between rows.
pub(super) fn write_list(table: &Table<'_>, style: &Style, out: &mut Vec<u8>) {
    write_caption(table, out);
    for (at, row) in table.rows.iter().enumerate() {
        if at > 0 {
            out.push(b'\n');
        }
        for (heading, cell) in table.headings.iter().zip(row) {
            if style.has_headings {
                out.extend_from_slice(format!("{heading:<20}: ").as_bytes());
            }
            out.extend(cell.text(style.cell_format));
            out.push(b'\n');
        }
    }
}

/// Comma-separated lines.
pub(super) fn write_csv(table: &Table<'_>, style: &Style, out: &mut Vec<u8>) {
    write_caption(table, out);
    if style.has_headings {
        for (at, heading) in table.headings.iter().enumerate() {
            write_csv_cell(at, heading.as_bytes(), out);
        }
        out.push(b'\n');
    }
    for row in &table.rows {
        for (at, cell) in row.iter().enumerate() {
            write_csv_cell(at, &cell.text(style.cell_format), out);
        }
        out.push(b'\n');
    }
}

fn write_csv_cell(at: usize, text: &[u8], out: &mut Vec<u8>) {
    if at > 0 {
        out.push(b',');
    }
    if !text.iter().any(|byte| matches!(byte, b'\n' | b'"' | b',')) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for &byte in text {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
