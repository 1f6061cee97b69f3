//! How wide the columns of rows are.

use super::{Cell, CellKind, Console, fit};

/// The widths of columns, growing with what was seen so that a stream stays aligned.
pub struct Columns {
    /// All but the last one: it ends its line.
    needed: Vec<usize>,
    kinds: Vec<CellKind>,
    give_way: Vec<bool>,
    last: usize,
    /// How much of a terminal's width the last one may have, if it needs that much.
    last_percent: usize,
    /// What of `needed` the terminal has room for.
    pub shown: Vec<usize>,
    on_screen: bool,
}

/// Where nothing is cut a column does not grow beyond this: one long id must not push all else away.
const COLUMN_CHARS_MAX: usize = 48;
pub const GAP: usize = 2;
/// Before the last column has less of a terminal's width, columns that give way are left out.
const LAST_READ_PERCENT: usize = 45;
/// An id of which less is seen tells nothing.
const ID_COLUMNS_MIN: usize = 16;
/// A sentence says more than the id before it; in a table, the columns before are what is looked for.
pub const LAST_OF_EVENTS_PERCENT: usize = 40;
pub const LAST_OF_TABLE_PERCENT: usize = 20;

impl Columns {
    pub fn new(last_percent: usize) -> Columns {
        Columns {
            needed: Vec::new(),
            kinds: Vec::new(),
            give_way: Vec::new(),
            last: 0,
            last_percent,
            shown: Vec::new(),
            on_screen: false,
        }
    }

    /// Makes room for these rows.
    pub fn fit(&mut self, console: &Console, rows: &[Vec<Cell>]) {
        self.on_screen = console.screen.is_some();
        for row in rows {
            for (index, cell) in row.iter().enumerate() {
                let width = console.columns(&cell.text);
                if index + 1 == row.len() {
                    self.last = width.max(self.last);
                    continue;
                }
                let width = if self.on_screen { width } else { width.min(COLUMN_CHARS_MAX) };
                if index == self.needed.len() {
                    self.needed.push(width);
                    self.kinds.push(cell.kind);
                    self.give_way.push(cell.gives_way);
                }
                self.needed[index] = width.max(self.needed[index]);
            }
        }
        self.shown.clone_from(&self.needed);
        if let Some(screen) = console.screen {
            let last = self.last.min(screen * self.last_percent / 100);
            // What is told besides goes first, from the right, so that most of the last can be read.
            let read = self.last.min(screen * LAST_READ_PERCENT / 100).max(last);
            while self.shown.iter().sum::<usize>() > self.room(screen, read)
                && let Some(index) =
                    self.give_way.iter().zip(&self.shown).rposition(|(gives_way, width)| *gives_way && *width > 0)
            {
                self.shown[index] = 0;
            }
            while self.whole() > self.room(screen, last)
                && let Some(index) = self.kinds.iter().zip(&self.shown).rposition(|(kind, width)| kind.is_whole() && *width > 0)
            {
                self.shown[index] = 0;
            }
            let room = self.room(screen, last);
            // Ids give way first, then all texts.
            self.shrink(room, |kind, width| if kind == CellKind::Id { width.min(ID_COLUMNS_MIN) } else { width });
            self.shrink(room, |kind, width| if kind.is_whole() { width } else { 0 });
        }
    }

    /// Whether a terminal has no room for any of it.
    pub fn is_left_out(&self, index: usize) -> bool {
        self.on_screen && self.shown.get(index) == Some(&0)
    }

    /// What columns that cannot be cut take.
    fn whole(&self) -> usize {
        self.kinds.iter().zip(&self.shown).filter(|(kind, _)| kind.is_whole()).map(|(_, width)| width).sum()
    }

    fn room(&self, screen: usize, last: usize) -> usize {
        let gaps = self.shown.iter().filter(|width| **width > 0).count();
        screen.saturating_sub(GAP * gaps + last)
    }

    fn shrink(&mut self, room: usize, least: impl Fn(CellKind, usize) -> usize) {
        let least: Vec<usize> = self.kinds.iter().zip(&self.shown).map(|(&kind, &width)| least(kind, width)).collect();
        fit::shrink(&mut self.shown, &least, room);
    }
}
