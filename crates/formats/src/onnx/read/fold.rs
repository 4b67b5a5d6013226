//! Whole numbers that are known when a program is built: shapes, and what is worked out of them.

use calotype_graph::HostTensor;

use super::build::{Held, axis};
use super::{Attribute, Constant, Ints, Node};

/// Whole numbers that are made of one, at most: what shapes are worked out of is short.
const MOST_FILLED: usize = 1 << 16;

/// What a node makes of whole numbers; none where it has others, or is of another kind.
pub(super) fn folded(node: &Node, inputs: &[Option<Held>]) -> Option<Result<Held, String>> {
    let ints: Vec<&Ints> = inputs.iter().flatten().map(Held::ints).collect::<Option<_>>()?;
    let first = *ints.first()?;
    let made = match (node.op.as_str(), ints.as_slice()) {
        ("Gather", [table, at]) => gather(table, at),
        ("Unsqueeze", [x, ..]) if x.dims.is_empty() => Ok(Ints::line(x.values.clone())),
        ("Squeeze", [x, ..]) => match x.values.as_slice() {
            [_] => Ok(Ints { dims: vec![], values: x.values.clone() }),
            _ => Err("it takes an axis from a line of several numbers".into()),
        },
        ("Concat", all) => Ok(Ints::line(all.iter().flat_map(|x| x.values.clone()).collect())),
        ("Slice", [x, ..]) => slice(x, &ints[1..]),
        ("Transpose", [x]) => transposed(x, node.ints("perm")),
        ("ConstantOfShape", [x]) => filled(node, x),
        ("Add", [a, b]) => pairwise(a, b, |a, b| a.checked_add(b)),
        ("Sub", [a, b]) => pairwise(a, b, |a, b| a.checked_sub(b)),
        ("Mul", [a, b]) => pairwise(a, b, |a, b| a.checked_mul(b)),
        ("Div", [a, b]) => pairwise(a, b, |a, b| a.checked_div(b)),
        ("Identity", [_]) => Ok(first.clone()),
        ("Cast", [_]) if node.int("to", 1) != 1 => Ok(first.clone()),
        ("Cast", [x]) => {
            let values: Vec<f32> = x.values.iter().map(|&n| n as f32).collect();
            return Some(Ok(Held::floats(HostTensor::f32(x.dims.clone(), values))));
        }
        _ => return None,
    };
    Some(made.map(Held::Ints))
}

fn gather(table: &Ints, at: &Ints) -> Result<Ints, String> {
    let n = table.values.len() as i64;
    let one = |&at: &i64| usize::try_from(if at < 0 { at + n } else { at }).ok().and_then(|at| table.values.get(at).copied());
    let values = at.values.iter().map(one).collect::<Option<Vec<i64>>>().ok_or("its index is outside")?;
    Ok(Ints { dims: at.dims.clone(), values })
}

/// The numbers at chosen places of each axis.
fn taken(x: &Ints, places: &[Vec<usize>]) -> Ints {
    let dims: Vec<usize> = places.iter().map(Vec::len).collect();
    let strides: Vec<usize> = (0..x.dims.len()).map(|axis| x.dims[axis + 1..].iter().product()).collect();
    let of = |mut at: usize| {
        let mut from = 0;
        for axis in (0..dims.len()).rev() {
            from += places[axis][at % dims[axis]] * strides[axis];
            at /= dims[axis];
        }
        x.values[from]
    };
    Ints { values: (0..dims.iter().product()).map(of).collect(), dims }
}

/// With starts, ends, and where they are given axes and steps.
fn slice(x: &Ints, by: &[&Ints]) -> Result<Ints, String> {
    let [starts, ends, rest @ ..] = by else { return Err("its starts or ends are missing".into()) };
    let mut places: Vec<Vec<usize>> = x.dims.iter().map(|&n| (0..n).collect()).collect();
    for (i, (&start, &end)) in starts.values.iter().zip(&ends.values).enumerate() {
        let given = |at: usize, default: i64| rest.get(at).map_or(Some(default), |all| all.values.get(i).copied());
        let (Some(at), Some(step)) = (given(0, i as i64), given(1, 1)) else {
            return Err("its axes or steps are too few".into());
        };
        let at = axis(at, x.dims.len())?;
        let n = x.dims[at] as i64;
        let place = |v: i64| if v < 0 { v.saturating_add(n) } else { v };
        places[at] = match step {
            1.. => (place(start).clamp(0, n)..place(end).clamp(0, n)).step_by(step as usize).map(|i| i as usize).collect(),
            -1 => (place(end).clamp(-1, n) + 1..(place(start).clamp(-1, n - 1) + 1)).rev().map(|i| i as usize).collect(),
            _ => return Err(format!("its step is {step}")),
        };
    }
    Ok(taken(x, &places))
}

fn transposed(x: &Ints, perm: Option<&[i64]>) -> Result<Ints, String> {
    match (x.dims.as_slice(), perm) {
        ([_], _) => Ok(x.clone()),
        (&[h, w], None | Some([1, 0])) => {
            let values = (0..w).flat_map(|j| (0..h).map(move |i| i * w + j)).map(|at| x.values[at]).collect();
            Ok(Ints { dims: vec![w, h], values })
        }
        _ => Err("of whole numbers, tables are turned and nothing else".into()),
    }
}

/// The value of a tensor of one number, in every place of a shape.
fn filled(node: &Node, shape: &Ints) -> Result<Ints, String> {
    let value = match node.attributes.get("value") {
        Some(Attribute::Tensor(Constant::Ints(ints))) => ints.values.first().copied().ok_or("its value is empty")?,
        _ => return Err("it is read of whole numbers".into()),
    };
    let dims =
        shape.values.iter().map(|&n| usize::try_from(n)).collect::<Result<Vec<_>, _>>().map_err(|_| "a size is below 0")?;
    match dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).filter(|n| *n <= MOST_FILLED) {
        Some(n) => Ok(Ints { values: vec![value; n], dims }),
        None => Err(format!("it is of {dims:?}, and shapes are short")),
    }
}

fn pairwise(a: &Ints, b: &Ints, of: impl Fn(i64, i64) -> Option<i64>) -> Result<Ints, String> {
    let (longer, n) = if a.values.len() >= b.values.len() { (a, a.values.len()) } else { (b, b.values.len()) };
    let fits = |x: &Ints| x.values.len() == n || x.values.len() == 1;
    if !fits(a) || !fits(b) {
        return Err("its shapes do not broadcast".into());
    }
    let at = |x: &Ints, i: usize| x.values[if x.values.len() == 1 { 0 } else { i }];
    let values = (0..n).map(|i| of(at(a, i), at(b, i))).collect::<Option<Vec<i64>>>();
    Ok(Ints { dims: longer.dims.clone(), values: values.ok_or("it overflows, or divides by 0")? })
}
