#!/usr/bin/env python3
"""The dashboard of `bgdeploy serve` in a real Chromium, before a real nginx under load.

usage: dashboard.py [CHECK ...]      each check prints one line; the last line counts them.

Needs Debian's chromium and the Python package playwright (its own browsers are not used); without them everything is
skipped with a word. With axe-playwright-python the pages are looked over by axe too.
"""
from lab import *
from detection import LOG_FORMAT
try:
    from playwright.sync_api import expect, sync_playwright
except ImportError:
    sync_playwright = None
try:
    from axe_playwright_python.sync_playwright import Axe
except ImportError:
    Axe = None

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BROWSER = None
PATIENCE = 30_000  # milliseconds, for what another process has to do first
CANARY = {"strategy": {"canary": ["10%", "50%", "100%"], "hold": "10m", "early": False}, "monitor": {"for": "10m"}}
GATE = [{"http": {"get": "/api/health", "expect": {"json": {"version": "${version}"}}}},
        {"name": "release manager", "approval": {"by": 1, "timeout": "1h"}}]


class Service:
    """`bgdeploy serve` for one playbook, with users at its nginx."""

    def __init__(self, extra=None, rate=40):
        self.lab = Lab()
        log = str(self.lab.dir / "requests.log")
        self.lb = self.lab.nginx(http=LOG_FORMAT, location=f"access_log {log} bg;")
        path = self.lab.playbook([self.lb], extra)
        book = json.loads(path.read_text())
        book["balancers"][0]["log"] = log
        path.write_text(json.dumps(book, indent=1))
        self.port = free_port()
        self.process, self.load, self.pages = None, self.lab.load(self.lb, rate), []

    def __enter__(self):
        self.serve()
        return self

    def __exit__(self, *_):
        for context in {page.context for page in self.pages}:
            context.close()
        self.lab.__exit__()

    def serve(self):
        env = dict(os.environ, BGDEPLOY_STATE=self.lab.state)
        with open(self.lab.dir / "serve.log", "a") as log:
            self.process = subprocess.Popen([binary(), "serve", "--listen", f"127.0.0.1:{self.port}", "bgdeploy.yml"],
                                            env=env, cwd=self.lab.dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.lab.procs.append(self.process)
        wait_port(self.port, 30)

    def token(self, name, *scopes):
        r = self.lab.command("token", "create", name, *(word for scope in scopes for word in ("--scope", scope)))
        assert r.returncode == 0, r.stderr
        return r.stdout.strip()

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def open(self, path="/", width=1280, **options):
        """A new browser's page, on which no script fails and nothing breaks the policy; `complaints` has what did."""
        context = BROWSER.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("console", lambda told: told.type in ("error", "warning") and page.complaints.append(told.text))
        self.pages.append(page)
        page.goto(self.url(path))
        return page

    def signed_in(self, *scopes, name="anna", path="/", **options):
        page = self.open(path, **options)
        expect(page).to_have_title("Sign in")
        page.fill("#field-token", self.token(name, *scopes))
        page.click("#login button")
        expect(page.locator("header .who")).to_contain_text(name)
        return page

    def quiet(self):
        told = [word for page in self.pages for word in page.complaints]
        assert not told, told

    def state(self):
        return json.loads(self.lab.command("status", "--output", "json").stdout)

    def share(self):
        """Of green, as users see it."""
        return self.lab.shares(self.lb, 200).get("green", 0)

    def command(self, *words):
        r = self.lab.command(*words)
        assert r.returncode == 0, r.stdout + r.stderr


def start(page, version="v2.5.0", reason=""):
    """Begins a run by the service's form; the page is the run's then."""
    if page.locator(".card h2 a").count():
        page.click(".card h2 a")
    page.click("#start > summary")
    page.fill("#field-version", version)
    page.fill("#field-reason", reason)
    page.click("#form-start button")
    expect(page.locator("h1")).to_contain_text(f"app {version}")
    assert "/runs/" in page.url, page.url


def order(page, offer, reason=None):
    page.click(f"#offer-{offer} > summary")
    if reason is not None:
        page.fill(f"#reason-{offer}", reason)
    confirm(page, offer)


def confirm(page, offer):
    with page.expect_navigation():
        page.click(f"#form-{offer} button[type=submit]")


def sees(page, selector, text):
    """Waits until the page says so, by itself."""
    expect(page.locator(selector).first).to_contain_text(text, timeout=PATIENCE)


def stays(page):
    """The page is not loaded anew from here on: what is checked with `stayed` afterwards."""
    page.evaluate("window.mark = 1")


def stayed(page):
    return page.evaluate("window.mark === 1")


def a_release_from_the_door_to_the_report():
    """Signs in, starts, approves, promotes, ends the monitoring, reads history and report, signs out."""
    with Service(CANARY | {"validate": GATE}) as service:
        page = service.signed_in("deploy", "approve")
        sees(page, ".card", "app")
        sees(page, ".card", "all users")
        start(page, reason="a <b>bold</b> & \"quoted\" reason")
        sees(page, ".hero", "Waits for an approval: release manager")
        assert service.share() == 0, "traffic has moved before the approval"
        order(page, "approve", "looks good")
        sees(page, ".hero", "green is watched at 10 %")
        assert 0.05 <= service.share() <= 0.15, service.share()
        sees(page, "figure.chart.wide", "")
        order(page, "promote")
        sees(page, ".hero", "green is watched at 50 %")
        order(page, "promote")
        sees(page, ".hero", "green is monitored")
        order(page, "promote", "enough")
        sees(page, "h1", "succeeded")
        assert service.share() == 1, service.share()
        sees(page, ".events", "approved by anna")
        page.click("nav >> text=History")
        sees(page, "table.runs", "v2.5.0")
        page.click("table.runs a.version")
        page.click(".links >> text=Report")
        sees(page, "h1", "succeeded")
        sees(page, "main", "a <b>bold</b> & \"quoted\" reason")
        run = page.url
        page.click("text=Sign out")
        expect(page).to_have_title("Sign in")
        page.goto(run)
        expect(page).to_have_title("Sign in")
        page.fill("#field-token", service.token("bert", "read"))
        page.click("#login button")
        sees(page, "h1", "succeeded")
        assert page.url == run, f"after signing in one is at {page.url}"
        service.quiet()
        assert not service.load.failed(), f"{len(service.load.failed())} requests failed"


def the_page_follows_by_itself():
    """What others do with the run shows without a reload; what one has begun to type stays."""
    with Service(CANARY | {"validate": GATE}) as service:
        page = service.signed_in("deploy", "approve")
        start(page)
        sees(page, "#live-words", "live")
        sees(page, ".hero", "Waits for an approval")
        stays(page)
        page.click("#offer-abort > summary")
        page.fill("#reason-abort", "half typ")
        overview = service.signed_in("read", name="bert")
        stays(overview)
        before = time.monotonic()
        service.command("approve")
        sees(page, ".hero", "green is watched at 10 %")
        took = time.monotonic() - before
        sees(overview, ".card", "10 %")
        service.command("pause", "--reason", "let me look")
        sees(page, ".hero", "let me look")
        page.click("#offer-rollback > summary")
        page.fill("#reason-rollback", "half typ")
        service.command("resume")
        sees(page, "h1", "waiting")
        expect(page.locator("#reason-rollback")).to_have_value("half typ")
        service.lab.green.error_rate = 0.5
        sees(page, "h1", "rolled back")
        sees(page, ".cause", "green")
        sees(overview, ".card", "rolled back")
        assert stayed(page) and stayed(overview), "a page was loaded anew"
        assert service.share() == 0
        service.quiet()
        return f"approval to its traces on the page: {took:.1f} s"


def aborts_and_goes_back_with_a_reason():
    """Both ways out ask for a reason, which stands in the journal; a released version is taken back from its service's page."""
    with Service(CANARY | {"validate": GATE}) as service:
        page = service.signed_in("deploy", "approve")
        start(page)
        sees(page, ".hero", "Waits for an approval")
        at = page.url
        page.click("#offer-abort > summary")
        page.click("#form-abort button[type=submit]")
        assert page.url == at and page.locator("#reason-abort:invalid").count() == 1, "sent without a reason"
        page.fill("#reason-abort", "wrong ticket")
        confirm(page, "abort")
        sees(page, "h1", "failed")
        sees(page, ".cause", "wrong ticket")
        assert service.share() == 0
        page.goto(service.url())
        start(page)
        order(page, "approve")
        sees(page, ".hero", "green is watched at 10 %")
        order(page, "rollback", "it looks odd")
        sees(page, "h1", "rolled back")
        sees(page, ".cause", "it looks odd")
        assert service.share() == 0
        page.goto(service.url())
        start(page)
        order(page, "approve")
        sees(page, ".hero", "green is watched at 10 %")
        order(page, "promoteFully")
        sees(page, ".hero", "green is monitored")
        order(page, "promote")
        sees(page, "h1", "succeeded")
        page.click(".crumbs a")
        order(page, "rollback", "customers call")
        sees(page, "h1", "rolled back")
        assert service.share() == 0
        assert "customers call" in service.lab.command("events").stdout
        service.quiet()


def works_without_javascript():
    with Service(CANARY | {"validate": GATE}) as service:
        page = service.signed_in("deploy", "approve", java_script_enabled=False)

        def shows(text):
            def look():
                page.reload()
                return text in page.inner_text("main")
            assert eventually(look, 30, 0.2), f"the page does not say {text}: {page.inner_text('main')[:600]}"
        start(page)
        shows("Waits for an approval")
        order(page, "approve")
        shows("green is watched at 10 %")
        order(page, "pause", "lunch")
        shows("lunch")
        order(page, "proceed")
        shows("green is watched at 10 %")
        order(page, "promote")
        shows("green is watched at 50 %")
        order(page, "rollback", "enough")
        shows("rolled back")
        assert service.share() == 0
        page.click("nav >> text=History")
        assert "v2.5.0" in page.inner_text("table.runs")
        page.click("text=Sign out")
        expect(page).to_have_title("Sign in")


def what_cannot_be_done_is_told():
    """A version that is none, a form of a page that is out of date, a run behind another: each is told on a page."""
    with Service(CANARY | {"validate": GATE}) as service:
        page = service.signed_in("deploy", "approve")
        page.click(".card h2 a")
        page.click("#start > summary")
        page.fill("#field-version", "no version!")
        page.click("#form-start button")
        sees(page, ".problem", "no version!")
        page.complaints.clear()  # Chromium tells of the status
        page.goto(service.url())
        start(page)
        sees(page, ".hero", "Waits for an approval")
        late = service.signed_in("deploy", name="bert", path=page.url.removeprefix(service.url("")), java_script_enabled=False)
        order(page, "abort", "not today")
        sees(page, "h1", "failed")
        order(late, "pause", "too late")
        assert "/pause" in late.url and "{" not in late.inner_text("main"), late.inner_text("body")
        expect(late.locator("main .links")).to_have_text("To the services")
        late.complaints.clear()
        page.goto(service.url())
        start(page)
        sees(page, ".hero", "Waits for an approval")
        page.click(".crumbs a")
        page.click("#start > summary")
        page.fill("#field-version", "v2.6.0")
        page.check("#field-queue")
        page.click("#form-start button")
        sees(page, ".queue", "v2.6.0 asked for by anna")
        page.click(".queue button")
        expect(page.locator(".queue")).to_have_count(0)
        sees(page, ".hero", "Waits for an approval")
        service.quiet()


def works_by_keyboard():
    """From the door to an approval without a mouse."""
    with Service(CANARY | {"validate": GATE}) as service:
        page = service.open()
        page.keyboard.type(service.token("anna", "deploy", "approve"))
        page.keyboard.press("Enter")
        expect(page.locator(".card")).to_have_count(1)

        def to(selector):
            for _ in range(80):
                if page.evaluate("s => document.activeElement.matches(s)", selector):
                    return
                page.keyboard.press("Tab")
            raise AssertionError(f"no way to {selector} by Tab")
        to(".card h2 a")
        page.keyboard.press("Enter")
        expect(page.locator("#start")).to_have_count(1)
        to("#start > summary")
        page.keyboard.press("Enter")
        to("#field-version")
        page.keyboard.type("v2.5.0")
        page.keyboard.press("Enter")
        sees(page, ".hero", "Waits for an approval")
        to("#offer-approve > summary")
        page.keyboard.press("Space")
        to("#form-approve button")
        page.keyboard.press("Enter")
        sees(page, ".hero", "green is watched at 10 %")
        service.quiet()


def who_may_only_read_steers_nothing():
    with Service(CANARY | {"validate": GATE}) as service:
        start(service.signed_in("deploy"))
        page = service.signed_in("read", name="bert")
        page.click(".card h2 a")
        sees(page, ".hero", "Waits for an approval")
        assert page.locator("#start").count() == 0, "a form to start a run"
        page.click("a.run")
        sees(page, ".hero", "You may look at app, and not steer it")
        assert page.locator(".offer").count() == 0, page.locator(".offer").all_inner_texts()
        service.quiet()
        run, before = page.url, service.state()
        for path in [f"{run}/{word}" for word in ("approve", "promote", "pause", "abort", "rollback")] + [
                service.url("/services/app/run"), service.url("/services/app/rollback")]:
            answer = post(page, path, version="v2.5.0", reason="because")
            assert answer == 403, f"{path}: {answer}"
        assert service.state()["state"] == before["state"], service.state()
        # Who may deploy opens no gate.
        assert service.pages[0].locator("#offer-approve").count() == 0
        assert post(service.pages[0], f"{run}/approve") == 403
        assert service.share() == 0


def post(page, path, **fields):
    """As the page's own forms are sent, with its session and CSRF token; returns the status."""
    return page.evaluate("""async ([path, fields]) => {
        const csrf = document.querySelector("input[name=csrf]").value;
        const answer = await fetch(path, { method: "POST", body: new URLSearchParams({ csrf, ...fields }) });
        return answer.status; }""", [path, fields])


def forged_requests_are_refused():
    """No CSRF token, one of another session, another Origin, another Host, a page of a stranger: nothing begins."""
    with Service(CANARY) as service:
        page, other = service.signed_in("deploy"), service.signed_in("deploy", name="bert")
        value = page.context.cookies()[0]
        assert value["httpOnly"] and value["sameSite"] == "Strict", value
        csrf, theirs = (p.get_attribute("input[name=csrf]", "value") for p in (page, other))
        own, cookie = service.url(""), f"{value['name']}={value['value']}"

        def send(status, csrf=csrf, origin=own, host=None, cookie=cookie, **headers):
            client = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
            fields = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie, "Origin": origin} | headers
            fields = {k.replace("_", "-"): v for k, v in fields.items() if v}
            fields["Host"] = host or f"127.0.0.1:{service.port}"
            client.request("POST", "/services/app/run", "version=v2.5.0" + (f"&csrf={csrf}" if csrf else ""), fields)
            answer = client.getresponse().status
            assert answer == status, f"{answer} in place of {status} for {fields}"
        send(403, csrf=None)
        send(403, csrf=theirs)
        send(403, csrf=csrf[:-1] + ("0" if csrf[-1] != "0" else "1"))
        send(403, origin="https://evil.example")
        send(403, origin="null")
        send(403, origin=None)
        send(403, origin=f"http://127.0.0.1:{service.port + 1}")
        send(403, Sec_Fetch_Site="cross-site")
        send(421, host="evil.example", origin="http://evil.example")
        send(401, cookie=None)
        stranger = Backend("stranger", "v1")
        evil = service.pages[0].context.new_page()
        evil.route(f"{stranger.url}/**", lambda route: route.fulfill(content_type="text/html", body=(
            f"<form method=post action='{service.url('/services/app/run')}'><input name=version value=v2.5.0>"
            f"<input name=csrf value='{csrf}'></form><script>document.forms[0].submit()</script>")))
        with evil.expect_navigation(url=service.url("/services/app/run")) as navigation:
            evil.goto(stranger.url + "/page")
        assert navigation.value.status == 403, navigation.value.status
        framed = evil.request.get(service.url("/login")).headers["content-security-policy"]
        assert "frame-ancestors 'none'" in framed and "unsafe" not in framed, framed
        assert "v2.5.0" not in service.lab.command("history").stdout, "a forged request has begun a run"
        send(303)
        assert eventually(lambda: "v2.5.0" in service.lab.command("history").stdout), "the honest one begins none"


