import ChildProcesses
import DeployCore
import DeployPorts
import Foundation
import Playbooks
import Testing

/// The schema and the decoder are two tellings of one language.
@Suite struct SchemaTests {
    static let unknown = "qqqqqqqqqqqqqqqq"

    /// A section as the schema has it, and a playbook with an unknown key in the same section.
    struct Section: Sendable, CustomTestStringConvertible {
        let path: [String]
        let text: String

        init(_ path: String..., text: String = "") {
            self.path = path
            self.text = Book.base + text
        }

        var testDescription: String { path.isEmpty ? "top level" : path.joined(separator: ".") }
    }

    static let sections = [
        Section(text: "\(unknown): 1\n"),
        Section("environments", "*", text: "").with(
            "service: a\nenvironments: { blue: { url: 'http://a', servers: [a], \(unknown): 1 }, "
                + "green: { url: 'http://b', servers: [b] } }\nbalancers: [{ nginx: /a, upstream: b }]\n"
        ),
        Section("strategy", text: "strategy: { canary: [100%], \(unknown): 1 }\n"),
        Section("strategy", "ab", text: "strategy: { ab: { cookie: a, values: [b], \(unknown): 1 } }\n"),
        Section("drain", text: "drain: { \(unknown): 1 }\n"),
        Section(
            "drain",
            "connections",
            text: "drain: { connections: { http: /a, value: b, \(unknown): 1 } }\n"
        ),
        Section("monitor", text: "monitor: { \(unknown): 1 }\n"),
        Section(
            "monitor",
            "metrics",
            "*",
            text: "monitor: { metrics: { error_rate: { from: balancer, \(unknown): 1 } } }\n"
        ),
        Section(
            "monitor",
            "metrics",
            "*",
            "from",
            text:
                "monitor: { metrics: { x: { warn: '> 1', from: { http: /a, value: b, \(unknown): 1 } } } }\n"
        ),
        Section(
            "$defs",
            "metric_prometheus",
            text: "monitor: { metrics: { x: { from: { prometheus: a, query: b, \(unknown): 1 } } } }\n"
        ),
        Section(
            "$defs",
            "metric_prometheus",
            "basic",
            text:
                "monitor: { metrics: { x: { from: { prometheus: a, query: b, basic: { \(unknown): 1 } } } } }\n"
        ),
        Section(
            "$defs",
            "metric_command",
            text: "monitor: { metrics: { x: { from: { command: [a], \(unknown): 1 } } } }\n"
        ),
        Section(
            "monitor",
            "probes",
            text: "public_url: http://a\nmonitor: { probes: { get: /, \(unknown): 1 } }\n"
        ),
        Section("rollback", text: "rollback: { \(unknown): 1 }\n"),
        Section("promises", text: "promises: { \(unknown): 1 }\n"),
        Section("severity", "*", text: "severity: { P1: { \(unknown): 1 } }\n"),
        Section("afterwards", "[]", text: "afterwards: [{ in: 1h, do: [], \(unknown): 1 }]\n"),
        Section("$defs", "retirement", text: "afterwards: [{ retire: {}, \(unknown): 1 }]\n"),
        Section("$defs", "retirement", "retire", text: "afterwards: [{ retire: { \(unknown): 1 } }]\n"),
        Section("$defs", "migration_parts", text: "migrate: { apply: {}, \(unknown): 1 }\n"),
        Section("$defs", "channel_slack", text: "notify: [{ slack: a, \(unknown): 1 }]\n"),
        Section(
            "$defs",
            "channel_slack",
            "escalate",
            "[]",
            text: "notify: [{ slack: a, on: [waiting], escalate: [{ after: 1m, to: b, \(unknown): 1 }] }]\n"
        ),
        Section(
            "$defs",
            "step_notify",
            "notify",
            text: "prepare: [{ notify: { text: a, \(unknown): 1 } }]\n"
        ),
        Section(
            "$defs",
            "telling_slack",
            text: "prepare: [{ notify: { text: a, slack: b, \(unknown): 1 } }]\n"
        ),
        Section(
            "$defs",
            "step_metric",
            text: "preflight: [{ metric: { from: { command: [a] }, expect: '< 1' }, \(unknown): 1 }]\n"
        ),
        Section(
            "$defs",
            "step_metric",
            "metric",
            text: "preflight: [{ metric: { from: { command: [a] }, expect: '< 1', \(unknown): 1 } }]\n"
        ),
        runbook(["$defs", "runbook"], "\(unknown): 1\n"),
        runbook(["$defs", "runbook", "secrets", "*"], "secrets: { A: { \(unknown): 1 } }\n"),
        runbook(
            ["$defs", "runbook", "actions", "*"],
            "actions: { a: { title: a, steps: [{ run: [a] }], \(unknown): 1 } }\n"
        ),
        runbook(["$defs", "check_http"], "look: [{ http: { get: / }, \(unknown): 1 }]\n"),
        runbook(["$defs", "check_run"], "look: [{ run: [a], reads: true, \(unknown): 1 }]\n"),
        runbook(
            ["$defs", "act_run"],
            "actions: { a: { title: a, steps: [{ run: [a], \(unknown): 1 }] } }\n"
        ),
        Section("secrets", "*", text: "secrets: { A: { \(unknown): 1 } }\n"),
        Section("$defs", "step_http", text: "validate: [{ http: { get: / }, \(unknown): 1 }]\n"),
        Section("$defs", "step_run", text: "prepare: [{ run: [a], \(unknown): 1 }]\n"),
        Section("$defs", "step_approval", "approval", text: "validate: [{ approval: { \(unknown): 1 } }]\n"),
        Section(
            "$defs",
            "step_window",
            "window",
            text: "preflight: [{ window: { not: [Sat], \(unknown): 1 } }]\n"
        ),
        Section(
            "$defs",
            "step_run",
            "retry",
            text: "prepare: [{ run: [a], retry: { attempts: 1, \(unknown): 1 } }]\n"
        ),
    ]

