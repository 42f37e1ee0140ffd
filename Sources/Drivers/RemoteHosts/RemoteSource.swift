import DeployCore
import DeployPorts
import Synchronization
import TrafficJudgement

/// What a balancer on another host sees of the traffic: its source is opened there.
final class RemoteSource: MetricsSource {
    let name: String
    private let line: RemoteLine
    /// The session in which the source was opened.
    private let session = Mutex<RemoteSession?>(nil)

    init(_ local: any MetricsSource, _ line: RemoteLine) {
        name = "\(local.name) on \(line.place.host)"
        self.line = line
    }

    func open() async throws(MetricsError) {
        let next: RemoteSession
        do throws(LoadBalancerError) {
            next = try await line.current()
        } catch {
            if case .unreachable(let text) = error { throw .noEvidence(text) }
            throw .unusable(error.message)
        }
        _ = try await answer(next, .openSource)
        session.withLock { $0 = next }
    }

    func collect() async throws(MetricsError) -> [EnvironmentName: TrafficSample] {
        guard let now = session.withLock({ $0 }), now.isAlive else {
            try await open()
            throw .noEvidence("the connection to \(line.place.host) was lost; its figures begin anew")
        }
        guard case .samples(let values) = try await answer(now, .collect) else {
            throw .noEvidence("\(line.place.host) gave no figures")
        }
        return Dictionary(uniqueKeysWithValues: values.map { (EnvironmentName($0.key), $0.value) })
    }

    func shortfall() async -> String? {
        guard let now = session.withLock({ $0 }), now.isAlive,
            case .text(let text)? = try? await answer(now, .shortfall)
        else { return nil }
        return text
    }

    func close() async {
        let last = session.withLock { session in
            defer { session = nil }
            return session
        }
        guard let last, last.isAlive else { return }
        _ = try? await answer(last, .closeSource)
    }

    private func answer(_ session: RemoteSession, _ call: HostCall) async throws(MetricsError) -> HostAnswer {
        let answer: HostAnswer
        do throws(RemoteSession.Loss) {
            answer = try await session.call(call, within: line.place.limits.looking)
        } catch {
            throw .noEvidence(error.message)
        }
        guard case .sourceFailed(let isUnusable, let message) = answer else { return answer }
        throw isUnusable ? .unusable(message) : .noEvidence(message)
    }
}
