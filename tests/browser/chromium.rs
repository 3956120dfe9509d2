//! Headless Chromium, driven over `WebDriver` (W3C) by its `chromedriver`.

use std::{
    env,
    io::{BufRead, BufReader, Lines},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Request, eventually};

/// What the browser is called, from one distribution to the next.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A browser with a profile, and so with a cache, of its own. Dropping it ends it and its driver.
pub(crate) struct Chromium {
    driver: Child,
    address: SocketAddr,
    session: String,
    profile: TempDir,
    // Held open: a process that prints into a closed pipe ends.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Chromium {
    /// # Panics
    ///
    /// If there is no browser, or no `chromedriver` that fits it.
    pub(crate) fn start() -> Self {
        let browser =
            installed().unwrap_or_else(|| panic!("none of {NAMES:?} is installed; `scripts/test` installs one"));
        let profile = tempfile::tempdir().expect("a temporary directory");
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromedriver is installed; `scripts/test` installs it");
        let mut stdout = BufReader::new(driver.stdout.take().expect("stdout is piped")).lines();
        let port = stdout
            .by_ref()
            .map(|line| line.expect("chromedriver prints text"))
            .find_map(|line| line.trim_end_matches('.').rsplit_once(" successfully on port ")?.1.parse().ok())
            .expect("chromedriver says where it listens");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut started = Self { driver, address, session: String::new(), profile, _stdout: stdout };
        started.begin(&browser);
        started
    }

    fn begin(&mut self, browser: &Path) {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        // Its sandbox refuses root, and needs what containers seldom grant; the pages are our own.
        let flags = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server", &profile];
        let options = json!({ "binary": browser, "args": flags });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let session = command(self.address, "POST", "/session", &wanted).expect("the browser starts");
        self.session = session["sessionId"].as_str().expect("a session has a name").into();
    }

    /// Opens a page as if its address had been typed.
    pub(crate) fn open(&self, url: &str) {
        self.command("url", &json!({ "url": url })).expect("the page opens");
    }

    /// Goes to a page of the same origin as a click on a link does, and waits until it is there.
    pub(crate) fn follow(&self, target: &str) {
        let click = "const link = document.createElement('a'); link.href = arguments[0]; document.body.append(link); \
                     link.click();";
        self.execute("sync", click, &json!([target])).expect("the page takes a link");
        eventually("the link has been followed", || {
            let place =
                self.execute("sync", "return [location.pathname + location.search, document.readyState]", &json!([]));
            // While one page gives way to the other, there is none to ask.
            place.is_ok_and(|place| place == json!([target, "complete"]))
        });
    }

    pub(crate) fn reload(&self) {
        self.command("refresh", &json!({})).expect("the page comes again");
    }

    /// The document, which is JSON.
    pub(crate) fn json(&self) -> Value {
        let text = self.run("return document.querySelector('pre').textContent");
        serde_json::from_str(text.as_str().expect("a text")).expect("the shop's pages are JSON")
    }

    /// How many bytes came over the network for this page; none if the cache had it (Resource Timing §4.3).
    pub(crate) fn transferred(&self) -> u64 {
        self.run("return performance.getEntriesByType('navigation')[0].transferSize").as_u64().expect("a number")
    }

    fn run(&self, script: &str) -> Value {
        self.execute("sync", script, &json!([])).expect("the script runs")
    }

    /// Runs a script that gives its result to `arguments[0]`.
    pub(crate) fn run_async(&self, script: &str) -> Value {
        self.execute("async", script, &json!([])).expect("the script runs")
    }

    fn execute(&self, how: &str, script: &str, arguments: &Value) -> Result<Value, Value> {
        self.command(&format!("execute/{how}"), &json!({ "script": script, "args": arguments }))
    }

    fn command(&self, name: &str, body: &Value) -> Result<Value, Value> {
        command(self.address, "POST", &format!("/session/{}/{name}", self.session), body)
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The driver leaves its browser running unless the session is ended. Any of these fails only when the process is
        // gone, which is what is wanted.
        let _ = command(self.address, "DELETE", &format!("/session/{}", self.session), &json!({}));
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A command's value, or what the driver says of its failure.
fn command(driver: SocketAddr, method: &str, path: &str, body: &Value) -> Result<Value, Value> {
    let sent = Request::new(driver, method, path).json(body.to_string()).send_and_leave();
    let reply = sent.map_err(|error| json!(error.to_string()))?;
    let value = reply.json()["value"].take();
    if reply.status == 200 { Ok(value) } else { Err(value) }
}

fn installed() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut places = NAMES.into_iter().flat_map(|name| env::split_paths(&path).map(move |place| place.join(name)));
    places.find(|place| place.is_file())
}
