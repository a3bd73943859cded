//! Mini-program packages, manifests, signatures and scan codes: bytes in, values out, no I/O.
