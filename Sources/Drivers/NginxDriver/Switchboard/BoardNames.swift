import DeployCore
import DeployPorts

/// What the switchboard of a service is called in nginx's configuration.
///
/// Everything begins with `bgdeploy_`: a user's own `upstream mina_blue` must not be met.
struct BoardNames: Hashable, Sendable {
    private let prefix: String
    private let environments: [String]

    init(_ settings: NginxSettings) {
        prefix = "bgdeploy_" + Self.word(settings.service)
        let words = settings.environments.map { Self.word($0.name.rawValue) }
        environments = words[0] == words[1] ? ["first", "second"] : words
    }

    /// Variables, without their `$`.
    var key: String { "\(prefix)_key" }
    var bucket: String { "\(prefix)_bucket" }
    var user: String { "\(prefix)_user" }
    var pool: String { "\(prefix)_pool" }

    /// The upstream of an environment, by its position in the playbook.
    ///
    /// The one of the candidate goes on with the other environment's servers when its own fail.
    func upstream(_ side: Int, hasFallback: Bool) -> String {
        let own = "\(prefix)_\(environments[side])"
        return hasFallback ? "\(own)_or_\(environments[1 - side])" : own
    }

    /// Letters, digits and `_` only, in lower case as nginx keeps the names of variables.
    private static func word(_ text: String) -> String {
        String(text.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }
}
