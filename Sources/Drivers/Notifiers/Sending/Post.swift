import ChildProcesses
import DeployCore
import DeployPorts
import HTTPClient

/// Sends requests to services that take notices, under the rules that hold for all of them.
///
/// https, but for loopback; no redirect; 2 s for the connection, 10 s for all of it; 64 KiB of an answer.
struct Post: Sendable {
    private let client = HTTPClient()
    /// PEM file of the authorities to trust instead of the system's.
    private let caFile: String?

    init(caFile: String? = nil) { self.caFile = caFile }

    static let connectDeadline = Duration.seconds(2)
    static let deadline = Duration.seconds(10)
    private static let answerLimit = 65_536

    /// The body of an answer with a status of 200 to 299.
    @discardableResult
    func send(
        _ url: String,
        method: String = "POST",
        headers: [HTTPHeader] = [],
        json: JSONValue? = nil,
        values: Values
    ) async throws(NotifierError) -> [UInt8] {
        try Self.check(url)
        let values = Self.hiding(url, values)
        var request = HTTPRequest(
            method: method,
            url: url,
            headers: headers,
            body: json.map { Array($0.text.utf8) },
            deadline: Self.deadline,
            bodyLimit: Self.answerLimit
        )
        if json != nil { request.headers.append(HTTPHeader("Content-Type", "application/json")) }
        request.connectDeadline = Self.connectDeadline
        request.caFile = caFile
        let response: HTTPResponse
        do throws(HTTPError) {
            response = try await client.send(request)
        } catch {
            throw Self.failure(error, values)
        }
        guard (200..<300).contains(response.status) else { throw Self.failure(response, values) }
        return response.body
    }

    /// What stands behind `url` is told to nobody: the path may be the secret.
    static func check(_ url: String) throws(NotifierError) {
        if url.hasPrefix("https://") { return }
        guard url.hasPrefix("http://") else {
            throw .refused(reason: "the address must begin with https://")
        }
        let authority = url.dropFirst("http://".count).prefix { !"/?#".contains($0) }
        guard isLoopback(authority) else {
            throw .refused(reason: "the address must begin with https://; http:// is for this host alone")
        }
    }

    /// Whether `host`, `host:port` or `[address]:port` is this host.
    static func isLoopback(_ authority: Substring) -> Bool {
        if authority == "[::1]" || authority.hasPrefix("[::1]:") { return !authority.contains("@") }
        guard !authority.contains("@") else { return false }
        let host = authority.prefix { $0 != ":" }
        if host == "localhost" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return parts.count == 4 && parts.first == 127 && !parts.contains(nil)
    }

    /// With what `url` has behind its host as one more secret: of some services it is all that one needs.
    private static func hiding(_ url: String, _ values: Values) -> Values {
        let place = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false).dropFirst(3)
        guard let path = place.first, path.utf8.count >= 8 else { return values }
        var values = values
        values.secrets["url"] = String(path)
        return values
    }

    // MARK: errors

    private static func failure(_ error: HTTPError, _ values: Values) -> NotifierError {
        let reason = shown(error.message, values)
        switch error {
        case .cancelled: return .stopped
        case .badRequest: return .refused(reason: reason)
        default: return .notDelivered(reason: reason, retryAfter: nil)
        }
    }

    private static func failure(_ response: HTTPResponse, _ values: Values) -> NotifierError {
        let status = response.status
        let answer = String(shown(String(decoding: response.body, as: UTF8.self), values).prefix(300))
        let reason = "status \(status)" + (answer.isEmpty ? "" : ": \(answer)")
        if status == 408 || status == 429 || status >= 500 {
            let wait = response.values(of: "Retry-After").first.flatMap { Int64($0) }
            return .notDelivered(
                reason: reason,
                retryAfter: wait.flatMap { (0...86_400).contains($0) ? .seconds($0) : nil }
            )
        }
        let isRedirect = (300..<400).contains(status)
        return .refused(reason: isRedirect ? "status \(status): redirects are not followed" : reason)
    }

    /// One harmless line without secrets.
    static func shown(_ text: String, _ values: Values) -> String {
        let masked = Redactor.mask(text, secrets: values.secrets.values)
        let line = String(String.UnicodeScalarView(masked.unicodeScalars.map { $0.isHarmless ? $0 : " " }))
        return line.split(separator: " ").joined(separator: " ")
    }
}

extension Unicode.Scalar {
    /// Neither a control character nor one that turns the direction of the text around it.
    var isHarmless: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: false
        default: true
        }
    }
}

extension Template {
    /// The value, for a place where a text without a value cannot be sent.
    func forNotice(_ values: Values) throws(NotifierError) -> String {
        do throws(StepFailure) {
            return try resolved(in: values)
        } catch {
            throw .notDelivered(reason: error.message, retryAfter: nil)
        }
    }
}
