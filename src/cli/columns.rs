//! Rows in columns, for people.

use super::close_out::plain;

/// The rows as lines, each column as wide as its widest cell; those in `right` stand to the right.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]], right: &[usize]) -> Vec<String> {
    let cells = |row: &[String; N]| row.each_ref().map(|cell| plain(cell));
    let rows: Vec<[String; N]> = rows.iter().map(cells).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cell = |(index, (cell, width)): (usize, (&String, &usize))| {
            if right.contains(&index) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        };
        let cells: Vec<String> = row.iter().zip(&widths).enumerate().map(cell).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_need_to_be() {
        let rows = [["a", "ROWS"], ["bä\u{1b}", "7"]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows, &[1]), ["a         ROWS", "bä\\u{1b}     7"]);
    }
}
