import DeployPorts
import Foundation
import MigrationVerdicts
import Migrations
import PostgresClient
import ServiceLab
import Testing

@Suite struct PostgresCatalogueTests {
    @Test func `a real catalogue gives the verdicts that the schema's own text gives, and sizes`()
        async throws
    {
        let server = try await onThread { try PostgresServer() }
        defer { server.stop() }
        let url = server.access.url()
        let base = try String(contentsOfFile: "\(Vectors.folder)/base.sql", encoding: .utf8)
        let text = base.replacing("$", with: "")
        #expect(text == base, "the schema goes into a DO block")
        _ = try await PostgresClient().send(
            PostgresRequest(
                address: try PostgresAddress(url),
                statement: "DO $base$ BEGIN \(base) END $base$",
                writes: true,
                deadline: .seconds(60)
            )
        )
        let schema = try await PostgresCatalogue(url: url).schema()
        let written = try Vectors.schema()
        for vector in Vectors.all {
            let file = try vector.file
            #expect(
                try FileVerdict(file, schema: schema) == FileVerdict(file, schema: written),
                "\(vector.id)"
            )
        }
        // The table is empty: an index is built at once, and yet a NOT NULL column breaks who inserts.
        #expect(try Sentence("CREATE INDEX i ON old_audit (what)", schema: schema).hazard == .brief)
        let sentence = try Sentence("ALTER TABLE old_audit ADD COLUMN x int NOT NULL", schema: schema)
        #expect(sentence.compatibility == .breaks)
        let index = try Sentence("CREATE INDEX i ON users (name)", schema: schema)
        #expect(index.hazard == .long)
        #expect(index.verdicts[0].findings.contains { $0.why.contains(" kB)") })
    }

    @Test func `a database that is not there is told`() async {
        await #expect {
            _ = try await PostgresCatalogue(url: "postgresql:///x?host=/nowhere", deadline: .seconds(20))
                .schema()
        } throws: { error in
            guard case .unavailable? = error as? MigrationCatalogueError else { return false }
            return true
        }
        await #expect {
            _ = try await PostgresCatalogue(url: "mysql://x").schema()
        } throws: { error in
            guard case .unusable? = error as? MigrationCatalogueError else { return false }
            return true
        }
    }
}
