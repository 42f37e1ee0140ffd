import DeployPorts
import Foundation
import PostgresClient

/// What a database says of itself.
struct ServerFacts: Decodable, Sendable {
    let database: String
    let version: String
    /// `150014` for 15.14.
    let number: Int
    /// On the server's disk; `nil` where we may not ask.
    let bytes: Int?
    /// Of the cluster, the same for its replicas; `nil` where we may not ask.
    let system: String?
    let user: String
    let locale: DatabaseLocale

    var major: Int { number / 10_000 }

    /// Asks once, within half a minute.
    static func read(
        _ server: DatabaseServer,
        until end: ContinuousClock.Instant
    ) async throws(StepFailure) -> ServerFacts {
        let answer: PostgresAnswer
        do throws(PostgresError) {
            answer = try await PostgresClient().send(
                PostgresRequest(
                    address: server.address,
                    statement: question,
                    writes: false,
                    deadline: max(.milliseconds(1), min(.seconds(30), end - .now))
                )
            )
        } catch {
            throw StepFailure("\(server.place): \(PostgresWords.of(error))")
        }
        let text = answer.row?.first?.value ?? ""
        guard let facts = try? JSONDecoder().decode(Self.self, from: Data(text.utf8)) else {
            throw StepFailure("\(server.place): the database's answer cannot be read", isTransient: false)
        }
        return facts
    }

    // The row of pg_database as JSON, since its columns have other names in every second version.
    private static let question = """
        select json_build_object(
            'database', current_database(),
            'version', current_setting('server_version'),
            'number', current_setting('server_version_num')::int,
            'user', current_user,
            'bytes', case when has_database_privilege(current_database(), 'connect')
                then pg_database_size(current_database()) end,
            'system', case when has_function_privilege('pg_catalog.pg_control_system()', 'execute')
                then (select system_identifier::text from pg_control_system()) end,
            'locale', (select json_build_object(
                'encoding', pg_encoding_to_char(d.encoding),
                'collate', d.datcollate,
                'ctype', d.datctype,
                'provider', to_jsonb(d) ->> 'datlocprovider',
                'providerLocale', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')
            ) from pg_database d where d.datname = current_database())
        )::text
        """
}

/// How a database sorts and stores text.
struct DatabaseLocale: Hashable, Codable, Sendable {
    let encoding: String
    let collate: String
    let ctype: String
    /// `c`, `i` for ICU or `b` for built-in; `nil` before PostgreSQL 15.
    let provider: String?
    let providerLocale: String?

    /// The end of a `CREATE DATABASE` for one that sorts the same way.
    var clauses: String {
        let common =
            "template template0 encoding \(SQL.text(encoding)) lc_collate \(SQL.text(collate)) "
            + "lc_ctype \(SQL.text(ctype))"
        guard let locale = providerLocale else { return common }
        switch provider {
        case "i": return common + " locale_provider icu icu_locale \(SQL.text(locale))"
        case "b": return common + " locale_provider builtin builtin_locale \(SQL.text(locale))"
        default: return common
        }
    }
}

/// Texts and names as parts of statements.
enum SQL {
    static func text(_ value: String) -> String {
        let quoted = "'" + value.replacing("'", with: "''") + "'"
        return value.contains("\\") ? "E" + quoted.replacing("\\", with: "\\\\") : quoted
    }

    static func name(_ value: String) -> String { "\"" + value.replacing("\"", with: "\"\"") + "\"" }
}
