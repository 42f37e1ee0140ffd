package import DeployCore
package import SequentialStatistics

extension Metric {
    /// What it tests, for a person.
    package func meaning(_ candidate: EnvironmentName, _ stable: EnvironmentName) -> String {
        switch self {
        case .relativeErrors: "\(candidate) fails more often than \(stable)"
        case .absoluteErrors: "\(candidate) fails more often than the limit allows"
        case .baselineErrors: "\(candidate) fails more often than \(stable) did in this run"
        case .relativeLatency: "\(candidate) is slower than \(stable)"
        case .baselineLatency: "\(candidate) is slower than \(stable) was in this run"
        case .webSockets: "WebSocket handshakes fail more often with \(candidate)"
        case .exceptions: "\(candidate) has more exceptions than \(stable)"
        case .silence: "\(candidate) answers less than its share"
        }
    }
}
