//! Why a request could not be sent, by what the system, TLS and a proxy say.

use super::environment::{Proxy, Said};
use super::failure::innermost;
use super::once::Once;
use super::{BaseUrl, Kind, Unreachable, environment};

pub(super) fn send_failure<K>(error: &reqwest::Error, base: &BaseUrl) -> Once<K> {
    let cause = innermost(error);
    if error.is_builder() {
        Once::Final(
            Kind::Answer,
            format!("the request could not be made: {cause}"),
        )
    } else if error.is_connect() {
        // One that does not come about in time is both.
        no_connection(&cause, is_of_tunnel(error), base)
    } else if error.is_timeout() {
        Once::Again("no answer in time".to_owned(), None)
    } else {
        Once::Again(format!("the connection broke: {cause}"), None)
    }
}

/// Whether a proxy was reached, and what went wrong is the way through it.
fn is_of_tunnel(error: &dyn std::error::Error) -> bool {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let mut texts = chain.map(ToString::to_string);
    texts.any(|text| text.starts_with("tunnel error") && !text.contains("underlying connection"))
}

fn no_connection<K>(cause: &str, is_of_tunnel: bool, base: &BaseUrl) -> Once<K> {
    let address = base.address();
    let unreachable = |why, message| Once::Final(Kind::Unreachable(why), message);
    if cause.to_lowercase().contains("certificate") {
        let why = certificate_words(cause);
        let message = format!("the provider's TLS certificate is not accepted: {why}");
        return unreachable(Unreachable::Certificate, message);
    }
    let proxy = environment::proxy(base).ok().flatten();
    if cause.contains("InvalidContentType") {
        // Whichever was expected to speak it first.
        let proxy = proxy.filter(Proxy::is_behind_tls);
        let why = proxy
            .as_ref()
            .map_or(Unreachable::Plain, |_| Unreachable::Proxy);
        let at = proxy.map_or_else(|| address.to_owned(), |proxy| proxy.to_string());
        let message = format!("{at} answers without TLS, as a port for plain HTTP does");
        return unreachable(why, message);
    }
    match proxy {
        Some(proxy) if is_of_tunnel => refused_by(&proxy, cause, base),
        proxy => {
            let message = format!("no connection: {cause}");
            let why = proxy
                .as_ref()
                .map_or(Unreachable::Network, |_| Unreachable::Proxy);
            let at = proxy.map_or_else(|| address.to_owned(), |proxy| proxy.to_string());
            let whole = format!("nothing answers at {at}: {message}");
            Once::NoConnection(message, whole, why)
        }
    }
}

/// What is wrong with a certificate. Most of it the TLS library says by names that are in its own code.
fn certificate_words(cause: &str) -> String {
    const KNOWN: [(&str, &str); 9] = [
        (
            "UnknownIssuer",
            "it is signed by nobody whom this machine trusts",
        ),
        (
            "CaUsedAsEndEntity",
            "it is the kind that signs others, and not a server's own",
        ),
        ("NotValidYet", "it is not valid yet"),
        (
            "not valid yet",
            "it is not valid yet, by this machine's clock",
        ),
        ("Expired", "it has expired"),
        (
            "certificate expired",
            "it has expired, by this machine's clock",
        ),
        ("NotValidForName", "it is for another host"),
        ("Revoked", "it was revoked"),
        ("BadSignature", "its signature is wrong"),
    ];
    let cause = cause.trim_start_matches("invalid peer certificate: ");
    if let Some(names) = other_names(cause) {
        return names;
    }
    let known = KNOWN.iter().find(|(theirs, _)| cause.contains(theirs));
    known.map_or(cause, |(_, ours)| ours).to_owned()
}

