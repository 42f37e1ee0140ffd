internal import Foundation

/// A migration as it stands in its file.
package struct MigrationFile: Hashable, Sendable {
    /// As it was given, or below the folder that was given.
    package let path: String
    package let text: String

    package init(path: String, text: String) {
        self.path = path
        self.text = text
    }

    /// Larger ones hold data, not a migration.
    private static let largest = 16 << 20

    /// Reads one file.
    package init(reading path: String) throws(MigrationFileError) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw MigrationFileError(path: path, message: "cannot be read")
        }
        guard data.count <= Self.largest else {
            throw MigrationFileError(path: path, message: "is larger than \(Self.largest >> 20) MB")
        }
        let bytes = data.starts(with: [0xEF, 0xBB, 0xBF]) ? data.dropFirst(3) : data
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw MigrationFileError(path: path, message: "is not UTF-8")
        }
        self.init(path: path, text: text)
    }
}

/// A file or a folder that is not read.
package struct MigrationFileError: Error, Hashable, Sendable {
    package let path: String
    package let message: String
}

/// The migrations that paths name, and the schema that stands beside them.
package struct MigrationFolder: Hashable, Sendable {
    /// In the order in which they are applied: as the paths are given, within a folder by name, with numbers
    /// by their value.
    package let files: [MigrationFile]
    /// The path of `base.sql`, the schema before them; `nil` when there is none beside them.
    package let base: String?

    /// The name of the file that has the schema of the stable version, as `pg_dump --schema-only` writes it.
    package static let baseName = "base.sql"

    /// Reads files, and of folders every `.sql` in them but what undoes a migration.
    package init(_ paths: [String]) throws(MigrationFileError) {
        var found: [String] = []
        var bases: Set<String> = []
        for path in paths {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
                throw MigrationFileError(path: path, message: "is not there")
            }
            let folder = isFolder.boolValue ? path : (path as NSString).deletingLastPathComponent
            let base = (folder as NSString).appendingPathComponent(Self.baseName)
            if FileManager.default.fileExists(atPath: base) { bases.insert(base) }
            found += isFolder.boolValue ? try Self.files(below: path) : [path]
        }
        guard bases.count <= 1 else {
            let list = bases.sorted().joined(separator: " and ")
            throw MigrationFileError(path: list, message: "are two schemas: lint their folders one by one")
        }
        base = bases.first
        var files: [MigrationFile] = []
        for path in found where path != base { files.append(try MigrationFile(reading: path)) }
        self.files = files
    }

    private static func files(below folder: String) throws(MigrationFileError) -> [String] {
        guard let names = FileManager.default.enumerator(atPath: folder) else {
            throw MigrationFileError(path: folder, message: "cannot be read")
        }
        let migrations = names.compactMap { $0 as? String }.filter { name in
            let last = (name as NSString).lastPathComponent
            return last.hasSuffix(".sql") && last != "down.sql" && !last.hasSuffix(".down.sql")
        }
        return migrations.sorted { $0.compare($1, options: .numeric) == .orderedAscending }
            .map { (folder as NSString).appendingPathComponent($0) }
    }
}
