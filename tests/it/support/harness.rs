//! The harness: a folder for one test, the real binary run in it, and the file it leaves opened with `SQLite` alone.
//! It must never let a key out of the environment it was put in: every run is searched for it.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use super::db::Db;
use super::exchange::PATIENCE;
use super::running::{Running, eventually};
use super::server::Server;

/// The key of every test. It may be seen in the headers of a request to the configured origin and nowhere else.
pub(crate) const KEY: &str = "canary-key-3f9a1c7e5b2d8046";

/// A user who owns nothing.
const NOBODY: u32 = 65_534;

/// A folder for one test.
pub(crate) struct Home(TempDir);

/// A folder in memory where the machine has enough of it for the tests, and on the disk otherwise: thousands of commits
/// would wait for it.
pub(crate) fn folder_in_memory() -> TempDir {
    const MEMORY: &str = "/dev/shm";
    let is_roomy = fs4::available_space(MEMORY).is_ok_and(|free| free > 1 << 30);
    let folder = is_roomy.then(|| tempfile::tempdir_in(MEMORY).ok());
    folder
        .flatten()
        .unwrap_or_else(|| tempfile::tempdir().unwrap())
}

impl Home {
    pub(crate) fn new() -> Self {
        Self(folder_in_memory())
    }

    /// One on the disk, for what a crash leaves there.
    pub(crate) fn on_disk() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder whose file `backfill WORDS` has filled from the embedded sample data.
    pub(crate) fn of_sample(words: &str) -> Self {
        let home = Self::new();
        home.sample(words).ok();
        home
    }

    /// A folder whose file `backfill WORDS` has filled from the fake provider.
    pub(crate) fn filled(words: &str) -> Self {
        let home = Self::new();
        home.backfill(&Server::start(), words).ok();
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn db_path(&self) -> PathBuf {
        self.path("market.db")
    }

    /// The program in this folder, with a key and a base URL that nothing listens on.
    pub(crate) fn cli<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Cli {
        Cli::new(self.0.path(), args)
    }

    /// The program in this folder, pointed at a server.
    pub(crate) fn to<A: AsRef<OsStr>>(
        &self,
        server: &Server,
        args: impl IntoIterator<Item = A>,
    ) -> Cli {
        let mut cli = self.cli(args);
        cli.base_url = Some(server.url());
        cli
    }

    /// `backfill WORDS`, JSON, from a server: the words are split at spaces.
    pub(crate) fn backfill(&self, server: &Server, words: &str) -> Run {
        self.to(
            server,
            ["--json", "backfill"].into_iter().chain(words.split(' ')),
        )
        .run()
    }

    /// `backfill WORDS` from the embedded sample data.
    pub(crate) fn sample(&self, words: &str) -> Run {
        self.cli(["backfill", "--provider", "sample"])
            .args(words)
            .run()
    }

    /// Waits until so many candles are stored.
    pub(crate) fn wait_for_candles(&self, count: i64) {
        let stored = "SELECT coalesce(sum(candles), 0) FROM series";
        eventually(&format!("{count} candles are stored"), || {
            self.db().count(stored) == count
        });
    }

    pub(crate) fn db(&self) -> Db {
        Db::open(&self.db_path())
    }

    /// Takes back what a kill has interrupted: a connection that only reads cannot.
    pub(crate) fn take_back(&self) {
        if self.path("market.db-journal").exists() {
            let writer = Connection::open(self.db_path()).unwrap();
            let _ = writer.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
        }
    }

    /// Changes the file behind the program's back.
    pub(crate) fn sql(&self, sql: &str) {
        let connection = Connection::open(self.db_path()).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    /// Every file below the folder with its bytes.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push((path.clone(), std::fs::read(path).unwrap()));
                }
            }
        }
        files.sort();
        files
    }

    pub(crate) fn assert_no_key_on_disk(&self) {
        for (path, bytes) in self.files() {
            assert!(
                !holds(&bytes, KEY.as_bytes()),
                "the key is in {}",
                path.display()
            );
        }
    }
}

/// Whether `part` stands anywhere in `bytes`. Only one byte in each stretch as long as `part` is looked at, and its surroundings
/// where it could belong to one: tests are not optimized, and megabytes are searched.
fn holds(bytes: &[u8], part: &[u8]) -> bool {
    let length = part.len();
    (length - 1..bytes.len()).step_by(length).any(|at| {
        let end = bytes.len().min(at + length);
        part.contains(&bytes[at])
            && bytes[at + 1 - length..end]
                .windows(length)
                .any(|window| window == part)
    })
}

#[test]
fn a_key_is_found_wherever_it_stands_and_no_part_of_one_is() {
    let key = KEY.as_bytes();
    for before in 0..3 * key.len() {
        for after in [0, 1, key.len()] {
            let with = |key: &[u8]| [&vec![b'-'; before], key, &vec![0; after]].concat();
            assert!(holds(&with(key), key), "{before} {after}");
            assert!(!holds(&with(&key[1..]), key), "{before} {after}");
            assert!(
                !holds(&with(&key[..key.len() - 1]), key),
                "{before} {after}"
            );
        }
    }
}

/// One command line, not yet run.
pub(crate) struct Cli {
    folder: PathBuf,
    args: Vec<OsString>,
    envs: Vec<(String, OsString)>,
    stdin: String,
    base_url: Option<String>,
    db: Option<PathBuf>,
    file_blocks: Option<u32>,
    ignored: Vec<&'static str>,
    open_files: Option<u32>,
    by_nobody: bool,
}

