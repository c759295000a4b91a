//! How merchants spell their requests: one declaration per message, and everything else follows.
//!
//! A declaration in [`messages`] yields the Rust type, the check of a received message, the JSON to
//! send, the fingerprint by which a repeat is known, and the reference. The names of the protocol,
//! typos included, occur here and nowhere else.
//!
//! There is no I/O, no clock and no randomness: whoever signs brings time and nonce along.

#![deny(
    missing_docs,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

pub mod auth;
pub mod code;
pub mod diagnosis;
pub mod envelope;
pub mod explain;
pub mod field;
pub mod json;
pub mod legacy;
#[macro_use]
pub mod message;
pub mod messages;
pub mod notice;
pub mod openapi;
pub mod person;
mod reference;
pub mod secret;
pub mod time;
pub mod webhook;

pub use reference::reference;
