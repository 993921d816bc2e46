//! The races and rules of the handover by name.
