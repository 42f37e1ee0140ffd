/// Why there is no answer.
package enum PostgresError: Error, Hashable, Sendable {
    /// Trying again changes nothing: no libpq, not a URL, a text with a NUL.
    case badRequest(String)
    /// No server took the connection; for each that was tried, what libpq says.
    case unreachable([String])
    /// The server answered with an error; nothing of the statement is in force.
    case refused(SQLProblem)
    /// The connection ended.
    case cutOff(reason: String, outcome: Outcome)
    case timedOut(Outcome)
    /// The answer is over a limit; reading was stopped there.
    case tooLarge(String)
    case cancelled(Outcome)

    /// What is known of the statement.
    package enum Outcome: Hashable, Sendable {
        /// It never reached the server.
        case notSent
        /// It was sent and not committed: nothing of it is in force.
        case rolledBack
        /// The commit was sent and not answered.
        case unknown
    }
}

/// What PostgreSQL says of a statement that it refuses.
package struct SQLProblem: Hashable, Sendable {
    /// Five characters: `42P01`; empty when the server sent none.
    package let state: String
    package let message: String
    package let detail: String
    package let hint: String

    package init(state: String, message: String, detail: String = "", hint: String = "") {
        self.state = state
        self.message = message
        self.detail = detail
        self.hint = hint
    }
}
