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

    init(_ value: Parameter, context: StepContext, diagnostics: Diagnostics) {
        reader = MapReader(value, "`http`", diagnostics: diagnostics)
        if case .map = value { isMapping = true } else { isMapping = false }
        self.context = context
        self.diagnostics = diagnostics
    }

    /// `nil` when anything was reported.
    mutating func read(client: HTTPClient, jars: CookieJars) -> HTTPStep? {
        let before = diagnostics.all.count
        let request = readRequestLine()
        let route = readRoute()
        let headers =
            reader.optional("headers")
            .map { NamedTemplate.readHeaders($0, diagnostics: diagnostics) } ?? []
        let body = readBody(method: request?.method)
        let authorization = readAuthorization()
        let expectation =
            reader.optional("expect")
            .map { HTTPExpectation.read($0, diagnostics: diagnostics) } ?? HTTPExpectation()
        let captures = readCaptures()
        reader.finish()
        if let request { check(request.address, goes: route.route, at: route.position) }
        guard let request, diagnostics.all.count == before else { return nil }
        let target = HTTPTarget(address: request.address, route: route.route, publicURL: context.publicURL)
        return HTTPStep(
            method: request.method.uppercased(),
            target: target,
            headers: headers,
            body: body,
            authorization: authorization,
            expectation: expectation,
            captures: captures,
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
                diagnostics.report(reader.position, "`http` needs one of \(names)")
            }
            return nil
        }
        for extra in found.dropFirst() {
            diagnostics.report(
                extra.value.position,
                "`http` takes one of \(names), and has `\(first.method)` already"
            )
        }
        return reader.template(of: first.value, first.method).map { (first.method, $0) }
    }

    private var hasMisspeltMethod: Bool {
        reader.remaining.contains { Spelling.nearest(to: $0.key, among: Self.methods) != nil }
    }

    /// What is drained is the stable environment; everything else asks the candidate.
    private var usualRoute: HTTPTarget.Route { context.phase == .drain ? .stable : .candidate }

    private mutating func readRoute() -> (route: HTTPTarget.Route, position: Position?) {
        guard let value = reader.optional("via") else { return (usualRoute, nil) }
        guard let text = reader.text(of: value, "via") else { return (usualRoute, nil) }
        guard let route = HTTPTarget.Route(rawValue: text) else {
            let routes = HTTPTarget.Route.allCases.map(\.rawValue)
            let hint = Spelling.nearest(to: text, among: routes).map { "; did you mean `\($0)`?" } ?? ""
            diagnostics.report(
                value.position,
                "`via` must be \(routes.joined(separator: ", ")), found `\(text)`\(hint)"
            )
            return (.candidate, nil)
        }
        return (route, value.position)
    }

    private func check(_ address: Template, goes route: HTTPTarget.Route, at position: Position?) {
        switch HTTPTarget.isPath(address) {
        case nil:
            guard case .text = address.parts.first else { return }
            fallthrough
        case false where address.parts.isEmpty:
            diagnostics.report(
                address.position,
                "`\(address.source)` is neither a path that begins with `/` nor an http or https URL"
            )
        case false:
            if let position, route != .balancer {
                diagnostics.report(position, "`via` has no meaning for a whole URL; give the path alone")
            }
        default:
            let isPublic = route == .public || route == .balancer
            if let position, isPublic, context.publicURL == nil {
                diagnostics.report(position, "`via: \(route.rawValue)` needs a `public_url` in the playbook")
            }
        }
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
                "`http` takes one of `body`, `json`, `form`, and has `\(first.key)` already"
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

    private mutating func readAuthorization() -> HTTPStep.Authorization? {
        let bearer = reader.template("bearer")
        guard let value = reader.optional("basic") else { return bearer.map { .bearer($0) } }
        if bearer != nil {
            diagnostics.report(value.position, "`http` takes one of `bearer` and `basic`")
        }
        var basic = MapReader(value, "`basic`", diagnostics: diagnostics)
        let user = basic.required("user").flatMap { basic.template(of: $0, "user") }
        let password = basic.required("password").flatMap { basic.template(of: $0, "password") }
        basic.finish()
        guard let user, let password else { return nil }
        return .basic(user: user, password: password)
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
