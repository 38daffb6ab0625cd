//! What `schema.sql` and `manifest.sql` say of themselves: their comments, by table and column. Never another list beside
//! them.

use crate::store::file::open::SCHEMA;

/// A table or view of the format, with what its comments say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableDoc {
    /// Its name.
    pub name: &'static str,
    /// Whether it is a view.
    pub is_view: bool,
    /// What it is.
    pub about: String,
    /// Columns that have a comment, with it.
    pub columns: Vec<(&'static str, String)>,
}

/// The tables and views of the format, in its order.
pub(crate) fn tables() -> Vec<TableDoc> {
    let mut tables: Vec<TableDoc> = Vec::new();
    let mut about: Vec<&str> = Vec::new();
    let mut within = false;
    for line in [SCHEMA, crate::store::packed::seal::SQL]
        .into_iter()
        .flat_map(str::lines)
    {
        if let Some(comment) = line.strip_prefix("--") {
            about.push(comment.trim());
            continue;
        }
        let is_view = line.starts_with("CREATE VIEW ");
        if is_view || line.starts_with("CREATE TABLE ") {
            tables.push(TableDoc {
                name: line.split([' ', '(']).nth(2).unwrap_or_default(),
                is_view,
                about: about.join(" "),
                columns: Vec::new(),
            });
            within = !is_view;
        } else if let (true, Some(table)) = (within, tables.last_mut()) {
            if let Some((definition, comment)) = line.split_once("--") {
                let comment = comment.trim();
                match (
                    definition.split_whitespace().next(),
                    table.columns.last_mut(),
                ) {
                    (Some(column), _) => table.columns.push((column, comment.to_owned())),
                    (None, Some((_, begun))) => *begun += &format!(" {comment}"),
                    (None, None) => {}
                }
            }
            within = !line.starts_with(')');
        }
        about.clear();
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::tables;

    #[test]
    fn every_table_and_view_has_its_comment_and_columns_have_theirs() {
        let tables = tables();
        assert_eq!(tables.iter().filter(|table| table.is_view).count(), 2);
        for table in &tables {
            assert!(table.about.len() > 20, "{table:?}");
        }
        let of = |name: &str| tables.iter().find(|table| table.name == name).expect(name);
        assert!(
            of("series")
                .columns
                .contains(&("candles", "number of rows in candle_data".to_owned()))
        );
        assert!(
            of("candle_data")
                .about
                .starts_with("The candles. A row outside")
        );
        assert!(of("market_data").columns.is_empty());
        let digest = &of("manifest").columns.last().expect("columns").1;
        assert!(digest.starts_with("SHA-256") && digest.ends_with("absent as zero)"));
    }
}
