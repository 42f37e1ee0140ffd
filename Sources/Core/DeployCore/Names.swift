/// The name of one of the two environments, such as `blue`.
public struct EnvironmentName: RawRepresentable, Hashable, Comparable, Codable, Sendable,
    CustomStringConvertible
{
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }
    public init(_ text: String) { rawValue = text }

    public var description: String { rawValue }
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// What is being released: passes only `[0-9A-Za-z][0-9A-Za-z._+-]{0,63}`, so that it is safe in an argument,
/// a path, a URL and a configuration file alike.
public struct Version: RawRepresentable, Hashable, Codable, Sendable, CustomStringConvertible {
    public static let pattern = "[0-9A-Za-z][0-9A-Za-z._+-]{0,63}"

    public let rawValue: String

    /// Returns `nil` when `rawValue` does not match ``pattern``.
    public init?(rawValue: String) {
        let bytes = Array(rawValue.utf8)
        guard (1...64).contains(bytes.count), Self.isAlphanumeric(bytes[0]) else { return nil }
        guard bytes.allSatisfy({ Self.isAlphanumeric($0) || Self.punctuation.contains($0) }) else {
            return nil
        }
        self.rawValue = rawValue
    }

    public var description: String { rawValue }

    private static let punctuation = Array("._+-".utf8)

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }
}

/// A run's identity: 26 characters of Crockford base 32, time first, so that runs sort by their start.
public struct RunID: RawRepresentable, Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    /// Made of the start time and 80 random bits handed in by the caller.
    public init(at time: Timestamp, random: (UInt64, UInt16)) {
        let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
        var characters: [Character] = []
        for shift in stride(from: 45, through: 0, by: -5) {
            characters.append(alphabet[Int((time.milliseconds >> Int64(shift)) & 31)])
        }
        for shift in stride(from: 60, through: 0, by: -5) {
            characters.append(alphabet[Int((random.0 >> UInt64(shift)) & 31)])
        }
        for shift in stride(from: 10, through: 0, by: -5) {
            characters.append(alphabet[Int((random.1 >> UInt16(shift)) & 31)])
        }
        rawValue = String(characters)
    }

    public var description: String { rawValue }
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A step's identity within its plan: the phase and the position, such as `validate/2`.
public struct StepID: RawRepresentable, Hashable, Codable, Sendable, CustomStringConvertible {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    public var description: String { rawValue }
}

/// Who did something, as the journal keeps it.
public struct Actor: Hashable, Codable, Sendable, CustomStringConvertible {
    /// `ana@ci-7`, or `bgdeploy` for what it decided itself.
    public let name: String

    public init(_ name: String) { self.name = name }

    public static let bgdeploy = Actor("bgdeploy")
    public var description: String { name }

    /// Who it is, however he came: `ana` of `ana (token 3f9a12bc, 10.0.0.7)`.
    public var person: String {
        let end = name.utf8.indices.first { name.utf8[$0...].starts(with: " (".utf8) }
        return end.map { String(name[..<$0]) } ?? name
    }

    /// Whether this may be the same person as `other`.
    ///
    /// A login name at a host (`ana@ci-7`) is taken for the bare name (`ana`) as well, so that nobody counts twice
    /// who comes once by the command line and once by a token. Capitals make nobody another.
    public func mayBe(_ other: Actor) -> Bool {
        let (mine, others) = (person.lowercased(), other.person.lowercased())
        return mine == others || mine.hasPrefix(others + "@") || others.hasPrefix(mine + "@")
    }
}
