//! Holdfast from outside: a real server on a loopback socket, and HTTP as merchants, payers and strangers send it.

mod auth;
mod bad_input;
mod codes;
mod console;
mod console_ledger;
mod console_notices;
mod console_traffic;
mod errors;
mod events;
mod foresight;
mod gateway;
mod guarantees;
mod legacy;
mod life;
mod merchants;
mod notices;
mod openapi;
mod operations;
mod repeats;
mod scenarios;
mod script;
mod shares;
mod store;
mod wire;
