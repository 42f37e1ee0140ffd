import DeployCore
import DeployPorts
import HTTPClient

/// What an answer should be like.
///
/// All parts are checked, so that one failure tells everything.
struct HTTPExpectation: Hashable, Sendable {
    var status = StatusExpectation.success
    var headers: [NamedTemplate] = []
    var json: JSONExpectation?
    var body: BodyPattern?
    var within: Span?

    /// `status` is what counts where the playbook names none.
    static func read(
        _ value: Parameter,
        status usual: StatusExpectation = .success,
        diagnostics: Diagnostics
    ) -> HTTPExpectation {
        var reader = MapReader(value, "`expect`", diagnostics: diagnostics)
        var result = HTTPExpectation(status: usual)
        if let status = reader.optional("status") {
            result.status = StatusExpectation.read(status, with: reader) ?? usual
        }
        if let headers = reader.optional("headers") {
            result.headers = NamedTemplate.readHeaders(headers, diagnostics: diagnostics)
        }
        if let json = reader.optional("json") {
            if case .map = json {
                result.json = JSONExpectation.read(json, "json", with: reader)
            } else {
                diagnostics.report(
                    json.position,
                    "`json` must be a mapping of paths to values, found \(json.kindDescription)"
                )
            }
        }
        if let body = reader.template("body") {
            result.body = BodyPattern(body)
            if let complaint = result.body?.complaint("body") { diagnostics.report(body.position, complaint) }
        }
        result.within = reader.span("within")
        reader.finish()
        return result
    }

    var references: [Reference] {
        headers.flatMap(\.value.references) + (json?.references ?? []) + (body?.template.references ?? [])
    }

    func mismatches(in response: HTTPResponse, values: Values) throws(StepFailure) -> [Mismatch] {
        var all: [Mismatch] = []
        if !status.contains(response.status) {
            all.append(Mismatch("status \(status)", "\(response.status) \(response.reason)"))
        }
        for header in headers {
            all += try Self.mismatches(of: header, in: response, values: values)
        }
        if let json { all += try Self.mismatches(of: json, in: response, values: values) }
        if let body, !(try body.matches(response.body, values: values)) {
            all.append(Mismatch("body matching \(body.template.source)", "a body that does not match"))
        }
        if let within, response.duration > .milliseconds(within.milliseconds) {
            all.append(Mismatch("answer within \(within)", response.duration.inMilliseconds))
        }
        return all
    }

    /// A header fits when one of its values is the expected text, or is it before its first `;`, so that
    /// `application/json` fits `application/json; charset=utf-8`.
    private static func mismatches(
        of header: NamedTemplate,
        in response: HTTPResponse,
        values: Values
    ) throws(StepFailure) -> [Mismatch] {
        let wanted = try header.value.resolved(in: values)
        let found = response.values(of: header.name)
        let isMet = found.contains { value in
            if value == wanted { return true }
            if case .condition(let condition) = NumberCondition.read(header.value.source) {
                return Double(value).map(condition.isMet) ?? false
            }
            return value.prefix { $0 != ";" } == wanted
        }
        if isMet { return [] }
        let answer = found.isEmpty ? "no such header" : found.joined(separator: " | ")
        return [Mismatch("header \(header.name): \(wanted)", answer)]
    }

    private static func mismatches(
        of json: JSONExpectation,
        in response: HTTPResponse,
        values: Values
    ) throws(StepFailure) -> [Mismatch] {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(response.body)
        } catch {
            let kind = response.values(of: "content-type").first ?? "no content-type"
            return [Mismatch("a JSON body", "\(error.message) (\(kind))")]
        }
        return try json.mismatches(in: document.root, at: "", values: values)
    }
}
