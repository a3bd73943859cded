//! The kiosk: HTTP API, session sockets, the page and its assets.
