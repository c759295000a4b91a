//! The console from outside: merchants.
