import DeployCore
import DeployPorts
import FoundationEssentials
import TrafficJudgement

/// One line from the near side.
struct HostRequest: Codable, Sendable {
    /// Counts from 1.
    var number: Int
    /// On the host's monotonic clock, in milliseconds: later than that nothing of it may begin, since the near
    /// side has given it up.
    var expires: Int64
    var call: HostCall
}

/// A call of ``LoadBalancer`` or ``MetricsSource``.
enum HostCall: Codable, Sendable {
    case observe
    case inspect
    case render(split: Split)
    case stage(split: Split, token: FencingToken, isReturn: Bool)
    case commit(change: Int)
    case discard(change: Int)
    case raiseMark(token: FencingToken)
    case mark
    case restore(actor: Actor, reason: String)
    case connections(environment: EnvironmentName)
    case closeConnections(environment: EnvironmentName)
    case installation
    /// `digest` is of what was shown; anything else is not installed.
    case install(digest: String, token: FencingToken)
    case openSource
    case collect
    case shortfall
    case closeSource
}

/// One line from the host: the answer to the request of that number.
struct HostReply: Codable, Sendable {
    var number: Int
    var answer: HostAnswer
}

enum HostAnswer: Codable, Sendable {
    case done
    case observation(value: BalancerObservation)
    case change(value: WireChange)
    /// The number by which it is committed or discarded.
    case staged(change: Int)
    case mark(value: BalancerMark)
    case count(value: Int?)
    case installation(changes: [WireChange], remarks: [String])
    case samples(values: [String: TrafficSample])
    case text(value: String?)
    case failed(error: WireError)
    case sourceFailed(isUnusable: Bool, message: String)
    /// It came too late and was not begun.
    case expired
}

struct WireChange: Codable, Sendable {
    var path: String
    var before: Data
    var after: Data

    init(_ change: FileChange) {
        path = change.path
        before = Data(change.before)
        after = Data(change.after)
    }

    var change: FileChange { FileChange(path: path, before: Array(before), after: Array(after)) }
}

/// ``LoadBalancerError``, case by case.
enum WireError: Codable, Sendable {
    case unreachable(message: String)
    case rejected(complaint: String)
    case misconfigured(message: String)
    case forbidden(message: String)
    case drifted(file: String, diff: String)
    case fenced(seen: FencingToken)
    case notInForce(message: String)
    case unknown(message: String)

    init(_ error: LoadBalancerError) {
        switch error {
        case .unreachable(let message): self = .unreachable(message: message)
        case .rejected(let complaint): self = .rejected(complaint: complaint)
        case .misconfigured(let message): self = .misconfigured(message: message)
        case .forbidden(let message): self = .forbidden(message: message)
        case .drifted(let file, let diff): self = .drifted(file: file, diff: diff)
        case .fenced(let seen): self = .fenced(seen: seen)
        case .notInForce(let message): self = .notInForce(message: message)
        case .unknown(let message): self = .unknown(message: message)
        }
    }

    var error: LoadBalancerError {
        switch self {
        case .unreachable(let message): .unreachable(message)
        case .rejected(let complaint): .rejected(complaint: complaint)
        case .misconfigured(let message): .misconfigured(message)
        case .forbidden(let message): .forbidden(message)
        case .drifted(let file, let diff): .drifted(file: file, diff: diff)
        case .fenced(let seen): .fenced(seen: seen)
        case .notInForce(let message): .notInForce(message)
        case .unknown(let message): .unknown(message)
        }
    }
}
