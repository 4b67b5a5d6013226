//! What walks over images: convolutions and poolings; and normalisations by channel.

use calotype_graph::op::{Pool2d, PoolKind, PoolWindow, Window};
use calotype_graph::{HostTensor, Tensor};

use super::Node;
use super::build::{Builder, Held, Made};

/// Groups of a convolution, at most: each is a convolution of its own here.
const MOST_GROUPS: usize = 32;

impl Builder {
    /// Borders [top, bottom], [left, right] of a window over an image of this height and width.
    pub fn borders(
        node: &Node,
        size: [usize; 2],
        kernel: [usize; 2],
        stride: [usize; 2],
        dilation: [usize; 2],
    ) -> Result<Borders, String> {
        let explicit = match node.ints("pads") {
            None => [[0; 2]; 2],
            Some(&[top, left, bottom, right]) if [top, left, bottom, right].iter().all(|n| *n >= 0) => {
                [[top, bottom], [left, right]].map(|pads| pads.map(|n| n as usize))
            }
            Some(other) => return Err(format!("its pads are {other:?}, and images have four borders")),
        };
        let same = |axis: usize, more_before: bool| {
            let (n, s) = (size[axis], stride[axis]);
            let all = ((n.div_ceil(s) - 1) * s + dilation[axis] * (kernel[axis] - 1) + 1).saturating_sub(n);
            let less = all / 2;
            if more_before { [all - less, less] } else { [less, all - less] }
        };
        match node.text("auto_pad") {
            "" | "NOTSET" => Ok(explicit),
            "VALID" => Ok([[0; 2]; 2]),
            "SAME_UPPER" => Ok([same(0, false), same(1, false)]),
            "SAME_LOWER" => Ok([same(0, true), same(1, true)]),
            other => Err(format!("its auto_pad is {other}")),
        }
    }

    pub fn conv(&mut self, node: &Node) -> Made {
        let x = self.input(node, 0)?;
        let x = self.four_axes(&x)?;
        let weights = self.floats(node, 1, "weights")?;
        let &[m, c_in, kh, kw] = weights.shape.dims() else { return Err("its weights are of no image".into()) };
        if kh * kw == 0 {
            return Err("its kernel is empty".into());
        }
        let (stride, dilation) = (node.pair("strides", 1)?, node.pair("dilations", 1)?);
        let groups =
            usize::try_from(node.int("group", 1)).ok().filter(|n| *n > 0 && m % n == 0).ok_or("its groups do not fit")?;
        if groups > MOST_GROUPS {
            return Err(format!("it has {groups} groups, and at most {MOST_GROUPS} are read"));
        }
        let [_, h, w, _] = x.dims() else { return Err("it is of no image".into()) };
        let borders = Self::borders(node, [*h, *w], [kh, kw], stride, dilation)?;
        let (x, pad) = bordered(&x, borders, 0.0);
        let window = Window { stride, pad, dilation };
        let (per_group, n, values) = (m / groups, c_in * kh * kw, weights.as_f32().unwrap_or_default());
        let mut y: Option<Tensor> = None;
        for group in 0..groups {
            let part = &values[group * per_group * n..][..per_group * n];
            let weight = self.state(HostTensor::f32([per_group, c_in, kh, kw], part).permuted(&[2, 3, 1, 0]));
            let of_group = match groups {
                1 => x.clone(),
                _ => x.slice(3, group * c_in, (group + 1) * c_in),
            };
            let made = of_group.conv2d(&weight, window);
            y = Some(y.map_or(made.clone(), |y| y.concat(&made, 3)));
        }
        let y = y.ok_or("it has no groups")?;
        Ok(Held::Image(match self.optional(node, 2)? {
            None => y,
            Some(Held::Floats(bias)) => &y + &self.state(HostTensor::clone(&bias)),
            Some(_) => return Err("its bias is not in the file".into()),
        }))
    }

