//! The mapping in force as a table for people and for programs; touches nothing but the rows.

use serde::Serialize;

use super::Mapping;

const HEADINGS: [&str; 6] =
    ["id", "source type", "condition", "DMS type", "PostgreSQL type", "from"];

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
        "| Source type | Condition | DMS type | PostgreSQL type | Rule |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    for cells in cells(mapping) {
        // A pattern may have the mark that ends a cell.
        let [id, source_type, condition, dms, target, from] =
            cells.map(|cell| cell.replace('|', "\\|"));
        // An override comes from a file, which is not an address.
        let rule =
            if from.contains("://") { format!("[{id}]({from})") } else { format!("{id} ({from})") };
        table.push_str(&format!("| {source_type} | {condition} | {dms} | {target} | {rule} |\n"));
    }
    table
}

/// The mapping as a JSON array, one object a row.
///
/// # Errors
/// None in practice: serializing strings does not fail.
pub fn json_table(mapping: &Mapping) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct JsonRow {
        id: String,
        source_type: String,
        condition: String,
        dms_type: String,
        postgresql_type: String,
        source: String,
    }
    let rows: Vec<JsonRow> = cells(mapping)
        .into_iter()
        .map(|[id, source_type, condition, dms_type, postgresql_type, source]| JsonRow {
            id,
            source_type,
            condition,
            dms_type,
            postgresql_type,
            source,
        })
        .collect();
    serde_json::to_string_pretty(&rows).map(|json| json + "\n")
}

fn cells(mapping: &Mapping) -> Vec<[String; 6]> {
    let row = |rule: &super::Rule| {
        let super::Rule { id, source_type, condition, dms, target, source } = rule.clone();
        [id, source_type, condition, dms, target, source]
    };
    mapping.rules().iter().map(row).collect()
}
