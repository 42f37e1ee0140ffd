import Playbooks
import Testing

/// What a playbook may get wrong in line 8 and below, what is said of it, and where.
struct Mistake: Sendable, CustomTestStringConvertible {
    let text: String
    let place: String
    let words: [String]

    init(_ text: String, _ place: String, _ words: String...) {
        self.text = text
        self.place = place
        self.words = words
    }

    var testDescription: String { text }

    static let topLevel = [
        Mistake("drian: { grace: 5s }\n", "8:1", "`drian`", "did you mean `drain`"),
        Mistake("notify: { slack: a }\n", "8:9", "`notify` must be a list"),
        Mistake("notify: [{ slak: a }]\n", "8:10", "a channel needs one of slack"),
        Mistake("notify: [{ slack: a, on: [swiched] }]\n", "8:27", "`swiched`", "did you mean `switched`"),
        Mistake("notify: [{ slack: a, on: ['severity:P9'] }]\n", "8:27", "`severity` does not name it"),
        Mistake(
            "notify: [{ slack: a, on: [waiting], escalate: [{ to: lead }] }]\n",
            "8:48",
            "needs the key `after`"
        ),
        Mistake("notify: [{ slack: a, escalate: [] }]\n", "8:32", "`escalate` is for what needs a person"),
        Mistake("service: other\n", "8:1", "`service`", "given twice", "line 1, column 1"),
        Mistake("monitor: { for: 5 parsecs }\n", "8:17", "5 parsecs", "duration"),
        Mistake("monitor: 5m\n", "8:10", "`monitor` must be a mapping", "`5m`"),
        Mistake("public_url: mina.example\n", "8:13", "http://"),
        Mistake("version_pattern: 'v['\n", "8:18", "regular expression"),
        Mistake("strategy: slow\n", "8:11", "instant", "canary"),
        Mistake("strategy: { canary: [50%, 10%] }\n", "8:21", "rise", "100%"),
        Mistake("strategy: { canary: [10, 100%] }\n", "8:22", "percentage", "`10`"),
        Mistake("strategy: { canary: [100%], hold: 0s }\n", "8:35", "longer than 0s"),
        Mistake("strategy: { ab: { values: [a] } }\n", "8:17", "`ab` needs the key `header`"),
        Mistake("strategy: { ab: { header: X-Id } }\n", "8:17", "`values`", "`file`"),
        Mistake("strategy: { ab: { cookie: id, header: X-Id, values: [a] } }\n", "8:17", "one of the two"),
        Mistake("strategy: { ab: { cookie: id, values: [a, ../b] } }\n", "8:43", "chosen user", "`../b`"),
        Mistake("strategy: { ab: { cookie: 'a b', values: [a] } }\n", "8:27", "name of a cookie", "`a b`"),
        Mistake("strategy: { ab: { cookie: id, file: /no/where } }\n", "8:37", "cannot be read", "/no/where"),
        Mistake("strategy: { canary: [100%], sticky: session }\n", "8:37", "cookie:NAME", "`session`"),
        Mistake("unreachable: maybe\n", "8:14", "stop or continue", "`maybe`"),
        Mistake("drain: { then: close }\n", "8:16", "order: [switch, drain]"),
        Mistake("strategy: { canary: [100%], holdback: 5% }\n", "8:39", "`holdback`", "95 %"),
        Mistake("strategy: { canary: [96%, 100%], holdback: 5% }\n", "8:44", "`holdback`", "95 %"),
        Mistake(
            "strategy: { canary: [10%, 100%], holdback: 5% }\norder: [switch, drain]\n",
            "8:44",
            "`holdback`",
            "drains after the switch"
        ),
        Mistake("strategy: { canary: [100%], evidence: some }\n", "8:39", "wanted or required"),
        Mistake("monitor: { confidence: 100% }\n", "8:24", "`confidence`", "99.9%"),
        Mistake("monitor: { clustering: 0.5 }\n", "8:24", "`clustering`", "`0.5`"),
        Mistake("monitor: { compare: blue }\n", "8:21", "stable or none", "`blue`"),
        Mistake("monitor: { probes: { get: / } }\n", "8:20", "`public_url`"),
        Mistake("public_url: http://a\nmonitor: { probes: { get: a } }\n", "9:27", "`get`", "`a`"),
        Mistake("public_url: http://a\nmonitor: { probes: { get: /, every: 1ms } }\n", "9:37", "20ms"),
        Mistake("monitor: { dry_run: maybe }\n", "8:21", "true or false"),
        Mistake("severity: { P0: '> 5' }\n", "8:17", "`P0`", "`> 5`"),
        Mistake("severity: { P0: high }\n", "8:17", "`P0`"),
        Mistake("severity: { P0: {} }\n", "8:17", "`P0` needs a limit", "`errors`, `latency`"),
        Mistake("severity: { P0: { latency: '> 5%' } }\n", "8:28", "`latency`", "> 1.5x", "`> 5%`"),
        Mistake("severity: { P0: { errors: '> 2x' } }\n", "8:27", "`errors`", "> 3%"),
        Mistake("promises: { instant: soon }\n", "8:22", "`instant`", "duration"),
        Mistake("promises: { canary: 0s }\n", "8:21", "`canary`", "longer than 0s"),
        Mistake("promises: { graduel: 5m }\n", "8:13", "did you mean `gradual`"),
        Mistake("strategy: { hold: 5m }\n", "8:11", "`canary` or the key `ab`"),
        Mistake("strategy: { canary: [100%], early: maybe }\n", "8:36", "true or false"),
        Mistake("secrets: { TOKEN: { file: a, command: [b] } }\n", "8:19", "not from both"),
        Mistake("secrets: { A-B: {} }\n", "8:12", "letters, digits and `_`"),
        Mistake(
            "order: [switch, validate]\n",
            "8:17",
            "`validate` cannot stand after `switch`",
            "only `drain`"
        ),
        Mistake("order: [switch, monitor, drain]\n", "8:26", "`drain` cannot stand after `monitor`"),
        Mistake("order: [drian]\n", "8:9", "did you mean `drain`"),
        Mistake("drain: { connections: { http: /c } }\n", "8:23", "`connections`", "`value`"),
        Mistake("drain: { then: wait }\n", "8:16", "proceed, stop or close", "`wait`"),
        Mistake("rollback: { gradual: [25%] }\n", "8:22", "fall to 0%"),
        Mistake("afterwards: [{ retire: { in: 7d } }]\n", "8:26", "`retire` has no key `in`", "after, do"),
        Mistake("afterwards: [{ retire: {} }, { retire: {} }]\n", "8:30", "`retire` stands twice"),
        Mistake("afterwards: [{ retire: { do: [{ wait: 1s }] } }]\n", "8:33", "not `wait`"),
        Mistake("afterwards: [{ do: [] }]\n", "8:14", "needs the key `in`"),
    ]

