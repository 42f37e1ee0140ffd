import DeployPorts
import JournalFormat
import PostgresClient
import Synchronization

/// One connection to the journal's database, opened with the first statement and anew when it was lost.
///
/// Statements are carried out one after another, also when the task that asks is cancelled.
final class PostgresConnection: Sendable {
    /// What is known of a statement that failed.
    enum Failure: Error {
        /// It did nothing.
        case nothing(RunStoreError)
        /// It was sent, and its answer was lost.
        case unknown(reason: String)
    }

    /// Why there is no session, or no answer.
    enum Trouble: Error {
        case server(PostgresError)
        /// The database is no place for a journal, or holds a later version's.
        case journal(RunStoreError)
    }

    private typealias Opened = Result<PostgresSession, Trouble>

    private enum State {
        case closed
        /// Who waits for the one that opens.
        case opening([CheckedContinuation<Opened, Never>])
        case open(PostgresSession)
    }

    private let address: PostgresAddress
    private let name: String
    private let state = Mutex(State.closed)
    private let problem: PostgresProblem

    init(_ address: PostgresAddress, named name: String) {
        self.address = address
        self.name = name
        problem = PostgresProblem(address: address)
    }

    // MARK: statements

    /// The rows of a statement that does nothing more when it is carried out a second time.
    ///
    /// `patience` is for everything together. `.unavailable` that says so when it is not known what became of
    /// it.
    func repeated(
        _ statement: String,
        _ values: [String],
        within deadline: Duration = PostgresRunStore.deadline,
        patience: Duration = PostgresRunStore.patience
    ) async throws(RunStoreError) -> [PostgresRow] {
        do throws(Failure) {
            return try await once(statement, values, within: deadline, patience: patience)
        } catch {
            guard case .unknown = error else { throw problem.translated(error) }
        }
        do throws(Failure) {
            return try await once(statement, values, within: deadline, patience: patience)
        } catch {
            throw problem.doubt(after: error)
        }
    }

    /// The rows of a statement that is carried out once at most.
    func once(
        _ statement: String,
        _ values: [String],
        within deadline: Duration = PostgresRunStore.deadline,
        patience: Duration = PostgresRunStore.patience
    ) async throws(Failure) -> [PostgresRow] {
        let end = ContinuousClock.now + patience
        var pause = 100
        while true {
            do throws(Trouble) {
                let session = try await session(within: deadline)
                return try await rows(of: session, statement, values, within: deadline)
            } catch {
                switch error {
                case .journal(let error): throw .nothing(error)
                case .server(let error):
                    if error.isUnknown { throw .unknown(reason: problem.text(of: error)) }
                    guard error.isPassing, ContinuousClock.now < end else {
                        throw .nothing(problem.translated(error))
                    }
                }
            }
            await Pause.wait(milliseconds: pause)
            pause = min(pause * 2, 1000)
        }
    }

    private func rows(
        of session: PostgresSession,
        _ statement: String,
        _ values: [String],
        within deadline: Duration
    ) async throws(Trouble) -> [PostgresRow] {
        do throws(PostgresError) {
            return try await session.query(statement, values, within: deadline, heedsCancellation: false)
                .map { PostgresRow(cells: $0) }
        } catch {
            if error.endsSession { drop(session) }
            throw .server(error)
        }
    }

    // MARK: the session

    private func drop(_ session: PostgresSession) {
        session.close()
        state.withLock { state in
            if case .open(let current) = state, current === session { state = .closed }
        }
    }

    /// The open one; else one caller opens it, and all others wait for that.
    private func session(within deadline: Duration) async throws(Trouble) -> PostgresSession {
        let isOpener = state.withLock { state in
            guard case .closed = state else { return false }
            state = .opening([])
            return true
        }
        guard isOpener else { return try await openedByAnother().get() }
        let opened = await opened(within: deadline)
        let waiting = state.withLock { state in
            guard case .opening(let waiting) = state else { return [CheckedContinuation<Opened, Never>]() }
            state = .closed
            if case .success(let session) = opened { state = .open(session) }
            return waiting
        }
        for one in waiting { one.resume(returning: opened) }
        return try opened.get()
    }

    private func openedByAnother() async -> Opened {
        await withCheckedContinuation { (continuation: CheckedContinuation<Opened, Never>) in
            let known = state.withLock { state -> Opened? in
                switch state {
                case .open(let session): return .success(session)
                case .opening(let waiting):
                    state = .opening(waiting + [continuation])
                    return nil
                case .closed:
                    return .failure(.server(.cutOff(reason: "the session is closed", outcome: .notSent)))
                }
            }
            if let known { continuation.resume(returning: known) }
        }
    }

    private func opened(within deadline: Duration) async -> Opened {
        let session: PostgresSession
        do throws(PostgresError) {
            session = try await PostgresSession.open(
                address,
                named: name,
                within: deadline,
                heedsCancellation: false
            )
        } catch {
            return .failure(.server(error.asNotSent))
        }
        do throws(Trouble) {
            try await PostgresSchema(session: session, place: address.place).prepare()
            return .success(session)
        } catch {
            session.close()
            return .failure(error)
        }
    }
}
