import DeployPorts

extension PostgresConnection {
    /// What a statement did that must not be carried out twice; `nil` when it did nothing.
    ///
    /// After a lost answer `found` looks whether it was carried out; if it was not, the statement is sent
    /// once more. It must be one that does nothing when the first one arrives late after all.
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
                if let value = try await found() { return value }
            } catch {
                throw lost ?? .nothing(error)
            }
        }
        throw lost ?? .unknown(reason: "no answer")
    }

    private func nothing<Value>(
        _ body: () throws(RunStoreError) -> Value
    ) throws(Failure) -> Value {
        do throws(RunStoreError) { return try body() } catch { throw .nothing(error) }
    }
}
