//! Names of ops on the command line.

use anyhow::Result;
use calotype_models::nearest;

use crate::fault::WrongUse;

/// The names that were typed, each one of `known`, in the order of `known`; all of them where none was typed.
///
/// # Errors
/// One that is not known, with the list and a guess.
pub fn chosen<'a>(typed: &[String], known: &[&'a str], what: &str) -> Result<Vec<&'a str>> {
    for name in typed {
        if !known.contains(&name.as_str()) {
            let guess = nearest(name, known.iter().copied()).map_or(String::new(), |g| format!(" (did you mean `{g}`?)"));
            return Err(WrongUse(format!("no {what} `{name}`{guess}; there are: {}", known.join(", "))).into());
        }
    }
    Ok(known.iter().copied().filter(|k| typed.is_empty() || typed.iter().any(|t| t == k)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_comes_with_the_list_and_a_guess() {
        let known = ["conv2d", "matmul", "softmax"];
        let typed = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let message = |names: &[&str]| chosen(&typed(names), &known, "op").map_err(|e| e.to_string());
        assert_eq!(message(&[]), Ok(known.to_vec()));
        assert_eq!(message(&["softmax", "conv2d", "softmax"]), Ok(vec!["conv2d", "softmax"]));
        let error = message(&["sotfmax"]).expect_err("a slip");
        assert!(error.contains("`sotfmax` (did you mean `softmax`?)") && error.contains("matmul"), "{error}");
        assert!(!message(&["zzzzzzzzz"]).expect_err("nonsense").contains("did you mean"));
    }
}
