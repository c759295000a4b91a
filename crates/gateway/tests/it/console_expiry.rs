//! The console from outside: expiry.
