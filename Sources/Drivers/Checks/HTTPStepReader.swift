import DeployCore
import DeployPorts
import HTTPClient

/// Makes a step of the value of `http`, reporting every mistake with its place.
struct HTTPStepReader {
    static let methods = ["get", "post", "put", "patch", "delete", "head"]

    private var reader: MapReader
    private let context: StepContext
    private let diagnostics: Diagnostics
    private let isMapping: Bool
    /// The key of the step, for messages.
    private let what: String

    init(_ value: Parameter, _ what: String = "http", context: StepContext, diagnostics: Diagnostics) {
        reader = MapReader(value, "`\(what)`", diagnostics: diagnostics)
        self.what = what
        if case .map = value { isMapping = true } else { isMapping = false }
        self.context = context
        self.diagnostics = diagnostics
    }

    /// `nil` when anything was reported.
    mutating func read(client: HTTPClient, jars: CookieJars) -> HTTPStep? {
        let before = diagnostics.all.count
        let request = readRequestLine()
        let route = HTTPTarget.readRoute(&reader, phase: context.phase)
        let login = reader.optional("login")
            .flatMap { readLogin($0, goes: route, client: client, jars: jars) }
        var step = readRequest(request, goes: route, client: client, jars: jars)
        step?.captures = readCaptures()
        step?.login = login
        reader.finish()
        return diagnostics.all.count == before ? step : nil
    }

    /// The request that comes first: it goes where the step's own goes unless it says something else.
    ///
    /// An answer with a redirect is what most forms give to who is let in, and to who is not.
    private func readLogin(
        _ value: Parameter,
        goes usual: HTTPTarget.ReadRoute,
        client: HTTPClient,
        jars: CookieJars
    ) -> HTTPStep? {
        var login = HTTPStepReader(value, "login", context: context, diagnostics: diagnostics)
        let request = login.readRequestLine()
        var route = HTTPTarget.readRoute(&login.reader, phase: context.phase)
        if route.position == nil { route = HTTPTarget.ReadRoute(route: usual.route, position: nil) }
        let step = login.readRequest(
            request,
            goes: route,
            status: StatusExpectation(ranges: [200...399]),
            client: client,
            jars: jars
        )
        login.reader.finish()
        return step
    }

    /// Everything that a login has, too.
    private mutating func readRequest(
        _ request: (method: String, address: Template)?,
        goes route: HTTPTarget.ReadRoute,
        status: StatusExpectation = .success,
        client: HTTPClient,
        jars: CookieJars
    ) -> HTTPStep? {
        let headers =
            reader.optional("headers")
            .map { NamedTemplate.readHeaders($0, diagnostics: diagnostics) } ?? []
        let body = readBody(method: request?.method)
        let authorization = RequestAuthorization.read(&reader, what)
        let expectation =
            reader.optional("expect")
            .map { HTTPExpectation.read($0, status: status, diagnostics: diagnostics) }
            ?? HTTPExpectation(status: status)
        guard let request else { return nil }
        HTTPTarget.check(request.address, goes: route, context: context, diagnostics: diagnostics)
        let target = HTTPTarget(address: request.address, route: route.route, publicURL: context.publicURL)
        return HTTPStep(
            method: request.method.uppercased(),
            target: target,
            headers: headers,
            body: body,
            authorization: authorization,
            expectation: expectation,
            client: client,
            jars: jars
        )
    }

    private mutating func readRequestLine() -> (method: String, address: Template)? {
        var found: [(method: String, value: Parameter)] = []
        for method in Self.methods {
            if let value = reader.optional(method) { found.append((method, value)) }
        }
        let names = Self.methods.map { "`\($0)`" }.joined(separator: ", ")
        guard let first = found.first else {
            // A value that is no mapping has been reported already, and a misspelt method will be.
            if isMapping, !hasMisspeltMethod {
                diagnostics.report(reader.position, "`\(what)` needs one of \(names)")
            }
            return nil
        }
        for extra in found.dropFirst() {
            diagnostics.report(
                extra.value.position,
                "`\(what)` takes one of \(names), and has `\(first.method)` already"
            )
        }
        return reader.template(of: first.value, first.method).map { (first.method, $0) }
    }

    private var hasMisspeltMethod: Bool {
        reader.remaining.contains { Spelling.nearest(to: $0.key, among: Self.methods) != nil }
    }

    private mutating func readBody(method: String?) -> HTTPBody? {
        var found: [(key: String, value: Parameter)] = []
        for key in ["body", "json", "form"] {
            if let value = reader.optional(key) { found.append((key, value)) }
        }
        guard let first = found.first else { return nil }
        for extra in found.dropFirst() {
            diagnostics.report(
                extra.value.position,
                "`\(what)` takes one of `body`, `json`, `form`, and has `\(first.key)` already"
            )
        }
        if let method, method == "get" || method == "head" {
            diagnostics.report(first.value.position, "a `\(method)` carries no `\(first.key)`")
        }
        switch first.key {
        case "body": return reader.template(of: first.value, "body").map { .text($0) }
        case "json": return JSONTemplate.read(first.value, "json", with: reader).map { .json($0) }
        default: return .form(NamedTemplate.read(first.value, "form", diagnostics: diagnostics))
        }
    }

    private mutating func readCaptures() -> [HTTPStep.Capture] {
        guard let value = reader.optional("capture") else { return [] }
        var names = MapReader(value, "`capture`", diagnostics: diagnostics)
        return names.takeRest().compactMap { entry in
            guard !entry.key.isEmpty, entry.key.allSatisfy(Self.isNameCharacter) else {
                diagnostics.report(
                    entry.keyPosition,
                    "`\(entry.key)` cannot name a captured value: letters, digits, `_` and `-` can"
                )
                return nil
            }
            guard let text = names.text(of: entry.value, "capture.\(entry.key)") else { return nil }
            do throws(JSONError) {
                return HTTPStep.Capture(name: entry.key, path: try JSONPath(text))
            } catch {
                diagnostics.report(entry.value.position, error.message)
                return nil
            }
        }
    }

    private static func isNameCharacter(_ character: Character) -> Bool {
        character.isASCII
            && (character.isLetter || character.isNumber || character == "_" || character == "-")
    }
}
