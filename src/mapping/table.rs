//! The mapping in force as a table for people and for programs; touches nothing but the rows.

use serde::Serialize;

use super::Mapping;

const HEADINGS: [&str; 5] = ["id", "DMS type", "condition", "PostgreSQL type", "source"];

/// The mapping as a table of aligned columns, one line a row.
pub fn text_table(mapping: &Mapping) -> String {
    let rows = cells(mapping);
    let mut widths = HEADINGS.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    let mut table = String::new();
    let headings = HEADINGS.map(String::from);
    for row in std::iter::once(&headings).chain(&rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

/// The mapping as a Markdown table.
pub fn markdown_table(mapping: &Mapping) -> String {
    let mut table = String::from(
        "| DMS type | Condition | PostgreSQL type | Rule |\n| --- | --- | --- | --- |\n",
    );
    for [id, dms, condition, target, source] in cells(mapping) {
        table.push_str(&format!("| {dms} | {condition} | {target} | [{id}]({source}) |\n"));
    }
    table
}

/// The mapping as a JSON array, one object a row.
///
/// # Errors
/// None in practice: serializing strings does not fail.
pub fn json_table(mapping: &Mapping) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Row {
        id: String,
        dms_type: String,
        condition: String,
        postgresql_type: String,
        source: String,
    }
    let rows: Vec<Row> = cells(mapping)
        .into_iter()
        .map(|[id, dms_type, condition, postgresql_type, source]| Row {
            id,
            dms_type,
            condition,
            postgresql_type,
            source,
        })
        .collect();
    serde_json::to_string_pretty(&rows).map(|json| json + "\n")
}

fn cells(mapping: &Mapping) -> Vec<[String; 5]> {
    let row = |rule: &super::Rule| {
        [
            rule.id.to_owned(),
            rule.dms.to_owned(),
            rule.condition(),
            mapping.target_text(rule),
            rule.source.to_owned(),
        ]
    };
    mapping.rules().iter().map(row).collect()
}
