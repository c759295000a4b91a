//! The console from outside: people.
