//! From a program as it was written to kernels: rewriting, views, fusion, order.

pub(crate) mod emit;
pub(crate) mod epilogue;
pub(crate) mod fuse;
pub(crate) mod kernel;
pub(crate) mod legalise;
pub(crate) mod links;
pub(crate) mod merge;
pub(crate) mod order;
pub(crate) mod rewrite;
pub(crate) mod rules;
pub(crate) mod view;
