import DeployCore
import DeployPorts
import Playbooks
import Synchronization
import Testing

@Suite struct MigrateTests {
    private static let parts = """
        migrate:
          timeout: 1h
          apply: { sql: migrations, database: "${secret.DATABASE_URL}" }
          backup: { postgres: "${secret.DATABASE_URL}" }
          lint: { compatible_with_stable: advised }
          rehearse: { database: "${secret.STAGING_DATABASE_URL}" }

        """

    private static func titles(_ text: String) throws -> [String] {
        let plan = try Book.plan(try Book.loaded(text)).plan
        return plan.phases.flatMap { phase -> [String] in
            guard case .steps(let steps) = phase, steps.name == .migrate else { return [] }
            return steps.groups.joined().map(\.title)
        }
    }

    @Test
    func `the parts run in their order whatever the playbook's, and the stable version is asked around them`()
        throws
    {
        #expect(
            try Self.titles(Self.parts) == [
                "blue before the migration", "lint of sql", "rehearse of sql", "backup", "apply",
                "blue goes on on the new schema",
            ]
        )
        let frozen = try Book.plan(try Book.loaded(Self.parts))
        let apply = try #require(
            frozen.plan.phases.flatMap { phase -> [Step] in
                if case .steps(let steps) = phase { Array(steps.groups.joined()) } else { [] }
            }.first { $0.title == "apply" }
        )
        #expect(apply.deadline == .minutes(60) && !apply.isCancellable)
        #expect(frozen.policies[apply.id]?.captureName == "apply")
    }

    @Test func `a playbook that says nothing of the gate has it`() throws {
        let titles = try Self.titles("migrate: { apply: { sql: migrations } }\n")
        #expect(titles.contains("lint of sql, required"))
    }

    @Test func `what a list runs is its own, between the same two questions`() throws {
        let titles = try Self.titles("migrate: [{ run: [./migrate.sh] }]\n")
        #expect(titles == ["blue before the migration", "run", "blue goes on on the new schema"])
    }

    @Test func `a playbook can say what mends the database`() throws {
        let text = "migrate: { forward_fix: 'run fix.sql', apply: { sql: migrations } }\n"
        #expect(try Book.plan(try Book.loaded(text)).plan.forwardFix == "run fix.sql")
        #expect(try Book.plan(try Book.loaded(Self.parts)).plan.forwardFix == nil)
    }
}

/// The question to the stable version, with checks that answer by what they are asked.
@Suite struct StableHealthTests {
    private static let text = """
        validate:
          - { http: { get: /health } }
          - { http: { get: /new } }
          - { http: { get: "/version/${version}" } }
        migrate: [{ run: [migrate] }]

        """

    /// Answers where `urls` says so.
    private final class World: Sendable {
        let broken = Mutex<Set<String>>([])
        let asked = Mutex<[String]>([])
    }

    private struct Check: StepAction {
        let path: String
        let references: [Reference]
        let world: World
        var summary: String { "get \(path)" }
        var isReadOnly: Bool { true }

        func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
            let url = "\(try attempt.values.value(of: "candidate.url"))\(path)"
            world.asked.withLock { $0.append(url) }
            guard !world.broken.withLock({ $0.contains(path) }) else { throw StepFailure("\(url): 500") }
            return StepResult(summary: "fine")
        }
    }

    private static func catalogue(_ world: World) -> Catalogue {
        let http = StepKind(key: "http", schema: "{}") { value, _, _, _ in
            guard let path = StubCatalogue.text(of: "get", in: value) else { return nil }
            let references = (try? Template(path))?.references ?? []
            return Check(path: path, references: references, world: world)
        }
        return Catalogue(
            stepKinds: StubCatalogue.catalogue.stepKinds.filter { $0.key != "http" } + [http],
            balancerKinds: StubCatalogue.catalogue.balancerKinds
        )
    }

    private struct Stage {
        let before: any StepAction
        let after: any StepAction

        init(_ world: World) throws {
            let frozen = try Book.plan(try Book.loaded(StableHealthTests.text, catalogue: catalogue(world)))
            let actions = frozen.actions.filter { $0.key.rawValue.hasPrefix("migrate/") }
                .sorted { $0.key.rawValue < $1.key.rawValue }.map(\.value)
            try #require(actions.count == 3)
            (before, after) = (actions[0], actions[2])
        }
    }

    private static func attempt(_ more: [String: String] = [:], previous: String? = "v1") -> StepAttempt {
        var plain = [
            "stable": "blue", "candidate": "green", "version": "v2", "stable.url": "http://blue",
            "candidate.url": "http://green",
        ]
        plain["previous_version"] = previous
        return StepAttempt(
            run: RunID(rawValue: "r"),
            step: StepID(rawValue: "migrate/1"),
            number: 1,
            deadline: .seconds(10),
            values: Values(plain: plain.merging(more) { $1 }),
            folder: "/nonexistent",
            report: { _ in }
        )
    }

    private static func memory(of result: StepResult) -> [String: String] {
        Dictionary(uniqueKeysWithValues: result.captures.map { ("steps.stable_before.\($0.key)", $0.value) })
    }

    @Test func `it is the stable environment that is asked`() async throws {
        let world = World()
        _ = try await Stage(world).before.perform(Self.attempt())
        #expect(world.asked.withLock { $0.allSatisfy { $0.hasPrefix("http://blue") } && $0.count == 3 })
    }

    @Test func `what it passed before it must pass after, and a failure says what is open`() async throws {
        let world = World()
        world.broken.withLock { $0 = ["/new"] }
        let stage = try Stage(world)
        let memory = Self.memory(of: try await stage.before.perform(Self.attempt()))
        // The page of the new version was never there.
        #expect(try await stage.after.perform(Self.attempt(memory)).summary == "2 checks pass as before")
        world.broken.withLock { $0 = ["/new", "/health"] }
        let names = ["steps.lint.migrations": "002_drop.sql"]
        let failure = await #expect(throws: StepFailure.self) {
            try await stage.after.perform(Self.attempt(memory.merging(names) { $1 }))
        }
        let message = try #require(failure?.message)
        #expect(message.contains("http://blue/health: 500") && !message.contains("/new"))
        #expect(message.contains("The traffic stays on blue") && message.contains("for 002_drop.sql"))
    }

    @Test func `what names the version is left out while nobody knows it`() async throws {
        let world = World()
        let result = try await Stage(world).before.perform(Self.attempt(previous: nil))
        #expect(result.summary == "2 of 2 checks pass; nobody knows the version that 1 more ask for")
        #expect(world.asked.withLock { !$0.contains { $0.contains("version") } })
    }
}
