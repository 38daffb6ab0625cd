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

/// A proxy that lets nobody through, and says so at once.
fn refusing() -> String {
    let port = answering(b"HTTP/1.1 403 Forbidden\r\n\r\n");
    format!("http://127.0.0.1:{port}")
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
fn a_value_that_is_no_proxy_is_named_with_its_variable() {
    for (variable, value, told) in [
        ("HTTPS_PROXY", "::bad", r#""::bad""#),
        (
            "https_proxy",
            "http://127.0.0.1:99999",
            r#""http://127.0.0.1:99999""#,
        ),
        (
            "ALL_PROXY",
            "http://user:secret-word@:3128",
            r#""http://:3128""#,
        ),
        ("all_proxy", "ftp://127.0.0.1:9", r#""ftp://127.0.0.1:9""#),
    ] {
        let said_of = |environment: &[_]| said(FAR, environment);
        let bad = said_of(&[(variable, value)]);
        let named = format!("{variable} is {told}, which is no address of a proxy");
        assert!(
            bad.contains(&named) && bad.contains("write that variable like http://host:port"),
            "{bad}"
        );
        assert!(!bad.contains("secret-word"), "{bad}");
    }
    // What is not used is not in the way.
    let refusing = refusing();
    for others in [("NO_PROXY", "provider.invalid"), ("HTTPS_PROXY", &refusing)] {
        let said = said(FAR, &[("ALL_PROXY", "::bad"), others]);
        assert!(!said.contains("::bad"), "{said}");
    }
}

/// A certificate that is good for nothing but to be read.
const ROOT: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBdTCCARugAwIBAgIUGsfH7iN+VpWreYzO4fr0x+ABLr8wCgYIKoZIzj0EAwIw\n\
DzENMAsGA1UEAwwEcm9vdDAgFw0yNjExMzAyMDU3NTRaGA8yMTI2MTEwNjIwNTc1\n\
NFowDzENMAsGA1UEAwwEcm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHux\n\
CtbB7OjCPbujKCuhVS7gZhK21Oa5DDbJPJNI7OBihUe4PtkqOn6ZRvSfN+yL3S8p\n\
oBrqx9Z8mYx0Kdka6NSjUzBRMB0GA1UdDgQWBBQtnT48dWdpkUfNNMu9JFPnyIP+\n\
8zAfBgNVHSMEGDAWgBQtnT48dWdpkUfNNMu9JFPnyIP+8zAPBgNVHRMBAf8EBTAD\n\
AQH/MAoGCCqGSM49BAMCA0gAMEUCIQDoeCOqBKWhcBF+e1HYXNb64MTjQXsVghwW\n\
8IaAwIAWogIgKO9Zel+TuPWaYAxQMymqibgVRfFVb975pzPpARRvcmE=\n\
-----END CERTIFICATE-----\n";

#[test]
fn roots_that_cannot_be_used_are_named() {
    let home = Home::new();
    let path = |name: &str, text: &str| {
        let path = home.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = path("good/root.pem", ROOT);
    let none = path("none/roots.pem", "no certificate\n");
    let half = path("half.pem", &ROOT[..ROOT.len() / 2]);
    let odd = path("odd.pem", &ROOT.replace("MII", "?II"));
    let other = path("other.pem", &ROOT.replace("MII", "MAA"));
    let folder = |file: &str| file.rsplit_once('/').unwrap().0.to_owned();
    let (with, without) = (folder(&good), folder(&none));
    for (variable, named, why) in [
        ("SSL_CERT_FILE", &none, "which holds no certificate"),
        (
            "SSL_CERT_FILE",
            &half,
            "where a block of PEM has no line that ends it",
        ),
        (
            "SSL_CERT_FILE",
            &odd,
            "where a block of PEM is not in base64",
        ),
        (
            "SSL_CERT_FILE",
            &other,
            "where a block of PEM is no certificate",
        ),
        ("SSL_CERT_FILE", &with, "which is a folder and no file"),
        (
            "SSL_CERT_DIR",
            &without,
            "where no file holds a certificate",
        ),
        ("SSL_CERT_DIR", &good, "which is a file and no folder"),
    ] {
        let said = said(FAR, &[(variable, named)]);
        assert!(
            said.contains(&format!(
                "TLS roots cannot be used: {variable} names {named}, {why}"
            )) && said.contains("let that variable name certificates in PEM form"),
            "{said}"
        );
    }
    let empty = said(FAR, &[("SSL_CERT_FILE", "")]);
    assert!(empty.contains("SSL_CERT_FILE is set, and empty"), "{empty}");
    // A file that lacks them is named whatever else is set; a folder beside one that has some is usual.
    let said_of = |file, folder| said(FAR, &[("SSL_CERT_FILE", file), ("SSL_CERT_DIR", folder)]);
    let named = format!("SSL_CERT_FILE names {none}, which holds no certificate");
    assert!(said_of(&none, &with).contains(&named));
    let proxy = refusing();
    for usable in [
        &[("SSL_CERT_FILE", &*good), ("SSL_CERT_DIR", &without)][..],
        &[("SSL_CERT_DIR", &with)],
    ] {
        let usable = [usable, &[("HTTPS_PROXY", &proxy)]].concat();
        let said = said(FAR, &usable);
        assert!(said.contains("refuses the way out"), "{said}");
    }
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
