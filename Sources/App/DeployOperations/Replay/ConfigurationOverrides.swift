import Foundation
package import SequentialStatistics

/// What a JSON file changes in a judge's configuration, by the names of ``Configuration``.
package struct ConfigurationOverrides {
    package struct Change {
        package let name: String
        package let before: String
        package let after: String
    }

    /// In the order of their names; `share.err_rel` for a part of α.
    private let numbers: [(name: String, value: Double)]
    private let routesEachRequest: Bool?
    private let path: String?

    /// Nothing without a path.
    package init(path: String?) throws(CommandFailure) {
        self.path = path
        guard let path else {
            (numbers, routesEachRequest) = ([], nil)
            return
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure(.badInput, "\(path) cannot be read")
        }
        do {
            let file = try JSONDecoder().decode(File.self, from: data)
            (numbers, routesEachRequest) = (file.numbers, file.routesEachRequest)
        } catch {
            throw CommandFailure(.badInput, "\(path): \(told(error))")
        }
    }

    /// `base` with the changes.
    ///
    /// Some are possible only after others; the order in the file says nothing.
    package func applied(to base: Configuration) throws(CommandFailure) -> Configuration {
        var configuration = base
        if let routesEachRequest { configuration.routesEachRequest = routesEachRequest }
        var waiting = numbers
        while !waiting.isEmpty {
            var refused: [(name: String, value: Double)] = []
            var reason: ConfigurationError?
            for change in waiting {
                do throws(ConfigurationError) {
                    try configuration.set(change.name, to: change.value)
                } catch {
                    refused.append(change)
                    reason = reason ?? error
                }
            }
            if let reason, refused.count == waiting.count {
                throw CommandFailure(.badInput, "\(path ?? ""): \(reason)")
            }
            waiting = refused
        }
        return configuration
    }

    /// What differs from `base`.
    package func changes(of base: Configuration) -> [Change] {
        var changes: [Change] = []
        let values = Self.values(of: base)
        for (name, value) in numbers where values[name] != value {
            let before = values[name].map { "\($0)" } ?? "?"
            changes.append(Change(name: name, before: before, after: "\(value)"))
        }
        if let wanted = routesEachRequest, wanted != base.routesEachRequest {
            let before = "\(base.routesEachRequest)"
            changes.append(Change(name: File.routingName, before: before, after: "\(wanted)"))
        }
        return changes
    }

    private static func values(of configuration: Configuration) -> [String: Double] {
        guard let data = try? JSONEncoder().encode(configuration),
            let file = try? JSONDecoder().decode(File.self, from: data)
        else { return [:] }
        return Dictionary(file.numbers.map { ($0.name, $0.value) }) { first, _ in first }
    }
}

/// The file: numbers by name, and the parts of α in an object.
private struct File: Decodable {
    static let sharesName = "share"
    static let routingName = "per_request_routing"

    var numbers: [(name: String, value: Double)] = []
    var routesEachRequest: Bool?

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Name.self)
        for key in container.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
            switch key.stringValue {
            case Self.routingName: routesEachRequest = try container.decode(Bool.self, forKey: key)
            case Self.sharesName:
                let shares = try container.decode([String: Double].self, forKey: key)
                numbers += shares.sorted { $0.key < $1.key }.map {
                    ("\(Self.sharesName).\($0.key)", $0.value)
                }
            default: numbers.append((key.stringValue, try container.decode(Double.self, forKey: key)))
            }
        }
    }
}

/// What is wrong with JSON, and where in it.
package func told(_ error: any Error) -> String {
    guard let error = error as? DecodingError else { return "\(error)" }
    return switch error {
    case .dataCorrupted(let context), .keyNotFound(_, let context), .typeMismatch(_, let context),
        .valueNotFound(_, let context):
        (context.codingPath.isEmpty
            ? "" : context.codingPath.map(\.stringValue).joined(separator: ".") + ": ")
            + context.debugDescription
    @unknown default: "\(error)"
    }
}
