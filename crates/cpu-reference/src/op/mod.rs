//! The kernels, one file a stem. `plain` is the oracle: naive loops over slices, with the op's own names.

pub mod batch_norm_stats;
pub mod batch_norm_sums;
pub mod concat;
pub mod conv2d;
pub mod conv2d_transpose;
pub mod conv2d_weight_grad;
pub mod cumsum;
pub mod elementwise;
pub mod gather;
pub mod log_sum_exp;
pub mod lstm_scan;
pub mod lstm_scan_grad;
pub mod matmul;
pub mod nade;
pub mod nade_grad;
pub mod nade_sample;
pub mod pad;
pub mod pad_reflect;
pub mod pad_reflect_grad;
pub mod pool2d;
pub mod pool2d_grad;
pub mod random;
pub mod reduce;
pub mod row_write;
pub mod scatter_add;
pub mod softmax;
