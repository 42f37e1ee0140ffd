package import DeployCore
package import DeployPorts
package import TrafficJudgement
import Synchronization

/// Traffic figures from a script: one entry a second, the last one for ever.
package final class ScriptedSource: MetricsSource {
    package typealias Second = Result<[EnvironmentName: TrafficSample], MetricsError>

    private struct State {
        var script: [Second]
        var isOpen = false
        var violations: [String] = []
    }

    package let name: String
    private let openFailure: MetricsError?
    private let state: Mutex<State>

    /// With `openFailure`, `open` fails and nothing else may be called.
    package init(_ script: [Second], name: String = "fake log", openFailure: MetricsError? = nil) {
        self.name = name
        self.openFailure = openFailure
        state = Mutex(State(script: script))
    }

    /// Replaces what is left of the script.
    package func tell(_ script: [Second]) {
        state.withLock { $0.script = script }
    }

    /// Calls that no engine may make.
    package var violations: [String] { state.withLock { $0.violations } }
    package var isOpen: Bool { state.withLock { $0.isOpen } }

    package func open() async throws(MetricsError) {
        if let openFailure { throw openFailure }
        state.withLock { state in
            if state.isOpen { state.violations.append("opened twice") }
            state.isOpen = true
        }
    }

    package func collect() async throws(MetricsError) -> [EnvironmentName: TrafficSample] {
        let second = state.withLock { state -> Second in
            if !state.isOpen { state.violations.append("collected while closed") }
            guard let second = state.script.first else { return .failure(.noEvidence("the script is empty")) }
            if state.script.count > 1 { state.script.removeFirst() }
            return second
        }
        return try second.get()
    }

    package func close() async {
        state.withLock { state in
            if !state.isOpen { state.violations.append("closed while closed") }
            state.isOpen = false
        }
    }
}
