//! Times of day for people.

use jiff::Timestamp;

/// `2026-07-01 12:34:56.789`, in UTC, for milliseconds since the epoch. Times out of all bounds give the
/// nearest that has a date.
pub fn utc(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or(if milliseconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    });
    time.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// The present, as [`utc`] writes it.
pub fn now() -> String {
    utc(Timestamp::now().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn milliseconds_are_always_shown() {
        assert_eq!(utc(0), "1970-01-01 00:00:00.000");
        assert_eq!(utc(1_782_909_296_789), "2026-07-01 12:34:56.789");
        assert_eq!(utc(i64::MAX), "9999-12-30 22:00:00.999");
    }
}
