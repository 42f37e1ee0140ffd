import DeployCore
import DeployPorts
import Foundation
import Playbooks
import Testing
import TrafficJudgement

@Suite struct ReadingTests {
    @Test(arguments: ["1.10", "no", "1e3", "2025-01-02", "017", "0x1F", "~x", "1_000", "yes"])
    func `an unquoted scalar is the text that was written`(_ word: String) throws {
        let playbook = try Book.loaded("version_pattern: \(word)\n")
        #expect(playbook.versionPattern == word)
    }

    @Test func `signs within texts are texts`() throws {
        let playbook = try Book.loaded(
            """
            prepare:
              - script: |
                  set -e
                  rm -f *.tmp & wait
                  &here !there "unclosed 'quote
                  [ -f x ] || { echo {; }
                name: a & b * c ! d # a comment with *alias and &anchor
              - run: [grep, "*x", '&y', a&b, c*d, -x, --all, "!z"]
              - run:
                - sh
                - one text over
                  *several &lines 'of it
              - script: >-
                  %not a directive
            """
        )
        let titles = playbook.steps[.prepare]?.map(\.title)
        #expect(titles == ["a & b * c ! d", "run", "run", "%not a directive"])
    }

    @Test func `JSON is YAML`() throws {
        let json = """
            {
             "service": "app", "public_url": "http://127.0.0.1:8080",
             "environments": {"blue": {"url": "http://127.0.0.1:1", "servers": ["127.0.0.1:1"]},
              "green": {"url": "http://127.0.0.1:2", "servers": ["127.0.0.1:2"]}},
             "balancers": [{"nginx": "/a.conf", "upstream": "app"}],
             "validate": [{"http": {"get": "/api/health", "expect": {"json": {"version": "${version}"}}}}],
             "strategy": {"canary": ["10%", "50%", "100%"], "hold": "4s", "early": false},
             "monitor": {"for": "2s"}, "drain": {"grace": "1s", "then": "proceed"}
            }
            """
        let playbook = try Playbook.load(text: json, path: "a/b.yml", catalogue: StubCatalogue.catalogue)
            .get()
        #expect(playbook.strategy.shares == [Percent(10), Percent(50), Percent(100)])
        #expect(playbook.strategy.hold == .seconds(4))
        #expect(playbook.judgeSettings.endsEarly == false)
        #expect(playbook.monitor.length == .seconds(2))
        #expect(playbook.drain?.grace == .seconds(1))
        #expect(playbook.folder == "a")
    }

    @Test func `a canary keeps a part on stable and ends holds early, by default`() throws {
        func strategy(_ text: String) throws -> Playbook.Strategy {
            try Playbook.load(text: Book.base + text, path: "b.yml", catalogue: StubCatalogue.catalogue)
                .get().strategy
        }
        let canary = try strategy("strategy: { canary: [10%, 100%] }\n")
        #expect(canary.holdback == Percent(5))
        #expect(canary.endsEarly)
        #expect(try strategy("strategy: { canary: [10%, 100%], holdback: none }\n").holdback == nil)
        #expect(try strategy("strategy: { canary: [10%, 100%], holdback: 0% }\n").holdback == nil)
        #expect(try strategy("strategy: { canary: [10%, 100%], holdback: 10% }\n").holdback == Percent(10))
        #expect(try strategy("strategy: { canary: [98%, 100%] }\n").holdback == nil)
        #expect(try strategy("strategy: { canary: [10%, 100%] }\norder: [switch, drain]\n").holdback == nil)
        #expect(try strategy("strategy: instant\n").holdback == nil)
        #expect(try strategy("strategy: { canary: [10%, 100%], evidence: required }\n").requiresEvidence)
    }

