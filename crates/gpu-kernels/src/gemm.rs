//! The one GEMM core: `shaders/matmul.wgsl` with operand loaders, an address and an epilogue put in.

use calotype_graph::op::conv2d::ConvDims;
use calotype_graph::{DeviceError, Expr, Instr, Kernel, Place, Precision, Step, Type, Write};

use crate::dispatch::{Dispatch, Element, Table, distinct_reads, folded};
use crate::generate::Job;
use crate::source::{Source, for_operand, shader};
use crate::tiles::{ProductShape, Target};
use crate::tuning::Core;

/// How an operand is fetched.
#[derive(Clone, Debug)]
pub(crate) enum Loader {
    /// A stack of matrices: elements from one to the next, and along the axis that is not contiguous.
    Matrix { batch: usize, stride: usize },
    /// By a fragment that gives indices; `contiguous` elements lie together.
    Indexed { fragment: &'static str, contiguous: usize },
}

/// An operand of the core.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    pub place: Place,
    /// Whether neighbours in memory follow each other along k; else along m (or n).
    pub along_k: bool,
    pub loader: Loader,
}

/// A product to be carried out: y[z, m, n] = Σ_k a[z, m, k] b[z, k, n].
pub(crate) struct Gemm<'a> {
    pub z: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    /// z counts parts of the sum, each of so many terms.
    pub k_part: Option<usize>,
    pub a: Operand,
    pub b: Operand,
    /// What the fragments need to know, ahead of them.
    pub prelude: String,
    /// Where results go, if not to [Z, M, N].
    pub address: Option<&'static str>,
    pub step: &'a Step,
    /// The result, if not the step's own (partial sums).
    pub result: Option<Write>,
}

