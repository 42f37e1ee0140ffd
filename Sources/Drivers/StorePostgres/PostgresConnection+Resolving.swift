import DeployPorts

extension PostgresConnection {
    /// What a statement did that must not be carried out twice; `nil` when it did nothing.
    ///
    /// After a lost answer `found` looks whether it was carried out, which counts once it lasts; if it was not,
    /// the statement is sent once more. It must be one that does nothing when the first one arrives late after
    /// all.
    func resolved<Value>(
        _ statement: String,
        _ values: [String],
        done: ([PostgresRow]) throws(RunStoreError) -> Value?,
        found: () async throws(RunStoreError) -> Value?
    ) async throws(Failure) -> Value? {
        var lost: Failure?
        for _ in 1...2 {
            do throws(Failure) {
                let rows = try await once(statement, values)
                if let value = try nothing({ () throws(RunStoreError) in try done(rows) }) { return value }
                if lost == nil { return nil }
            } catch {
                guard case .unknown = error else { throw lost ?? error }
                lost = error
            }
            do throws(RunStoreError) {
                if let value = try await found() {
                    try await confirm()
                    return value
                }
            } catch {
                throw lost ?? .nothing(error)
            }
        }
        throw lost ?? .unknown(reason: "no answer")
    }

    /// Returns when all that the server shows now lasts.
    ///
    /// A statement of ours that waited for a synchronous replica and was cancelled is committed on the primary
    /// alone, and shown there: gone after a fail-over. A write that comes after it is answered when the replica
    /// has both.
    func confirm() async throws(RunStoreError) {
        _ = try await repeated(
            """
            UPDATE bgdeploy.chain SET position = position RETURNING \(PostgresSchema.durable) AS durable
            """,
            []
        )
    }

    private func nothing<Value>(
        _ body: () throws(RunStoreError) -> Value
    ) throws(Failure) -> Value {
        do throws(RunStoreError) { return try body() } catch { throw .nothing(error) }
    }
}