    static let steps = [
        Mistake("prepare: { run: [a] }\n", "8:10", "a list of steps", "a mapping"),
        Mistake("prepare: [deploy]\n", "8:11", "a step must be a mapping", "`deploy`"),
        Mistake("validate: [{ htp: { get: / } }]\n", "8:14", "`htp`", "did you mean `http`"),
        Mistake("validate: [{ name: x }]\n", "8:12", "needs one action"),
        Mistake("validate: [{ run: [a], http: { get: / } }]\n", "8:24", "one action", "`run` and `http`"),
        Mistake("validate: [{ window: {} }]\n", "8:22", "`window` needs a time", "not: [Sat, Sun]"),
        Mistake("validate: [{ window: { not: [] } }]\n", "8:29", "`not` must name at least one time"),
        Mistake("validate: [{ window: { not: [Sam] } }]\n", "8:30", "`not`: expected days such as", "`Sam`"),
        Mistake(
            "validate: [{ window: { only: [9-17] } }]\n",
            "8:31",
            "`only`: expected days such as",
            "`9-17`"
        ),
        Mistake(
            "validate: [{ window: { freeze: [2026-02-30] } }]\n",
            "8:33",
            "`freeze`: expected days such as",
            "`2026-02-30`"
        ),
        Mistake(
            "validate: [{ window: { not: [Sat], zone: America/NewYork } }]\n",
            "8:42",
            "no time zone `America/NewYork`",
            "did you mean `America/New_York`"
        ),
        Mistake(
            "validate: [{ window: { not: [Sat], zone: Here } }]\n",
            "8:42",
            "`Here`; expected one such as"
        ),
        Mistake("validate: [{ window: { not: [Sat], then: pass } }]\n", "8:42", "stop or wait"),
        Mistake("validate: [{ window: { not: [Sat], timeout: 400d } }]\n", "8:45", "366d at most"),
        Mistake("validate: [{ window: { not: [Sat] }, timeout: 1h }]\n", "8:38", "belongs inside `window`"),
        Mistake("migrate: [{ window: { not: [Sat] } }]\n", "8:13", "`migrate` takes", "not `window`"),
        Mistake("prepare: [{ http: { get: / }, on: ssh://deploy@lb1 }]\n", "8:31", "no key `on`"),
        Mistake("prepare: [{ run: [a], timeuot: 5s }]\n", "8:23", "`timeuot`", "did you mean `timeout`"),
        Mistake("prepare: [{ run: [a], timeout: 0s }]\n", "8:32", "longer than 0s"),
        Mistake("prepare: [{ run: [a], on_failure: ignore }]\n", "8:35", "stop or continue", "`ignore`"),
        Mistake("prepare: [{ run: [a], retry: { attempts: 0 } }]\n", "8:42", "whole number from 1"),
        Mistake("prepare: [{ run: [a], retry: { every: 1s } }]\n", "8:30", "needs the key `attempts`"),
        Mistake("prepare: [{ run: [a], retry: { attempts: 2, backoff: fast } }]\n", "8:54", "1 to 10"),
        Mistake("prepare: [{ run: [a], when: \"${version} > 2\" }]\n", "8:29", "equality"),
        Mistake("prepare: [{ run: [a], when: \"${version} != v1\" }]\n", "8:29", "equality"),
        Mistake("prepare: [{ run: [a], when: \"a == b\" }]\n", "8:29", "equality"),
        Mistake(
            "prepare: [{ run: [a, \"${verison}\"] }]\n",
            "8:22",
            "`${verison}`",
            "did you mean `${version}`"
        ),
        Mistake("prepare: [{ run: [\"${colour}\"] }]\n", "8:19", "`${colour}`", "there are version"),
        Mistake("prepare: [{ run: [\"${public_url}\"] }]\n", "8:19", "no `public_url`"),
        Mistake("prepare: [{ run: [\"${steps.a.b}\"] }]\n", "8:19", "earlier step"),
        Mistake("migrate: { lint: {} }\n", "8:10", "`migrate` needs the key `apply`"),
        Mistake("migrate: { aply: { sql: a } }\n", "8:12", "no key `aply`", "did you mean `apply`"),
        Mistake("migrate: [{ apply: { sql: a } }]\n", "8:13", "backup, run, script", "`apply`"),
        Mistake("migrate: [{ http: { get: / } }]\n", "8:13", "`migrate` takes backup, run, script"),
        Mistake("rollback: { then: [{ approval: {} }] }\n", "8:22", "`rollback` takes", "not `approval`"),
        Mistake("validate: [{ approval: { by: 0 } }]\n", "8:30", "whole number from 1 to 20"),
        Mistake("validate: [{ approval: {}, timeout: 1h }]\n", "8:28", "belongs inside `approval`"),
        Mistake("validate: [{ wait: 10s, retry: { attempts: 2 } }]\n", "8:25", "no meaning beside `wait`"),
        Mistake("validate: [{ wait: soon }]\n", "8:20", "duration", "`soon`"),
        Mistake("validate: [{ checklist: [] }]\n", "8:25", "something to confirm"),
    ]

