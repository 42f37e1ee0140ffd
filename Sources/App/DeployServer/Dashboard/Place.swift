package import DeployCore

/// An address of this server: nothing else is ever linked to.
package enum Place: Hashable, Sendable {
    case overview
    /// The page itself, past what stands on every page.
    case content
    case service(String)
    case run(RunID)
    case report(RunID)
    case history(service: String?, cursor: String?)
    case stylesheet, script
    // What forms are sent to.
    case login, logout
    case start(service: String)
    case rollback(service: String)
    case dismissal(service: String, RunID)
    case command(run: RunID, word: String)
    // What programs read.
    case events(RunID, after: Int)
    case download(RunID, format: String)
    case log(RunID, StepID)
    case playbook(RunID)

    package var path: String {
        switch self {
        case .overview: "/"
        case .content: "#main"
        case .service(let name): "/services/\(Self.encoded(name))"
        case .run(let run): "/runs/\(Self.encoded(run.rawValue))"
        case .report(let run): "/runs/\(Self.encoded(run.rawValue))/report"
        case .history(let service, let cursor):
            "/history" + Self.query([("service", service), ("cursor", cursor)])
        case .stylesheet: "/assets/dashboard.css"
        case .script: "/assets/dashboard.js"
        case .login: "/login"
        case .logout: "/logout"
        case .start(let service): "/services/\(Self.encoded(service))/run"
        case .rollback(let service): "/services/\(Self.encoded(service))/rollback"
        case .dismissal(let name, let run):
            "/services/\(Self.encoded(name))/queue/\(Self.encoded(run.rawValue))/dismiss"
        case .command(let run, let word): "/runs/\(Self.encoded(run.rawValue))/\(Self.encoded(word))"
        case .events(let run, let after): "/v1/runs/\(Self.encoded(run.rawValue))/events?after=\(after)"
        case .download(let run, let format):
            "/v1/runs/\(Self.encoded(run.rawValue))/report" + Self.query([("format", format)])
        case .log(let run, let step):
            // As its folder is called: a slash within a segment does not come through every proxy.
            "/v1/runs/\(Self.encoded(run.rawValue))/steps/"
                + "\(Self.encoded(step.rawValue.replacing("/", with: "-")))/log"
        case .playbook(let run): "/v1/runs/\(Self.encoded(run.rawValue))/playbook"
        }
    }

    private static func query(_ fields: [(String, String?)]) -> String {
        let given = fields.compactMap { name, value in value.map { "\(name)=\(encoded($0))" } }
        return given.isEmpty ? "" : "?" + given.joined(separator: "&")
    }

    /// One segment of a path, or one value of a query (RFC 3986, 2.3).
    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "~"):
                String(UnicodeScalar(byte))
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
