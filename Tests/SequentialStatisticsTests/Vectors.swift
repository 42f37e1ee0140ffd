import Foundation
import SequentialStatistics
import Testing

/// The reference vectors, of which `Vectors` holds a copy (of the random runs, a selection).
///
/// `BGDEPLOY_ANALYSIS_VECTORS` names another folder with the same files, plain or compressed.
enum Vectors {
    static func read<Content: Decodable>(_ name: String, as type: Content.Type) throws -> Content {
        let named = ProcessInfo.processInfo.environment["BGDEPLOY_ANALYSIS_VECTORS"]
        let folder =
            named.map { URL(filePath: $0) }
            ?? URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Vectors")
        let plain = folder.appending(path: "\(name).json")
        let data =
            FileManager.default.fileExists(atPath: plain.path)
            ? try Data(contentsOf: plain) : try unpacked(folder.appending(path: "\(name).json.gz"))
        return try JSONDecoder().decode(Content.self, from: data)
    }

    private static func unpacked(_ file: URL) throws -> Data {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/bin/gzip")
        process.arguments = ["-dc", file.path]
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(file.path) could not be unpacked")
        return data
    }
}

/// A number of the vectors, in which infinities are texts.
struct Expected: Decodable {
    let value: Double

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Double.self) {
            value = number
            return
        }
        let text = try container.decode(String.self)
        guard let infinity = ["inf": Double.infinity, "-inf": -.infinity][text] else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(text) is no number")
        }
        value = infinity
    }

    /// Within 10⁻⁶, relative above 1.
    func matches(_ found: Double) -> Bool {
        found == value || (found - value).magnitude <= 1e-6 * max(1, value.magnitude)
    }
}

/// Where `found` is not what is expected; `nil` when it is everywhere.
func firstDifference(_ found: [Double], _ expected: [Expected]) -> String? {
    guard found.count == expected.count else { return "\(found.count) numbers instead of \(expected.count)" }
    return zip(found, expected).enumerated()
        .first { !$0.element.1.matches($0.element.0) }
        .map { "number \($0.offset) is \($0.element.0) instead of \($0.element.1.value)" }
}