    static let metrics = [
        Mistake("{ error_rate: { from: balancer, instant: 5% } }", "8:62", "`instant`", "begins with >"),
        Mistake("{ error_rat: { from: balancer, instant: '> 5%' } }", "8:23", "did you mean `error_rate`"),
        Mistake("{ error_rate: { from: balancer, instant: '> 500ms' } }", "8:35", "does not fit"),
        Mistake("{ db: { from: { http: /db, value: ms } } }", "8:27", "needs a limit"),
        Mistake("{ db: { from: { prometheus: 'http://p' }, warn: '> 5' } }", "8:35", "needs the key `query`"),
        Mistake("{ db: { from: { value: a }, warn: '> 5' } }", "8:35", "`http`, `prometheus` and `command`"),
        Mistake("{ db: { from: { command: [] }, warn: '> 5' } }", "8:46", "a program and its arguments"),
        Mistake("{ db: { from: { command: [x, '${secret.T}'] }, warn: '> 5' } }", "8:50", "processes"),
        Mistake("{ db: { from: { command: [x], every: 10ms }, warn: '> 5' } }", "8:58", "1s or longer"),
        Mistake("{ db: { from: { http: /db }, warn: '> 5' } }", "8:35", "needs the key `value`"),
        Mistake("{ db: { from: nowhere, warn: '> 5' } }", "8:35", "`nowhere`", "balancer"),
        Mistake("{ db: { from: { http: '/${x}', value: a }, warn: '> 5' } }", "8:43", "`${x}`"),
    ]
}