    private static func runbook(_ path: [String], _ more: String) -> Section {
        let look = more.hasPrefix("look:") ? "" : "look: [{ tcp: a }]\n"
        return Section().with(RunbookTests.base + look + more, at: path)
    }

    @Test(arguments: sections)
    func `schema and decoder know the same keys`(_ section: Section) throws {
        let schema = try #require(try Self.schema() as? [String: Any])
        let keys = Self.properties(of: schema, at: section.path[...])
        let fromSchema = try #require(keys)
        let found = Book.mistakes(in: section.text)
        let line = try #require(found.first { $0.contains("`\(Self.unknown)`; it takes ") }, "\(found)")
        let list = try #require(line.components(separatedBy: "; it takes ").last)
        #expect(Set(list.components(separatedBy: ", ")) == fromSchema)
    }

    @Test func `every object of the schema is one of the compared sections`() throws {
        let schema = try #require(try Self.schema() as? [String: Any])
        let compared = Self.sections.compactMap { Self.properties(of: schema, at: $0.path[...]) }
        for keys in Self.allObjects(schema) where !keys.isEmpty && !Self.isKindOfDriver(keys) {
            let step = keys.subtracting([
                "http", "run", "script", "tcp", "env", "backup", "approval", "wait", "window", "checklist",
                "notify", "metric",
            ])
            let isStep = step.isSubset(of: [
                "name", "on_failure", "always", "timeout", "retry", "idempotent", "when", "severity", "hint",
                "suggests", "reads", "shows",
            ])
            #expect(compared.contains(keys) || isStep, "\(keys.sorted()) is not compared with the decoder")
        }
    }

    @Test func `a gate takes no keys that only an action has`() throws {
        let schema = try #require(try Self.schema() as? [String: Any])
        let wait = try #require(Self.properties(of: schema, at: ["$defs", "step_wait"]))
        #expect(wait == ["wait", "name", "on_failure", "always"])
        let checklist = try #require(Self.properties(of: schema, at: ["$defs", "step_checklist"]))
        #expect(checklist == wait.subtracting(["wait"]).union(["checklist", "timeout"]))
    }

