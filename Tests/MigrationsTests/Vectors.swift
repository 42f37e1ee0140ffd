import Foundation
import MigrationVerdicts
import Migrations
import Testing

/// Migrations with what was measured of them: an old version's statements before and after each.
enum Vectors {
    struct Vector: Decodable, CustomTestStringConvertible {
        let id: String
        /// `ok`, `prepared-only`, `breaks`, `not-applied`.
        let measured_blue: String
        /// `expand`, `contract`, `neutral`.
        let author_phase: String
        /// `none`, `brief`, `long`.
        let author_lock: String

        var testDescription: String { id }

        var file: MigrationFile {
            get throws { try MigrationFile(reading: "\(folder)/\(id).sql") }
        }
    }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Vectors").path
    static let all = (try? read()) ?? []

    private static func read() throws -> [Vector] {
        let data = try Data(contentsOf: URL(filePath: "\(folder)/verdicts.json"))
        return try JSONDecoder().decode([Vector].self, from: data)
    }

    /// The schema of `base.sql`.
    static func schema() throws -> Schema {
        try MigrationLinter.schema(of: try MigrationFile(reading: "\(folder)/base.sql"))
    }
}

/// Both verdicts on a whole file.
struct FileVerdict: Equatable {
    let compatibility: Compatibility
    let hazard: LockHazard

    init(_ file: MigrationFile, schema: Schema = Schema()) throws {
        let report = try MigrationLinter(schema: schema).lint([file])
        let verdicts = report.statements.map(\.verdict)
        compatibility = verdicts.map(\.compatibility).max() ?? .compatible
        hazard = verdicts.map(\.hazard).max() ?? .none
    }

    /// What stops a release, or makes somebody look, against what does not.
    var isExpand: Bool { compatibility <= .prepared }
}
