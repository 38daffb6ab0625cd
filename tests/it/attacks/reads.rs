//! Calls that only read: each is answered, of the type that it is said to be, and leaves every byte of the file as it was. And
//! the page's files, which are found by their exact names alone.

use super::attack::Expect::{Answered, Read, Refused};
use super::attack::Siege;
use super::rules::{encoded, files, parameter};

#[test]
fn a_call_that_reads_leaves_the_file_as_it_was() {
    Siege::lay().withstands(2 * 35, |siege, table| {
        for route in siege.routes().iter().filter(|route| !route.changes) {
            let target = &route.target;
            table.get(Read(route.kind), target, "");
            table.call(Read(route.kind), &format!("HEAD {target}"), "", "");
            for param in &route.params {
                let name = param["name"].as_str().unwrap();
                for text in parameter(name).good {
                    let query = format!("{name}={}", encoded(&text));
                    table.get(Answered(200), &format!("{target}?{query}"), "");
                }
            }
            if !route.params.is_empty() {
                table.get(Read(route.kind), &route.whole(), "");
            }
        }
    });
}

#[test]
fn a_file_of_the_page_is_found_by_its_exact_name_alone() {
    Siege::lay().withstands(23 * 20, |_, table| {
        let nothing = Refused(404, "path");
        for file in files() {
            let Some(name) = file.target.strip_prefix("/assets/") else {
                continue;
            };
            for path in [
                "/{name}",
                "//assets/{name}",
                "/assets//{name}",
                "/assets/./{name}",
                "/assets/../assets/{name}",
                "/assets/x/../{name}",
                "/assets/%2e%2e/assets/{name}",
                "/assets/..%2fassets/{name}",
                "/assets%2f{name}",
                "/assets/..\\assets\\{name}",
                "/Assets/{name}",
                "/assets/{name}/",
                "/assets/{name}/..",
                "/assets/{name}%00",
                "/assets/{name}%20",
                "/assets/{name}.",
                "/assets/{name}~",
                "/assets/{name}.map",
                "/assets/{name}.gz",
                "/assets/{name}.bak",
                "/assets/{name};x",
                "/assets/%00{name}",
                "/assets/{name}::$DATA",
                "/src/serve/page/{name}",
            ] {
                table.get(nothing, &path.replace("{name}", name), "");
            }
            table.get(nothing, &format!("/assets/{}", encoded(name)), "");
            table.get(
                nothing,
                &format!(
                    "/assets/{}",
                    name.to_uppercase()
                        .replace("LICENSE", "License")
                        .replace("NOTICE", "Notice")
                ),
                "",
            );
        }
        for path in [
            "/assets",
            "/assets/",
            "/assets/.",
            "/assets/..",
            "/assets/../",
            "/assets/vendor",
            "/assets/vendor/",
            "/assets/*",
            "/assets/%2e%2e",
            "/assets/../market.db",
            "/assets/..%2fmarket.db",
            "/assets/%2e%2e/%2e%2e/market.db",
            "/assets/..%5c..%5cmarket.db",
            "/assets/....//market.db",
            "/assets/%252e%252e/market.db",
            "/assets/../../../../../../etc/passwd",
            "/assets//etc/passwd",
            "/assets/file:///etc/passwd",
            "/assets/vendor/../../market.db",
            "/assets/.git/config",
            "/assets/index.html",
            "/index.html",
            "/index",
            "/favicon.ico",
            "/robots.txt",
            "/sw.js",
            "/.well-known/security.txt",
        ] {
            table.get(nothing, path, "");
        }
    });
}