    @Test func `a JSON Schema validator accepts the samples and refuses mistakes`() async throws {
        let bad = [
            Book.base + "drian: {}\n",
            Book.base + "monitor: { for: 5 parsecs }\n",
            Book.base + "validate: [{ http: { get: / }, tiemout: 5s }]\n",
            Book.base + "validate: [{ wait: 10s, retry: { attempts: 2 } }]\n",
            Book.base + "validate: [{ window: { then: pass } }]\n",
            Book.base + "afterwards: [{ retire: { in: 7d } }]\n",
            Book.base + "migrate: [{ http: { get: / } }]\n",
            Book.base + "notify: [{ slack: a, on: [sometimes] }]\n",
            Book.base + "notify: [{ slack: a }]\nprepare: [{ notify: { to: [slack] } }]\n",
            Book.base + "strategy: { canary: [10] }\n",
            RunbookTests.base, RunbookTests.base + "look: []\n",
            RunbookTests.base + "look: [{ tcp: a, on_failure: stop }]\n",
            RunbookTests.base + "look: [{ tcp: a, severity: P9 }]\n",
            RunbookTests.base + "look: [{ metric: { from: { command: [a] }, expect: many } }]\n",
            RunbookTests.base + "look: [{ tcp: a }]\nenvironments: {}\n",
            "service: mina\n",
        ]
        let good = [
            try SamplePlaybookTests.sample("quickstart.yml"), try SamplePlaybookTests.sample("canary.yml"),
            Book.base + PlanTests.full, RunbookTests.full,
            Book.base + WindowTests.text + "afterwards: [{ retire: { after: 3d, do: [{ run: [a] }] } }]\n",
            Book.base + NotifyTests.full,
            Book.base + "secrets: { A: , B: { command: [x] } }\nstrategy: instant\n",
        ]
        for text in good { #expect(Book.mistakes(in: text).isEmpty) }
        for text in bad { #expect(!Book.mistakes(in: text).isEmpty) }
        let schema = PlaybookSchema.text(catalogue: StubCatalogue.catalogue)
        let input = try JSONSerialization.data(withJSONObject: ["schema": schema, "good": good, "bad": bad])
        let outcome = try await ShortCommand.run(
            ["python3", "-W", "ignore", "-c", Self.validator],
            input: Array(input),
            deadline: 60_000
        )
        if outcome.status == .exited(77) {
            print("skipped: python3 has no `jsonschema` and `yaml`")
            return
        }
        #expect(outcome.status == .exited(0), "\(outcome.output)")
    }

    private static let validator = """
        import json, sys
        try:
            import jsonschema, yaml
        except ImportError:
            sys.exit(77)
        # `on` is a truth value of YAML 1.1 alone.
        yaml.SafeLoader.yaml_implicit_resolvers.pop("o", None)
        given = json.load(sys.stdin)
        schema = json.loads(given["schema"])
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        faults = 0
        for text in given["good"]:
            for error in validator.iter_errors(yaml.safe_load(text)):
                faults += 1
                print("refused:", list(error.absolute_path), error.message[:300])
        for text in given["bad"]:
            if validator.is_valid(yaml.safe_load(text)):
                faults += 1
                print("accepted:", text)
        sys.exit(1 if faults else 0)
        """

    // MARK: reading the schema

    private static func schema() throws -> Any {
        let text = PlaybookSchema.text(catalogue: StubCatalogue.catalogue)
        return try JSONSerialization.jsonObject(with: Data(text.utf8))
    }

    /// The keys of the object at `path`: a key, `*` for any key, `[]` for an item, `$defs` for a definition.
    private static func properties(of node: [String: Any], at path: ArraySlice<String>) -> Set<String>? {
        for choice in node["anyOf"] as? [[String: Any]] ?? [] where choice["type"] as? String == "object" {
            return properties(of: choice, at: path)
        }
        // A path that names no definition begins at a playbook.
        if node["$defs"] != nil, path.first != "$defs" {
            return properties(of: node, at: ["$defs", "playbook"] + path)
        }
        guard let first = path.first else {
            return (node["properties"] as? [String: Any]).map { Set($0.keys) }
        }
        let rest = path.dropFirst()
        switch first {
        case "*":
            return (node["additionalProperties"] as? [String: Any]).flatMap { properties(of: $0, at: rest) }
        case "[]": return (node["items"] as? [String: Any]).flatMap { properties(of: $0, at: rest) }
        case "$defs":
            let definitions = node["$defs"] as? [String: [String: Any]]
            return rest.first.flatMap { definitions?[$0] }.flatMap {
                properties(of: $0, at: rest.dropFirst())
            }
        default:
            let children = node["properties"] as? [String: Any]
            return (children?[first] as? [String: Any]).flatMap { properties(of: $0, at: rest) }
        }
    }

    private static func allObjects(_ node: Any) -> [Set<String>] {
        if let list = node as? [Any] { return list.flatMap(allObjects) }
        guard let map = node as? [String: Any] else { return [] }
        let own = (map["properties"] as? [String: Any]).map { [Set($0.keys)] } ?? []
        return own + map.values.flatMap(allObjects)
    }

    /// The stub kinds' own schemas, and names instead of keys, are no business of the language's.
    private static func isKindOfDriver(_ keys: Set<String>) -> Bool {
        keys == ["get"] || keys == ["P0", "P1", "P2", "P3"] || keys == ["nginx", "upstream", "log"]
            || keys == ["haproxy", "backend", "socket"]
    }
}

extension SchemaTests.Section {
    fileprivate func with(_ text: String) -> Self { Self(path: path, text: text) }
    fileprivate func with(_ text: String, at path: [String]) -> Self { Self(path: path, text: text) }

    private init(path: [String], text: String) {
        self.path = path
        self.text = text
    }
}
