//! What changes the axes of arrays, and nothing else.

use super::build::{Builder, Held, Made, axis, reshaped};
use super::{Ints, Node};

impl Builder {
    pub fn reshape(&mut self, node: &Node) -> Made {
        let x = self.input(node, 0)?;
        let wanted = self.whole(node, 1, "shape")?.ok_or("its shape is missing")?;
        let dims = x.dims();
        let all: usize = dims.iter().product();
        let kept = |(at, &n): (usize, &i64)| match n {
            0 => dims.get(at).copied().ok_or("its shape keeps an axis that is not there"),
            _ => Ok(usize::try_from(n).unwrap_or(0)),
        };
        let mut to = wanted.iter().enumerate().map(kept).collect::<Result<Vec<usize>, _>>()?;
        if let Some(rest) = wanted.iter().position(|n| *n < 0) {
            let others: usize = to.iter().enumerate().filter(|(at, _)| *at != rest).map(|(_, n)| n).product();
            to[rest] = all.checked_div(others).unwrap_or(0);
        }
        if to.iter().product::<usize>() != all {
            return Err(format!("{dims:?} does not become {wanted:?}; if the file was made for a fixed batch, make it for any"));
        }
        match x {
            Held::Floats(value) => Ok(Held::floats(reshaped(&value, to))),
            Held::Ints(Ints { values, .. }) => Ok(Held::Ints(Ints { dims: to, values })),
            other => Ok(Held::Plain(self.plain(&other)?.reshape(to))),
        }
    }

    pub fn squeeze(&mut self, node: &Node) -> Made {
        let x = self.input(node, 0)?;
        let (mut dims, adds) = (x.dims(), node.op == "Unsqueeze");
        let axes = self.whole(node, 1, "axes")?;
        let ones = || dims.iter().enumerate().filter(|(_, n)| **n == 1).map(|(at, _)| at as i64).collect();
        let axes = axes.unwrap_or_else(|| if adds { vec![] } else { ones() });
        let rank = if adds { dims.len() + axes.len() } else { dims.len() };
        let mut axes = axes.into_iter().map(|a| axis(a, rank)).collect::<Result<Vec<_>, _>>()?;
        axes.sort_unstable();
        match adds {
            true => {
                axes.iter().try_for_each(|&at| (at <= dims.len()).then(|| dims.insert(at, 1))).ok_or("its axes do not fit")?
            }
            false => {
                for &at in axes.iter().rev() {
                    if dims.get(at) != Some(&1) {
                        return Err(format!("it takes axis {at}, whose size is not 1"));
                    }
                    dims.remove(at);
                }
            }
        }
        match x {
            Held::Floats(value) => Ok(Held::floats(reshaped(&value, dims))),
            other => Ok(Held::Plain(self.plain(&other)?.reshape(dims))),
        }
    }

    pub fn concat(&mut self, node: &Node) -> Made {
        let all = (0..node.inputs.len()).map(|at| self.input(node, at)).collect::<Result<Vec<_>, _>>()?;
        let rank = all.first().map_or(0, |x| x.dims().len());
        let at = axis(node.int("axis", 1), rank)?;
        let is_image = all.iter().any(|x| matches!(x, Held::Image(_)));
        let mut parts = vec![];
        for x in &all {
            parts.push(if is_image { self.image(x)? } else { self.plain(x)? });
        }
        let at = if is_image { [0, 3, 1, 2][at] } else { at };
        let mut parts = parts.into_iter();
        let first = parts.next().ok_or("it has no inputs")?;
        let joined = parts.fold(first, |joined, part| joined.concat(&part, at));
        Ok(if is_image { Held::Image(joined) } else { Held::Plain(joined) })
    }

    pub fn pad(&mut self, node: &Node) -> Made {
        let x = self.input(node, 0)?;
        let rank = x.dims().len();
        let pads = self.whole(node, 1, "pads")?.ok_or("its pads are missing")?;
        let pads: Vec<usize> =
            pads.into_iter().map(usize::try_from).collect::<Result<_, _>>().map_err(|_| "it cuts borders off".to_owned())?;
        if pads.len() != 2 * rank {
            return Err(format!("it has {} borders for {rank} axes", pads.len()));
        }
        if !matches!(node.text("mode"), "" | "constant") {
            return Err(format!("its mode is {}, and borders of one value are read", node.text("mode")));
        }
        let value = match self.optional(node, 2)? {
            Some(Held::Floats(value)) => value.item().ok_or("its value is not one number")?,
            _ => node.float("value", 0.0),
        };
        let (is_image, x) = match x {
            Held::Image(x) => (true, x),
            other => (false, self.plain(&other)?),
        };
        let padded = (0..rank).filter(|at| pads[*at] + pads[rank + at] > 0).fold(x, |x, at| {
            let own = if is_image { [0, 3, 1, 2][at] } else { at };
            x.pad(own, pads[at], pads[rank + at], value)
        });
        Ok(if is_image { Held::Image(padded) } else { Held::Plain(padded) })
    }

    pub fn slice(&mut self, node: &Node) -> Made {
        let x = self.input(node, 0)?;
        let dims = x.dims();
        let starts = self.whole(node, 1, "starts")?.ok_or("its starts are missing")?;
        let ends = self.whole(node, 2, "ends")?.ok_or("its ends are missing")?;
        let axes = self.whole(node, 3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        if self.whole(node, 4, "steps")?.is_some_and(|steps| steps.iter().any(|step| *step != 1)) {
            return Err("steps of 1 are read".into());
        }
        let (is_image, mut y) = match x {
            Held::Image(x) => (true, x),
            other => (false, self.plain(&other)?),
        };
        for ((start, end), at) in starts.into_iter().zip(ends).zip(axes) {
            let at = axis(at, dims.len())?;
            let n = dims[at] as i64;
            let place = |v: i64| (if v < 0 { v.saturating_add(n) } else { v }).clamp(0, n) as usize;
            let own = if is_image { [0, 3, 1, 2][at] } else { at };
            y = y.slice(own, place(start), place(end).max(place(start)));
        }
        Ok(if is_image { Held::Image(y) } else { Held::Plain(y) })
    }

    pub fn split(&mut self, node: &Node) -> Result<Vec<(String, Held)>, String> {
        let x = self.input(node, 0)?;
        let dims = x.dims();
        let at = axis(node.int("axis", 0), dims.len())?;
        let n = node.outputs.len().max(1);
        let even = vec![dims[at].div_ceil(n) as i64; n];
        let parts = self.whole(node, 1, "split")?.unwrap_or(even);
        let (is_image, y) = match x {
            Held::Image(x) => (true, x),
            other => (false, self.plain(&other)?),
        };
        let (own, mut from) = (if is_image { [0, 3, 1, 2][at] } else { at }, 0);
        let mut made = vec![];
        for (name, part) in node.outputs.iter().zip(parts) {
            let to = (from + usize::try_from(part).map_err(|_| "a part is below 0")?).min(dims[at]);
            let part = y.slice(own, from, to);
            made.push((name.clone(), if is_image { Held::Image(part) } else { Held::Plain(part) }));
            from = to;
        }
        Ok(made)
    }
}
