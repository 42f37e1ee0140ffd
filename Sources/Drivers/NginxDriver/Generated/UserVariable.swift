import DeployPorts

/// How nginx tells users apart by a ``UserKey``.
struct UserVariable: Sendable {
    /// Its value in a request; empty when the request does not tell.
    let expression: String
    /// What has to stand before it is used; empty when nginx has the variable by itself.
    let definition: String

    /// `prefix` begins the names of variables that have to be made.
    init(_ key: UserKey, prefix: String) {
        switch key {
        case .address:
            expression = "$remote_addr"
            definition = ""
        case .header(let name):
            expression = "$http_" + Self.sanitised(name.lowercased())
            definition = ""
        case .cookie(let name) where name == Self.sanitised(name):
            expression = "$cookie_" + name
            definition = ""
        case .cookie(let name):
            // nginx has variables only for cookies whose names are fit for one.
            expression = "$\(prefix)_cookie"
            definition =
                "map $http_cookie $\(prefix)_cookie {\n    default '';\n"
                + "    \"~(?:^|; *)\(Self.escaped(name))=(?<\(prefix)_cookie_value>[^;]*)\" "
                + "$\(prefix)_cookie_value;\n}\n"
        }
    }

    /// Fit to be a part of a variable's name.
    static func sanitised(_ text: String) -> String {
        String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }

    /// For a regular expression, taken literally.
    static func escaped(_ text: String) -> String {
        text.map { ".+".contains($0) ? "[\($0)]" : String($0) }.joined()
    }
}
