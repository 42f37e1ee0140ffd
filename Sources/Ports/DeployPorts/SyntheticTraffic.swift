public import DeployCore

/// Requests of bgdeploy's own, sent through the balancers as a user's are, so that a service with few users gives
/// evidence too.
///
/// They are divided and counted by the balancers like any others; nothing is made of their answers here.
public protocol SyntheticTraffic: Sendable {
    /// From the beginning of one request to that of the next.
    var every: Span { get }

    /// Sends one and waits for its answer, two seconds at most.
    func send() async
}
