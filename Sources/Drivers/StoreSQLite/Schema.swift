import GRDB
import JournalFormat

/// The tables of version 2; `PRAGMA user_version` tells the version of a file.
enum Schema {
    static let version = 2
    /// Is read as it is, and becomes ``version`` with the first write: it has no ``records``.
    static let oldest = 1

    /// One global chain of `events` over all runs is the truth.
    ///
    /// `runs` finds them by service and identity, and `chain` keeps the last position and hash, so that rows
    /// missing at the end show. A lease's row stays after its release, so that fencing numbers never fall.
    private static let tables = """
        CREATE TABLE events (
            position INTEGER PRIMARY KEY,
            run TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            at INTEGER NOT NULL,
            fence INTEGER NOT NULL,
            event TEXT NOT NULL,
            effects TEXT NOT NULL,
            previous TEXT NOT NULL,
            hash TEXT NOT NULL,
            UNIQUE (run, sequence)
        ) STRICT;
        CREATE TABLE documents (
            digest TEXT PRIMARY KEY,
            text TEXT NOT NULL
        ) STRICT;
        CREATE TABLE runs (
            position INTEGER PRIMARY KEY REFERENCES events (position),
            id TEXT NOT NULL UNIQUE,
            service TEXT NOT NULL,
            version TEXT NOT NULL,
            started_at INTEGER NOT NULL,
            playbook TEXT NOT NULL REFERENCES documents (digest)
        ) STRICT;
        CREATE INDEX runs_by_service ON runs (service, position);
        CREATE TABLE chain (
            only INTEGER PRIMARY KEY CHECK (only = 1),
            position INTEGER NOT NULL,
            hash TEXT NOT NULL
        ) STRICT;
        CREATE TABLE leases (
            service TEXT PRIMARY KEY,
            fence INTEGER NOT NULL,
            holder TEXT,
            expires INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE commands (
            id INTEGER PRIMARY KEY,
            run TEXT NOT NULL REFERENCES runs (id),
            posted TEXT NOT NULL,
            answered INTEGER NOT NULL DEFAULT 0,
            refusal TEXT
        ) STRICT;
        CREATE INDEX commands_waiting ON commands (run, id) WHERE answered = 0;
        """

    /// Since version 2.
    ///
    /// No revision is given twice, so that a document that was removed and written anew is told from the
    /// first.
    private static let records = """
        CREATE TABLE records (
            kind TEXT NOT NULL,
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            due INTEGER,
            revision INTEGER NOT NULL,
            PRIMARY KEY (kind, key)
        ) STRICT;
        CREATE INDEX records_due ON records (kind, due) WHERE due IS NOT NULL;
        CREATE TABLE revisions (
            only INTEGER PRIMARY KEY CHECK (only = 1),
            last INTEGER NOT NULL
        ) STRICT;
        INSERT INTO revisions (only, last) VALUES (1, 0);
        """

    /// What the file says; 0 for one that is no journal.
    static func version(of database: Database) throws -> Int {
        try Int.fetchOne(database.cachedStatement(sql: "PRAGMA user_version")) ?? 0
    }

    /// Makes a journal of version 1 one of this version.
    static func upgrade(_ database: Database) throws {
        try database.execute(sql: records)
        try database.execute(sql: "PRAGMA user_version = \(version)")
    }

    /// Fills an empty database.
    static func create(in database: Database) throws {
        try database.execute(sql: tables)
        try database.execute(sql: records)
        try database.execute(
            sql: "INSERT INTO chain (only, position, hash) VALUES (1, 0, ?)",
            arguments: [JournalLine.origin]
        )
        try database.execute(sql: "PRAGMA user_version = \(version)")
    }
}