impl Cli {
    fn new<A: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = A>) -> Self {
        Self {
            folder: folder.to_owned(),
            args: args
                .into_iter()
                .map(|arg| arg.as_ref().to_owned())
                .collect(),
            envs: vec![
                ("MASSIVE_API_KEY".into(), KEY.into()),
                ("CANDLEFILE_BASE_URL".into(), "http://127.0.0.1:9".into()),
            ],
            stdin: String::new(),
            base_url: None,
            db: Some(folder.join("market.db")),
            file_blocks: None,
            ignored: Vec::new(),
            open_files: None,
            by_nobody: false,
        }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args(mut self, words: &str) -> Self {
        self.args.extend(words.split(' ').map(OsString::from));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// No key in the environment.
    pub(crate) fn keyless(mut self) -> Self {
        self.envs.retain(|(name, _)| name != "MASSIVE_API_KEY");
        self
    }

    /// No `--db`: the program finds its file by itself.
    pub(crate) fn without_db(mut self) -> Self {
        self.db = None;
        self
    }

    /// A write that would make a file longer than this many blocks of 512 bytes fails, and sends a signal that kills by
    /// default.
    pub(crate) fn file_blocks(mut self, blocks: u32) -> Self {
        self.file_blocks = Some(blocks);
        self
    }

    /// The same without the signal: the write fails and nothing else.
    pub(crate) fn full_disk(self, blocks: u32) -> Self {
        self.ignoring("XFSZ").file_blocks(blocks)
    }

    /// Started with a signal ignored, as `nohup` and scripts do.
    pub(crate) fn ignoring(mut self, signal: &'static str) -> Self {
        self.ignored.push(signal);
        self
    }

    /// So many files and connections may be open at once.
    #[cfg(feature = "serve")]
    pub(crate) fn open_files(mut self, most: u32) -> Self {
        self.open_files = Some(most);
        self
    }

    pub(crate) fn stdin(mut self, text: &str) -> Self {
        text.clone_into(&mut self.stdin);
        self
    }

    /// Run by somebody who owns nothing here. Where the tests do not run as root, they have taken the rights away themselves.
    pub(crate) fn by_nobody(mut self) -> Self {
        self.by_nobody = true;
        self
    }

    /// What a shell says to set the limits.
    fn limits(&self) -> String {
        let mut limits = String::new();
        for signal in &self.ignored {
            write!(limits, "trap '' {signal};").unwrap();
        }
        if let Some(blocks) = self.file_blocks {
            write!(limits, "ulimit -c 0; ulimit -f {blocks};").unwrap();
        }
        if let Some(most) = self.open_files {
            write!(limits, "ulimit -n {most};").unwrap();
        }
        limits
    }

    pub(crate) fn spawn(self) -> Running {
        let program = env!("CARGO_BIN_EXE_candlefile");
        let mut command = Command::new(program);
        let limits = self.limits();
        if !limits.is_empty() {
            command = Command::new("sh");
            let exec = format!("{limits} exec \"$0\" \"$@\"");
            command.arg("-c").arg(exec).arg(program);
        }
        command.current_dir(&self.folder).env_clear();
        for name in ["PATH", "HOME", "TMPDIR", "LLVM_PROFILE_FILE"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        if let Some(db) = &self.db {
            command.arg("--db").arg(db);
        }
        if let Some(url) = &self.base_url {
            command.arg("--base-url").arg(url);
        }
        command
            .args(&self.args)
            .envs(self.envs.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if self.by_nobody && self.folder.metadata().unwrap().uid() == 0 {
            command.uid(NOBODY).gid(NOBODY);
        }
        let line = format!("{command:?}").replace(KEY, "<key>");
        let mut child = command.spawn().unwrap();
        // A program that does not read its input may close it; that is no failure of the test.
        drop(child.stdin.take().unwrap().write_all(self.stdin.as_bytes()));
        Running::new(line, child)
    }

    pub(crate) fn run(self) -> Run {
        self.spawn().wait()
    }
}

/// One finished run.
pub(crate) struct Run {
    line: String,
    status: Option<ExitStatus>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (stdout, stderr) = (cut(&self.stdout), cut(&self.stderr));
        write!(
            f,
            "$ {}\n-- {:?}\n-- stdout\n{stdout}\n-- stderr\n{stderr}",
            self.line, self.status
        )
    }
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(4_000).collect();
    if short.len() < text.len() {
        write!(short, "... ({} bytes)", text.len()).unwrap();
    }
    short
}

impl Run {
    pub(crate) fn new(
        line: String,
        status: Option<ExitStatus>,
        stdout: String,
        stderr: String,
    ) -> Self {
        let run = Self {
            line,
            status,
            stdout,
            stderr,
        };
        assert!(run.status.is_some(), "it did not end in time\n{run:?}");
        run.check();
        run
    }

    /// What holds for every run, however it ends.
    fn check(&self) {
        for stream in [&self.stdout, &self.stderr] {
            assert!(!stream.contains(KEY), "the key was printed\n{self:?}");
            for word in ["panicked", "Os {", "stack backtrace"] {
                assert!(!stream.contains(word), "{word:?} was printed\n{self:?}");
            }
        }
    }

    pub(crate) fn exit(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "exit code\n{self:?}");
        self
    }

    pub(crate) fn ok(self) -> Self {
        self.exit(0)
    }

    /// `None` for one that a signal ended.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }

    pub(crate) fn failed(&self) -> bool {
        !self.status.is_some_and(|status| status.success())
    }

    /// The one document on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not one JSON document: {error}\n{self:?}"))
    }

    /// The message on stderr holds each of these, whatever the case.
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let text = self.stderr.to_lowercase();
        for word in words {
            assert!(
                text.contains(&word.to_lowercase()),
                "stderr does not say {word:?}\n{self:?}"
            );
        }
        self
    }
}
