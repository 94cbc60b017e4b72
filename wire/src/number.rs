//! Numbers as upstream reads them (`lib/json.c`): what is mathematically an integer and fits an `i64` is an
//! integer however it is spelled, everything else a real.

/// A number of JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Integer(i64),
    /// Finite, and never `-0.0`.
    Real(f64),
}

/// Whether a number token goes on with this byte.
#[inline]
pub(crate) fn continues(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'-' | b'+')
}

/// The value of `token` if it is spelled the plain way, of which every parser thinks the same: an optional `-`,
/// then one to 18 digits without a leading zero, and not `-0`.
#[inline]
pub(crate) fn plain_integer(token: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match token {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [] => return None,
        [b'0'] if !is_negative => return Some(0),
        [b'0', ..] => return None,
        _ if digits.len() > 18 => return None,
        _ => {}
    }
    let mut magnitude: i64 = 0;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude * 10 + i64::from(digit);
    }
    Some(if is_negative { -magnitude } else { magnitude })
}

/// Parses a token that starts with `-` or a digit and ends before the first byte that does not [`continues`] it.
/// The error is upstream's text.
pub(crate) fn parse(token: &[u8]) -> Result<Number, &'static str> {
    if let Some(number) = plain_integer(token) {
        return Ok(Number::Integer(number));
    }
    let mut digits = Digits {
        rest: token,
        significand: 0,
        power: 0,
        is_inexact: false,
    };
    let is_negative = digits.skip(b'-');
    match digits.peek() {
        Some(b'0') => {
            digits.rest = &digits.rest[1..];
            if digits.peek_digit().is_some() {
                return Err("leading zeros not allowed");
            }
        }
        Some(b'1'..=b'9') => digits.integer_part(),
        _ => return Err("'-' must be followed by digit"),
    }
    if digits.skip(b'.') {
        if digits.peek_digit().is_none() {
            return Err("decimal point must be followed by digit");
        }
        digits.fraction();
    }
    if digits.skip(b'e') || digits.skip(b'E') {
        let is_exponent_negative = digits.skip(b'-');
        if !is_exponent_negative {
            digits.skip(b'+');
        }
        if digits.peek_digit().is_none() {
            return Err("exponent must contain at least one digit");
        }
        digits.exponent(is_exponent_negative)?;
    }
    if !digits.rest.is_empty() {
        return Err("syntax error in number");
    }
    digits.value(is_negative, token)
}

/// A number in the making: `significand * 10^power`, read from the front of `rest`.
struct Digits<'t> {
    rest: &'t [u8],
    significand: u64,
    power: i32,
    /// Digits other than zero were left out of `significand`.
    is_inexact: bool,
}

impl Digits<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn peek_digit(&self) -> Option<u8> {
        self.peek().filter(u8::is_ascii_digit).map(|byte| byte - b'0')
    }

    fn skip(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        if is_there {
            self.rest = &self.rest[1..];
        }
        is_there
    }

    /// Takes a digit into the significand; says false if it has no room for it.
    fn take(&mut self, digit: u8) -> bool {
        let longer = self
            .significand
            .checked_mul(10)
            .and_then(|tens| tens.checked_add(u64::from(digit)));
        match longer {
            Some(longer) => self.significand = longer,
            None => self.is_inexact |= digit != 0,
        }
        longer.is_some()
    }

    fn integer_part(&mut self) {
        while let Some(digit) = self.peek_digit() {
            if !self.take(digit) {
                self.power = self.power.saturating_add(1);
            }
            self.rest = &self.rest[1..];
        }
    }

    fn fraction(&mut self) {
        while let Some(digit) = self.peek_digit() {
            if self.take(digit) {
                self.power = self.power.saturating_sub(1);
            }
            self.rest = &self.rest[1..];
        }
    }

    fn exponent(&mut self, is_negative: bool) -> Result<(), &'static str> {
        const OUTSIDE: &str = "exponent outside valid range";
        let mut exponent: i32 = 0;
        while let Some(digit) = self.peek_digit() {
            if exponent >= i32::MAX / 10 {
                return Err(OUTSIDE);
            }
            exponent = exponent * 10 + i32::from(digit);
            self.rest = &self.rest[1..];
        }
        let signed = if is_negative { -exponent } else { exponent };
        self.power = self.power.checked_add(signed).ok_or(OUTSIDE)?;
        Ok(())
    }

    fn value(mut self, is_negative: bool, token: &[u8]) -> Result<Number, &'static str> {
        if self.significand == 0 {
            return Ok(Number::Integer(0));
        }
        if !self.is_inexact {
            while self.power > 0 {
                let Some(longer) = self.significand.checked_mul(10) else {
                    break;
                };
                self.significand = longer;
                self.power -= 1;
            }
            while self.power < 0 && self.significand.is_multiple_of(10) {
                self.significand /= 10;
                self.power += 1;
            }
            let magnitude = i128::from(self.significand);
            if self.power == 0
                && let Ok(number) = i64::try_from(if is_negative { -magnitude } else { magnitude })
            {
                return Ok(Number::Integer(number));
            }
        }
        let text = std::str::from_utf8(token).expect("a number token is ASCII");
        let real: f64 = text.parse().expect("the token was checked to be a number");
        // Upstream takes what underflows to zero, but neither an overflow nor a denormal result (`strtod`'s ERANGE).
        if real.is_infinite() || real.is_subnormal() {
            return Err("number outside valid range");
        }
        Ok(Number::Real(if real == 0.0 { 0.0 } else { real }))
    }
}

