public import Testing

/// Gives every test of a suite the same real PostgreSQL: to make one takes seconds.
public struct RealPostgres: SuiteTrait, TestScoping {
    @TaskLocal public static var server: PostgresAccess?

    public func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        let server = try await onThread { try PostgresServer() }
        defer { server.stop() }
        try await Self.$server.withValue(server.access, operation: function)
    }
}

extension Trait where Self == RealPostgres {
    public static var realPostgres: Self { Self() }
}
