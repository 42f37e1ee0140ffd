internal import Foundation

/// The parts of a database's URL, for tools that take it by other variables than `DATABASE_URL`.
struct DatabaseURL: Hashable, Sendable {
    /// `postgresql`, or with a driver's name, `postgresql+psycopg2`.
    let scheme: String
    private(set) var user: String?
    private(set) var password: String?
    /// `nil` when it is only a parameter, as a socket's folder is.
    let host: String?
    let port: String?
    let database: String
    private(set) var parameters: [Parameter]

    struct Parameter: Hashable, Sendable {
        let name: String
        let value: String
    }

    /// `nil` for what is no URL, or names several hosts.
    init?(_ text: String) {
        guard let separator = text.firstRange(of: "://") else { return nil }
        scheme = String(text[..<separator.lowerBound])
        let rest = text[separator.upperBound...]
        let authority = rest.prefix { !"/?#".contains($0) }
        let path = rest[authority.endIndex...].prefix { !"?#".contains($0) }
        let query = rest[path.endIndex...].dropFirst().prefix { $0 != "#" }
        let at = authority.lastIndex(of: "@")
        let place = at.map { authority[authority.index(after: $0)...] } ?? authority
        let credentials = at.map { authority[..<$0].split(separator: ":", maxSplits: 1) } ?? []
        // `[::1]:5432`: the colons of an address stand within brackets.
        let name = place.firstIndex(of: "]").map { place[...$0] } ?? place.prefix { $0 != ":" }
        let colonAndPort = place[name.endIndex...]
        let number = colonAndPort.dropFirst()
        guard colonAndPort.isEmpty || colonAndPort.first == ":", !number.contains(":"),
            !place.contains(","), !scheme.isEmpty
        else { return nil }
        user = credentials.first.flatMap(Self.decoded)
        password = credentials.count > 1 ? Self.decoded(credentials[1]) : nil
        host = Self.decoded(name.hasPrefix("[") ? name.dropFirst().dropLast() : name)
        port = Self.decoded(number)
        database = Self.decoded(path.dropFirst()) ?? ""
        parameters = query.split(separator: "&").map { pair in
            let halves = pair.split(separator: "=", maxSplits: 1)
            return Parameter(
                name: halves.first.flatMap(Self.decoded) ?? "",
                value: halves.count > 1 ? Self.decoded(halves[1]) ?? "" : ""
            )
        }
    }

    func parameter(_ name: String) -> String? { parameters.first { $0.name == name }?.value }

    private static func decoded(_ text: Substring) -> String? {
        text.isEmpty ? nil : String(text).removingPercentEncoding ?? String(text)
    }
}

extension DatabaseURL {
    /// The same with more parameters, and without user and password.
    func withoutCredentials(adding more: [Parameter]) -> Self {
        var copy = self
        copy.user = nil
        copy.password = nil
        copy.parameters += more
        return copy
    }

    /// As a URL again.
    func text(scheme: String) -> String {
        let credentials = [user, password].compactMap(\.self).map(Self.encoded).joined(separator: ":")
        let name = host.map { $0.contains(":") ? "[\($0)]" : Self.encoded($0) } ?? ""
        let place = name + (port.map { ":\($0)" } ?? "")
        let query = parameters.map { "\(Self.encoded($0.name))=\(Self.encoded($0.value))" }
        return "\(scheme)://\(credentials.isEmpty ? "" : credentials + "@")\(place)/\(Self.encoded(database))"
            + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
    }

    private static func encoded(_ text: String) -> String {
        let plain = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "-._~"))
            .intersection(CharacterSet(charactersIn: "\u{0}"..."\u{7F}"))
        return text.addingPercentEncoding(withAllowedCharacters: plain) ?? text
    }
}
