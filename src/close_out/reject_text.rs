//! Rows that were set aside, in UTF-8: the target converts them. Changes nothing there.

use super::reject_format::text_encoding;
use super::{CloseOutError, Connection, RejectedLine};

/// The row with its bytes in UTF-8, where they are text of another encoding and can be converted.
///
/// # Errors
/// The connection is lost.
pub async fn in_utf8(
    target: &Connection,
    mut row: RejectedLine,
) -> Result<RejectedLine, CloseOutError> {
    if let (Some(encoding), Some(bytes)) = (text_encoding(&row.format), &row.row) {
        let sql = "SELECT pg_catalog.convert_from($1, $2::pg_catalog.text::pg_catalog.name)";
        match target.client().query_one(sql, &[bytes, &encoding]).await {
            Ok(found) => row.row = Some(found.try_get::<_, String>(0)?.into_bytes()),
            Err(error) if error.code().is_some() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(row)
}
