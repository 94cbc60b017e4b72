//! The answer to a server's question whether we live: the id and the parameters of the question (RFC 7047 §4.1.11).

use serde_json::{Value, json};

use crate::error::{Failure, Result};
use crate::fold::shorten;

/// The answer to a request that is an echo. Fails for one that was not kept whole, which is no server's.
pub fn answer(request: &[u8]) -> Result<String> {
    let unreadable = |_| Failure::Wrong(format!("an echo that cannot be answered: {}", shorten(request)));
    let mut request: Value = serde_json::from_slice(request).map_err(unreadable)?;
    let (id, params) = (request["id"].take(), request["params"].take());
    Ok(json!({"id": id, "result": params, "error": null}).to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::answer;

    #[test]
    fn answers_have_the_id_and_the_parameters_of_the_question() {
        for (id, params) in [
            (json!("echo"), json!([])),
            (json!(7), json!([1, "a"])),
            (json!(["x"]), json!([{}])),
        ] {
            let request = json!({"method": "echo", "id": id, "params": params}).to_string();
            let told: Value = serde_json::from_str(&answer(request.as_bytes()).unwrap()).unwrap();
            assert_eq!(told, json!({"id": id, "result": params, "error": null}));
        }
    }
}
