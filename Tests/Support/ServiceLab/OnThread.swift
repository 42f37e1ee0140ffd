import Dispatch

/// The result of `work`, which may block: away from the few threads that all tests share.
public func onThread<Value>(
    _ work: @escaping @Sendable () throws -> sending Value
) async throws -> sending Value {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue(label: "service lab").async {
            do {
                continuation.resume(returning: try work())
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}
