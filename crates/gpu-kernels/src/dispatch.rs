//! One dispatch: shader text, bindings, parameters, grid. Binding 0 is the parameters, then reads, then writes.

use calotype_graph::{DeviceError, Dtype, Place, Region, Step};

use crate::tiles::ProductShape;

/// Workgroups in one dimension that every device allows.
pub(crate) const MAX_GRID: u64 = 65_535;

/// Element type of a storage array as a kernel sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    F32,
    U32,
    Vec4F32,
    Vec4U32,
}

impl Element {
    /// `width` elements (1 or 4) of a dtype at a time.
    pub fn of(dtype: Dtype, width: usize) -> Self {
        match (dtype, width) {
            (Dtype::F32, 4) => Element::Vec4F32,
            (Dtype::F32, _) => Element::F32,
            (Dtype::U32, 4) => Element::Vec4U32,
            (Dtype::U32, _) => Element::U32,
        }
    }

    fn wgsl(self) -> &'static str {
        match self {
            Element::F32 => "f32",
            Element::U32 => "u32",
            Element::Vec4F32 => "vec4<f32>",
            Element::Vec4U32 => "vec4<u32>",
        }
    }
}

/// A storage binding of a dispatch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slot {
    pub name: String,
    pub place: Place,
    pub element: Element,
    pub read_only: bool,
}

/// The one table that a dispatch's WGSL declarations, bind group and parameter block are made from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub slots: Vec<Slot>,
    params: Vec<(String, u32)>,
    /// Names of operands that are bound under another's name: one tensor used twice has one binding.
    aliases: Vec<(String, String)>,
}

impl Table {
    /// Binds an operand and returns the variable that holds it: an earlier one where the same place is bound already.
    pub fn read(&mut self, name: impl Into<String>, place: Place, element: Element) -> String {
        self.bind(name.into(), place, element)
    }

    /// Binds a result; one that lies on an operand (in place) shares its binding.
    pub fn write(&mut self, name: impl Into<String>, place: Place, element: Element) -> String {
        let name = self.bind(name.into(), place, element);
        for slot in self.slots.iter_mut().filter(|s| s.place.region == place.region) {
            slot.read_only = false; // a buffer has one usage in a dispatch
        }
        name
    }

    fn bind(&mut self, name: String, place: Place, element: Element) -> String {
        if let Some(slot) = self.slots.iter().find(|s| s.place == place && place.len > 0 && s.element == element) {
            let bound = slot.name.clone();
            self.aliases.push((name, bound.clone()));
            return bound;
        }
        // Arenas are written by nearly every dispatch: binding them alike everywhere saves pipelines.
        let read_only = matches!(place.region, Region::Input | Region::State(_))
            && place.len > 0
            && self.slots.iter().all(|s| s.read_only || s.place.region != place.region);
        self.slots.push(Slot { name: name.clone(), place, element, read_only });
        name
    }

    /// Adds a number to the parameter block.
    pub fn param(&mut self, name: impl Into<String>, value: usize) -> Result<(), DeviceError> {
        let name = name.into();
        let value = u32::try_from(value).map_err(|_| DeviceError::Unsupported {
            op: name.clone(),
            device: "a GPU".to_owned(),
            why: format!("{value} does not fit 32 bits"),
        })?;
        self.params.push((name, value));
        Ok(())
    }

    /// Adds 32 bits of any meaning to the parameter block.
    pub fn word(&mut self, name: impl Into<String>, bits: u32) {
        self.params.push((name.into(), bits));
    }

    /// WGSL declarations of the parameter block and of every binding.
    pub fn declarations(&self) -> String {
        let mut text = String::from("struct Params {\n");
        for (name, _) in &self.params {
            text.push_str(&format!("    {name}: u32,\n"));
        }
        text.push_str("}\n@group(0) @binding(0) var<uniform> p: Params;\n");
        for (n, slot) in self.slots.iter().enumerate() {
            let access = if slot.read_only { "read" } else { "read_write" };
            let (name, element) = (&slot.name, slot.element.wgsl());
            text.push_str(&format!("@group(0) @binding({}) var<storage, {access}> {name}: array<{element}>;\n", n + 1));
        }
        text
    }

    /// Ends in a dispatch of `entry` of `wgsl` over `grid` workgroups.
    pub fn dispatch(self, entry: &'static str, mut wgsl: String, grid: [u32; 3]) -> Dispatch {
        for (name, bound) in self.aliases.iter().filter(|(name, bound)| name != bound) {
            wgsl = rename_array(&wgsl, name, bound);
        }
        let params = self.params.into_iter().map(|(_, v)| v).collect();
        Dispatch { entry, wgsl, slots: self.slots, params, grid, product: None }
    }
}