def the_door_stays_shut():
    """A wrong token is told so, too many are made to wait; `next` leads nowhere else; a revoked token ends its pages."""
    with Service(CANARY | {"validate": GATE}) as service:
        page = service.open("/login?next=//evil.example/")
        page.fill("#field-token", service.token("anna", "deploy"))
        page.click("#login button")
        expect(page.locator(".card")).to_have_count(1)
        assert page.url == service.url(), page.url
        start(page)
        sees(page, "#live-words", "live")
        token = next(t for t in json.loads(service.lab.command("token", "list", "--output", "json").stdout) if t["name"] == "anna")
        service.command("token", "revoke", token["id"])
        service.command("pause")
        sees(page, "#live-words", "signed out")
        service.quiet()
        page.goto(service.url())
        for tries in range(1, 31):
            page.fill("#field-token", "bgd_" + "x" * 43)
            with page.expect_navigation() as answer:
                page.click("#login button")
            if answer.value.status != 401:
                break
            sees(page, ".problem", "No token is like this")
        assert answer.value.status == 429 and "retry-after" in answer.value.headers, answer.value.headers
        sees(page, "main", "wait a minute")
        return f"the try {tries} is told to wait"


def the_page_outlives_the_service():
    """The service is stopped during a hold and started again: the page says so, comes back, and the run goes on."""
    with Service(CANARY) as service:
        page = service.signed_in("deploy")
        start(page)
        sees(page, ".hero", "green is watched at 10 %")
        sees(page, "#live-words", "live")
        stays(page)
        service.process.terminate()
        assert service.process.wait(30) == 0, service.process.returncode
        sees(page, "#live-words", "not ")
        service.serve()
        expect(page.locator("#live-words")).to_have_text("live", timeout=60_000)
        assert stayed(page)
        order(page, "promote")
        sees(page, ".hero", "green is watched at 50 %")
        assert 0.4 <= service.share() <= 0.6, service.share()


