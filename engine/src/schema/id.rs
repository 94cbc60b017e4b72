//! Identifiers (RFC 7047 §3.1 `<id>`).

/// True for `[A-Za-z_][A-Za-z0-9_]*`.
pub fn is_id(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    match text.as_bytes() {
        [first, rest @ ..] => {
            is_letter(*first) && rest.iter().all(|&byte| is_letter(byte) || byte.is_ascii_digit())
        }
        [] => false,
    }
}
