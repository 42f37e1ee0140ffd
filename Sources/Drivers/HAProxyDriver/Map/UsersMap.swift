import DeployPorts
import SafeFile

/// The list of chosen users as HAProxy's map has it: each with the value 1, and the list's checksum under a key
/// that no user can have, which tells a map that has the whole list from one that has another.
struct UsersMap: Sendable {
    private let values: [String]
    private let digest: String

    init(_ values: [String]) {
        self.values = values
        digest = Digest.sha256(Array(values.joined(separator: "\n").utf8))
    }

    private static let digestKey = ".sha256"

    /// The map's file.
    var text: [UInt8] {
        var text = Array("# The chosen users of the playbook. Written by bgdeploy.\n".utf8)
        text.reserveCapacity(values.count * 16)
        for value in values {
            text += value.utf8
            text += " 1\n".utf8
        }
        text += "\(Self.digestKey) \(digest)\n".utf8
        return text
    }

    func isLoaded(_ path: String, _ runtime: HAProxyRuntime) async throws(LoadBalancerError) -> Bool {
        let answer = try await runtime.ask("get map \(path) \(Self.digestKey)")
        if answer.hasPrefix("Unknown map") {
            throw .misconfigured(
                "the running HAProxy does not have the map \(path): run `bgdeploy traffic install`, and reload HAProxy if that has nothing to do"
            )
        }
        return answer.contains("value=\"\(digest)\"")
    }

    /// Replaces the running map in one step (`prepare map`, `commit map`; HAProxy 2.4).
    ///
    /// On an error the users are those that they were.
    func load(_ path: String, _ runtime: HAProxyRuntime) async throws(LoadBalancerError) {
        let answer = try await runtime.ask("prepare map \(path)")
        guard let version = answer.split(whereSeparator: \.isWhitespace).last.flatMap({ Int($0) }) else {
            throw .rejected(complaint: "prepare map \(path)\n\(answer)")
        }
        var entries: [Substring] = []
        var size = 0
        for value in values + ["\(Self.digestKey) \(digest)"] {
            let entry = value.hasPrefix(Self.digestKey) ? value : "\(value) 1"
            // A command with its entries has to fit into HAProxy's buffer of 16 KiB.
            if size + entry.utf8.count > 12_000 {
                try await add(entries, version, path, runtime)
                (entries, size) = ([], 0)
            }
            entries.append(entry[...])
            size += entry.utf8.count + 1
        }
        try await add(entries, version, path, runtime)
        try await runtime.order(["commit map @\(version) \(path)"])
    }

    private func add(
        _ entries: [Substring],
        _ version: Int,
        _ path: String,
        _ runtime: HAProxyRuntime
    ) async throws(LoadBalancerError) {
        try await runtime.order(["add map @\(version) \(path) <<\n\(entries.joined(separator: "\n"))\n"])
    }
}
