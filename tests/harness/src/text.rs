//! Finds the end of a JSON text in a stream without parsing it.

/// How far the end of the first JSON text has been looked for. A server sends objects only.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    looked: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// The end of the first text of `unread`, which is all that was passed before and possibly more. Start over with a
    /// new value when the text is taken away.
    pub fn end_of_text(&mut self, unread: &[u8]) -> Option<usize> {
        while let Some(&byte) = unread.get(self.looked) {
            self.looked += 1;
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(self.looked);
                    }
                }
                _ => {}
            }
        }
        None
    }
}
