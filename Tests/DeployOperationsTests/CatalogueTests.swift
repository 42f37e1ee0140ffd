import DeployPorts
import Foundation
import Playbooks
import Testing

@testable import DeployOperations

/// What a playbook may say, with the drivers that ship.
struct CatalogueTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func mistakes(in text: String) -> [String] {
        switch Playbook.load(bytes: Array(text.utf8), path: "book.yml", catalogue: Catalogue.shared) {
        case .success: []
        case .failure(let error): error.lines
        }
    }

    @Test func `the language's whole example lacks nothing but what this version does not have`() throws {
        let file = Self.root.appendingPathComponent("../shared/spec/playbook.md")
        guard let text = try? String(contentsOf: file, encoding: .utf8) else {
            print("skipped: \(file.path) is not here")
            return
        }
        let blocks = text.components(separatedBy: "```yaml\n").dropFirst()
            .compactMap { $0.components(separatedBy: "```").first }
        #expect(blocks.count == 2)
        #expect(Self.mistakes(in: blocks.first ?? "").isEmpty)
        let others = Self.mistakes(in: blocks.last ?? "").filter {
            !$0.contains("not available in this version")
        }
        #expect(others.isEmpty, "\(others.joined(separator: "\n"))")
    }

    @Test func `a playbook that tells users apart needs no mode, and weights are refused`() {
        let head = """
            service: mina
            environments:
              blue: { url: "http://127.0.0.1:5001", servers: ["127.0.0.1:5001"] }
              green: { url: "http://127.0.0.1:5002", servers: ["127.0.0.1:5002"] }
            strategy: { canary: [10%, 100%], sticky: cookie:session }
            balancers:
              - { nginx: /etc/nginx/mina.conf, upstream: mina
            """
        let haproxy = "  - { haproxy: /etc/haproxy/haproxy.cfg, backend: mina, socket: /run/haproxy.sock"
        #expect(Self.mistakes(in: head + " }\n\(haproxy) }\n").isEmpty)
        let refused = Self.mistakes(in: head + ", mode: weights }\n\(haproxy), mode: weights }\n")
        #expect(refused.count == 2)
        #expect(refused.first?.contains("mode: switchboard") == true)
        #expect(refused.last?.contains("mode: map") == true)
    }

    @Test func `what a backup and a migration bring back can be named by later steps`() {
        let head = """
            service: mina
            environments:
              blue: { url: "http://127.0.0.1:5001", servers: ["127.0.0.1:5001"] }
              green: { url: "http://127.0.0.1:5002", servers: ["127.0.0.1:5002"] }
            balancers: [{ nginx: /etc/nginx/mina.conf, upstream: mina }]
            migrate:
              backup: { postgres: "${secret.DATABASE_URL}", to: backups }
              apply: { sql: migrations, database: "${secret.DATABASE_URL}" }
            """
        let use =
            "\nwarm_up: [{ run: [tell, '${steps.backup.file}', '${steps.apply.head}', '${steps.lint.%}'] }]\n"
        #expect(Self.mistakes(in: head + use.replacing("%", with: "migrations")).isEmpty)
        #expect(Self.mistakes(in: head + use.replacing("%", with: "nothing")).count == 1)
    }

    @Test func `what is wrong with a migration's tool is told once`() {
        let text = """
            service: mina
            environments:
              blue: { url: "http://127.0.0.1:5001", servers: ["127.0.0.1:5001"] }
              green: { url: "http://127.0.0.1:5002", servers: ["127.0.0.1:5002"] }
            balancers: [{ nginx: /etc/nginx/mina.conf, upstream: mina }]
            migrate:
              rehearse: { database: "${secret.STAGING_URL}" }
              apply: { alembik: alembic.ini, database: "${secret.DATABASE_URL}", down: true }
            """
        let found = Self.mistakes(in: text)
        #expect(found.count == Set(found).count, "\(found.joined(separator: "\n"))")
        #expect(found.contains { $0.contains("never migrated down") })
    }
}
