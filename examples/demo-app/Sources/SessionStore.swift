import Synchronization

/// The sessions of this process, oldest number first.
final class SessionStore: Sendable {
    struct Session: Sendable, Equatable {
        enum Status: String, Sendable, Codable { case active, finalized }

        let id: Int
        let title: String
        var status = Status.active
        var segments = 0
    }

    private struct State {
        var sessions: [Int: Session] = [:]
        var lastID = 0
    }

    private let state = Mutex(State())

    var activeCount: Int {
        state.withLock { $0.sessions.values.count { $0.status == .active } }
    }

    func all() -> [Session] {
        state.withLock { $0.sessions.values.sorted { $0.id < $1.id } }
    }

    func find(_ id: Int) -> Session? {
        state.withLock { $0.sessions[id] }
    }

    func create(title: String) -> Session {
        state.withLock { state in
            state.lastID += 1
            let session = Session(id: state.lastID, title: title)
            state.sessions[session.id] = session
            return session
        }
    }

    /// Finalizes, twice as once; `nil` when there is no such session.
    func finalize(_ id: Int) -> Session? {
        state.withLock { state in
            state.sessions[id]?.status = .finalized
            return state.sessions[id]
        }
    }

    /// Adds a segment and says its number; `nil` when there is no such session or it is final.
    func addSegment(to id: Int) -> Int? {
        state.withLock { state in
            guard state.sessions[id]?.status == .active else { return nil }
            state.sessions[id]?.segments += 1
            return state.sessions[id]?.segments
        }
    }

    /// Whether there was such a session.
    func delete(_ id: Int) -> Bool {
        state.withLock { $0.sessions.removeValue(forKey: id) != nil }
    }
}
