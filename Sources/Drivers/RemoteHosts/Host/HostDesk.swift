import DeployCore
import DeployPorts
import SafeFile
import Synchronization

/// Carries out the calls that come from the near side.
final class HostDesk: Sendable {
    private struct Staged {
        var changes: [Int: StagedSplit] = [:]
        var count = 0
    }

    private let balancer: any LoadBalancer
    private let source: (any MetricsSource)?
    private let staged = Mutex(Staged())
    private let isSourceOpen = Mutex(false)

    init(_ configured: ConfiguredBalancer) {
        balancer = configured.balancer
        source = configured.source
    }

    func answer(_ request: HostRequest) async -> HostAnswer {
        guard MonotonicClock.milliseconds() <= request.expires else { return .expired }
        do throws(LoadBalancerError) {
            return try await look(request.call)
        } catch {
            return .failed(error: WireError(error))
        }
    }

    /// Ends what is left when the near side is gone.
    func leave() async {
        let changes = staged.withLock { staged in
            defer { staged.changes = [:] }
            return staged.changes.sorted { $0.key > $1.key }.map(\.value)
        }
        for change in changes { await balancer.discard(change) }
        if isSourceOpen.withLock({ $0 }) { await source?.close() }
    }

    private func look(_ call: HostCall) async throws(LoadBalancerError) -> HostAnswer {
        switch call {
        case .observe: return .observation(value: try await balancer.observe())
        case .inspect:
            try await balancer.inspect()
            return .done
        case .render(let split): return .change(value: WireChange(try await balancer.render(split)))
        case .mark: return .mark(value: try await balancer.mark())
        case .connections(let environment):
            return .count(value: try await balancer.connections(to: environment))
        case .installation:
            let installation = try await balancer.installation()
            return .installation(
                changes: installation.changes.map(WireChange.init),
                remarks: installation.remarks
            )
        case .openSource, .collect, .shortfall, .closeSource: return await measure(call)
        default: return try await change(call)
        }
    }

    private func change(_ call: HostCall) async throws(LoadBalancerError) -> HostAnswer {
        switch call {
        case .stage(let split, let token, let isReturn):
            let change = try await balancer.stage(split, token: token, isReturn: isReturn)
            return .staged(change: keep(change))
        case .commit(let number):
            guard let change = take(number) else { throw .misconfigured("nothing of that number is staged") }
            return .observation(value: try await balancer.commit(change))
        case .discard(let number):
            if let change = take(number) { await balancer.discard(change) }
            return .done
        case .raiseMark(let token): return .mark(value: try await balancer.raiseMark(to: token))
        case .restore(let actor, let reason):
            return .observation(value: try await balancer.restore(by: actor, reason: reason))
        case .closeConnections(let environment):
            return .count(value: try await balancer.closeConnections(to: environment))
        case .install(let digest, let token):
            let installation = try await balancer.installation()
            guard installation.digest == digest else {
                throw .misconfigured(
                    "what has to be installed is not what was shown any more; nothing was changed: look again"
                )
            }
            try await balancer.install(installation, token: token)
            return .done
        default: throw .misconfigured("no call of a balancer")
        }
    }

    // MARK: figures

    private func measure(_ call: HostCall) async -> HostAnswer {
        guard let source else {
            return .sourceFailed(isUnusable: true, message: "nothing tells of this balancer's traffic")
        }
        do throws(MetricsError) {
            switch call {
            case .openSource:
                try await source.open()
                isSourceOpen.withLock { $0 = true }
                return .done
            case .collect:
                let samples = try await source.collect()
                return .samples(values: Dictionary(uniqueKeysWithValues: samples.map { ($0.rawValue, $1) }))
            case .shortfall: return .text(value: await source.shortfall())
            default:
                isSourceOpen.withLock { $0 = false }
                await source.close()
                return .done
            }
        } catch {
            switch error {
            case .noEvidence(let message): return .sourceFailed(isUnusable: false, message: message)
            case .unusable(let message): return .sourceFailed(isUnusable: true, message: message)
            }
        }
    }

    // MARK: staged changes

    private func keep(_ change: StagedSplit) -> Int {
        staged.withLock { staged in
            staged.count += 1
            staged.changes[staged.count] = change
            return staged.count
        }
    }

    private func take(_ number: Int) -> StagedSplit? {
        staged.withLock { $0.changes.removeValue(forKey: number) }
    }
}
