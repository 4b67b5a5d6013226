// functions — functions of one number in expressions, on one element or four (the host replaces the aliases).
//   NaN is found by its bits: `x != x` is lowered to false. WGSL's max, min and clamp may drop it, so that a run that has
//   diverged would look well; here it stays.
// section types
alias real = f32;
alias word = u32;
// end types

// y, or x where that is NaN.
fn or_nan(y: real, x: real) -> real {
    return select(y, x, (bitcast<word>(x) & word(0x7fffffffu)) > word(0x7f800000u));
}

// The larger; NaN if either is.
fn larger(a: real, b: real) -> real {
    return or_nan(or_nan(max(a, b), b), a);
}

// The smaller; NaN if either is.
fn smaller(a: real, b: real) -> real {
    return or_nan(or_nan(min(a, b), b), a);
}

// -1, 0 or 1; 0 for NaN.
fn sign_of(x: real) -> real {
    return select(real(0.0), real(1.0), x > real(0.0)) - select(real(0.0), real(1.0), x < real(0.0));
}

// NaN for negative numbers and NaN, whatever the driver's log says.
fn log_nan(x: real) -> real {
    let bits = bitcast<word>(x);
    let outside = (bits > word(0x7f800000u)) & (bits != word(0x80000000u));
    return select(log(x), bitcast<real>(bits | word(0x7fc00000u)), outside);
}

// Above 10 tanh is 1 to the last bit, and some drivers give NaN for large arguments.
fn tanh_clamped(x: real) -> real {
    return or_nan(tanh(clamp(x, real(-10.0), real(10.0))), x);
}

// NaN for NaN: some drivers give infinity.
fn exp_nan(x: real) -> real {
    return or_nan(exp(x), x);
}

// exp never grows, so that nothing overflows.
fn sigmoid(x: real) -> real {
    let e = exp_nan(-abs(x));
    return select(e, real(1.0), x >= real(0.0)) / (real(1.0) + e);
}

// max(x, 0) + log1p(exp(-|x|)), log1p by its series where 1 + e would lose e.
fn softplus(x: real) -> real {
    let e = exp(-abs(x));
    let series = e * (real(1.0) - e * (real(0.5) - e * real(0.33333334)));
    return larger(x, real(0.0)) + select(log(real(1.0) + e), series, e < real(0.01));
}
