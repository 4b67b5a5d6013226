//! Composing WGSL: replacing `const` lines and whole sections of the files in `shaders/`.

use calotype_graph::DeviceError;

/// Text of a file in `shaders/`, named without its ending.
macro_rules! shader {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shaders/", $name, ".wgsl"))
    };
}
pub(crate) use shader;

/// A shader under composition. A section is what lies between `// section NAME` and `// end NAME`.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    stem: &'static str,
    text: String,
}

impl Source {
    pub fn new(stem: &'static str, text: &str) -> Self {
        Source { stem, text: text.to_owned() }
    }

    fn missing(&self, what: &str, name: &str) -> DeviceError {
        DeviceError::Shader { shader: self.stem.to_owned(), message: format!("has no {what} `{name}`") }
    }

    /// Replaces the value of `const NAME: TYPE = …;`.
    pub fn set(mut self, name: &str, value: impl std::fmt::Display) -> Result<Self, DeviceError> {
        let head = format!("const {name}: ");
        let start = self.text.find(&head).ok_or_else(|| self.missing("constant", name))?;
        let line_end = self.text[start..].find(';').map(|n| start + n).ok_or_else(|| self.missing("constant", name))?;
        let equals = self.text[start..line_end].find("= ").map(|n| start + n + 2);
        let equals = equals.ok_or_else(|| self.missing("constant", name))?;
        self.text.replace_range(equals..line_end, &value.to_string());
        Ok(self)
    }

    /// [`Source::set`] for unsigned sizes.
    pub fn sizes(mut self, values: &[(&str, usize)]) -> Result<Self, DeviceError> {
        for (name, value) in values {
            self = self.set(name, format_args!("{value}u"))?;
        }
        Ok(self)
    }

    /// Replaces a section.
    pub fn section(mut self, name: &str, with: &str) -> Result<Self, DeviceError> {
        let (open, close) = (format!("// section {name}\n"), format!("// end {name}\n"));
        let start = self.text.find(&open).ok_or_else(|| self.missing("section", name))?;
        let end = self.text[start..].find(&close).map(|n| start + n + close.len());
        let end = end.ok_or_else(|| self.missing("section", name))?;
        self.text.replace_range(start..end, with);
        Ok(self)
    }

    pub fn finish(self) -> String {
        self.text
    }
}

/// A loader fragment for operand `name` (`a` or `b`) in the variable `array`: `$a`, `$A` and `$array` are filled in. What is left
/// of them is no WGSL.
pub(crate) fn for_operand(fragment: &str, name: &str, array: &str) -> String {
    fragment.replace("$array", array).replace("$a", name).replace("$A", &name.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_and_sections_are_replaced() {
        let s = Source::new("t", "const N: u32 = 4u; // why\n// section x\nold\n// end x\ntail\n");
        let s = s.sizes(&[("N", 64)]).and_then(|s| s.section("x", "new\n")).map(Source::finish);
        assert_eq!(s.as_deref(), Ok("const N: u32 = 64u; // why\nnew\ntail\n"));
    }

    #[test]
    fn a_missing_name_is_an_error() {
        let s = Source::new("t", "const N: u32 = 4u;\n");
        assert!(s.clone().set("M", 1).is_err());
        assert!(s.section("x", "").is_err());
    }

    #[test]
    fn fragments_are_filled_in_for_their_operand() {
        let text = "fn $a_at(row: $ARow) -> f32 { return $array[$A_N + alpha.a]; } // a row\n";
        assert_eq!(for_operand(text, "b", "a"), "fn b_at(row: BRow) -> f32 { return a[B_N + alpha.a]; } // a row\n");
    }
}
