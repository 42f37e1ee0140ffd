import ChildProcesses
import DeployCore
import DeployPorts
import Dispatch
import SafeFile
import SecureShell

/// One connection to the balancer's host, greeted: ends when it is let go.
final class RemoteSession: Sendable {
    /// Why a call brought no answer.
    enum Loss: Error {
        /// It was never sent, or reached the host too late and was not begun.
        case notBegun(String)
        /// It may have been carried out.
        case unanswered(String)

        var message: String {
            switch self {
            case .notBegun(let text), .unanswered(let text): text
            }
        }
    }

    /// Why there is no session.
    struct Refusal: Error {
        let error: LoadBalancerError
        /// Whether a connection that is not shared may do better: this one hung or broke.
        var isBroken = false

        init(_ error: LoadBalancerError, isBroken: Bool = false) {
            self.error = error
            self.isBroken = isBroken
        }
    }

    let opened: Opened
    private let place: RemotePlace
    private let dialogue: Dialogue
    private let mailbox: Mailbox
    private let queue: DispatchQueue
    /// The host's clock less ours, never too much.
    private let offset: Int64

    private init(
        _ opened: Opened,
        _ place: RemotePlace,
        _ dialogue: Dialogue,
        _ mailbox: Mailbox,
        _ queue: DispatchQueue
    ) {
        self.opened = opened
        self.place = place
        self.dialogue = dialogue
        self.mailbox = mailbox
        self.queue = queue
        offset = opened.now - MonotonicClock.milliseconds()
    }

    var isAlive: Bool { mailbox.ending == nil }

    /// Asks the host, and gives the connection up when it does not answer within `span`.
    func call(_ call: HostCall, within span: Span) async throws(Loss) -> HostAnswer {
        if let ending = mailbox.ending { throw .notBegun(Self.ended(ending, place)) }
        let number = mailbox.nextNumber()
        let expires = MonotonicClock.milliseconds() + offset + span.milliseconds
        guard let line = WireLine.encode(HostRequest(number: number, expires: expires, call: call)) else {
            throw .notBegun("the request is too long for \(place.host)")
        }
        let patience = Int(span.milliseconds)
        let letter = await mailbox.answer(to: number, within: patience, on: queue) { [dialogue] in
            _ = dialogue.send(line)
        }
        switch letter {
        case .reply(.expired): throw .notBegun("the request came to \(place.host) too late and was not begun")
        case .reply(let answer): return answer
        case .ended(let ending): throw .unanswered(Self.ended(ending, place))
        case .late, .line:
            // From now on nobody asks here, even before the process is seen to have ended.
            mailbox.end(Dialogue.Ending(status: nil, errors: ""))
            dialogue.kill()
            throw .unanswered("\(place.host) did not answer within \(span)")
        }
    }

    // MARK: opening

    /// Connects and greets, over a connection that others use too or over one of its own.
    static func open(
        _ opening: Opening,
        at place: RemotePlace,
        isShared: Bool
    ) async throws(Refusal) -> RemoteSession {
        guard let line = WireLine.encode(opening) else {
            throw Refusal(.misconfigured("the playbook's entry for \(place.host) is too long"))
        }
        let mailbox = Mailbox()
        let dialogue: Dialogue
        do throws(ShortCommandError) {
            dialogue = try Dialogue(
                place.client().arguments(place.host, place.command, isShared: isShared),
                environment: SSHClient.environment(),
                longestLine: WireLine.longest + 1,
                take: { mailbox.take($0) },
                end: { mailbox.end($0) }
            )
        } catch {
            throw Refusal(.misconfigured("\(error.message); it is needed to reach \(place.host)"))
        }
        let queue = DispatchQueue(label: "RemoteSession")
        let span = place.limits.opening
        let letter = await mailbox.answer(
            to: Mailbox.greeting,
            within: Int(span.milliseconds),
            on: queue
        ) { _ = dialogue.send(line) }
        switch letter {
        case .line(let line):
            return RemoteSession(try opened(line, place), place, dialogue, mailbox, queue)
        case .ended(let ending): throw refusal(ending, place)
        case .late, .reply:
            dialogue.kill()
            let text = "\(place.host) did not answer within \(span); nothing was changed"
            throw Refusal(.unreachable(text), isBroken: true)
        }
    }

    /// What the host says of itself, when it is a bgdeploy that understands us and serves this balancer.
    private static func opened(
        _ line: [UInt8],
        _ place: RemotePlace
    ) throws(Refusal) -> Opened {
        guard let greeting = WireLine.decode(Greeting.self, from: line) else {
            let text = HarmlessText.cut(String(decoding: line.prefix(200), as: UTF8.self))
            throw Refusal(
                .misconfigured(
                    "something other than bgdeploy answered at \(place.host): `\(text)`; `bgdeploy balancer` must "
                        + "be what runs there, and no start-up file of the shell may write"
                )
            )
        }
        guard greeting.language == Greeting.language,
            let opened = WireLine.decode(Opened.self, from: line)
        else {
            let text = """
                bgdeploy \(greeting.bgdeploy) on \(place.host) and bgdeploy \(place.version) here do not understand \
                each other: install the same version on both. The rollback script beside the balancer works without
                """
            throw Refusal(.misconfigured(text))
        }
        if let refusal = opened.refusal {
            throw Refusal(.misconfigured("bgdeploy on \(place.host) refuses: \(HarmlessText.cut(refusal))"))
        }
        return opened
    }

    /// Why there was no greeting.
    private static func refusal(_ ending: Dialogue.Ending, _ place: RemotePlace) -> Refusal {
        let text = "\(ended(ending, place)); nothing was changed"
        guard let status = ending.status else { return Refusal(.unreachable(text), isBroken: true) }
        guard status == SSHComplaint.status else { return Refusal(.misconfigured(text)) }
        switch SSHComplaint(ending.errors) {
        case .changedKey, .denied: return Refusal(.forbidden(text))
        case .unknownKey: return Refusal(.misconfigured(text))
        case .unreachable: return Refusal(.unreachable(text))
        case .other: return Refusal(.unreachable(text), isBroken: true)
        }
    }

    /// How the connection ended, for a person.
    private static func ended(_ ending: Dialogue.Ending, _ place: RemotePlace) -> String {
        let words = HarmlessText.cut(ending.errors)
        let told = words.isEmpty ? "" : ":\n\(words)"
        switch ending.status {
        case SSHComplaint.status?:
            return SSHComplaint(ending.errors).message(place.host, errors: ending.errors)
        case 127?, 126?:
            return
                "there is no bgdeploy on \(place.host), or not in the PATH of the user there: install bgdeploy "
                + "\(place.version)\(told)"
        case let status?: return "bgdeploy on \(place.host) ended with status \(status)\(told)"
        case nil: return "the connection to \(place.host) was given up\(told)"
        }
    }
}
