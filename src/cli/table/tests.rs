//! Tables whose layouts are those that upstream prints.

use super::{Cell, CellFormat, Format, Printer, Style, Table};
use bumpalo::Bump;
use ovsdb_engine::schema::{AtomicType, ColumnType};
use ovsdb_wire::strict;

const UUID: &str = "9f3f0e3e-25c7-4c5e-9a54-0d6cf1b0c0de";

fn printed(style: Style) -> String {
    let arena = Bump::new();
    let uuid = arena.alloc_str(&format!("[\"uuid\",\"{UUID}\"]"));
    let parse = |text: &'static str| strict::parse(text.as_bytes(), &arena).unwrap();
    let set = ColumnType {
        n_min: 0,
        n_max: u32::MAX,
        ..ColumnType::scalar(AtomicType::String)
    };
    let uuid_type = ColumnType::scalar(AtomicType::Uuid);
    let table = Table {
        caption: Some("T table".to_owned()),
        time: None,
        headings: vec!["_uuid", "names", "note"],
        rows: vec![
            vec![
                Cell::Datum(strict::parse(uuid.as_bytes(), &arena).unwrap(), &uuid_type),
                Cell::Datum(parse(r#"["set",["a b","c"]]"#), &set),
                Cell::Json(parse(r#"{"b":1,"a":"<"}"#)),
            ],
            vec![
                Cell::Empty,
                Cell::Datum(parse(r#"["set",[]]"#), &set),
                Cell::Text("say \"hi\", you"),
            ],
        ],
    };
    let mut out = Vec::new();
    let mut printer = Printer::new(style);
    printer.write(&table, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn layouts_are_those_of_upstream() {
    let style = Style::default();
    let bare = Style {
        format: Format::List,
        cell_format: CellFormat::Bare,
        has_headings: false,
        ..style
    };
    for (style, expected) in [
        (
            style,
            format!(
                "T table\n\
                 _uuid                                names      note\n\
                 ------------------------------------ ---------- ---------------\n\
                 {UUID} [\"a b\", c] {{\"a\":\"<\",\"b\":1}}\n\
                 {:36} []         say \"hi\", you\n",
                ""
            ),
        ),
        (
            Style {
                column_width_max: 4,
                has_headings: false,
                ..style
            },
            "T table\n9f3f [\"a  {\"a\"\n     []   say\n".to_owned(),
        ),
        (
            bare,
            format!("T table\n{UUID}\na b c\n{{\"a\":\"<\",\"b\":1}}\n\n\n\nsay \"hi\", you\n"),
        ),
        (
            Style {
                format: Format::Csv,
                ..style
            },
            format!(
                "T table\n_uuid,names,note\n{UUID},\"[\"\"a b\"\", c]\",\"{{\"\"a\"\":\"\"<\"\",\"\"b\"\":1}}\"\n\
                 ,[],\"say \"\"hi\"\", you\"\n"
            ),
        ),
        (
            Style {
                format: Format::Json,
                ..style
            },
            format!(
                "{{\"caption\":\"T table\",\"data\":[[[\"uuid\",\"{UUID}\"],[\"set\",[\"a b\",\"c\"]],\
                 {{\"a\":\"<\",\"b\":1}}],[null,[\"set\",[]],\"say \\\"hi\\\", you\"]],\
                 \"headings\":[\"_uuid\",\"names\",\"note\"]}}\n"
            ),
        ),
        (
            Style {
                format: Format::Html,
                has_headings: false,
                cell_format: CellFormat::Json,
                ..style
            },
            format!(
                "<table border=1>\n    <caption>T table</caption>\n  <tr>\n    \
                 <td><a name=\"[&quot;uuid&quot;,&quot;{UUID}&quot;]\">[&quot;uuid&quot;,</a></td>\n    \
                 <td>[&quot;set&quot;,[&quot;a b&quot;,&quot;c&quot;]]</td>\n    \
                 <td>{{&quot;a&quot;:&quot;&lt;&quot;,&quot;b&quot;:1}}</td>\n  </tr>\n  <tr>\n    \
                 <td><a name=\"\"></a></td>\n    <td>[&quot;set&quot;,[]]</td>\n    \
                 <td>say &quot;hi&quot;, you</td>\n  </tr>\n</table>\n"
            ),
        ),
    ] {
        assert_eq!(printed(style), expected, "{style:?}");
    }
}

#[test]
fn later_tables_are_set_off() {
    let table = Table {
        time: Some("noon".to_owned()),
        headings: vec!["a"],
        ..Table::default()
    };
    for (format, expected) in [
        (Format::Table, "noon\na\n-\n\nnoon\na\n-\n"),
        (Format::List, "noon\n\nnoon\n"),
        (
            Format::Html,
            "noon\n<table border=1>\n  <tr>\n    <th>a</th>\n  </tr>\n</table>\nnoon\n<table border=1>\n  <tr>\n    \
             <th>a</th>\n  </tr>\n</table>\n",
        ),
        (
            Format::Json,
            "{\"data\":[],\"headings\":[\"a\"],\"time\":\"noon\"}\n{\"data\":[],\"headings\":[\"a\"],\"time\":\"noon\"}\n",
        ),
    ] {
        let mut printer = Printer::new(Style {
            format,
            ..Style::default()
        });
        let mut out = Vec::new();
        printer.write(&table, &mut out);
        printer.write(&table, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{format:?}");
    }
}
