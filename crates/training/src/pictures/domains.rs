//! Sheets of translations: the same images at every step, and what becomes of them.

use calotype_data::picture::RgbImage;
use calotype_graph::Device;
use calotype_models::{Role, Way};

use super::Show;
use super::grid::sheet;
use crate::error::Result;
use crate::material::ShownRows;
use crate::translate::{Translations, signed};

/// What a translator between two data sets makes of rows of each: a line of rows, one of their translations, one of these translated
/// back; then the same from the other side.
#[derive(Debug)]
pub(super) struct Sides {
    pub programs: Translations,
    /// Of A and of B, [N, D] of -1 to 1, equally many.
    pub rows: [Vec<f32>; 2],
    /// [H, W, C].
    pub shape: [usize; 3],
}

impl Show for Sides {
    fn picture(&self, device: &mut dyn Device) -> Result<RgbImage> {
        let mut lines = vec![];
        for (role, rows) in Role::ALL.into_iter().zip(&self.rows) {
            let there = self.programs.translate(device, Way::To(role.other()), rows, &[])?;
            let back = self.programs.translate(device, Way::To(role), &signed(&there), &[])?;
            lines.extend([unit(rows), there, back]);
        }
        let columns = self.rows[0].len() / self.shape.iter().product::<usize>();
        sheet(&lines.concat(), self.shape, Some(columns))
    }
}

/// What a translator between attributes makes of rows: a line an image, itself first, then a column for each value of each attribute.
/// Where the rows are known that it should become, they stand below.
#[derive(Debug)]
pub(super) struct Table {
    pub programs: Translations,
    /// [N, D] of -1 to 1.
    pub rows: Vec<f32>,
    /// For each row and each change, the vector of the attributes that the row should have: [N, changes, n].
    pub domains: Vec<Vec<Vec<f32>>>,
    /// For each row and each change, the row [D] of the data that it should become, of -1 to 1; nothing where it is not known.
    pub twins: Vec<Vec<Vec<f32>>>,
    /// [H, W, C].
    pub shape: [usize; 3],
}

impl Show for Table {
    fn picture(&self, device: &mut dyn Device) -> Result<RgbImage> {
        let n_values = self.shape.iter().product::<usize>();
        let n_changes = self.domains.first().map_or(0, Vec::len);
        let mut made = vec![];
        for change in 0..n_changes {
            let domains: Vec<f32> = self.domains.iter().flat_map(|of_row| &of_row[change]).copied().collect();
            made.push(self.programs.translate(device, Way::ToAttributes, &self.rows, &domains)?);
        }
        let white = || vec![1.0; n_values];
        let mut images = vec![];
        for (n, row) in self.rows.chunks_exact(n_values).enumerate() {
            images.push(unit(row));
            images.extend(made.iter().map(|of_change| of_change[n * n_values..][..n_values].to_vec()));
            if self.has_twins() {
                images.push(white());
                images.extend(self.twins[n].iter().map(|twin| if twin.is_empty() { white() } else { unit(twin) }));
            }
        }
        sheet(&images.concat(), self.shape, Some(1 + n_changes))
    }
}

impl Table {
    fn has_twins(&self) -> bool {
        self.twins.iter().flatten().any(|twin| !twin.is_empty())
    }

    /// Of rows of a model's data.
    pub fn new(programs: Translations, shown: &ShownRows, shape: [usize; 3]) -> Option<Self> {
        let told = shown.told.as_ref()?;
        let rows = shown.rows.rows();
        let changed = |row: u32, change| {
            let mut vector = told.vectors(&[row]);
            told.attributes.change(&mut vector, &[change]);
            vector
        };
        let changes = told.attributes.single_changes();
        let domains = rows.iter().map(|&row| changes.iter().map(|&change| changed(row, change)).collect()).collect();
        let twin = |row: &Option<u32>| row.map_or_else(Vec::new, |row| shown.rows.row(row));
        let twins = shown.twins.iter().map(|of_row| of_row.iter().map(twin).collect()).collect();
        Some(Table { programs, rows: rows.iter().flat_map(|&row| shown.rows.row(row)).collect(), domains, twins, shape })
    }
}

/// -1 to 1 becomes 0 to 1.
fn unit(rows: &[f32]) -> Vec<f32> {
    rows.iter().map(|v| 0.5 * v + 0.5).collect()
}
