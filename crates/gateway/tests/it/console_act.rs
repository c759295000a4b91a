//! The console from outside: act.
