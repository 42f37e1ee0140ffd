import DeployCore
import DeployPorts
import SafeFile

/// The names and places of what mode `map` needs for one backend.
struct MapLayout: Sendable {
    let backend: String
    /// The second one's share is what the map has: it owns the buckets 0 ..< share.
    let environments: [EnvironmentName]
    let sticky: UserKey?
    /// How chosen users are told.
    let users: UserKey?
    /// The map with the share; HAProxy reads it when it starts.
    let sharePath: String
    /// The map of the chosen users.
    let usersPath: String
    /// The converter that makes a bucket of a key.
    let scriptPath: String

    /// - Throws: for a path that cannot stand in HAProxy's configuration as it is.
    init(_ settings: HAProxySettings, _ file: MarkedFile) throws(LoadBalancerError) {
        backend = settings.backend
        environments = settings.environments.map(\.name)
        sticky = settings.sticky
        users = settings.chosenUsers?.key
        sharePath = file.sidePath("share.map")
        usersPath = file.sidePath("users.map")
        scriptPath = file.sidePath("bucket.lua")
        guard sharePath.utf8.allSatisfy(Self.isPlain) else {
            throw .misconfigured(
                "the path \(file.path) has characters that cannot stand in a map's name in HAProxy's configuration; letters, digits and /._+-@% can. Use `mode: weights`"
            )
        }
    }

    /// The backend with an environment's servers alone.
    func backend(of environment: EnvironmentName) -> String { "\(backend)_\(environment)" }

    /// The names of variables begin with it; two backends never have the same.
    var variable: String { "txn.bgdeploy_" + coded(separator: ".") }

    /// The name of the Lua converter.
    var converter: String { "bgdeploy_" + coded(separator: "_") }

    /// The key in the share map.
    var key: String { environments[1].rawValue }

    private func coded(separator: String) -> String {
        backend.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                String(UnicodeScalar(byte))
            default: separator + String(byte, radix: 16)
            }
        }.joined()
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: Array("/._+-@%".utf8).contains(byte)
        }
    }

    // MARK: the share

    /// The share of the second environment in tenths of a percent, and whose the chosen users are: one number,
    /// so that one command changes both at once.
    func code(_ split: Split) -> Int {
        let owner = split.chosen.flatMap { environments.firstIndex(of: $0) }.map { $0 + 1 } ?? 0
        return split.share(of: environments[1]).tenths + Self.ownerStep * owner
    }

    /// The split that a number of the map means; `nil` for one that bgdeploy does not write.
    func split(_ code: Int) -> Split? {
        let (owner, tenths) = code.quotientAndRemainder(dividingBy: Self.ownerStep)
        guard code >= 0, owner <= environments.count, let share = Percent(tenths: tenths) else { return nil }
        let chosen = owner == 0 ? nil : environments[owner - 1]
        let split = Split(environments[1], share, other: environments[0], chosen: chosen)
        return split.chosen == chosen ? split : nil
    }

    static let ownerStep = 10_000

    /// The share map's file.
    func text(_ code: Int) -> [UInt8] {
        Array(
            """
            # What \(key) has of the traffic to \(backend), in tenths of a percent; plus \(Self.ownerStep) while the
            # chosen users are on \(environments[0]), plus \(2 * Self.ownerStep) while they are on \(key).
            # Written by bgdeploy; HAProxy reads it when it starts or reloads.
            \(key) \(code)

            """.utf8
        )
    }

    /// The number in the text of a share map; `nil` when there is none, or more than one.
    func code(in text: [UInt8]) -> Int? {
        let lines = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline)
        let values = lines.map { $0.split(whereSeparator: \.isWhitespace) }.filter {
            $0.first == Substring(key)
        }
        guard values.count == 1, values[0].count == 2 else { return nil }
        return Int(values[0][1])
    }

    /// What makes `code` the number of the running map; in force with the first of the commands.
    func commands(to code: Int, from shares: [String]) -> [String] {
        if !shares.isEmpty, shares.allSatisfy({ $0 == "\(code)" }) { return [] }
        // `set map` changes every entry of the key, and fails when there is none.
        return [
            shares.isEmpty ? "add map \(sharePath) \(key) \(code)" : "set map \(sharePath) \(key) \(code)"
        ]
    }
}
