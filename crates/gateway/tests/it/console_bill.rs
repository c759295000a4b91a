//! The console from outside: bill.
