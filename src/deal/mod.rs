//! Cases and proposals: what is negotiated, and the pure function from statements to the state of all cases.
