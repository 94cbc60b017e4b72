//! Tables as the tools print them: `table`, `list`, `html`, `csv` and `json`, byte for byte upstream's
//! (`ovsdb-client`(1), "Table Formatting Options").

mod html;
mod style;
mod text;

pub use style::{CellFormat, Format, Style, TableOptions};

use bumpalo::Bump;
use ovsdb_engine::datum;
use ovsdb_engine::schema::ColumnType;
use ovsdb_wire::value::Value;
use ovsdb_wire::write::{self, Order};
use ovsdb_wire::{strict, write::Items, write::Members};

/// One cell.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'a> {
    Empty,
    /// Printed as it is.
    Text(&'a str),
    /// JSON that is not a value of a column.
    Json(Value<'a>),
    /// The value of a column, printed as the style's cell format says.
    Datum(Value<'a>, &'a ColumnType),
}

/// A table; every row has as many cells as there are headings.
#[derive(Clone, Debug, Default)]
pub struct Table<'a> {
    pub caption: Option<String>,
    /// Printed before the table.
    pub time: Option<String>,
    pub headings: Vec<&'a str>,
    pub rows: Vec<Vec<Cell<'a>>>,
}

impl Cell<'_> {
    /// What a cell shows in every format but `json`.
    fn text(&self, format: CellFormat) -> Vec<u8> {
        let mut out = Vec::new();
        match *self {
            Cell::Empty => {}
            Cell::Text(text) => out.extend_from_slice(text.as_bytes()),
            Cell::Json(value) => write::value_sorted(&mut out, &value),
            Cell::Datum(value, ty) => match (format, datum::parse(&value, ty, None)) {
                (CellFormat::String, Ok(datum)) => datum::print::write_text(&datum, ty, &mut out),
                (CellFormat::Bare, Ok(datum)) => datum::print::write_bare(&datum, &mut out),
                (CellFormat::Json, _) | (_, Err(_)) => write::value_sorted(&mut out, &value),
            },
        }
        out
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        match *self {
            Cell::Empty => write::null(out),
            Cell::Text(text) => write::string(out, text),
            Cell::Json(value) | Cell::Datum(value, _) => write::value_sorted(out, &value),
        }
    }
}

/// Prints tables one after the other; the second and later ones are set off by a blank line.
#[derive(Debug)]
pub struct Printer {
    pub style: Style,
    is_first: bool,
}

impl Printer {
    pub fn new(style: Style) -> Printer {
        Printer {
            style,
            is_first: true,
        }
    }

    /// Appends `table` to `out`.
    pub fn write(&mut self, table: &Table<'_>, out: &mut Vec<u8>) {
        let is_first = match self.style.format {
            Format::Html | Format::Json => true,
            Format::Table | Format::List | Format::Csv => std::mem::take(&mut self.is_first),
        };
        if !is_first {
            out.push(b'\n');
        }
        if self.style.format != Format::Json
            && let Some(time) = &table.time
        {
            out.extend_from_slice(time.as_bytes());
            out.push(b'\n');
        }
        match self.style.format {
            Format::Table => text::write_columns(table, &self.style, out),
            Format::List => text::write_list(table, &self.style, out),
            Format::Csv => text::write_csv(table, &self.style, out),
            Format::Html => html::write(table, &self.style, out),
            Format::Json => self.write_json(table, out),
        }
    }

    fn write_json(&self, table: &Table<'_>, out: &mut Vec<u8>) {
        let mut text = Vec::new();
        let mut members = Members::begin(&mut text);
        if let Some(caption) = &table.caption {
            write::string(members.key("caption"), caption);
        }
        let mut rows = Items::begin(members.key("data"));
        for row in &table.rows {
            let mut cells = Items::begin(rows.item());
            for cell in row {
                cell.write_json(cells.item());
            }
            cells.end();
        }
        rows.end();
        let mut headings = Items::begin(members.key("headings"));
        for heading in &table.headings {
            write::string(headings.item(), heading);
        }
        headings.end();
        if let Some(time) = &table.time {
            write::string(members.key("time"), time);
        }
        members.end();
        self.style.write_json_text(&text, out);
    }
}

impl Style {
    /// Appends `value` and a line end, members sorted, on one line or, with `--pretty`, on many.
    pub fn write_json(&self, value: &Value<'_>, out: &mut Vec<u8>) {
        if self.is_pretty {
            write::value_pretty(out, value, Order::Sorted);
        } else {
            write::value_sorted(out, value);
        }
        out.push(b'\n');
    }

    /// [`Style::write_json`] for sorted compact JSON, such as a printed schema.
    pub fn write_json_text(&self, text: &[u8], out: &mut Vec<u8>) {
        if self.is_pretty {
            let arena = Bump::new();
            let value = strict::parse(text, &arena).expect("we wrote this JSON ourselves");
            self.write_json(&value, out);
        } else {
            out.extend_from_slice(text);
            out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests;
