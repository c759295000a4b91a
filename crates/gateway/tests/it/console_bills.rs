//! The console from outside: bills.
