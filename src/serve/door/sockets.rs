//! Where the server is reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, SockRef, Socket, Type};

use crate::serve::ServeError;

/// Connections that wait to be taken. Where there is no room, a caller's system tries again after a second.
const BACKLOG: i32 = 1024;

/// Bound sockets, which nobody reaches before the server begins.
#[derive(Debug)]
pub struct Sockets {
    pub(super) listeners: Vec<TcpListener>,
    /// The port of all of them.
    port: u16,
}

impl Sockets {
    /// Binds this machine's own addresses, or another one. Port 0 is any free one.
    ///
    /// # Errors
    /// The port is in use or not allowed, or the address is not this machine's.
    pub fn bind(listen: Option<IpAddr>, port: u16) -> Result<Sockets, ServeError> {
        let bind = |address: SocketAddr| {
            listener(address).map_err(|why| ServeError::Bind { address, why })
        };
        let first = bind((listen.unwrap_or(Ipv4Addr::LOCALHOST.into()), port).into())?;
        let address = first.local_addr();
        let address = address.map_err(|why| ServeError::Bind {
            address: ([127, 0, 0, 1], port).into(),
            why,
        })?;
        let mut listeners = vec![first];
        if listen.is_none() {
            match bind((Ipv6Addr::LOCALHOST, address.port()).into()) {
                Ok(second) => listeners.push(second),
                // Without IPv6 the one address is enough. With it, `localhost` would lead to somebody else.
                Err(ServeError::Bind { address, why })
                    if why.kind() == std::io::ErrorKind::AddrInUse =>
                {
                    return Err(ServeError::Bind { address, why });
                }
                Err(_) => {}
            }
        }
        Ok(Sockets {
            listeners,
            port: address.port(),
        })
    }

    /// From now on callers are let in; until then they are told that nobody is there.
    pub(in crate::serve) fn listen(&self) -> Result<(), ServeError> {
        for listener in &self.listeners {
            SockRef::from(listener).listen(BACKLOG).map_err(|why| {
                let address = listener.local_addr();
                let address = address.unwrap_or_else(|_| ([127, 0, 0, 1], self.port).into());
                ServeError::Bind { address, why }
            })?;
        }
        Ok(())
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where a browser on this machine finds it.
    pub fn url(&self) -> String {
        let address = self.listeners.first().and_then(|one| one.local_addr().ok());
        match address {
            Some(address) if !address.ip().is_unspecified() => format!("http://{address}"),
            _ => format!("http://127.0.0.1:{}", self.port),
        }
    }
}

fn listener(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A server that starts anew need not wait for the connections of the one before.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}
