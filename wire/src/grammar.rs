//! What may follow what in a JSON text; framer and strict parser walk the same states.

/// What the grammar allows next (upstream's `JSON_PARSE_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Before the outermost `{` or `[`.
    Start,
    /// After the outermost `}` or `]`.
    End,
    NameOrClose,
    Name,
    Colon,
    MemberValue,
    CommaOrBrace,
    ItemOrClose,
    Item,
    CommaOrBracket,
}

impl Expected {
    /// Whether a value may stand here. An outermost one must be a container.
    #[inline]
    pub(crate) fn takes_value(self) -> bool {
        matches!(
            self,
            Expected::MemberValue | Expected::ItemOrClose | Expected::Item
        )
    }

    #[inline]
    pub(crate) fn takes_container(self) -> bool {
        self == Expected::Start || self.takes_value()
    }

    /// What follows a `,` or `:`, if it may stand here.
    #[inline]
    pub(crate) fn after_separator(self, byte: u8) -> Option<Expected> {
        match (self, byte) {
            (Expected::Colon, b':') => Some(Expected::MemberValue),
            (Expected::CommaOrBrace, b',') => Some(Expected::Name),
            (Expected::CommaOrBracket, b',') => Some(Expected::Item),
            _ => None,
        }
    }

    /// Whether a `}` or `]` may stand here.
    #[inline]
    pub(crate) fn takes_close(self, byte: u8) -> bool {
        match self {
            Expected::NameOrClose | Expected::CommaOrBrace => byte == b'}',
            Expected::ItemOrClose | Expected::CommaOrBracket => byte == b']',
            _ => false,
        }
    }

    /// Upstream's complaint about a token that may not stand here.
    pub(crate) fn complaint(self) -> &'static str {
        match self {
            Expected::Start => "syntax error at beginning of input",
            Expected::End => "trailing garbage at end of input",
            Expected::NameOrClose | Expected::Name => "syntax error parsing object expecting string",
            Expected::Colon => "syntax error parsing object expecting ':'",
            Expected::MemberValue | Expected::ItemOrClose | Expected::Item => "syntax error expecting value",
            Expected::CommaOrBrace => "syntax error expecting '}' or ','",
            Expected::CommaOrBracket => "syntax error expecting ']' or ','",
        }
    }
}
