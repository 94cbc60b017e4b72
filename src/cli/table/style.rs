//! How tables look, and the options that say so.

use clap::Args;

use crate::cli::Fatal;

/// Layout of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Columns padded to equal width.
    #[default]
    Table,
    /// One cell a line, one row a paragraph.
    List,
    Html,
    /// RFC 4180, with line feeds.
    Csv,
    Json,
}

/// Notation of the values in a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CellFormat {
    /// Upstream's text notation: `[a, b]`, `{k=v}`.
    #[default]
    String,
    /// The same without brackets and quotes.
    Bare,
    Json,
}

/// Everything about the look of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub format: Format,
    pub cell_format: CellFormat,
    pub has_headings: bool,
    /// JSON over many lines.
    pub is_pretty: bool,
    /// Bytes of a cell in [`Format::Table`]; 0 is unlimited.
    pub column_width_max: usize,
}

impl Default for Style {
    fn default() -> Style {
        Style {
            format: Format::Table,
            cell_format: CellFormat::String,
            has_headings: true,
            is_pretty: false,
            column_width_max: 0,
        }
    }
}

/// The options (upstream `lib/table.man`).
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output formatting options")]
pub struct TableOptions {
    /// Layout of tables: table, list, html, csv or json
    #[arg(short = 'f', long, value_name = "FORMAT", value_parser = format)]
    pub format: Option<Format>,

    /// Notation of values: string, bare or json
    #[arg(short = 'd', long, value_name = "FORMAT", value_parser = cell_format)]
    pub data: Option<CellFormat>,

    /// Leave out the headings
    #[arg(long)]
    pub no_headings: bool,

    /// Print JSON over many lines
    #[arg(long)]
    pub pretty: bool,

    /// Same as --format=list --data=bare --no-headings
    #[arg(long)]
    pub bare: bool,

    /// Cut cells to this many bytes; 0 leaves them whole
    #[arg(long, value_name = "N", value_parser = width, default_value = "0", hide_default_value = true)]
    pub max_column_width: usize,
}

impl TableOptions {
    /// The style asked for. `--format` and `--data` refine `--bare`.
    pub fn style(&self) -> Style {
        let (format, cell_format) = if self.bare {
            (Format::List, CellFormat::Bare)
        } else {
            (Format::default(), CellFormat::default())
        };
        Style {
            format: self.format.unwrap_or(format),
            cell_format: self.data.unwrap_or(cell_format),
            has_headings: !self.no_headings && !self.bare,
            is_pretty: self.pretty,
            column_width_max: self.max_column_width,
        }
    }
}

fn format(text: &str) -> Result<Format, Fatal> {
    match text {
        "table" => Ok(Format::Table),
        "list" => Ok(Format::List),
        "html" => Ok(Format::Html),
        "csv" => Ok(Format::Csv),
        "json" => Ok(Format::Json),
        _ => Err(Fatal::new(format!("unknown output format \"{text}\""))),
    }
}

fn cell_format(text: &str) -> Result<CellFormat, Fatal> {
    match text {
        "string" => Ok(CellFormat::String),
        "bare" => Ok(CellFormat::Bare),
        "json" => Ok(CellFormat::Json),
        _ => Err(Fatal::new(format!("unknown data format \"{text}\""))),
    }
}

fn width(text: &str) -> Result<usize, Fatal> {
    text.parse()
        .map_err(|_| Fatal::new(format!("value {text} on --max-column-width is invalid")))
}
