//! The terminal that progress is drawn on. What is drawn goes the way of all that is said, so that a terminal that is not
//! read (Ctrl-S, a connection that hangs) holds up no work: it must never be written to directly.

use std::io::Result;
use std::sync::{Mutex, PoisonError};

use console::Term;
use indicatif::TermLike;

use super::stderr;

/// The terminal behind stderr. What is drawn is shown when it is flushed.
#[derive(Debug)]
pub struct Screen {
    terminal: Term,
    drawn: Mutex<String>,
}

impl Screen {
    pub fn new() -> Screen {
        Screen {
            terminal: Term::stderr(),
            drawn: Mutex::default(),
        }
    }

    /// Takes the last lines away.
    pub fn clear_last_lines(&self, lines: usize) {
        for _ in 0..lines {
            self.draw("\x1b[1A\r\x1b[2K");
        }
    }

    fn draw(&self, text: &str) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        drawn.push_str(text);
    }

    fn move_cursor(&self, steps: usize, direction: char) {
        // Zero steps would be one.
        if steps > 0 {
            self.draw(&format!("\x1b[{steps}{direction}"));
        }
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.terminal.size().1
    }

    fn height(&self) -> u16 {
        self.terminal.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> Result<()> {
        self.move_cursor(lines, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, lines: usize) -> Result<()> {
        self.move_cursor(lines, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, columns: usize) -> Result<()> {
        self.move_cursor(columns, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, columns: usize) -> Result<()> {
        self.move_cursor(columns, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> Result<()> {
        self.draw(text);
        self.draw("\n");
        Ok(())
    }

    fn write_str(&self, text: &str) -> Result<()> {
        self.draw(text);
        Ok(())
    }

    fn clear_line(&self) -> Result<()> {
        self.draw("\r\x1b[2K");
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if !drawn.is_empty() {
            stderr::say(std::mem::take(&mut *drawn).into_bytes());
        }
        Ok(())
    }
}
