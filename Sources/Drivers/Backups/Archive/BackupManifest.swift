package import Foundation

/// What is known of one backup; stands beside it as JSON.
package struct BackupManifest: Codable, Sendable {
    /// What marks a file as one of ours, and its form.
    package var bgdeployBackup = 1
    /// The name of the backup's file, in the folder of the manifest.
    package let file: String
    package let service: String
    package let database: String
    /// Of the cluster; `nil` where the server did not tell.
    package let system: String?
    package let server: String
    /// Where the write-ahead log stood at the moment that the dump shows.
    package let lsn: String?
    package let started: Date
    package let ended: Date
    package let milliseconds: Int
    package let bytes: Int
    package let sha256: String
    /// Of the dump within an encrypted file.
    package var plainSHA256: String?
    package let run: String
    package let step: String
    package let attempt: Int
    package let version: String?
    /// How many tables the database had.
    package let tables: Int
    /// How the dump was verified: `list` or `restore`.
    package let verified: String
    /// The rows of each table, where they were counted.
    let census: TableCensus?
    let locale: DatabaseLocale
    /// Whether everything that the step does with it is done.
    package var isComplete: Bool

    package var isEncrypted: Bool { plainSHA256 != nil }

    var major: Int { Int(server.prefix(while: \.isNumber)) ?? 0 }

    /// Whether it is the one of the backup at `path`, wherever that stands.
    func describes(_ path: String) -> Bool {
        path.split(separator: "/", omittingEmptySubsequences: false).last.map(String.init) == file
    }

    func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
    }

    /// `nil` for anything that is not one of ours.
    init?(json: [UInt8]) {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        guard let manifest = try? decoder.decode(Self.self, from: Data(json)), manifest.bgdeployBackup == 1,
            !manifest.file.contains("/"), manifest.file != "..", !manifest.file.isEmpty
        else { return nil }
        self = manifest
    }

    init(
        of dump: FinishedDump,
        facts: ServerFacts,
        moment: DumpMoment,
        origin: BackupOrigin,
        verified: String,
        isComplete: Bool
    ) {
        file = dump.name
        service = origin.service
        database = facts.database
        system = facts.system
        server = facts.version
        lsn = moment.lsn
        started = origin.started
        ended = dump.ended
        milliseconds = Int(dump.ended.timeIntervalSince(origin.started) * 1000)
        bytes = dump.written.bytes
        sha256 = dump.written.digest
        plainSHA256 = dump.plainDigest
        run = origin.run
        step = origin.step
        attempt = origin.attempt
        version = origin.version
        tables = moment.tables
        self.verified = verified
        census = moment.census
        locale = facts.locale
        self.isComplete = isComplete
    }
}

/// Which attempt of which step makes a backup.
struct BackupOrigin: Hashable, Sendable {
    let service: String
    let run: String
    let step: String
    let attempt: Int
    let version: String?
    let started: Date
}

/// A backup under its own name.
struct FinishedDump: Hashable, Sendable {
    let name: String
    let written: PartFile.Written
    /// Of the dump itself, where the file is an encrypted one.
    let plainDigest: String?
    let ended: Date
}
