//! Accounts and transfers: a pure state machine over log entries.
