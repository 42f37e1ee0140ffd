import Foundation

/// A folder of a test's own.
public struct Folder: Sendable {
    public let path: String

    /// Short, since the path of a socket has room for 107 bytes.
    public init() throws {
        path = "/tmp/bg-\(UUID().uuidString.prefix(12))"
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
    }

    public func remove() { try? FileManager.default.removeItem(atPath: path) }

    public func write(_ text: String, to name: String) throws -> String {
        let file = "\(path)/\(name)"
        try Data(text.utf8).write(to: URL(filePath: file))
        return file
    }
}
