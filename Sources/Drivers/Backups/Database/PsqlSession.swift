import DeployPorts

/// One session with a database, by `psql`: several statements one after another, and those that cannot run in a
/// transaction.
///
/// The session ends with ``end()``, and with this process, since `psql` reads what it does from us.
final class PsqlSession: Sendable {
    private let child: Child
    private let place: String

    /// Connects with the first question.
    init(_ server: DatabaseServer, _ kit: PostgresTools.Kit, database: String? = nil) throws(StepFailure) {
        place = server.place
        let options = ["-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose"]
        child = try Child.start(
            ChildCommand(
                arguments: [kit.psql] + options,
                environment: server.environment(database: database),
                input: .ours
            )
        )
    }

    /// The lines that `script` answers; `script` may have several statements and commands of psql.
    ///
    /// Any error ends the session. Without `heedsCancellation` it is carried out though the task is cancelled.
    func ask(
        _ script: String,
        until end: ContinuousClock.Instant,
        heedsCancellation: Bool = true
    ) async throws(StepFailure) -> [String] {
        let (child, place) = (child, place)
        return try await Blocking.run(heedsCancellation: heedsCancellation) { stop throws(StepFailure) in
            let mark = "bgdeploy-end-of-answer"
            _ = child.write("\(script)\n\\echo \(mark)\n")
            var bytes: [UInt8] = []
            let ending = child.pump(until: end, stop) { more in
                bytes += more
                return !bytes.suffix(mark.utf8.count + 1).elementsEqual("\(mark)\n".utf8)
            }
            guard let ending else {
                return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
                    .dropLast().map(String.init)
            }
            throw Self.failure(ending, child, place)
        }
    }

    func end() async {
        let child = child
        _ = try? await Blocking.run(heedsCancellation: false) { _ throws(StepFailure) in child.end() }
    }

    private static func failure(_ ending: Child.Ending, _ child: Child, _ place: String) -> StepFailure {
        switch ending {
        case .exited, .signalled:
            let lines = child.complaints.split(whereSeparator: \.isNewline)
                .filter { !$0.hasPrefix("LOCATION:") && !$0.contains(" NAME:  ") }
            let text = lines.isEmpty ? "the session ended without an answer" : lines.joined(separator: "\n")
            return StepFailure("\(place): \(text)")
        case .timedOut: return StepFailure("\(place): no answer in time")
        case .cancelled: return StepFailure("\(place): stopped before it was answered", isTransient: false)
        }
    }
}