def many_tabs_of_one_browser():
    """A browser has six connections for all tabs of a host: those that nobody looks at keep none, and are live again when seen."""
    with Service(CANARY | {"validate": GATE}) as service:
        page = service.signed_in("deploy", "approve")
        start(page)
        sees(page, "#live-words", "live")

        def turn(tab, hidden):
            tab.evaluate("""hidden => {
                Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
                document.dispatchEvent(new Event("visibilitychange")); }""", hidden)
        tabs = [page]
        for _ in range(8):
            turn(tabs[-1], True)
            tabs.append(page.context.new_page())
            tabs[-1].goto(page.url)
            sees(tabs[-1], "#live-words", "live")
        order(tabs[-1], "approve")
        sees(tabs[-1], ".hero", "green is watched at 10 %")
        stays(page)
        turn(page, False)
        sees(page, ".hero", "green is watched at 10 %")
        service.command("pause", "--reason", "lunch")
        sees(page, ".hero", "lunch")
        assert stayed(page)
        service.quiet()


def pages_are_fit_for_everyone():
    """axe finds nothing on any page, in light and dark, on a phone and a desk; nothing is wider than the screen."""
    book = CANARY | {"prepare": [{"run": ["sh", "-c", "seq 1 3; echo " + "wide" * 60]}]}
    with Service(book) as service:
        page = service.signed_in("deploy", "approve")
        start(page)
        sees(page, ".hero", "green is watched at 10 %")
        hold = page.url.removeprefix(service.url(""))
        time.sleep(6)  # figures for the charts
        looked = len(survey(service, page, ["/", "/services/app", hold, f"{hold}/report", "/history", "/login", "/runs/none"]))
        service.lab.green.error_rate = 0.5
        page.goto(service.url(hold))
        sees(page, "h1", "rolled back")
        looked += len(survey(service, page, ["/", "/services/app", hold, f"{hold}/report"]))
        return f"{looked} pages, {'axe' if Axe else 'axe is not installed'}"


