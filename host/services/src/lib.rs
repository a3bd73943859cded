//! Identity, consent, payment, messaging, records and timers: the capabilities for real.
