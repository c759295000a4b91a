//! The console from outside: account.
