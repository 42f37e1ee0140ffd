public import DeployCore

/// The clock.
///
/// Tests bring their own.
public protocol Timekeeper: Sendable {
    /// The wall clock, for the journal.
    func now() -> Timestamp
    /// Returns when `span` has passed on a clock that the wall clock's jumps do not touch; throws when cancelled.
    func sleep(for span: Span) async throws(CancellationError)
}
