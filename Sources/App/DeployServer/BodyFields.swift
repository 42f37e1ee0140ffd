import Foundation
package import Hummingbird
import NIOCore

/// A JSON object that a request brings; each key is asked for once, and what nobody asked for is a mistake.
package struct BodyFields {
    private let fields: [String: Value]
    private var known: Set<String> = []

    /// A body that is not there is an empty object.
    ///
    /// The request keeps its body.
    package static func read(
        _ request: inout Request,
        _ context: some RequestContext
    ) async throws -> BodyFields {
        let buffer = try await request.collectBody(upTo: context.maxUploadSize)
        guard buffer.readableBytes > 0 else { return BodyFields(fields: [:]) }
        guard
            let fields = try? JSONDecoder().decode([String: Value].self, from: Data(buffer.readableBytesView))
        else { throw Problem(.badRequest, "the body is not a JSON object") }
        return BodyFields(fields: fields)
    }

    private init(fields: [String: Value]) { self.fields = fields }

    /// `nil` when it is not there or null.
    package mutating func text(_ key: String) throws -> String? {
        guard let value = take(key) else { return nil }
        guard case .text(let text) = value, !text.utf8.contains(0) else {
            throw Self.mistake(key, "a string without NUL")
        }
        return text
    }

    package mutating func requiredText(_ key: String) throws -> String {
        guard let text = try text(key) else {
            throw Problem(.unprocessableContent, "`\(key)` is missing", code: 64)
        }
        return text
    }

    /// Strings; one alone counts as a list of one.
    package mutating func texts(_ key: String) throws -> [String] {
        let values: [Value] =
            switch take(key) {
            case .list(let values): values
            case let value?: [value]
            case nil: []
            }
        return try values.map { value in
            guard case .text(let text) = value, !text.utf8.contains(0) else {
                throw Self.mistake(key, "a string without NUL, or a list of such strings")
            }
            return text
        }
    }

    /// `false` when it is not there.
    package mutating func flag(_ key: String) throws -> Bool {
        guard let value = take(key) else { return false }
        guard case .flag(let flag) = value else { throw Self.mistake(key, "true or false") }
        return flag
    }

    /// Numbers by name, such as `{"green": 25}`.
    package mutating func numbers(_ key: String) throws -> [String: Double] {
        let expected = "an object of numbers such as {\"green\": 25}"
        guard case .object(let values) = take(key), !values.isEmpty else { throw Self.mistake(key, expected) }
        return try values.mapValues { value in
            guard case .number(let number) = value else { throw Self.mistake(key, expected) }
            return number
        }
    }

    /// Fails when the body has more than was asked for.
    package func finish() throws {
        let unknown = fields.keys.filter { !known.contains($0) }.sorted()
        guard unknown.isEmpty else {
            let expected = known.sorted().map { "`\($0)`" }.joined(separator: ", ")
            throw Problem(
                .unprocessableContent,
                "unknown: \(unknown.map { "`\($0)`" }.joined(separator: ", ")); expected \(expected)",
                code: 64
            )
        }
    }

    private mutating func take(_ key: String) -> Value? {
        known.insert(key)
        guard let value = fields[key], value != .null else { return nil }
        return value
    }

    private static func mistake(_ key: String, _ expected: String) -> Problem {
        Problem(.unprocessableContent, "`\(key)`: expected \(expected)", code: 64)
    }
}

/// As much of JSON as requests need told apart.
private enum Value: Decodable, Equatable {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    indirect case list([Value])
    indirect case object([String: Value])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let object = try? container.decode([String: Value].self) {
            self = .object(object)
        } else {
            self = .list(try container.decode([Value].self))
        }
    }
}
