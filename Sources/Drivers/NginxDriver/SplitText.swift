import DeployCore
import DeployPorts

/// The text of a balancer's file, as far as it divides the traffic.
protocol SplitText: Sendable {
    /// The split that the text asks for; `nil` when it is none that two environments can have.
    var split: Split? { get }

    /// What a location of the configuration can answer, so that the running text is known; `nil` when the
    /// text names none.
    var generation: String? { get }

    /// What a person should know of the text itself.
    var remarks: [String] { get }

    /// The text with `split` in place of its own.
    func text(for split: Split) throws(LoadBalancerError) -> [UInt8]
}

extension NginxSettings {
    /// Understands the text of the balancer's file; the error says what is in the way.
    func reading(_ bytes: [UInt8], path: String) throws(LoadBalancerError) -> any SplitText {
        if mode == .generated { return try GeneratedFile(bytes, path: path, settings: self) }
        return try UpstreamView(bytes, path: path, settings: self)
    }

    /// The split of a text that may be anything.
    func split(of bytes: [UInt8], path: String) -> Split? { (try? reading(bytes, path: path))?.split }
}

extension UpstreamView: SplitText {
    var generation: String? { nil }
    var remarks: [String] { [] }
}
