public import DeployCore

/// One nginx or HAProxy that divides the traffic of one service between its two environments.
///
/// A change goes through two calls, so that many balancers can change together or not at all: ``stage(_:token:)``
/// on every one, then ``commit(_:)`` on every one. When a call has returned, nothing of it may land later.
public protocol LoadBalancer: Sendable {
    /// As people know it: the kind and the file, such as `nginx /etc/nginx/conf.d/mina.conf`.
    ///
    /// Balancers of one name share a file and its lock.
    var name: String { get }

    /// What the balancer does now, read from the balancer itself where it can tell, changing nothing.
    func observe() async throws(LoadBalancerError) -> BalancerObservation

    /// Whether it could be changed: running, its configuration valid as it stands, permissions. Changes nothing.
    func inspect() async throws(LoadBalancerError)

    /// The text that `split` would give the configuration file. Needs no running balancer; changes nothing.
    func render(_ split: Split) async throws(LoadBalancerError) -> FileChange

    /// Makes ready for `split` and tests it, while the traffic stays as it is.
    ///
    /// Fails with `.fenced` when the balancer has seen a higher token. On any error everything is as before.
    /// A staged change is ended by exactly one ``commit(_:)`` or ``discard(_:)``.
    /// `isReturn` says that traffic goes back to where it was before a release: what is kept beside the balancer
    /// for an emergency then stays, and is not made of the release that is being taken back.
    func stage(
        _ split: Split,
        token: FencingToken,
        isReturn: Bool
    ) async throws(LoadBalancerError) -> StagedSplit

    /// Makes the staged split the one in force and returns what was read back. Committing the split that is
    /// already in force is allowed and verifies it.
    ///
    /// On `.notInForce` the previous split is in force again; on `.unknown` it must be observed.
    func commit(_ staged: StagedSplit) async throws(LoadBalancerError) -> BalancerObservation

    /// Forgets a staged change and puts the file back.
    func discard(_ staged: StagedSplit) async

    /// Raises the mark beside the balancer to `token`: from now on nobody with a lower one can change it.
    /// Returns the highest token seen there before. `.fenced` when that one is higher.
    func raiseMark(to token: FencingToken) async throws(LoadBalancerError) -> BalancerMark

    /// The mark beside the balancer; needs no token.
    func mark() async throws(LoadBalancerError) -> BalancerMark

    /// Puts the environment that was live before the last run back to 100 %, knowing nothing but the mark and
    /// the backup beside the configuration, raising the mark's epoch so that no process overrides it unasked.
    func restore(by actor: Actor, reason: String) async throws(LoadBalancerError) -> BalancerObservation

    /// Connections that `environment` has open now, as the balancer or the kernel counts them.
    func connections(to environment: EnvironmentName) async throws(LoadBalancerError) -> Int

    /// Closes what `environment` still has open, and returns how many that were; `nil` when this balancer
    /// cannot, and nothing was closed.
    func closeConnections(to environment: EnvironmentName) async throws(LoadBalancerError) -> Int?

    /// How it divides the traffic and what that costs, in one line for a person.
    var method: String { get }

    /// What this way of dividing needs in the configuration once, as far as it is not there yet. Changes nothing.
    func installation() async throws(LoadBalancerError) -> Installation

    /// Writes it, tests it and brings it into force, while the traffic stays as it is. On an error nothing is
    /// installed, unless it is `.unknown`.
    func install(_ installation: Installation, token: FencingToken) async throws(LoadBalancerError)
}

/// A balancer that needs nothing installed and closes nothing.
extension LoadBalancer {
    public var method: String { "weights" }

    public func closeConnections(to environment: EnvironmentName) async throws(LoadBalancerError) -> Int? {
        nil
    }

    public func installation() async throws(LoadBalancerError) -> Installation { Installation() }

    public func install(_ installation: Installation, token: FencingToken) async throws(LoadBalancerError) {}
}

extension LoadBalancer {
    /// Stages a change forward.
    public func stage(_ split: Split, token: FencingToken) async throws(LoadBalancerError) -> StagedSplit {
        try await stage(split, token: token, isReturn: false)
    }
}

/// What a balancer was seen to do.
public struct BalancerObservation: Hashable, Codable, Sendable {
    /// The split in force; `nil` when it is not one that two environments can have (every server down, say).
    public let split: Split?
    /// The split that the configuration file asks for: what the next reload or restart would bring.
    public let fileSplit: Split?
    /// SHA-256 of the configuration file, hexadecimal.
    public let fileDigest: String
    /// What a person should know, such as `the file was changed after nginx last loaded it`.
    public let remarks: [String]

    public init(split: Split?, fileSplit: Split?, fileDigest: String, remarks: [String] = []) {
        self.split = split
        self.fileSplit = fileSplit
        self.fileDigest = fileDigest
        self.remarks = remarks
    }
}

