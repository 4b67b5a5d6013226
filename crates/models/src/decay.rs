//! A learning rate that is constant at first and then falls along a line to 0: the settings that say when.

use crate::optimisers::Schedule;
use crate::settings::{Setting, SettingError, Settings, Value};

const STEPS: (u64, u64) = (0, 1_000_000_000);

/// `steps`, each of which does what `doc` says, and what the learning rate is in them.
pub fn settings(steps: u64, doc: &'static str) -> [Setting; 3] {
    [
        Setting::integer("steps", steps, (1, STEPS.1), doc),
        Setting::integer(
            "constant_steps",
            steps / 2,
            STEPS,
            "first steps, of a constant learning rate; if not given: half of steps, or what decay_steps leaves",
        ),
        Setting::integer(
            "decay_steps",
            steps - steps / 2,
            STEPS,
            "steps after them, in which it falls along a line to 0; if not given: the rest of steps",
        ),
    ]
}

/// With what is not given of the three, and the learning rate's schedule: `steps` alone is halved, of two the third follows.
///
/// # Errors
/// More steps than have a learning rate.
pub fn resolved(settings: Settings) -> Result<(Settings, Schedule), SettingError> {
    let given = |key: &str| settings.is_given(key).then(|| settings.integer(key));
    let all = settings.integer("steps");
    let (steps, constant, decay) = match (given("constant_steps"), given("decay_steps")) {
        (None, None) => (all, all / 2, all - all / 2),
        (Some(constant), None) => (all, constant, all.saturating_sub(constant)),
        (None, Some(decay)) => (all, all.saturating_sub(decay), decay),
        (Some(constant), Some(decay)) => (given("steps").unwrap_or(constant + decay), constant, decay),
    };
    let until = constant + decay;
    if steps > until || until == 0 {
        let expected =
            format!("at most {until}, constant_steps + decay_steps: after them the learning rate is 0; give more of these");
        return Err(SettingError::Value { key: "steps".into(), text: steps.to_string(), expected });
    }
    let numbers = [("steps", steps), ("constant_steps", constant), ("decay_steps", decay)];
    let settings = numbers.into_iter().fold(settings, |all, (key, value)| all.with(key, Value::Integer(value)));
    Ok((settings, Schedule::LinearToZero { from: constant, until }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn of(given: &[(&str, u64)]) -> Result<[u64; 3], SettingError> {
        let given: BTreeMap<String, String> = given.iter().map(|(k, v)| ((*k).to_owned(), v.to_string())).collect();
        let (settings, _) = resolved(Settings::resolve(&settings(9, "steps"), &given)?)?;
        Ok(["steps", "constant_steps", "decay_steps"].map(|key| settings.integer(key)))
    }

    #[test]
    fn what_is_not_given_follows_from_what_is() {
        assert_eq!(of(&[]), Ok([9, 4, 5]));
        assert_eq!(of(&[("steps", 5)]), Ok([5, 2, 3]));
        assert_eq!(of(&[("steps", 100), ("constant_steps", 90)]), Ok([100, 90, 10]));
        assert_eq!(of(&[("steps", 100), ("decay_steps", 0)]), Ok([100, 100, 0]));
        assert_eq!(of(&[("constant_steps", 7), ("decay_steps", 4)]), Ok([11, 7, 4]));
        assert_eq!(of(&[("steps", 8), ("constant_steps", 7), ("decay_steps", 4)]), Ok([8, 7, 4]), "fewer are fine");
        for wrong in
            [&[("steps", 12), ("constant_steps", 7), ("decay_steps", 4)][..], &[("constant_steps", 0), ("decay_steps", 0)]]
        {
            assert!(of(wrong).expect_err("no learning rate").to_string().contains("the learning rate is 0"));
        }
    }
}
