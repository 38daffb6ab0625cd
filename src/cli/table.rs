//! Aligned tables, no wider than the terminal: texts are broken at spaces, numbers never, and what finds no room is left
//! out and named.

use anyhow::Result;
use comfy_table::{
    Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, presets,
};
use console::{Term, measure_text_width};

use super::output;

/// Between two columns.
const GAP: u16 = 2;
/// A longer word of a text may be broken as well.
const LONGEST_WORD: usize = 24;

/// A column of a table.
pub struct Column {
    title: String,
    kind: Kind,
    /// Never left out.
    kept: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Right-aligned, and never broken.
    Number,
    /// A short text that is never broken.
    Word,
    /// A text that may be broken at its spaces.
    Text,
}

impl From<&str> for Column {
    /// `!` before a title marks what is never left out; then `>` marks numbers, `~` texts.
    fn from(title: &str) -> Column {
        let (title, kept) = match title.strip_prefix('!') {
            Some(title) => (title, true),
            None => (title, false),
        };
        let kind = match title.chars().next() {
            Some('>') => Kind::Number,
            Some('~') => Kind::Text,
            _ => Kind::Word,
        };
        let title = title.trim_start_matches(['>', '~']).to_owned();
        Column { title, kind, kept }
    }
}

impl Column {
    /// A column of values whose title is not ours.
    pub fn of_values(title: String, are_numbers: bool) -> Column {
        let kind = if are_numbers {
            Kind::Number
        } else {
            Kind::Text
        };
        let kept = false;
        Column { title, kind, kept }
    }

    /// The room it needs at least for these rows.
    fn least(&self, at: usize, rows: &[Vec<String>]) -> usize {
        let cells = rows.iter().filter_map(|row| row.get(at));
        let texts = cells.map(String::as_str).chain([self.title.as_str()]);
        let widest = |parts: &mut dyn Iterator<Item = &str>| parts.map(measure_text_width).max();
        let least = match self.kind {
            Kind::Text => widest(&mut texts.flat_map(str::split_whitespace))
                .map(|width| width.min(LONGEST_WORD)),
            _ => widest(&mut texts.flat_map(str::lines)),
        };
        least.unwrap_or(0)
    }
}

/// Prints a table on stdout; the columns in order, the first never left out, then the rightmost first.
pub fn print(
    columns: impl IntoIterator<Item = impl Into<Column>>,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<()> {
    let columns: Vec<Column> = columns.into_iter().map(Into::into).collect();
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    let room = Term::stdout()
        .size_checked()
        .map(|(_, width)| width)
        .filter(|&width| width > 0);
    let shown = room.map_or_else(
        || (0..columns.len()).collect(),
        |room| fitting(&columns, &rows, usize::from(room)),
    );
    output::print(drawn(&columns, &rows, &shown, room))?;
    let left_out: Vec<&str> = (0..columns.len())
        .filter(|at| !shown.contains(at))
        .map(|at| columns[at].title.as_str())
        .collect();
    if !left_out.is_empty() {
        output::say(format!("no room for: {}", left_out.join(", ")));
    }
    Ok(())
}

/// The columns that fit into the room.
fn fitting(columns: &[Column], rows: &[Vec<String>], room: usize) -> Vec<usize> {
    let least: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| column.least(at, rows) + usize::from(GAP))
        .collect();
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    while shown.iter().map(|&at| least[at]).sum::<usize>() > room + usize::from(GAP) {
        let may_go = |&at: &usize| at > 0 && !columns[at].kept;
        let Some(spare) = shown.iter().rposition(may_go) else {
            break;
        };
        shown.remove(spare);
    }
    shown
}

fn drawn(columns: &[Column], rows: &[Vec<String>], shown: &[usize], room: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if let Some(room) = room {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(room);
    }
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    table.set_header(shown.iter().map(|&at| {
        let cell = Cell::new(&columns[at].title);
        if plain {
            cell
        } else {
            cell.add_attribute(Attribute::Bold)
        }
    }));
    for row in rows {
        table.add_row(shown.iter().filter_map(|&at| row.get(at)));
    }
    for (index, &at) in shown.iter().enumerate() {
        let Some(column) = table.column_mut(index) else {
            continue;
        };
        let last = index + 1 == shown.len();
        column.set_padding((0, if last { 0 } else { GAP }));
        if columns[at].kind != Kind::Text {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        if columns[at].kind == Kind::Number {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_no_room_the_rightmost_go_first_and_what_is_kept_stays() {
        let columns: Vec<Column> = ["aaaa", "bbbb", "!cccc", "dddd"].map(Column::from).into();
        let rows = [["1", "2", "3", "4"].map(str::to_owned).to_vec()];
        for (room, shown) in [
            (22, &[0, 1, 2, 3][..]),
            (21, &[0, 1, 2]),
            (15, &[0, 2]),
            (1, &[0, 2]),
        ] {
            assert_eq!(fitting(&columns, &rows, room), shown, "room for {room}");
        }
    }
}
