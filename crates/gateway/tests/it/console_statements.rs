//! The console from outside: statements.