    @Test func `the judge's settings are the playbook's`() throws {
        func settings(_ text: String) throws -> JudgeSettings {
            try Playbook.load(text: Book.base + text, path: "b.yml", catalogue: StubCatalogue.catalogue)
                .get().judgeSettings
        }
        let plain = try settings("")
        #expect(plain == JudgeSettings())
        let text = """
            strategy: { canary: [10%, 100%], sticky: cookie:sid }
            monitor: { confidence: 99.9%, compare: none, dry_run: true }
            severity: { P0: "> 5%", P1: "> 3%" }

            """
        let all = try settings(text)
        #expect(abs(all.alpha - 0.001) < 1e-12)
        #expect(all.clustering == 8)
        #expect(!all.routesEachRequest && !all.compares && all.isDryRun && all.endsEarly)
        #expect(all.severities.map(\.name) == ["P0", "P1"])
        #expect(all.severities.first(for: 0.04) == "P1")
        #expect(try settings("monitor: { clustering: 3.5 }\n").clustering == 3.5)
    }

    @Test func `a severity is of errors, of latency or of both`() throws {
        let text = """
            severity:
              P0: "> 5%"
              P1: { errors: "> 3%", latency: "> 1.5x" }
              P2: { latency: "> 1.2x stable" }
            promises: { instant: 30s, gradual: 5m }

            """
        let playbook = try Book.loaded(text)
        let severities = playbook.severities
        #expect(severities.first(for: 0.04) == "P1")
        #expect(severities.first(for: 0, slowdown: 1.6) == "P1")
        #expect(severities.first(for: 0, slowdown: 1.3) == "P2")
        #expect(severities.first(for: 0.06, slowdown: 9) == "P0")
        #expect(severities.first(for: 0.02, slowdown: nil) == nil)
        #expect(playbook.promises == [.instant: .seconds(30), .gradual: .minutes(5)])
    }

    @Test func `a carriage return before each line feed changes no place`() {
        let text = (Book.base + "drian: {}\nservice: b\n").split(separator: "\n").joined(separator: "\r\n")
        expect(Book.mistakes(in: text), [("8:1", ["drain"]), ("9:1", ["line 1, column 1"])])
    }

    @Test func `columns count characters`() {
        expect(
            Book.mistakes(in: Book.base + "monitor: { for: ä, metrics: 5 }\n"),
            [("8:17", []), ("8:29", ["`5`"])]
        )
    }