def survey(service, page, paths):
    cookies, seen = page.context.cookies(), []
    for scheme in ("light", "dark"):
        for width in (1280, 390):
            context = BROWSER.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            context.add_cookies(cookies)
            look = context.new_page()
            told = []
            look.on("console", lambda m: m.type in ("error", "warning") and "404" not in m.text and told.append(m.text))
            look.on("pageerror", lambda error: told.append(str(error)))
            for path in paths:
                look.goto(service.url(path))
                where = f"{path} {scheme} {width}"
                for is_open in (False, True):
                    if is_open:
                        look.evaluate("document.querySelectorAll('details').forEach(d => { d.removeAttribute('name'); d.open = true })")
                    over = look.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                    assert over <= 0, f"{where}: {over} px too wide"
                for violation in Axe().run(look).response["violations"] if Axe else []:
                    raise AssertionError(f"{where}: {violation['id']}: {violation['nodes'][0]['html'][:200]} "
                                         f"{violation['nodes'][0]['failureSummary'][:300]}")
                assert not told, f"{where}: {told}"
                seen.append(where)
            context.close()
    return seen


CHECKS = [a_release_from_the_door_to_the_report, the_page_follows_by_itself, aborts_and_goes_back_with_a_reason,
          works_without_javascript, what_cannot_be_done_is_told, works_by_keyboard, who_may_only_read_steers_nothing,
          forged_requests_are_refused, the_door_stays_shut, the_page_outlives_the_service,
          many_tabs_of_one_browser, pages_are_fit_for_everyone]

if __name__ == "__main__":
    if sync_playwright is None or CHROMIUM is None:
        print(f"skipped: {'chromium' if CHROMIUM is None else 'the Python package playwright'} is not installed")
        sys.exit(0)
    with sync_playwright() as playwright:
        # The sandbox needs another user than root.
        BROWSER = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        main(CHECKS)