impl Gemm<'_> {
    pub fn dispatch(&self, target: &Target) -> Result<Dispatch, DeviceError> {
        let shape = ProductShape { z: self.z, m: self.m, n: self.n, k: self.k_part.unwrap_or(self.k) };
        let core = target.core(shape);
        let tile = core.tile();
        let vectors = distinct_reads(self.step);
        let (tiles_m, tiles_n) = (self.m.div_ceil(tile.m), self.n.div_ceil(tile.n));
        let mut table = Table::default();
        let params = [("size_z", self.z), ("size_m", self.m), ("size_n", self.n), ("size_k", self.k)];
        let tiling = [("tiles_m", tiles_m), ("tiles_n", tiles_n), ("k_part", self.k_part.unwrap_or(self.k))];
        for (name, value) in params.into_iter().chain(tiling) {
            table.param(name, value)?;
        }
        let load_a = self.loader(&mut table, "a", &self.a, self.m, vectors)?;
        let load_b = self.loader(&mut table, "b", &self.b, self.n, vectors)?;
        let epilogue = self.epilogue(&mut table, vectors)?;
        let mut s = Source::new("matmul", shader!("matmul"))
            .section("bindings", &table.declarations())?
            .section("load_a", &format!("{}{load_a}", self.prelude))?
            .section("load_b", &load_b)?
            .section("epilogue", &epilogue)?
            .set("A_ALONG_K", self.a.along_k)?
            .set("B_ALONG_K", self.b.along_k)?
            .set("SPLIT_K", self.k_part.is_some())?;
        if let Some(address) = self.address {
            s = s.section("address", address)?;
        }
        let blocks = shader!("lib/blocks");
        let put = shader!("lib/put_blocks");
        s = match core {
            Core::Tiled(_) => s,
            Core::Dot(_) => s.section("core", &format!("{blocks}{}", shader!("lib/core_dot")))?,
            Core::Direct(_) => s.section("core", &format!("{blocks}{}", shader!("lib/core_direct")))?,
            Core::Named(_) => s.section("core", &format!("{blocks}{put}{}", shader!("lib/core_named")))?,
            Core::Broad(_) => s.section("core", &format!("{blocks}{put}{}", shader!("lib/core_broad")))?,
            Core::Cooperative { subgroup } => s
                .section("core", &format!("{blocks}{}", shader!("lib/core_cooperative")))?
                .sizes(&[("SUBGROUP", subgroup as usize)])?,
        };
        if target.precision == Precision::Mixed {
            s = s.section("precision", shader!("lib/precision_mixed"))?;
        }
        let s = s.sizes(&[
            ("TILE_M", tile.m),
            ("TILE_N", tile.n),
            ("TILE_K", tile.k),
            ("THREAD_M", tile.thread_m),
            ("THREAD_N", tile.thread_n),
        ])?;
        let grid = folded((self.z * tiles_m * tiles_n) as u64)?;
        let enable = if matches!(core, Core::Cooperative { .. }) { "enable f16;\nenable wgpu_cooperative_matrix;\n" } else { "" };
        let wgsl = format!("{enable}{}", s.finish());
        Ok(Dispatch { product: Some(shape), ..table.dispatch("matmul", wgsl, grid) })
    }

    /// The loader fragment of an operand; its binding and parameters.
    fn loader(
        &self,
        table: &mut Table,
        name: &str,
        operand: &Operand,
        rows: usize,
        vectors: bool,
    ) -> Result<String, DeviceError> {
        let whole = match operand.loader {
            Loader::Matrix { batch, stride } => {
                let contiguous = if operand.along_k { self.k } else { rows };
                [batch, stride, contiguous].iter().all(|n| n % 4 == 0)
            }
            Loader::Indexed { contiguous, .. } => contiguous % 4 == 0,
        };
        let quads = vectors && whole;
        let array = table.read(name, operand.place, if quads { Element::Vec4F32 } else { Element::F32 });
        let fill = |fragment| for_operand(fragment, name, &array);
        Ok(match operand.loader {
            Loader::Matrix { batch, stride } => {
                table.param(format!("{name}_batch"), batch)?;
                table.param(format!("{name}_stride"), stride)?;
                table.param(format!("{name}_rows"), rows)?;
                fill(if quads { shader!("lib/load_matrix_vec4") } else { shader!("lib/load_matrix") })
            }
            Loader::Indexed { fragment, .. } => {
                let by = match (quads, operand.along_k) {
                    (true, _) => shader!("lib/load_quads"),
                    (false, true) => shader!("lib/load_scattered"),
                    (false, false) => shader!("lib/load_scattered_rows"),
                };
                format!("{fragment}{}", fill(by))
            }
        })
    }

    /// `store` and `store_quad`, from the step's epilogue.
    fn epilogue(&self, table: &mut Table, vectors: bool) -> Result<String, DeviceError> {
        let plain = Expr { code: vec![Instr::Acc], outputs: vec![0] };
        let given = match &self.step.kernel {
            Kernel::Op { epilogue: Some(e), .. } if self.result.is_none() => Some(e),
            _ => None,
        };
        let own;
        let writes = match &self.result {
            Some(w) => {
                own = [w.clone()];
                &own[..]
            }
            None => &self.step.writes[..],
        };
        let total = writes[0].ty.numel();
        let width = if vectors && self.n.is_multiple_of(4) { 4 } else { 1 };
        let reads = if given.is_some() { self.step.epilogue_operands() } else { &[] };
        let job = Job { expr: given.unwrap_or(&plain), reads, writes, total, width, prefix: "e" };
        let body = job.compile(table)?;
        let (functions, statements) = (body.functions, body.statements);
        Ok(if width == 4 {
            format!("{functions}fn store_quad(i: u32, left: u32, acc: vec4<f32>) {{\n{statements}}}\n")
        } else {
            format!("{functions}fn store(i: u32, acc: f32) {{\n{statements}}}\n{STORE_QUAD}")
        })
    }
}

const STORE_QUAD: &str = "
fn store_quad(i: u32, left: u32, acc: vec4<f32>) {
    store(i, acc.x);
    if (left > 1u) { store(i + 1u, acc.y); }
    if (left > 2u) { store(i + 2u, acc.z); }
    if (left > 3u) { store(i + 3u, acc.w); }
}
";

/// A result of partial sums in a step's workspace.
pub(crate) fn partial(place: Place, parts: usize, numel: usize) -> Write {
    Write { place, ty: Type::f32([parts, numel]) }
}

/// `shaders/lib/image.wgsl` for these sizes.
pub(crate) fn image(d: &ConvDims) -> Result<String, DeviceError> {
    let w = &d.window;
    let s = Source::new("image", shader!("lib/image")).sizes(&[
        ("HEIGHT", d.height),
        ("WIDTH", d.width),
        ("OUT_HEIGHT", d.out_height),
        ("OUT_WIDTH", d.out_width),
        ("C_IN", d.c_in),
        ("C_OUT", d.c_out),
        ("KERNEL_H", d.kernel_h),
        ("KERNEL_W", d.kernel_w),
        ("STRIDE_H", w.stride[0]),
        ("STRIDE_W", w.stride[1]),
        ("PAD_H", w.pad[0]),
        ("PAD_W", w.pad[1]),
        ("DILATION_H", w.dilation[0]),
        ("DILATION_W", w.dilation[1]),
    ])?;
    Ok(s.finish())
}
