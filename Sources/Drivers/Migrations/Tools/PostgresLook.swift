import DeployPorts
import PostgresClient

/// One read-only question to the database that a migration is about.
enum PostgresLook {
    /// The first row's columns; an empty row is none.
    ///
    /// Fails, with the secrets masked, when there is no answer within half a minute.
    static func row(
        _ statement: String,
        on database: MigrationDatabase,
        _ title: String
    ) async throws(StepFailure) -> [String?] {
        let connection = try MigrationConnection(database)
        do throws(PostgresError) {
            let request = PostgresRequest(
                address: connection.address,
                statement: statement,
                writes: false,
                deadline: .seconds(30)
            )
            return try await PostgresClient().send(request).row?.map(\.value) ?? []
        } catch {
            throw connection.failure(title, error)
        }
    }
}
