import DeployCore
import HTTPClient

/// The cookie jars of the phases that are under way: the steps of one phase of one run share one.
actor CookieJars {
    private struct Conversation: Hashable {
        let run: RunID
        let phase: Substring
    }

    /// More than all runs under way have; the oldest is forgotten first.
    private static let limit = 64

    private var jars: [Conversation: CookieJar] = [:]
    private var order: [Conversation] = []

    /// The jar for a step of `run`; the phase is the part of `step` before its `/`.
    func jar(run: RunID, step: StepID) -> CookieJar {
        let conversation = Conversation(run: run, phase: step.rawValue.prefix { $0 != "/" })
        if let jar = jars[conversation] { return jar }
        let jar = CookieJar()
        jars[conversation] = jar
        order.append(conversation)
        if order.count > Self.limit { jars[order.removeFirst()] = nil }
        return jar
    }
}