/// For which names a certificate is instead of the host's, where that is what is wrong.
fn other_names(cause: &str) -> Option<String> {
    const NAMED: usize = 3;
    let rest = cause.strip_prefix("certificate not valid for name ")?;
    let (host, rest) = rest.split_once("; certificate is ")?;
    let host = host.trim_matches('"');
    let Some(names) = rest.strip_prefix("only valid for ") else {
        return Some(format!("it is for no host at all, and not for {host}"));
    };
    let names = names.split(", ").flat_map(|some| some.split(" or "));
    // Each is written as a call of its kind, with or without quotes.
    let plain = |name: &str| {
        let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
        inner.trim_end_matches(')').trim_matches('"').to_owned()
    };
    let names: Vec<String> = names.map(plain).collect();
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let first = names[..names.len().min(NAMED)].join(", ");
    Some(format!("it is for {first}{more}, and not for {host}"))
}

/// A proxy was reached, and gives no way to the provider.
fn refused_by<K>(proxy: &Proxy, cause: &str, base: &BaseUrl) -> Once<K> {
    let said = if cause.contains("authorization required") {
        Said::Status(407)
    } else {
        proxy.ask(base)
    };
    let final_at = |why, message| Once::Final(Kind::Unreachable(why), message);
    let unreachable = |message| final_at(Unreachable::Proxy, message);
    match said {
        Said::Status(407) => final_at(
            Unreachable::ProxyUser,
            format!("{proxy} wants a user and a password, or others: HTTP 407"),
        ),
        Said::Status(status @ 400..500) => {
            unreachable(format!("{proxy} refuses the way out: HTTP {status}"))
        }
        Said::NoHttp => unreachable(format!("{proxy} does not speak HTTP")),
        Said::Status(status) => {
            let message = format!("{proxy} finds no way to the provider: HTTP {status}");
            Once::NoConnection(message.clone(), message, Unreachable::Proxy)
        }
        Said::Nothing => {
            let cause = cause.trim_start_matches("tunnel error: ");
            let message = format!("{proxy} gives no way to the provider: {cause}");
            Once::NoConnection(message.clone(), message, Unreachable::Proxy)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_certificate_is_said_in_words() {
        use rustls::{CertificateError, Error, OtherError};
        use std::sync::Arc;
        use std::time::Duration;
        let other = OtherError(Arc::new(std::io::Error::other("a name of the library's")));
        let at =
            |seconds| rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let for_names = |names: &[&str]| CertificateError::NotValidForNameContext {
            expected: "localhost".try_into().expect("a name"),
            presented: names.iter().map(ToString::to_string).collect(),
        };
        for (error, words) in [
            (CertificateError::UnknownIssuer, "it is signed by nobody"),
            (CertificateError::Expired, "it has expired"),
            (CertificateError::NotValidYet, "it is not valid yet"),
            (CertificateError::NotValidForName, "it is for another host"),
            (CertificateError::Revoked, "it was revoked"),
            (CertificateError::BadSignature, "its signature is wrong"),
            (
                CertificateError::ExpiredContext {
                    time: at(2),
                    not_after: at(1),
                },
                "it has expired, by this machine's clock",
            ),
            (
                CertificateError::NotValidYetContext {
                    time: at(1),
                    not_before: at(2),
                },
                "it is not valid yet, by this machine's clock",
            ),
            (CertificateError::Other(other), "Other("),
            (
                for_names(&[r#"DnsName("provider.example")"#, "IpAddress(192.0.2.1)"]),
                "it is for provider.example, 192.0.2.1, and not for localhost",
            ),
            (
                for_names(&[r#"DnsName("*.example")"#; 5]),
                "it is for *.example, *.example, *.example and 2 more, and not for localhost",
            ),
            (
                for_names(&[]),
                "it is for no host at all, and not for localhost",
            ),
        ] {
            let cause = Error::InvalidCertificate(error).to_string();
            let said = certificate_words(&cause);
            assert!(said.starts_with(words), "{cause}: {said}");
        }
        let ca = "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))";
        assert!(certificate_words(ca).starts_with("it is the kind that signs others"));
    }
}