#[cfg(test)]
mod tests {
    use super::Number::{Integer, Real};
    use super::{Number, parse, plain_integer};

    #[test]
    fn a_number_is_judged_by_its_value() {
        let cases: &[(&str, Result<Number, &str>)] = &[
            ("0", Ok(Integer(0))),
            ("-0", Ok(Integer(0))),
            ("-0.0e5", Ok(Integer(0))),
            ("1.0", Ok(Integer(1))),
            ("1e3", Ok(Integer(1000))),
            ("10e-1", Ok(Integer(1))),
            ("1.5e1", Ok(Integer(15))),
            ("0.1e1", Ok(Integer(1))),
            ("1.0000000000000000000000000000", Ok(Integer(1))),
            ("1.0000000000000000000000000001", Ok(Real(1.0))),
            ("9223372036854775807", Ok(Integer(i64::MAX))),
            ("-9223372036854775808", Ok(Integer(i64::MIN))),
            ("9223372036854775808", Ok(Real(9223372036854775808.0))),
            ("-9223372036854775809", Ok(Real(-9223372036854775808.0))),
            ("18446744073709551615", Ok(Real(18446744073709551615.0))),
            ("18446744073709551616", Ok(Real(18446744073709551616.0))),
            ("922337203685477580700e-2", Ok(Integer(i64::MAX))),
            ("1e18", Ok(Integer(1_000_000_000_000_000_000))),
            ("1e19", Ok(Real(1e19))),
            ("0.5", Ok(Real(0.5))),
            ("-2.5E+0", Ok(Real(-2.5))),
            ("1e308", Ok(Real(1e308))),
            ("1e309", Err("number outside valid range")),
            ("-1e309", Err("number outside valid range")),
            ("1e-310", Err("number outside valid range")),
            ("1e-9999", Ok(Real(0.0))),
            ("0e2147483640", Err("exponent outside valid range")),
            ("0e214748364", Ok(Integer(0))),
            ("1e9999999999", Err("exponent outside valid range")),
            ("01", Err("leading zeros not allowed")),
            ("-", Err("'-' must be followed by digit")),
            ("-a", Err("'-' must be followed by digit")),
            ("-.5", Err("'-' must be followed by digit")),
            ("1.", Err("decimal point must be followed by digit")),
            ("1.e5", Err("decimal point must be followed by digit")),
            ("1e", Err("exponent must contain at least one digit")),
            ("1e+", Err("exponent must contain at least one digit")),
            ("1e+-1", Err("exponent must contain at least one digit")),
            ("1-2", Err("syntax error in number")),
            ("1.5.5", Err("syntax error in number")),
        ];
        for (token, expected) in cases {
            assert_eq!(parse(token.as_bytes()), *expected, "{token}");
        }
    }

    #[test]
    fn plain_integers_are_those_no_parser_disputes() {
        for (token, expected) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("-123456789012345678", Some(-123_456_789_012_345_678)),
            ("999999999999999999", Some(999_999_999_999_999_999)),
            ("1000000000000000000", None),
            ("-0", None),
            ("00", None),
            ("1.0", None),
            ("1e3", None),
            ("1-1", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(plain_integer(token.as_bytes()), expected, "{token}");
        }
    }
}