    @Test func `chosen users come before all others, and a canary for the rest`() throws {
        let text = "strategy: { ab: { header: X-User-Id, values: [12, '34', 12] }, sticky: cookie:sid"
        let alone = try Book.loaded(text + " }\n")
        #expect(alone.strategy.shares == [.zero, .full])
        #expect(alone.strategy.hold == .minutes(10))
        #expect(alone.strategy.hasChosenUsers)
        let both = try Book.loaded(text + ", canary: [25%, 100%], hold: 1m }\n")
        #expect(both.strategy.shares == [.zero, Percent(25), .full])
        let shift = try Book.plan(both).plan.phases.lazy.compactMap {
            if case .shift(let phase) = $0 { phase } else { nil }
        }.first
        #expect(
            shift?.exposures.map(\.description)
                == ["chosen users", "25 % and chosen users", "95 % and chosen users"]
        )
        let seen = StubCatalogue.context(of: both)
        #expect(seen?.sticky == .cookie("sid"))
        #expect(seen?.chosenUsers == ChosenUsers(key: .header("X-User-Id"), values: ["12", "34"]))
    }

    @Test func `a list of users is read from a file, one a line`() throws {
        let folder = URL.temporaryDirectory.appending(path: "bgdeploy-users-\(UInt64.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "users")
        try Data("# staff\n ana@example \r\n\nbob\nbob\n".utf8).write(to: file)
        let playbook = try Book.loaded("strategy: { ab: { cookie: id, file: '\(file.path)' } }\n")
        #expect(StubCatalogue.context(of: playbook)?.chosenUsers?.values == ["ana@example", "bob"])
    }

    @Test func `what is not written has careful defaults`() throws {
        let playbook = try Book.loaded()
        #expect(playbook.strategy == .instant)
        #expect(playbook.monitor.length == .minutes(15))
        #expect(playbook.monitor.rules.map(\.name) == ["error_rate", "latency_p95"])
        #expect(playbook.rollback.gradual == [Percent(25), Percent(0)])
        #expect(playbook.rollback.hold == .minutes(2))
        #expect(playbook.drain == nil)
        #expect(!playbook.drainsAfterSwitch)
        #expect(playbook.environments.map(\.name.rawValue) == ["blue", "green"])
        #expect(playbook.digest.count == 64)
    }

    @Test func `metrics of the playbook replace the defaults of their name and leave the others`() throws {
        let playbook = try Book.loaded(
            """
            monitor:
              metrics:
                error_rate: { from: balancer, instant: "> 2%" }
                db: { from: { http: "/db/${version}", value: pool.ms }, gradual: "> 500", warn: "> 200" }
                latency_p99: { from: balancer, warn: "> 1s" }
            """
        )
        let rules = playbook.monitor.rules
        #expect(rules.map(\.name) == ["latency_p95", "error_rate", "db", "latency_p99"])
        #expect(rules[1].instant?.description == "> 2%")
        #expect(rules[2].metric == .gauge("db") && rules[2].warn?.description == "> 200")
        #expect(playbook.monitor.gauges.map(\.name) == ["db"])
        guard case .json(let location, let field) = playbook.monitor.gauges.first?.source else {
            Issue.record("\(playbook.monitor.gauges)")
            return
        }
        #expect(location.source == "/db/${version}" && field == "pool.ms")
    }

    @Test func `a metric may come from a Prometheus or from a command`() throws {
        let playbook = try Book.loaded(
            """
            monitor:
              metrics:
                errors_5m:
                  from:
                    prometheus: "http://prom:9090"
                    query: "sum(x{env='${candidate}'})"
                    bearer: "${secret.T}"
                  instant: "> 5%"
                spare:
                  from:
                    prometheus: "http://prom:9090"
                    query: "vector(1)"
                    basic: { user: me, password: "${secret.P}" }
                    every: 30s
                  warn: "> 5"
                jobs: { from: { command: [./count.sh, "${candidate}"], every: 1s }, gradual: "> 90" }
            """
        )
        let found = playbook.monitor.gauges.map(\.source)
        guard case .prometheus(let first) = found.first,
            case .prometheus(let second) = found.dropFirst().first,
            case .command(let arguments, let every) = found.last
        else {
            Issue.record("\(found)")
            return
        }
        #expect(first.query.source == "sum(x{env='${candidate}'})" && first.every == .seconds(10))
        guard case .bearer(let token) = first.authorization,
            case .basic(let user, let password) = second.authorization
        else {
            Issue.record("\(String(describing: first.authorization))")
            return
        }
        #expect(token.source == "${secret.T}" && user.source == "me" && password.source == "${secret.P}")
        #expect(second.every == .seconds(30))
        #expect(arguments.map(\.source) == ["./count.sh", "${candidate}"] && every == .seconds(1))
        #expect(playbook.references.map(\.name) == ["candidate", "secret.T", "secret.P", "candidate"])
    }

    @Test(arguments: [
        "", "a b", "a\nb", "v1; touch x", "$(id)", "`id`", "'v1'", "\"v1\"", "..", "../v1", "-v1", ".v1",
        "v1\u{202E}", "ｖ１", "v1\u{0}", "v1/2", "v1\\2", "v1&&x", "v1|x", "vé",
        String(repeating: "1", count: 300),
    ])
    func `a hostile version is refused`(_ text: String) throws {
        let playbook = try Book.loaded()
        let refusal = #expect(throws: VersionRefused.self) { try playbook.version(text) }
        #expect(refusal?.description.unicodeScalars.allSatisfy { $0.isASCII && $0.value >= 0x20 } == true)
    }

    @Test func `a version pattern narrows and never widens`() throws {
        let narrow = try Book.loaded("version_pattern: v[0-9.]+\n")
        #expect(try narrow.version("v2.5.0").rawValue == "v2.5.0")
        #expect(throws: VersionRefused.self) { try narrow.version("v2.5.0-rc1") }
        #expect(throws: VersionRefused.self) { try narrow.version("xv2") }
        let wide = try Book.loaded("version_pattern: .*\n")
        #expect(throws: VersionRefused.self) { try wide.version("a b") }
    }
}
