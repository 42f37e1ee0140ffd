import DeployCore
import DeployPorts
import Foundation
import Playbooks
import Testing

@Suite struct ValuesTests {
    static let run = RunID(rawValue: "01HZX0000000000000000000AB")

    static func values(
        _ playbook: Playbook,
        previous: String? = nil,
        environment: [String: String] = [:]
    ) async throws -> Values {
        let version = try playbook.version("v2.5.0")
        let plan = playbook.plan(
            version: version,
            previousVersion: previous.flatMap(Version.init(rawValue:)),
            stable: EnvironmentName("blue"),
            candidate: EnvironmentName("green")
        ).plan
        return try await playbook.values(for: plan, run: run, environment: environment)
    }

    static func mistakes(_ playbook: Playbook, environment: [String: String] = [:]) async throws -> [String] {
        do {
            _ = try await values(playbook, environment: environment)
            return []
        } catch let error as PlaybookError {
            return error.lines
        }
    }

    @Test func `a run has its plain values, and only the variables that are referred to`() async throws {
        let playbook = try Book.loaded(
            """
            public_url: https://mina.example/
            prepare: [{ run: ["${env.HOME_OF_IT}", "${previous_version}"] }]

            """
        )
        let values = try await Self.values(
            playbook,
            previous: "v2.4.0",
            environment: ["HOME_OF_IT": "/x", "OTHER": "y"]
        )
        #expect(
            values.plain == [
                "version": "v2.5.0", "service": "mina", "run": Self.run.rawValue, "stable": "blue",
                "candidate": "green", "stable.url": "http://127.0.0.1:5001",
                "candidate.url": "http://127.0.0.1:5002", "previous_version": "v2.4.0",
                "public_url": "https://mina.example", "env.HOME_OF_IT": "/x",
            ]
        )
        #expect(values.secrets.isEmpty)
    }

    @Test func `secrets come from the environment, a file and a command`() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("secrets-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("from a file\n".utf8).write(to: folder.appendingPathComponent("token"))
        let text =
            Book.base + """
                prepare: [{ run: ["${secret.UNDECLARED}"] }]
                secrets:
                  FILE: { file: token }
                  COMMAND: { command: [sh, -c, "echo noise >&2; printf 'two\\nlines'"] }
                  VARIABLE: {}
                  BARE:

                """
        let path = folder.appendingPathComponent("book.yml").path
        let playbook = try Playbook.load(text: text, path: path, catalogue: StubCatalogue.catalogue).get()
        let values = try await Self.values(
            playbook,
            environment: ["VARIABLE": "v", "UNDECLARED": "u", "BARE": "b", "FILE": "not this"]
        )
        #expect(
            values.secrets == [
                "secret.FILE": "from a file", "secret.COMMAND": "two\nlines", "secret.VARIABLE": "v",
                "secret.UNDECLARED": "u", "secret.BARE": "b",
            ]
        )
    }

    @Test func `what has no value is named before the run begins`() async throws {
        let playbook = try Book.loaded(
            """
            prepare: [{ run: ["${env.NO_SUCH}", "${previous_version}", "${secret.GONE}"] }]
            secrets:
              EMPTY: {}
              FILE: { file: /nonexistent/token }
              COMMAND: { command: [sh, -c, "exit 3"] }
              QUIET: { command: ["true"] }
              MISSING: { command: [no-such-command-here] }

            """
        )
        expect(
            try await Self.mistakes(playbook, environment: ["EMPTY": ""]),
            [
                ("8:19", ["`NO_SUCH` is not set"]), ("8:37", ["not known which version blue runs"]),
                ("8:60", ["`GONE` is not set"]), ("10:3", ["`EMPTY` is empty"]),
                ("11:3", ["`FILE` cannot be read", "does not exist"]),
                ("12:3", ["`COMMAND`", "exit status 3"]), ("13:3", ["`QUIET` is empty"]),
                ("14:3", ["`MISSING`", "no-such-command-here"]),
            ]
        )
    }
}
