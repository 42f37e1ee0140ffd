import DeployPorts
import PostgresClient

/// Says what an error of PostgreSQL means for the journal, and what to do, without the password.
struct PostgresProblem {
    let address: PostgresAddress

    func translated(_ failure: PostgresConnection.Failure) -> RunStoreError {
        switch failure {
        case .nothing(let error): error
        case .unknown: doubt(after: failure)
        }
    }

    /// Nobody knows what became of a write.
    func doubt(after failure: PostgresConnection.Failure) -> RunStoreError {
        let reason =
            switch failure {
            case .nothing(.unavailable(let text)), .nothing(.full(let text)), .nothing(.unreadable(let text)):
                text
            case .nothing(.held), .nothing(.leaseLost): "the lease was lost"
            case .unknown(let reason): reason
            }
        return .unavailable(
            """
            the answer of \(address.place) to a write was lost, and it is not known whether it was carried \
            out (\(reason)): look again when the database is back
            """
        )
    }

    func translated(_ error: PostgresError) -> RunStoreError {
        guard case .refused(let problem) = error else {
            return .unavailable("\(address.place) cannot be used: \(text(of: error)); nothing was written")
        }
        let told = "\(address.place): \(hidden(problem.message)) (SQLSTATE \(problem.state))"
        switch problem.state {
        case "53100": return .full("the disk of \(told) is full: free some space")
        case "42501":
            return .unavailable(
                """
                \(told): the user needs the schema \(PostgresSchema.name) and all rights in it; an \
                administrator makes it by CREATE SCHEMA \(PostgresSchema.name) AUTHORIZATION the user
                """
            )
        case "42P01", "42703", "3F000":
            return .unreadable("\(told): the tables of the journal are not those of this version")
        case "25006":
            return .unavailable("\(told): it takes no writes; name all hosts of the cluster in the URL")
        default: return .unavailable("\(told); nothing was written")
        }
    }

    func text(of error: PostgresError) -> String {
        switch error {
        case .badRequest(let text), .tooLarge(let text): hidden(text)
        case .unreachable(let reasons): hidden(reasons.joined(separator: "; "))
        case .refused(let problem): hidden("\(problem.message) (SQLSTATE \(problem.state))")
        case .cutOff(let reason, _): "the connection ended: \(hidden(reason))"
        case .timedOut: "no answer in time"
        case .cancelled: "it was cancelled"
        }
    }

    private func hidden(_ text: String) -> String {
        guard let password = address.password, !password.isEmpty else { return text }
        return text.replacing(password, with: "***")
    }
}

extension PostgresError {
    /// Whether the statement may have been carried out.
    var isUnknown: Bool {
        switch self {
        case .cutOff(_, let outcome), .timedOut(let outcome), .cancelled(let outcome): outcome != .notSent
        case .badRequest, .unreachable, .refused, .tooLarge: false
        }
    }

    /// Whether it did nothing and may go well in a moment.
    var isPassing: Bool {
        switch self {
        case .unreachable, .cutOff, .timedOut, .cancelled: !isUnknown
        // A server that was demoted, two transactions in each other's way, and one that starts or is full.
        case .refused(let problem): ["25006", "40001", "40P01", "57P03", "53300"].contains(problem.state)
        case .badRequest, .tooLarge: false
        }
    }

    /// Whether the session is of no use any more.
    var endsSession: Bool {
        guard case .refused(let problem) = self else { return true }
        return problem.state == "25006"
    }

    /// The same of somebody else's statement: ours was not sent.
    var asNotSent: PostgresError {
        switch self {
        case .cutOff(let reason, _): .cutOff(reason: reason, outcome: .notSent)
        case .timedOut: .timedOut(.notSent)
        case .cancelled: .cancelled(.notSent)
        case .badRequest, .unreachable, .refused, .tooLarge: self
        }
    }
}
