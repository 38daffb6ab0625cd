//! What stands between this machine and the provider, and is named where it is in the way: proxies, TLS roots, a port without
//! TLS.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::support::harness::{Home, KEY};

const FAR: &str = "https://provider.invalid";

/// Instead of bytes: the connection is torn down.
const RESET: &[u8] = b"reset";

/// What a backfill says that cannot be done.
fn said(base: &str, environment: &[(&str, &str)]) -> String {
    let home = Home::new();
    let words =
        format!("backfill AAPL --start 2024-01-08 --end 2024-01-12 --workers 1 --base-url {base}");
    let mut command = home.cli(words.split(' '));
    for (name, value) in environment {
        command = command.env(name, value);
    }
    let run = command.run().exit(1);
    format!("{}{}", run.stdout, run.stderr)
}

/// Listens, and answers whatever comes with the same bytes. Returns its port.
fn answering(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            if bytes == RESET {
                let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            } else {
                let _ = stream.write_all(bytes);
            }
        }
    });
    port
}

#[test]
fn a_proxy_that_is_down_and_roots_that_are_missing_are_named() {
    let roots = said(FAR, &[("SSL_CERT_FILE", "/no/such/roots.pem")]);
    assert!(
        roots.contains("SSL_CERT_FILE names /no/such/roots.pem"),
        "{roots}"
    );
    let proxy = said(
        FAR,
        &[("HTTPS_PROXY", "http://user:secret-word@127.0.0.1:9")],
    );
    assert!(
        proxy.contains("nothing answers at the proxy http://127.0.0.1:9 that HTTPS_PROXY names"),
        "{proxy}"
    );
    assert!(
        !proxy.contains("secret-word") && !proxy.contains("--base-url") && !proxy.contains(KEY),
        "{proxy}"
    );
}

// A proxy that answered was told as one that does not.
#[test]
fn a_proxy_that_refuses_is_named_with_its_status_and_what_mends_it() {
    const VARIABLE: &str =
        "check that variable and the proxy, or except the provider's host with NO_PROXY";
    let refusals: [(&'static [u8], &str, &str); 7] = [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            "wants a user and a password, or others: HTTP 407",
            "write the proxy's user and password into that variable",
        ),
        (
            b"HTTP/1.0 403 Forbidden\r\n\r\n",
            "refuses the way out: HTTP 403",
            VARIABLE,
        ),
        (
            b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
            "finds no way to the provider: HTTP 502",
            VARIABLE,
        ),
        (b"\x05\xff", "does not speak HTTP", VARIABLE),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "does not speak HTTP", VARIABLE),
        (
            b"",
            "gives no way to the provider: unexpected end of file",
            VARIABLE,
        ),
        (
            RESET,
            "gives no way to the provider: Connection reset",
            VARIABLE,
        ),
    ];
    thread::scope(|scope| {
        for (bytes, why, next) in refusals {
            scope.spawn(move || {
                let port = answering(bytes);
                let proxy = format!("http://user:secret-word@127.0.0.1:{port}");
                let said = said(FAR, &[("all_proxy", &proxy)]);
                let named = format!("the proxy http://127.0.0.1:{port} that all_proxy names {why}");
                assert!(said.contains(&named) && said.contains(next), "{said}");
                assert!(
                    !said.contains("nothing answers") && !said.contains("secret-word"),
                    "{said}"
                );
            });
        }
    });
}

#[test]
fn a_proxy_that_no_http_is_spoken_to_is_named_before_anything_is_sent() {
    let socks = said(
        FAR,
        &[("ALL_PROXY", "socks5h://user:secret-word@127.0.0.1:1080")],
    );
    assert!(
        socks.contains("the proxy socks5h://127.0.0.1:1080 that ALL_PROXY names speaks SOCKS"),
        "{socks}"
    );
    assert!(!socks.contains("secret-word"), "{socks}");
    let port = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let tls = said(
        FAR,
        &[("HTTPS_PROXY", &format!("https://127.0.0.1:{port}"))],
    );
    let named =
        format!("the proxy https://127.0.0.1:{port} that HTTPS_PROXY names answers without TLS");
    assert!(tls.contains(&named), "{tls}");
}

#[test]
fn roots_without_a_certificate_are_named() {
    let home = Home::new();
    let (file, folder) = (home.path("roots.pem"), home.path("roots"));
    std::fs::write(&file, "no certificate\n").unwrap();
    std::fs::create_dir(&folder).unwrap();
    for (variable, path) in [("SSL_CERT_FILE", &file), ("SSL_CERT_DIR", &folder)] {
        let said = said(FAR, &[(variable, path.to_str().unwrap())]);
        let named = format!(
            "{variable} names {}, which holds no certificate",
            path.display()
        );
        assert!(
            said.contains(&named)
                && said.contains("let that variable name certificates in PEM form"),
            "{said}"
        );
    }
    // A file that lacks them is named whatever else is set; a folder beside one that has some is usual.
    let others = home.path("others");
    std::fs::create_dir(&others).unwrap();
    std::fs::write(others.join("a.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    let (file, others) = (file.to_str().unwrap(), others.to_str().unwrap());
    let said_of = |file, folder| said(FAR, &[("SSL_CERT_FILE", file), ("SSL_CERT_DIR", folder)]);
    let named = format!("SSL_CERT_FILE names {file}, which holds no certificate");
    assert!(said_of(file, others).contains(&named));
    let beside = said_of(&format!("{others}/a.pem"), folder.to_str().unwrap());
    assert!(!beside.contains("holds no certificate"), "{beside}");
}

#[test]
fn a_port_for_plain_http_is_told_as_one() {
    let port = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let said = said(&format!("https://127.0.0.1:{port}"), &[]);
    let named = format!("127.0.0.1:{port} answers without TLS, as a port for plain HTTP does");
    assert!(
        said.contains(&named) && said.contains("on this machine it may begin with http://"),
        "{said}"
    );
}
