import DeployPorts
import JournalFormat
import PostgresClient

/// The tables of version 1; the row of `chain` tells the version.
struct PostgresSchema {
    static let name = "bgdeploy"
    static let version = 1

    /// Names what changed: `run:` or `record:` and which.
    static let channel = "bgdeploy"

    /// What every write ends with: durable on return, also where the database is set up to be faster than
    /// that.
    static let durable = """
        CASE current_setting('synchronous_commit')
        WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END
        """

    /// Milliseconds since 1970 by the database's clock, which goes on within a transaction.
    static let clock = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

    private static let creationLimit = Duration.seconds(30)

    let session: PostgresSession
    let place: String

    /// Makes the tables if there are none; throws unless they are of this version.
    func prepare() async throws(PostgresConnection.Trouble) {
        let found = try await rows(
            """
            SELECT to_regclass('bgdeploy.chain') IS NOT NULL AS there,
                current_setting('server_encoding') AS encoding
            """
        ).first
        if found?.isTrue("there") != true {
            let encoding = found?.optionalText("encoding") ?? ""
            guard encoding == "UTF8" else {
                throw .journal(
                    .unavailable(
                        "\(place) keeps texts as \(encoding): make one with ENCODING 'UTF8' for the journal"
                    )
                )
            }
            try await create()
        }
        let chain = try await rows("SELECT format FROM bgdeploy.chain").first
        do throws(RunStoreError) {
            try Self.check(chain?.number("format"), at: place)
        } catch {
            throw .journal(error)
        }
    }

    static func check(_ version: Int?, at place: String) throws(RunStoreError) {
        guard let version else {
            throw .unreadable(
                "\(place): the journal is damaged, its end is not known; restore it from a backup"
            )
        }
        guard version == Self.version else {
            throw .unreadable(
                """
                \(place) was written by a later version of bgdeploy (its format is \(version), this one \
                reads \(Self.version)): use that version; nothing was touched
                """
            )
        }
    }

    /// One transaction; of several processes that come at once one does it.
    private func create() async throws(PostgresConnection.Trouble) {
        do throws(PostgresError) {
            try await session.run(
                Self.tables,
                commits: true,
                within: Self.creationLimit,
                heedsCancellation: false
            )
        } catch {
            throw .server(error.asNotSent)
        }
    }

    private func rows(_ statement: String) async throws(PostgresConnection.Trouble) -> [PostgresRow] {
        do throws(PostgresError) {
            return try await session.query(
                statement,
                within: PostgresRunStore.deadline,
                heedsCancellation: false
            ).map { PostgresRow(cells: $0) }
        } catch {
            throw .server(error.asNotSent)
        }
    }

    /// One global chain of `events` over all runs is the truth.
    ///
    /// `runs` finds them by service and identity and counts their entries; `chain` keeps the last position
    /// and hash, and whoever appends locks its row. A lease's row stays after its release, so that fencing
    /// numbers never fall. `token` tells a statement that is tried again from another one.
    private static let tables = """
        SELECT pg_advisory_xact_lock(7093812044);
        DO $$ BEGIN
            IF to_regnamespace('bgdeploy') IS NULL THEN CREATE SCHEMA bgdeploy; END IF;
        END $$;
        CREATE TABLE IF NOT EXISTS bgdeploy.documents (
            digest text COLLATE "C" PRIMARY KEY,
            text text NOT NULL
        );
        CREATE TABLE IF NOT EXISTS bgdeploy.events (
            position bigint PRIMARY KEY,
            run text COLLATE "C" NOT NULL,
            sequence bigint NOT NULL,
            at bigint NOT NULL,
            fence bigint NOT NULL,
            event text NOT NULL,
            effects text NOT NULL,
            previous text NOT NULL,
            hash text NOT NULL,
            UNIQUE (run, sequence)
        );
        CREATE TABLE IF NOT EXISTS bgdeploy.runs (
            position bigint PRIMARY KEY REFERENCES bgdeploy.events (position),
            id text COLLATE "C" NOT NULL UNIQUE,
            service text COLLATE "C" NOT NULL,
            version text NOT NULL,
            started_at bigint NOT NULL,
            playbook text COLLATE "C" NOT NULL REFERENCES bgdeploy.documents (digest),
            last bigint NOT NULL
        );
        CREATE INDEX IF NOT EXISTS runs_by_service ON bgdeploy.runs (service, position);
        CREATE TABLE IF NOT EXISTS bgdeploy.chain (
            single boolean PRIMARY KEY CHECK (single),
            format integer NOT NULL,
            position bigint NOT NULL,
            hash text NOT NULL
        );
        CREATE TABLE IF NOT EXISTS bgdeploy.leases (
            service text COLLATE "C" PRIMARY KEY,
            fence bigint NOT NULL,
            holder text,
            expires bigint NOT NULL
        );
        CREATE TABLE IF NOT EXISTS bgdeploy.commands (
            id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
            run text COLLATE "C" NOT NULL REFERENCES bgdeploy.runs (id),
            posted text NOT NULL,
            answered boolean NOT NULL DEFAULT false,
            refusal text,
            token text COLLATE "C" UNIQUE
        );
        CREATE INDEX IF NOT EXISTS commands_waiting ON bgdeploy.commands (run, id) WHERE NOT answered;
        CREATE SEQUENCE IF NOT EXISTS bgdeploy.revisions;
        CREATE TABLE IF NOT EXISTS bgdeploy.records (
            kind text COLLATE "C" NOT NULL,
            key text COLLATE "C" NOT NULL,
            value text NOT NULL,
            due bigint,
            revision bigint NOT NULL,
            token text COLLATE "C",
            PRIMARY KEY (kind, key)
        );
        CREATE INDEX IF NOT EXISTS records_due ON bgdeploy.records (kind, due) WHERE due IS NOT NULL;
        INSERT INTO bgdeploy.chain (single, format, position, hash)
        VALUES (true, \(version), 0, '\(JournalLine.origin)') ON CONFLICT DO NOTHING
        """
}
