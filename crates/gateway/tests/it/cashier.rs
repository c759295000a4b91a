//! The payer's cashier from outside.
