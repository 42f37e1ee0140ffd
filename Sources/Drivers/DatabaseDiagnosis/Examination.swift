/// The figures of one topic: asked by one statement, judged without a server.
protocol Examination: Decodable, Sendable {
    static var topic: Topic { get }

    static func question(for server: ServerProfile) -> Question

    func report(_ server: ServerProfile, _ thresholds: Thresholds) -> TopicReport
}

/// What is asked of a database.
enum Question: Hashable, Sendable {
    /// A statement that only looks, and answers with one JSON document as text.
    case ask(String)
    /// Nothing, and why.
    case skip(String)
}
