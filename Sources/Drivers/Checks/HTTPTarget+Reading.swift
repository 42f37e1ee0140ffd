import DeployCore
import DeployPorts

extension HTTPTarget {
    /// The value of `via`, and where it stands when it was given.
    struct ReadRoute {
        let route: Route
        let position: Position?
    }

    /// Takes `via` out of `reader`.
    ///
    /// What is drained is the stable environment; everything else asks the candidate.
    static func readRoute(_ reader: inout MapReader, phase: PhaseName) -> ReadRoute {
        let usual = ReadRoute(route: phase == .drain ? .stable : .candidate, position: nil)
        guard let value = reader.optional("via") else { return usual }
        guard let text = reader.text(of: value, "via") else { return usual }
        guard let route = Route(rawValue: text) else {
            let routes = Route.allCases.map(\.rawValue)
            let hint = Spelling.nearest(to: text, among: routes).map { "; did you mean `\($0)`?" } ?? ""
            reader.diagnostics.report(
                value.position,
                "`via` must be \(routes.joined(separator: ", ")), found `\(text)`\(hint)"
            )
            return ReadRoute(route: .candidate, position: nil)
        }
        return ReadRoute(route: route, position: value.position)
    }

    /// Reports an address that is neither a path nor a URL, and a route that it cannot go.
    ///
    /// `schemes` are those of the URLs that the step takes.
    static func check(
        _ address: Template,
        goes way: ReadRoute,
        context: StepContext,
        diagnostics: Diagnostics,
        schemes: String = "http or https"
    ) {
        switch isPath(address) {
        case nil:
            guard case .text = address.parts.first else { return }
            fallthrough
        case false where address.parts.isEmpty:
            diagnostics.report(
                address.position,
                "`\(address.source)` is neither a path that begins with `/` nor an \(schemes) URL"
            )
        case false:
            if let position = way.position, way.route != .balancer {
                diagnostics.report(position, "`via` has no meaning for a whole URL; give the path alone")
            }
        default:
            if context.phase.isOfRunbook, context.publicURL == nil {
                diagnostics.report(address.position, "a path needs the runbook's `url`: `\(address.source)`")
                return
            }
            let isPublic = way.route == .public || way.route == .balancer
            if let position = way.position, isPublic, context.publicURL == nil {
                diagnostics.report(
                    position,
                    "`via: \(way.route.rawValue)` needs a `public_url` in the playbook"
                )
            }
        }
    }
}