/// Accesses to the array `from` become accesses to `to`.
fn rename_array(wgsl: &str, from: &str, to: &str) -> String {
    let access = format!("{from}[");
    let mut out = String::with_capacity(wgsl.len());
    let mut rest = wgsl;
    while let Some(at) = rest.find(&access) {
        let inside_word = rest[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        out.push_str(&rest[..at]);
        out.push_str(if inside_word { from } else { to });
        rest = &rest[at + from.len()..];
    }
    out + rest
}

/// One dispatch of a step.
#[derive(Clone, Debug)]
pub(crate) struct Dispatch {
    pub entry: &'static str,
    pub wgsl: String,
    pub slots: Vec<Slot>,
    pub params: Vec<u32>,
    pub grid: [u32; 3],
    /// Sizes of the product, where it is one.
    pub product: Option<ProductShape>,
}

impl Dispatch {
    /// The names of two bindings that share memory which one of them may write, or of one buffer of which one is read-only:
    /// WebGPU forbids both, and native drivers say nothing.
    pub fn clash(&self) -> Option<(&str, &str)> {
        let pairs = self.slots.iter().enumerate().flat_map(|(n, a)| self.slots[n + 1..].iter().map(move |b| (a, b)));
        let clashes = |a: &Slot, b: &Slot| {
            let writable = !(a.read_only && b.read_only);
            writable && (a.place.overlaps(&b.place) || (a.place.region == b.place.region && a.read_only != b.read_only))
        };
        pairs.filter(|(a, b)| clashes(a, b)).map(|(a, b)| (a.name.as_str(), b.name.as_str())).next()
    }
}

/// A linear grid of workgroups folded over x then y, so that neither passes [`MAX_GRID`]. Kernels take
/// `x + y · num_workgroups.x` and leave what lies beyond their work.
pub(crate) fn folded(workgroups: u64) -> Result<[u32; 3], DeviceError> {
    let y = workgroups.div_ceil(MAX_GRID).max(1);
    let x = workgroups.div_ceil(y).max(1);
    if y > MAX_GRID {
        return Err(DeviceError::Other(format!("{workgroups} workgroups are too many for one dispatch")));
    }
    Ok([x as u32, y as u32, 1])
}

/// Whether no two operands are the same memory: else one may not be bound as vectors and the other as scalars.
pub(crate) fn distinct_reads(step: &Step) -> bool {
    let places = || step.reads.iter().map(|r| &r.place).filter(|p| p.len > 0);
    !places().enumerate().any(|(i, a)| places().skip(i + 1).any(|b| a.overlaps(b)))
}

/// What a kernel that moves rows of `inner` elements moves at a time.
pub(crate) struct Slots {
    /// Elements: 4 where rows are made of fours, else 1.
    pub width: usize,
    pub element: Element,
    /// The shader's section `types`.
    pub types: &'static str,
}

impl Slots {
    /// Bit patterns of any dtype.
    pub fn of(step: &Step, inner: usize) -> Self {
        if inner.is_multiple_of(4) && inner > 0 && distinct_reads(step) {
            Slots { width: 4, element: Element::Vec4U32, types: "alias slot = vec4<u32>;\n" }
        } else {
            Slots { width: 1, element: Element::U32, types: "alias slot = u32;\n" }
        }
    }

    /// Floats to calculate with; `places` are numbers of elements, one for each.
    pub fn floats(step: &Step, inner: usize) -> Self {
        if Self::of(step, inner).width == 4 {
            Slots { width: 4, element: Element::Vec4F32, types: "alias slot = vec4<f32>;\nalias places = vec4<u32>;\n" }
        } else {
            Slots { width: 1, element: Element::F32, types: "alias slot = f32;\nalias places = u32;\n" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_fold_without_losing_work() {
        for n in [0, 1, 65_535, 65_536, 1_000_003, 1 << 31] {
            let [x, y, z] = folded(n).unwrap_or_default();
            assert!(u64::from(x) * u64::from(y) >= n && u64::from(x) <= MAX_GRID && u64::from(y) <= MAX_GRID, "{n}");
            assert_eq!(z, 1);
        }
        assert!(folded(1 << 40).is_err());
    }

    #[test]
    fn a_tensor_used_twice_is_bound_once() {
        let place = Place { region: Region::Input, offset: 0, len: 4 };
        let mut t = Table::default();
        t.read("x", place, Element::F32);
        t.read("dy", place, Element::F32);
        let d = t.dispatch("f", "let a = dy[i] + p.dy[i] + ady[dy[0]] + x[1];".to_owned(), [1; 3]);
        assert_eq!((d.slots.len(), d.wgsl.as_str()), (1, "let a = x[i] + p.dy[i] + ady[x[0]] + x[1];"));
    }

    #[test]
    fn bindings_that_share_memory_to_be_written_are_found() {
        let place = |region, offset| Place { region, offset, len: 8 };
        let clash = |other: Place, element| {
            let mut t = Table::default();
            t.read("x", place(Region::Arena(0), 64), Element::F32);
            t.write("y", other, element);
            t.dispatch("f", String::new(), [1; 3]).clash().map(|(a, b)| (a.to_owned(), b.to_owned()))
        };
        let both = Some(("x".to_owned(), "y".to_owned()));
        assert_eq!(clash(place(Region::Arena(0), 64), Element::F32), None, "one binding");
        assert_eq!(clash(place(Region::Arena(0), 64), Element::U32), both);
        assert_eq!(clash(place(Region::Arena(0), 64), Element::Vec4F32), both);
        assert_eq!(clash(place(Region::Arena(0), 68), Element::F32), both);
        assert_eq!(clash(place(Region::Arena(0), 128), Element::U32), None);
        assert_eq!(clash(place(Region::Arena(1), 64), Element::U32), None);
        // One buffer has one usage, in whichever order its parts are bound.
        let mut t = Table::default();
        t.write("y", place(Region::State(0), 0), Element::F32);
        t.read("x", place(Region::State(0), 64), Element::F32);
        let mut d = t.dispatch("f", String::new(), [1; 3]);
        assert_eq!(d.clash(), None);
        d.slots[1].read_only = true;
        assert_eq!(d.clash(), Some(("y", "x")));
    }

    #[test]
    fn in_place_shares_a_binding_and_makes_its_buffer_writable() {
        let place = |offset| Place { region: Region::State(0), offset, len: 4 };
        let mut t = Table::default();
        assert_eq!(t.read("x0", place(0), Element::F32), "x0");
        assert_eq!(t.read("x1", place(64), Element::F32), "x1");
        assert_eq!(t.write("y0", place(0), Element::F32), "x0");
        assert_eq!(t.slots.len(), 2);
        assert!(t.slots.iter().all(|s| !s.read_only));
    }
}
