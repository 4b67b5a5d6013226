//! Models whose likelihoods are exact, held to it: tables that are counted, and NADE.

mod counting;
mod figures;
mod session;
