/// A place in a playbook.
///
/// Lines and columns count from 1.
public struct Position: Hashable, Comparable, Sendable {
    public let line: Int
    public let column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public static let unknown = Position(line: 0, column: 0)
    public static func < (left: Self, right: Self) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// A value of a playbook with its place: what every step kind decodes its parameters from.
public indirect enum Parameter: Hashable, Sendable {
    case scalar(Scalar)
    case list([Parameter], position: Position)
    case map([Entry], position: Position)

    public struct Scalar: Hashable, Sendable {
        public let text: String
        /// Whether it was written in quotes, so that `"1.10"` is text and `1.10` a number.
        public let isQuoted: Bool
        public let position: Position

        public init(text: String, isQuoted: Bool, position: Position) {
            self.text = text
            self.isQuoted = isQuoted
            self.position = position
        }
    }

    public struct Entry: Hashable, Sendable {
        public let key: String
        public let keyPosition: Position
        public let value: Parameter

        public init(key: String, keyPosition: Position, value: Parameter) {
            self.key = key
            self.keyPosition = keyPosition
            self.value = value
        }
    }

    public var position: Position {
        switch self {
        case .scalar(let scalar): scalar.position
        case .list(_, let position), .map(_, let position): position
        }
    }

    /// How a person would call it: `a list`, `"10m"`.
    public var kindDescription: String {
        switch self {
        case .scalar(let scalar): scalar.text.isEmpty ? "nothing" : "`\(scalar.text)`"
        case .list: "a list"
        case .map: "a mapping"
        }
    }
}

/// One mistake in a playbook: what was found, where, what was expected.
public struct Diagnostic: Hashable, Comparable, Sendable {
    public let position: Position
    public let message: String

    public init(_ position: Position, _ message: String) {
        self.position = position
        self.message = message
    }

    public static func < (left: Self, right: Self) -> Bool { left.position < right.position }
}

/// Collects every mistake, not only the first.
public final class Diagnostics {
    public private(set) var all: [Diagnostic] = []

    public init() {}

    public func report(_ position: Position, _ message: String) { all.append(Diagnostic(position, message)) }
}
