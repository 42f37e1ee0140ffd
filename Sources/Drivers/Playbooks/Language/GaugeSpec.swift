package import DeployCore
package import DeployPorts

extension Playbook {
    /// A number that is read as it is now; its name is its rule's.
    package struct GaugeSpec: Hashable, Sendable {
        package let name: String
        package let source: Source

        package enum Source: Hashable, Sendable {
            /// A field of a JSON answer, such as `pool.active` or `items[0].count`.
            ///
            /// `location` is a path at the environment's URL, or a whole URL.
            case json(location: Template, field: String)
            case prometheus(PrometheusQuery)
            /// The last line that a command prints.
            case command([Template], every: DeployCore.Span)
        }

        package struct PrometheusQuery: Hashable, Sendable {
            package let server: Template
            package let query: Template
            package let authorization: Authorization?
            package let every: DeployCore.Span
        }

        package enum Authorization: Hashable, Sendable {
            case bearer(Template)
            case basic(user: Template, password: Template)

            var references: [Reference] {
                switch self {
                case .bearer(let token): token.references
                case .basic(let user, let password): user.references + password.references
                }
            }
        }

        var references: [Reference] {
            switch source {
            case .json(let location, _): location.references
            case .prometheus(let query):
                query.server.references + query.query.references + (query.authorization?.references ?? [])
            case .command(let arguments, _): arguments.flatMap(\.references)
            }
        }
    }
}
