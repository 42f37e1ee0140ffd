import DeployPorts
import FoundationEssentials
import SafeFile

/// Lines of JSON.
enum WireLine {
    /// In bytes; a configuration file of a balancer has room in it.
    static let longest = 8_388_608

    /// `nil` for a value that is too long or has no JSON, which none of ours is.
    static func encode(_ value: some Encodable) -> [UInt8]? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        guard let data = try? encoder.encode(value), data.count <= longest else { return nil }
        return Array(data)
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from line: [UInt8]) -> Value? {
        try? JSONDecoder().decode(type, from: Data(line))
    }
}

extension Installation {
    /// Of everything that it would write.
    var digest: String {
        let parts = changes.map { change in
            "\(change.path)\n\(Digest.sha256(change.before))\n\(Digest.sha256(change.after))\n"
        }
        return Digest.sha256(Array(parts.joined().utf8))
    }
}
