//! Models whose likelihoods are exact, held to it: tables that are counted, and NADE.

mod checks;
mod counting;
mod figures;
mod nade;
mod rnade;
mod session;
