//! A durable log, an ordered map, and the keys that seal personal values.
