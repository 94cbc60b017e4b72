//! Texts of the system's errors as C programs print them.

use std::io;

/// The text of `error` without Rust's ` (os error N)`, as `strerror(3)` gives it.
pub fn strerror(error: &io::Error) -> String {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(number) => match text.strip_suffix(&format!(" (os error {number})")) {
            Some(plain) => plain.to_owned(),
            None => text,
        },
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_c() {
        assert_eq!(
            strerror(&io::Error::from_raw_os_error(libc::ENOENT)),
            "No such file or directory"
        );
        assert_eq!(
            strerror(&io::Error::from_raw_os_error(libc::EADDRINUSE)),
            "Address already in use"
        );
        assert_eq!(strerror(&io::Error::other("plain")), "plain");
    }
}
