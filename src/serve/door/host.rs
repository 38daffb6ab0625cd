//! The names by which the server may be called. The allow-list is what stops a page that has rebound its own name to this
//! machine, so what can never be a name is refused before anybody relies on it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A name by which the server may be called, lower case: a host's, or an address, alone or with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName {
    name: String,
    port: Option<u16>,
}

/// Text that no request's `Host` could be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}; write a name or an address alone, or with a port: candles.example.com, [::1]:8443")]
pub struct BadHostName {
    why: &'static str,
}

impl std::str::FromStr for HostName {
    type Err = BadHostName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, port) = split(text);
        // What is wrong with the name says more than what would be its port.
        check(name).map_err(|why| BadHostName { why })?;
        let port = port.map(port_of).transpose()?;
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        Ok(HostName { name, port })
    }
}

impl From<IpAddr> for HostName {
    fn from(address: IpAddr) -> HostName {
        let name = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        HostName { name, port: None }
    }
}

/// A name, and the port after it as it is written.
fn split(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // The colons of a bare address in brackets are not a port's.
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (authority, None),
    }
}

fn port_of(text: &str) -> Result<u16, BadHostName> {
    let port = text.parse().ok().filter(|&port: &u16| port > 0);
    // Another spelling of it would never be found equal.
    port.filter(|port| port.to_string() == text)
        .ok_or(BadHostName {
            why: "what stands after the last colon is no port",
        })
}

/// Why a text is neither a name as DNS has it nor an address.
fn check(name: &str) -> Result<(), &'static str> {
    const LONGEST: usize = 253;
    if let Some(address) = name.strip_prefix('[') {
        let address = address.strip_suffix(']').unwrap_or_default();
        return match address.parse::<Ipv6Addr>() {
            // Written otherwise it would never be found equal.
            Ok(parsed) if parsed.to_string() == address.to_ascii_lowercase() => Ok(()),
            Ok(_) => Err("the address is not written in its shortest form"),
            Err(_) => Err("what stands in brackets is no address"),
        };
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let is_label = |label: &str| {
        let is_long = label.len() > 63;
        let is_edged = label.starts_with('-') || label.ends_with('-');
        !label.is_empty() && !is_long && !is_edged && label.chars().all(is_plain)
    };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    if name.is_empty() {
        Err("it is empty")
    } else if ["http", "https"].contains(&name) || name.contains('/') {
        Err("it is a URL, or a part of one")
    } else if name.contains('*') {
        Err("a name stands for itself alone")
    } else if name.contains(',') {
        Err("it is more than one name, and each is given on its own")
    } else if name.contains(':') {
        Err("an address with colons stands in brackets")
    } else if !name.is_ascii() {
        Err("browsers send such a name in ASCII, as xn--..")
    } else if name.len() > LONGEST || !name.split('.').all(is_label) {
        Err("it is no name of a host")
    } else if name.rsplit('.').next().is_some_and(is_number) && name.parse::<Ipv4Addr>().is_err() {
        // No name ends in a number.
        Err("it looks like an IPv4 address and is none")
    } else {
        Ok(())
    }
}

/// The names of a server at a port.
#[derive(Clone, Debug)]
pub(in crate::serve) struct Hosts {
    port: u16,
    others: Vec<HostName>,
}

impl Hosts {
    /// This machine's own names at `port`, and others: a name alone, or with another port.
    pub(in crate::serve) fn new(port: u16, others: Vec<HostName>) -> Hosts {
        Hosts { port, others }
    }

    /// Whether an authority, as `Host` has it, is one of them.
    pub(in crate::serve) fn allow(&self, authority: &str) -> bool {
        let authority = authority.to_ascii_lowercase();
        let (name, port) = split(&authority);
        let name = name.strip_suffix('.').unwrap_or(name);
        let is = |wanted: u16| port == Some(wanted.to_string().as_str());
        if ["127.0.0.1", "localhost", "[::1]"].contains(&name)
            && (is(self.port) || (port.is_none() && self.port == 80))
        {
            return true;
        }
        // Behind a proxy the port is the proxy's, and a default one is not written.
        let fits = |other: &HostName| match other.port {
            Some(other) => is(other),
            None => port.is_none() || is(self.port),
        };
        let mut others = self.others.iter();
        others.any(|other| other.name == name && fits(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_this_machine_at_this_port_in_every_spelling_and_nothing_else() {
        let others = ["Candles.example.", "proxy.example:8443", "[2001:db8::1]"];
        let others = others.map(|other| other.parse().expect(other));
        let hosts = Hosts::new(8000, others.to_vec());
        for name in [
            "127.0.0.1:8000",
            "localhost:8000",
            "LocalHost.:8000",
            "[::1]:8000",
            "candles.example",
            "candles.example:8000",
            "proxy.example:8443",
            "[2001:DB8::1]",
        ] {
            assert!(hosts.allow(name), "{name}");
        }
        for name in [
            "",
            "localhost",
            "localhost:80",
            "localhost:08000",
            "localhost:8000:8000",
            "127.1:8000",
            "127.0.0.2:8000",
            "[::ffff:127.0.0.1]:8000",
            "[::1]",
            "0.0.0.0:8000",
            "evil.example:8000",
            "localhost.evil.example:8000",
            "evil.example#localhost:8000",
            "user@localhost:8000",
            "candles.example:9000",
            "proxy.example",
            "candles.example.evil.example",
        ] {
            assert!(!hosts.allow(name), "{name}");
        }
    }

    #[test]
    fn what_no_request_could_name_is_no_name() {
        for name in [
            "localhost:3000",
            "10.0.0.7",
            "10.0.0.7:80",
            "xn--krzen-kva.example:1",
            "3.example",
        ] {
            assert!(name.parse::<HostName>().is_ok(), "{name}");
        }
        for name in [
            "",
            ".",
            ":8000",
            "*",
            "*.example.com",
            "http://a.example",
            "https://a.example:8443/",
            "a.example/",
            "a.example:0",
            "a.example:0443",
            "a.example:65536",
            "a.example:",
            "a.example:http",
            "a b",
            "a.example,b.example",
            "user@a.example",
            "a..example",
            "-a.example",
            "::1",
            "2001:db8::1",
            "192.168.1.300",
            "192.168.1.300:8443",
            "192.168.1",
            "192.168.01.3",
            "a.1.",
            "[::1",
            "[::g]",
            "[0:0:0:0:0:0:0:1]",
            "kerzen\u{e4}.example",
            "a\n.example",
        ] {
            assert!(name.parse::<HostName>().is_err(), "{name:?}");
        }
    }
}