    /// As it is after training: x · scale / √(variance + ε) + (shift - mean · scale / √(variance + ε)).
    pub fn batch_norm(&mut self, node: &Node) -> Made {
        let x = self.input(node, 0)?;
        let of = |at: usize, what: &str| self.floats(node, at, what).map(|found| found.as_f32().unwrap_or_default().to_vec());
        let (scale, shift, mean, var) = (of(1, "scales")?, of(2, "shifts")?, of(3, "means")?, of(4, "variances")?);
        let n = scale.len();
        if [&shift, &mean, &var].iter().any(|all| all.len() != n) || x.dims().get(1) != Some(&n) {
            return Err("its statistics are not of as many channels".into());
        }
        let eps = f64::from(node.float("epsilon", 1e-5));
        let by: Vec<f64> = scale.iter().zip(var.iter()).map(|(&s, &v)| f64::from(s) / (f64::from(v) + eps).sqrt()).collect();
        let add =
            shift.iter().zip(mean.iter()).zip(&by).map(|((&b, &m), by)| (f64::from(b) - f64::from(m) * by) as f32).collect();
        let by: Vec<f32> = by.into_iter().map(|v| v as f32).collect();
        let [by, add] = [by, add].map(|values| self.state(HostTensor::f32([n], values)));
        match x {
            Held::Plain(x) if x.dims().len() == 2 => Ok(Held::Plain(&(&x * &by) + &add)),
            other => Ok(Held::Image(&(&self.four_axes(&other)? * &by) + &add)),
        }
    }

    pub fn pool(&mut self, node: &Node) -> Made {
        let x = self.input(node, 0)?;
        let x = self.four_axes(&x)?;
        let (kernel, stride) = (node.pair("kernel_shape", 1)?, node.pair("strides", 1)?);
        if node.pair("dilations", 1)? != [1, 1] {
            return Err("its windows are dilated".into());
        }
        let [_, h, w, _] = x.dims() else { return Err("it is of no image".into()) };
        let size = [*h, *w];
        let mut borders = Self::borders(node, size, kernel, stride, [1, 1])?;
        let is_max = node.op == "MaxPool";
        if node.int("ceil_mode", 0) != 0 {
            if !is_max {
                return Err("means of windows that begin inside and end outside (ceil_mode) are not read".into());
            }
            for axis in 0..2 {
                let [before, after] = borders[axis];
                let padded = size[axis] + before + after;
                let mut n = padded.saturating_sub(kernel[axis]).div_ceil(stride[axis]) + 1;
                n -= usize::from((n - 1) * stride[axis] >= size[axis] + before);
                borders[axis][1] += ((n - 1) * stride[axis] + kernel[axis]).saturating_sub(padded);
            }
        }
        let of = |x: &Tensor, kind: PoolKind, fill: f32| {
            let (x, pad) = bordered(x, borders, fill);
            Tensor::apply(Pool2d { kind, window: PoolWindow { kernel, stride, pad } }, &[x])
        };
        let is_padded = borders.iter().flatten().any(|n| *n > 0);
        Ok(Held::Image(match is_max {
            true => of(&x, PoolKind::Max, f32::MIN),
            false if node.int("count_include_pad", 0) != 0 || !is_padded => of(&x, PoolKind::Average, 0.0),
            // Each sum over the number of pixels that it is of.
            false => {
                let ones = self.graph.full([1, size[0], size[1], 1], 1.0);
                &of(&x, PoolKind::Sum, 0.0) / &of(&ones, PoolKind::Sum, 0.0)
            }
        }))
    }

    /// One number of each channel: [B, 1, 1, C].
    pub fn over_image(&mut self, node: &Node, of: impl Fn(&Tensor) -> Tensor) -> Made {
        let x = self.input(node, 0)?;
        let x = self.four_axes(&x)?;
        let (b, c) = (x.dims()[0], x.dims()[3]);
        Ok(Held::Image(of(&x).reshape([b, 1, 1, c])))
    }
}

/// [top, bottom], [left, right].
type Borders = [[usize; 2]; 2];

/// An image [B, H, W, C] with what its windows' own padding cannot add, and that padding: borders that are alike, of zeros.
fn bordered(x: &Tensor, borders: Borders, fill: f32) -> (Tensor, [usize; 2]) {
    if fill == 0.0 && borders.iter().all(|[before, after]| before == after) {
        return (x.clone(), borders.map(|[before, _]| before));
    }
    let padded = borders.iter().enumerate().filter(|(_, b)| b[0] + b[1] > 0);
    (padded.fold(x.clone(), |x, (at, &[before, after])| x.pad(1 + at, before, after, fill)), [0, 0])
}
