import NginxConfig

/// The `rewrite` that does what a path behind the upstream's name in `proxy_pass` does.
///
/// Once a variable stands there, nginx does not replace the location's part of a request's path any more.
///
/// Measured against nginx 1.22.1: the server is sent the same bytes for every request that keeps to RFC 3986,
/// dot segments, double slashes, encoded slashes, line ends and an empty query among them. A byte that should
/// have been encoded and was not (`|`, `"`, beyond ASCII) is sent encoded, as nginx itself does when anything
/// else in that path is. Without `(?s)` and `\z` a line end in a path would end the match.
struct PathRewrite: Sendable {
    typealias Place = ConfigurationTree.Place

    struct Obstacle: Error {
        let place: Place
        let reason: String
    }

    let line: String
    /// What reads the path or a capture, and finds the new one from now on.
    let readers: [Place]

    /// `path` is what stands behind the name in `pass`.
    init(_ pass: Pass, _ path: String, _ survey: RewriteSurvey) throws(Obstacle) {
        let advice = "the path behind the upstream's name becomes a `rewrite … break` there"
        guard let location = pass.location, !pass.isConditional else {
            throw Obstacle(place: pass.place, reason: "\(advice), and it is in no plain location")
        }
        let name = Self.name(of: location)
        for (text, place) in [(path, pass.place), (name, location)] where !Self.isPlain(text) {
            throw Obstacle(
                place: place,
                reason: "\(advice), and `\(text)` has characters that it would not keep as they are"
            )
        }
        if let obstacle = survey.obstacle(to: pass, in: location) {
            throw Obstacle(place: obstacle.place, reason: "\(advice), and \(obstacle.reason)")
        }
        let pattern = name.replacing(".", with: "\\.")
        let isExact = location.statement.arguments.first?.hasPrefix("=") ?? false
        line = isExact ? "rewrite ^ \(path) break;" : "rewrite \"(?s)^\(pattern)(.*)\\z\" \(path)$1 break;"
        readers = survey.readers
    }

    /// `/a/` of `location ^~ /a/`.
    static func name(of location: Place) -> String {
        let word = location.statement.arguments.last ?? ""
        guard location.statement.arguments.count == 1 else { return word }
        for modifier in ["=", "^~"] where word.hasPrefix(modifier) {
            return String(word.dropFirst(modifier.count))
        }
        return word
    }

    private static func isPlain(_ text: String) -> Bool {
        text.hasPrefix("/")
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/._~-".contains($0)) }
    }
}

/// What else of a configuration looks at a request's path, or changes it.
struct RewriteSurvey: Sendable {
    typealias Place = ConfigurationTree.Place

    private struct Use: Sendable {
        let place: Place
        /// Places come in the order in which nginx reads them.
        let order: Int
        /// Whether it has `$uri` or a capture.
        let readsPath: Bool
    }

    /// By the innermost location, or else the server; `nil` is what stands in neither.
    private var uses: [Place?: [Use]] = [:]
    private var orders: [Place: Int] = [:]
    /// What stands in no server and reads the path whenever somebody asks for it.
    private(set) var readers: [Place] = []

    init(_ tree: ConfigurationTree) {
        var uses: [Place?: [Use]] = [:]
        var orders: [Place: Int] = [:]
        var readers: [Place] = []
        var order = 0
        tree.walk { place, around in
            order += 1
            let name = place.statement.name
            if name == "proxy_pass" { orders[place] = order }
            let readsPath = place.statement.arguments.contains(where: Self.readsPath)
            guard readsPath || Self.changesPath(name) else { return }
            let block =
                around.last { $0.statement.name == "location" }
                ?? around.last { $0.statement.name == "server" }
            if block == nil, readsPath, !name.hasPrefix("proxy_"), name != "add_header" {
                readers.append(place)
            } else {
                uses[block, default: []].append(Use(place: place, order: order, readsPath: readsPath))
            }
        }
        (self.uses, self.orders, self.readers) = (uses, orders, readers)
    }

    private static func changesPath(_ name: String) -> Bool {
        ["rewrite", "break", "try_files", "set", "if", "return"].contains(name)
    }

    private static func readsPath(_ word: String) -> Bool {
        word.split(separator: "$", omittingEmptySubsequences: false).dropFirst().contains { part in
            let name = part.drop { $0 == "{" }.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
            return name == "uri" || name == "document_uri" || name.first?.isNumber == true
        }
    }

    /// What keeps `pass`, which is in `location`, from a `rewrite … break` behind it.
    func obstacle(to pass: Pass, in location: Place) -> (place: Place, reason: String)? {
        let passOrder = orders[pass.place] ?? 0
        for use in uses[location, default: []] {
            switch use.place.statement.name {
            case "rewrite", "break", "try_files":
                return (
                    use.place,
                    "this changes the path as well; write the path into it, and none behind the name"
                )
            case "set", "if", "return":
                if use.order > passOrder {
                    return (use.place, "nothing is looked at behind that; move this above the `proxy_pass`")
                }
            default: return (use.place, "this would read the new path or its capture; use `$request_uri`")
            }
        }
        let server = pass.around.last { $0.statement.name == "server" }
        for use in uses[server, default: []] + uses[nil, default: []] {
            switch use.place.statement.name {
            case "rewrite":
                guard use.place.statement.arguments.last == "break" else { continue }
                return (use.place, "after this nginx does not replace the path; use `last`")
            case "break": return (use.place, "after this nginx does not replace the path")
            case "set", "if", "return", "try_files": continue
            default: return (use.place, "this would read the new path or its capture; use `$request_uri`")
            }
        }
        return nil
    }
}
