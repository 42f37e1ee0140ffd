import DeployPorts
import SafeFile

/// Users: who stays on his side, and who goes first.
extension PlaybookDecoder {
    /// A longer list belongs into the application.
    static let mostChosenUsers = 200_000
    private static let largestUserFile = 32 << 20

    /// From the value of `strategy`.
    func users(_ strategy: Parameter?, _ reader: MapReader) -> Users {
        Users(
            sticky: strategy?.child("sticky").flatMap { sticky($0, reader) },
            chosen: strategy?.child("ab").flatMap { chosenUsers($0) }
        )
    }

    /// `none`, `cookie:NAME`, `header:NAME` or `address`.
    private func sticky(_ value: Parameter, _ reader: MapReader) -> UserKey? {
        guard let text = plain(of: value, "sticky", reader), text != "none" else { return nil }
        if text == "address" { return .address }
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2, let key = Self.userKey(parts[0], parts[1]) else {
            diagnostics.report(
                value.position,
                "`sticky` must be cookie:NAME, header:NAME, address or none, found `\(text)`"
            )
            return nil
        }
        return key
    }

    /// `{header: NAME, values: […]}`, with `cookie` for `header` and `file` for `values` where wanted.
    private func chosenUsers(_ value: Parameter) -> ChosenUsers? {
        var reader = MapReader(value, "`ab`", diagnostics: diagnostics)
        guard case .map = value else { return nil }
        let names = ["header", "cookie"].compactMap { kind in
            reader.optional(kind).map { (kind: kind, value: $0) }
        }
        let lists = (values: reader.optional("values"), file: reader.optional("file"))
        if names.count != 1 {
            diagnostics.report(
                value.position,
                "`ab` needs the key `header` or the key `cookie`, one of the two"
            )
        }
        if (lists.values == nil) == (lists.file == nil) {
            diagnostics.report(
                value.position,
                "`ab` needs the key `values` or the key `file`, one of the two"
            )
        }
        let key = names.first.flatMap { userKey($0.kind, $0.value, reader) }
        let values = lists.values.flatMap { listed($0, reader) } ?? lists.file.flatMap { read($0, reader) }
        reader.finish()
        guard let key, let values, !values.isEmpty else { return nil }
        return ChosenUsers(key: key, values: values)
    }

    private func userKey(_ kind: String, _ value: Parameter, _ reader: MapReader) -> UserKey? {
        guard let name = plain(of: value, kind, reader) else { return nil }
        if let key = Self.userKey(kind, name) { return key }
        diagnostics.report(value.position, "`\(kind)` must be the name of a \(kind), found `\(name)`")
        return nil
    }

    /// Names as RFC 9110 has tokens, without the characters that configuration files would take for theirs.
    private static func userKey(_ kind: String, _ name: String) -> UserKey? {
        let isName =
            (1...64).contains(name.utf8.count)
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
        switch kind {
        case "cookie" where isName: return .cookie(name)
        case "header" where isName && !name.contains("."): return .header(name)
        default: return nil
        }
    }

    private func listed(_ value: Parameter, _ reader: MapReader) -> [String]? {
        guard let items = reader.list(of: value, "values") else { return nil }
        if items.isEmpty { diagnostics.report(value.position, "`values` must name at least one user") }
        let users = items.compactMap { item in
            plain(of: item, "values", reader).map { (text: $0, position: item.position) }
        }
        return distinct(users)
    }

    /// One user a line; empty lines and those that begin with `#` are passed over.
    private func read(_ value: Parameter, _ reader: MapReader) -> [String]? {
        guard let name = plain(of: value, "file", reader) else { return nil }
        let path = name.hasPrefix("/") ? name : "\(folder)/\(name)"
        do throws(FileProblem) {
            let bytes = try SafeFile.read(path, limit: Self.largestUserFile).bytes
            let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
            let users = lines.map { $0.trimming { $0.isWhitespace } }.filter {
                !$0.isEmpty && !$0.hasPrefix("#")
            }
            if users.isEmpty { diagnostics.report(value.position, "\(path) names no user") }
            return distinct(users.map { (text: String($0), position: value.position) })
        } catch {
            diagnostics.report(value.position, "the users cannot be read: \(error.message)")
            return nil
        }
    }

    private func distinct(_ users: [(text: String, position: Position)]) -> [String]? {
        if let odd = users.first(where: { !Self.isUser($0.text) }) {
            diagnostics.report(
                odd.position,
                "a chosen user must be 1 to 128 of the characters 0-9 A-Z a-z . _ @ + = -, without a dot at its "
                    + "beginning, found `\(odd.text.prefix(60))`"
            )
            return nil
        }
        guard users.count <= Self.mostChosenUsers else {
            diagnostics.report(
                users[0].position,
                "`ab` takes at most \(Self.mostChosenUsers) users, found \(users.count)"
            )
            return nil
        }
        var seen: Set<String> = []
        return users.map(\.text).filter { seen.insert($0).inserted }
    }

    /// Fit to be a file's name and a word in any balancer's configuration.
    private static func isUser(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count) && text.first != "."
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"):
                    true
                default: ".+_@=-".utf8.contains(byte)
                }
            }
    }
}

extension Substring {
    fileprivate func trimming(_ isOut: (Character) -> Bool) -> Substring {
        var rest = self.drop(while: isOut)
        while let last = rest.last, isOut(last) { rest.removeLast() }
        return rest
    }
}