@Suite struct MistakeTests {
    @Test(arguments: Mistake.topLevel + Mistake.steps)
    func `each mistake is found at its place`(_ mistake: Mistake) {
        expect(Book.mistakes(in: Book.base + mistake.text), [(mistake.place, mistake.words)])
    }

    @Test(arguments: Mistake.metrics)
    func `each mistake in a metric is found at its place`(_ mistake: Mistake) {
        let text = Book.base + "monitor: { metrics: \(mistake.text) }\n"
        expect(Book.mistakes(in: text), [(mistake.place, mistake.words)])
    }

    @Test func `a misspelt key of a balancer and a bad duration are reported together`() {
        let text = """
            service: app
            environments:
              blue: { url: 'http://127.0.0.1:1', servers: ['127.0.0.1:1'] }
              green: { url: 'http://127.0.0.1:2', servers: ['127.0.0.1:2'] }
            balancers:
              - nginx: /nonexistent.conf
                upstrem: app
            monitor: { for: 5 parsecs }

            """
        expect(
            Book.mistakes(in: text),
            [
                ("6:5", ["needs the key `upstream`"]), ("7:5", ["`upstrem`", "did you mean `upstream`"]),
                ("8:17", ["parsecs"]),
            ]
        )
    }

    @Test func `everything that is missing is named at once`() {
        expect(
            Book.mistakes(in: "prepare: []\n"),
            [("1:1", ["`service`"]), ("1:1", ["`environments`"]), ("1:1", ["`balancers`"])]
        )
    }

    @Test(arguments: [
        ("environments: { blue: { url: 'http://a', servers: [a] } }", "2:15", "exactly two"),
        (
            "environments: { blue: { url: a, servers: [a] }, green: { url: 'http://b', servers: [b] } }",
            "2:30", "http://"
        ),
        (
            "environments: { blue: { url: 'http://a', servers: [a] }, stable: { url: 'http://b', servers: [b] } }",
            "2:58", "`stable` cannot name"
        ),
        (
            "environments: { blue: { url: 'http://a', servers: [a] }, green: { url: 'http://b', servers: [a] } }",
            "2:94", "already one of `blue`"
        ),
        (
            "environments: { blue: { url: 'http://a', servers: [] }, green: { url: 'http://b', servers: [b] } }",
            "2:51", "at least one server"
        ),
        (
            "environments: { blue: { url: 'http://${env.A}', servers: [a] }, green: { url: 'http://b', servers: [b] } }",
            "2:30", "cannot refer to values"
        ),
    ])
    func `environments are two and different`(_ text: String, _ place: String, _ words: String) {
        let book = "service: mina\n\(text)\nbalancers: [{ nginx: /a, upstream: b }]\n"
        expect(Book.mistakes(in: book), [(place, [words])])
    }

    @Test(arguments: [
        ("balancers: [{ nignx: /a, upstream: b }]", "did you mean `nginx`"),
        ("balancers: [{ nginx: /a, upstream: b, on: 'ssh://lb1' }]", "has no key `on`"),
        ("balancers: []", "at least one balancer"),
    ])
    func `a balancer needs a known kind and has known keys`(_ text: String, _ words: String) {
        let lines = Book.base.split(separator: "\n").prefix(4).joined(separator: "\n")
        let found = Book.mistakes(in: lines + "\n" + text + "\n")
        #expect(found.count == 1 && found.allSatisfy { $0.contains(words) }, "\(found)")
    }

    @Test func `messages are one line without control characters`() {
        let found = Book.mistakes(in: Book.base + #"order: ["\e]52;x\n\u202e"]"# + "\n")
        #expect(found.count == 1)
        #expect(
            found.allSatisfy { line in line.unicodeScalars.allSatisfy { $0.isASCII && $0.value >= 0x20 } }
        )
    }
}
