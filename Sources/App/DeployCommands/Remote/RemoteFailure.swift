import DeployCore
import DeployOperations
import Foundation
import HTTPClient

/// Why the service did not do what it was asked.
struct RemoteFailure: Error {
    let failure: CommandFailure
    /// Whether the same request may well succeed in a while, such as when the service is being restarted.
    let isPassing: Bool
    /// What the service answered; `nil` without an answer.
    let status: Int?
    /// How long it asked to be left alone.
    var pause: Span?
    /// Ended by ourselves, because the task was cancelled.
    var isOurs = false
}

extension RemoteFailure {
    /// The service could not be reached, or what came is no answer.
    init(_ error: HTTPError, at address: ServerAddress) {
        status = nil
        isOurs = error == .cancelled
        switch error {
        case .badRequest, .tls, .tooLarge, .malformed, .cancelled: isPassing = false
        case .unresolved, .refused, .unreachable, .timedOut, .cutOff: isPassing = true
        }
        let advice =
            switch error {
            case .tls: "Is it the right name, and does this host trust who signed the certificate?"
            case .malformed, .tooLarge: "Is that the address of a bgdeploy service?"
            default: "Does `bgdeploy serve` run there, and is the address right?"
            }
        let what = error == .cancelled ? error.message : "\(error.message)\n\(advice)"
        failure = CommandFailure(
            isOurs ? .interrupted : .unavailable,
            "no answer from \(address.text): \(what)"
        )
    }

    /// The service answered `response`, which is no success.
    init(_ response: HTTPResponse, at address: ServerAddress, hadToken: Bool) {
        status = response.status
        isPassing = [429, 502, 503, 504].contains(response.status)
        pause = response.values(of: "Retry-After").first.flatMap { Int64($0) }
            .map { .seconds(min(max($0, 0), 60)) }
        guard let problem = Problem(response) else {
            failure = Self.withoutProblem(response, at: address)
            return
        }
        let code = problem.code.flatMap { ExitStatus(rawValue: $0) }.flatMap { $0 == .done ? nil : $0 }
        let place = "\(address.text) (\(response.status))"
        let advice = Self.advice(response.status, hadToken: hadToken)
        failure = CommandFailure(
            code ?? Self.code(of: response.status),
            "\(problem.text)\nsaid by \(place)" + (advice.map { "\n\($0)" } ?? "")
        )
    }

    /// What is there does not speak like a service of ours: a proxy, a login page, another program.
    private static func withoutProblem(_ response: HTTPResponse, at address: ServerAddress) -> CommandFailure
    {
        let what: String
        switch response.status {
        case 300...399:
            let place = response.values(of: "Location").first.map { " to \($0.prefix(200))" } ?? ""
            what = "leads elsewhere\(place); name the service's own address with --server"
        case 401, 403: what = "asks for a login that is not bgdeploy's, such as a proxy's before it"
        case 404: what = "does not know /v1: is it a bgdeploy service, and the same version as this bgdeploy?"
        case 500...: what = "is in trouble, or the proxy before it is; try again, and look into its log"
        default: what = "does not answer like a bgdeploy service; is the address right?"
        }
        let status = response.status == 401 || response.status == 403 ? ExitStatus.forbidden : .unavailable
        return CommandFailure(status, "\(address.text) answered \(response.status): it \(what)")
    }

    private static func code(of status: Int) -> ExitStatus {
        switch status {
        case 401, 403: .forbidden
        case 404, 422: .badInput
        case 409: .held
        case 400, 405...428, 430...499: .usage
        default: .unavailable
        }
    }

    private static func advice(_ status: Int, hadToken: Bool) -> String? {
        switch status {
        case 401 where hadToken:
            "The token is unknown, expired or revoked; make one there: bgdeploy token create NAME --scope deploy"
        case 401: "No token was given: set BGDEPLOY_TOKEN, or name a file that holds it with --token-file"
        case 403:
            "Use a token that may do this, or ask somebody who has one; `bgdeploy token list` shows them there"
        default: nil
        }
    }
}

/// An answer of the kind `application/problem+json`.
private struct Problem {
    private struct Fields: Decodable {
        let title: String?
        let detail: String?
        let code: Int32?
    }

    /// At most this many characters are shown of what a server says.
    private static let limit = 4000

    let text: String
    let code: Int32?

    init?(_ response: HTTPResponse) {
        let type = response.values(of: "Content-Type").first ?? ""
        guard type.hasPrefix("application/problem+json") || type.hasPrefix("application/json"),
            let fields = try? JSONDecoder().decode(Fields.self, from: Data(response.body)),
            let text = [fields.detail, fields.title].compactMap(\.self).first(where: { !$0.isEmpty })
        else { return nil }
        self.text = String(text.prefix(Self.limit))
        code = fields.code
    }
}
