import ChildProcesses
import DeployPorts
import SecureShell

/// Keeps one session with the balancer's host, and opens the next when it was lost.
actor RemoteLine {
    let place: RemotePlace
    private let opening: Opening
    private var session: RemoteSession?
    private var predecessor: ProcessName?
    /// How often a session was opened or refused, and why the last one was.
    private var attempts = 0
    private var refusal: LoadBalancerError?
    private var isOpening = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ opening: Opening, at place: RemotePlace) {
        self.opening = opening
        self.place = place
    }

    /// The session that is open, or a new one.
    ///
    /// A new one's host sees to it first that the process of the lost one has ended: nothing of it may land later.
    ///
    /// Who waits while another finds the host away does not try it all over again.
    func current() async throws(LoadBalancerError) -> RemoteSession {
        let before = attempts
        await takeTurn()
        defer { giveTurn() }
        if let session, session.isAlive { return session }
        session = nil
        if attempts != before, let refusal { throw refusal }
        defer { attempts += 1 }
        let next: RemoteSession
        do throws(LoadBalancerError) {
            next = try await open()
        } catch {
            refusal = error
            throw error
        }
        refusal = nil
        session = next
        predecessor = next.opened.process
        return next
    }

    /// A session over a connection of its own, for the day on which nothing else may be trusted to work.
    nonisolated func separate() async throws(LoadBalancerError) -> RemoteSession {
        do throws(RemoteSession.Refusal) {
            return try await RemoteSession.open(opening, at: place, isShared: false)
        } catch {
            throw error.error
        }
    }

    /// A shared connection that hangs must not keep us away: then one of our own is tried.
    private func open() async throws(LoadBalancerError) -> RemoteSession {
        var opening = opening
        opening.predecessor = predecessor
        do throws(RemoteSession.Refusal) {
            do throws(RemoteSession.Refusal) {
                return try await RemoteSession.open(opening, at: place, isShared: true)
            } catch {
                guard error.isBroken, place.client().controlFolder != nil else { throw error }
                return try await RemoteSession.open(opening, at: place, isShared: false)
            }
        } catch {
            throw error.error
        }
    }

    private func takeTurn() async {
        guard isOpening else { return isOpening = true }
        await withCheckedContinuation { waiting.append($0) }
    }

    private func giveTurn() {
        if waiting.isEmpty { isOpening = false } else { waiting.removeFirst().resume() }
    }
}
