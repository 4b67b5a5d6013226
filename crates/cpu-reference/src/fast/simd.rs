//! Which vector instructions the CPU has.

/// Widest instructions that the kernels use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What the target always has.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, BW, DQ and VL.
    Avx512,
}

impl Level {
    /// The best that this CPU has.
    pub fn detect() -> Level {
        Level::available()[0]
    }

    /// All that this CPU has, best first.
    pub fn available() -> Vec<Level> {
        let mut levels = vec![Level::Portable];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            levels.insert(0, Level::Avx2);
            let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
            if wide && is_x86_feature_detected!("avx512dq") && is_x86_feature_detected!("avx512vl") {
                levels.insert(0, Level::Avx512);
            }
        }
        levels
    }
}

/// Makes a function with a level as its first argument, whose body, inlined, is compiled for each level; where two bodies
/// are given, the second is the portable one, and where there are three, the second is AVX2's.
macro_rules! multiversion {
    ($(#[$doc:meta])* $vis:vis unsafe fn $name:ident[$($generics:tt)*]($($arg:ident: $ty:ty),* $(,)?) by $body:expr) => {
        $crate::fast::simd::multiversion! {
            $(#[$doc])* $vis unsafe fn $name[$($generics)*]($($arg: $ty),*) by $body, $body
        }
    };
    (
        $(#[$doc:meta])*
        $vis:vis unsafe fn $name:ident[$($generics:tt)*]($($arg:ident: $ty:ty),* $(,)?) by $body:expr, $portable:expr
    ) => {
        $crate::fast::simd::multiversion! {
            $(#[$doc])* $vis unsafe fn $name[$($generics)*]($($arg: $ty),*) by $body, $body, $portable
        }
    };
    (
        $(#[$doc:meta])*
        $vis:vis unsafe fn $name:ident[$($generics:tt)*]($($arg:ident: $ty:ty),* $(,)?)
        by $body:expr, $avx2:expr, $portable:expr
    ) => {
        $(#[$doc])*
        $vis unsafe fn $name<$($generics)*>(level: $crate::fast::simd::Level, $($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
            unsafe fn avx512<$($generics)*>($($arg: $ty),*) {
                // SAFETY: the caller's.
                unsafe { $body($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2<$($generics)*>($($arg: $ty),*) {
                // SAFETY: the caller's.
                unsafe { $avx2($($arg),*) }
            }
            // SAFETY: the caller's, and the CPU has the level.
            unsafe {
                match level {
                    #[cfg(target_arch = "x86_64")]
                    $crate::fast::simd::Level::Avx512 => avx512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::fast::simd::Level::Avx2 => avx2($($arg),*),
                    _ => $portable($($arg),*),
                }
            }
        }
    };
}
pub(crate) use multiversion;
