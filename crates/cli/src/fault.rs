//! How errors are printed: one line that names each cause once, and an exit code.

use anyhow::Error;
use calotype_data::DataError;
use calotype_graph::DeviceError;
use calotype_models::SettingError;
use calotype_models::distributions::TableError;
use calotype_training::TrainingError;

/// The command is wrong, so that another command would succeed.
#[derive(Debug)]
pub struct WrongUse(pub String);

impl std::fmt::Display for WrongUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUse {}

/// 2 for wrong use, 1 for everything else.
pub fn exit_code(error: &Error) -> u8 {
    let wrong_use = error.chain().any(|e| {
        e.is::<WrongUse>()
            || e.is::<SettingError>()
            || e.downcast_ref::<TrainingError>().is_some_and(TrainingError::is_wrong_use)
            || e.downcast_ref::<DataError>().is_some_and(DataError::is_wrong_use)
            || e.downcast_ref::<TableError>().is_some_and(TableError::is_wrong_use)
            || matches!(e.downcast_ref(), Some(DeviceError::NoAdapter { .. }))
    });
    if wrong_use { 2 } else { 1 }
}

/// The error and its causes in one line; a cause that the text contains already is not repeated.
pub fn message(error: &Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
        }
    }
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn causes_are_told_once() {
        let io = || std::io::Error::other("disk full");
        let path = std::path::PathBuf::from("a.png");
        let error = Error::from(TrainingError::Io { path, source: io() });
        assert_eq!(message(&error), "a.png: disk full");
        let error = Err::<(), _>(io()).context("cannot write").expect_err("an error");
        assert_eq!(message(&error), "cannot write: disk full");
    }

    #[test]
    fn wrong_use_is_found_below_other_causes() {
        let error = Error::from(WrongUse("no".into())).context("while reading");
        assert_eq!(exit_code(&error), 2);
        assert_eq!(exit_code(&anyhow::anyhow!("disk full")), 1);
        // Wrong use is told alike, by itself and as an error of a run.
        let large = || DataError::BatchTooLarge { batch: 2, rows: 1 };
        assert_eq!([exit_code(&large().into()), exit_code(&TrainingError::from(large()).into())], [2, 2]);
    }
}