/// A configuration file before and after a change.
///
/// Both texts end as the file does.
public struct FileChange: Hashable, Sendable {
    public let path: String
    public let before: [UInt8]
    public let after: [UInt8]

    public init(path: String, before: [UInt8], after: [UInt8]) {
        self.path = path
        self.before = before
        self.after = after
    }
}

/// What has to be put into a balancer's configuration once.
public struct Installation: Hashable, Sendable {
    /// Files of the user's and of ours, in the order in which they are written; `before` is empty for a new one.
    public var changes: [FileChange]
    /// What the person should know or do besides.
    public var remarks: [String]

    public init(changes: [FileChange] = [], remarks: [String] = []) {
        self.changes = changes
        self.remarks = remarks
    }

    public var isComplete: Bool { changes.isEmpty }
}

/// A change that was tested and waits for its commit.
public struct StagedSplit: Hashable, Sendable {
    public let balancer: String
    public let split: Split
    public let token: FencingToken

    public init(balancer: String, split: Split, token: FencingToken) {
        self.balancer = balancer
        self.split = split
        self.token = token
    }
}

/// Who may write: a holder's number, compared at the balancer before every write.
///
/// A balancer accepts a write whose token is not below the highest one it has seen.
public struct FencingToken: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    /// Raised by an emergency rollback, which knows no counter.
    public let epoch: Int
    /// The lease's fencing number.
    public let counter: Int

    public init(epoch: Int, counter: Int) {
        self.epoch = epoch
        self.counter = counter
    }

    public static let zero = FencingToken(epoch: 0, counter: 0)
    public static func < (left: Self, right: Self) -> Bool {
        (left.epoch, left.counter) < (right.epoch, right.counter)
    }

    public var description: String { "\(epoch).\(counter)" }
}

/// What is kept beside a balancer's configuration for the day on which nothing else is left.
///
/// Persisted as JSON; a key is never renamed, new ones are optional.
public struct BalancerMark: Hashable, Codable, Sendable {
    /// The highest token that wrote here.
    public var token: FencingToken
    public var service: String
    /// The environment to go back to.
    public var stable: EnvironmentName?
    /// SHA-256 of the text that was written last, and of the one before it (the backup beside the mark).
    public var written: String?
    public var previous: String?
    /// The token under which the stable environment was noted last.
    public var opened: FencingToken?
    /// Set by an emergency rollback, until a run begins anew.
    public var emergency: Emergency?

    public struct Emergency: Hashable, Codable, Sendable {
        public var by: Actor
        public var reason: String
        public var at: Timestamp

        public init(by: Actor, reason: String, at: Timestamp) {
            self.by = by
            self.reason = reason
            self.at = at
        }
    }

    public init(token: FencingToken, service: String) {
        self.token = token
        self.service = service
    }

    public static let none = BalancerMark(token: .zero, service: "")
}

/// Why a balancer could not be read or changed.
///
/// Each case says what is true now.
public enum LoadBalancerError: Error, Hashable, Sendable {
    /// Not running, or its socket or process does not answer. Nothing was changed.
    case unreachable(String)
    /// Its configuration test, or the balancer itself, refused the new text. The old one is in place and in force.
    case rejected(complaint: String)
    /// The upstream, backend, server or file is not as the playbook says. Nothing was changed.
    case misconfigured(String)
    /// We may not do this. Nothing was changed.
    case forbidden(String)
    /// Somebody else changed the file meanwhile. Nothing was overwritten; `diff` shows their change.
    case drifted(file: String, diff: String)
    /// A process with a higher token has been here. Nothing was changed.
    case fenced(seen: FencingToken)
    /// It was told, and its exit codes said yes, but the new split did not come into force in time. The previous
    /// text is in place again and the previous split is in force.
    case notInForce(String)
    /// It is not known which split is in force. Observe before anything else.
    case unknown(String)

    /// What is true of this balancer's traffic after the error.
    public var traffic: TrafficKnowledge {
        if case .unknown = self { .unknown } else { .unchanged }
    }

    /// For a person: what was found and what is true now.
    public var message: String {
        switch self {
        case .unreachable(let text), .misconfigured(let text), .forbidden(let text): text
        case .rejected(let complaint):
            "the new configuration was refused and taken back; the old one is in force:\n\(complaint)"
        case .drifted(let file, let diff):
            "\(file) was changed by somebody else and is left alone:\n\(diff)"
        case .fenced(let seen):
            "another process has taken over (fencing token \(seen)); nothing was changed"
        case .notInForce(let text): "\(text); the previous configuration is in force"
        case .unknown(let text): "\(text); it is not known which split is in force"
        }
    }
}

/// What becomes of a run when a balancer cannot be reached.
public enum UnreachablePolicy: Hashable, Sendable {
    /// It does not begin, or goes no further.
    case stop
    /// It goes on without that balancer, which is brought to the run's split when it is back.
    case proceed
}
