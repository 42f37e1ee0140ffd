import Foundation

/// A program that a test runs.
public final class Program {
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    private let process = Process()
    private let log: String

    /// Starts it with its output in a file of `folder`.
    public init(_ arguments: [String], in folder: Folder, name: String) throws {
        log = "\(folder.path)/\(name).log"
        try Data().write(to: URL(filePath: log))
        let output = try FileHandle(forWritingTo: URL(filePath: log))
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        process.currentDirectoryURL = URL(filePath: "/")
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    public var isRunning: Bool { process.isRunning }

    public var output: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    public func waitForSuccess() throws {
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(description: output) }
    }

    /// Ends it at once: a child of a dispatch thread may have SIGTERM blocked.
    public func kill() {
        if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    public static func run(_ arguments: [String], in folder: Folder, name: String) throws {
        try Program(arguments, in: folder, name: name).waitForSuccess()
    }

    /// Waits until `isReady`, for at most a minute; fails with the program's output when it ends before.
    public func wait(until isReady: () -> Bool) throws {
        let end = ContinuousClock.now + .seconds(60)
        while !isReady() {
            guard isRunning, ContinuousClock.now < end else { throw Failure(description: output) }
            poll(nil, 0, 10)
        }
    }
}
