//! Who comes in: connections, names, tokens, and what may be asked from where.

pub(in crate::serve) mod connections;
pub(in crate::serve) mod guard;
pub(in crate::serve) mod host;
pub(in crate::serve) mod listen;
pub(in crate::serve) mod sockets;
pub(in crate::serve) mod token;
pub(in crate::serve) mod wire;
