import Dispatch
import Glibc

/// Why a command was not started.
///
/// Nothing of it has run.
package enum ShortCommandError: Error, Hashable, Sendable {
    /// No such program, by path or in `PATH`.
    case notFound(String)
    case notExecutable(String)
    /// What the system says: too many processes, no descriptors left, a missing interpreter.
    case cannotStart(String)

    package var message: String {
        switch self {
        case .notFound(let name): "\(name): command not found"
        case .notExecutable(let path): "\(path): not executable"
        case .cannotStart(let text): text
        }
    }
}

/// Runs commands that take moments, such as `nginx -t`, and brings back all that they say.
package enum ShortCommand {
    package struct Outcome: Hashable, Sendable {
        package enum Status: Hashable, Sendable {
            case exited(Int32)
            case signalled(Int32)
            /// Its whole process group was ended.
            case timedOut
        }

        package let status: Status
        /// Standard output and standard error as they came, invalid UTF-8 repaired.
        package let output: String
        /// Whether there was more than the limit; what came first is kept.
        package let wasCut: Bool

        package init(status: Status, output: String, wasCut: Bool) {
            self.status = status
            self.output = output
            self.wasCut = wasCut
        }
    }

    /// How long a command that is past its deadline has between TERM and KILL, in milliseconds.
    static let grace = 1000

    /// Runs `arguments`, the first of which is a path or a name to be looked for in `PATH` and the `sbin` folders.
    ///
    /// Returns when the command itself has ended, even if something that it started still holds its output.
    /// The deadline ends its process group. Cancelling the task does not: the command ends by itself or by the
    /// deadline, so that a caller never leaves half of a reload behind.
    ///
    /// - Parameters:
    ///   - arguments: the program and what it is given.
    ///   - environment: the whole of it; `nil` for ours.
    ///   - folder: where it runs; `nil` for ours.
    ///   - input: what it reads from standard input.
    ///   - milliseconds: how long it may take.
    ///   - outputLimit: in bytes; what is over is read and dropped.
    /// - Returns: how it ended and what it wrote.
    /// - Throws: why nothing was started.
    package static func run(
        _ arguments: [String],
        environment: [String: String]? = nil,
        folder: String? = nil,
        input: [UInt8] = [],
        deadline milliseconds: Int,
        outputLimit: Int = 262_144
    ) async throws(ShortCommandError) -> Outcome {
        let spawn = Spawn(
            arguments: arguments,
            environment: environment ?? ProcessTable.environment(),
            folder: folder
        )
        let result = await withCheckedContinuation { continuation in
            // A serial queue of its own has a thread of its own while it waits.
            DispatchQueue(label: "ShortCommand").async {
                continuation.resume(
                    returning: Result { () throws(ShortCommandError) in
                        try run(spawn, input: input, deadline: milliseconds, outputLimit: outputLimit)
                    }
                )
            }
        }
        return try result.get()
    }

    private static func run(
        _ spawn: Spawn,
        input: [UInt8],
        deadline: Int,
        outputLimit: Int
    ) throws(ShortCommandError) -> Outcome {
        let source = input.isEmpty ? Descriptor.null(O_RDONLY) : Descriptor.memory(holding: input)
        guard let source, let pipe = Pipe() else { throw .cannotStart(systemErrorText(errno)) }
        let process = try spawn.start(
            input: source.raw,
            output: pipe.writeEnd.raw,
            errors: pipe.writeEnd.raw
        )
        var watch = ChildWatch(
            process: process,
            output: pipe.intoReadEnd(),
            deadline: deadline,
            grace: grace,
            linger: 50
        )
        var output: [UInt8] = []
        var wasCut = false
        let end = watch.run { bytes in
            let room = max(0, outputLimit - output.count)
            output += bytes.prefix(room)
            if bytes.count > room { wasCut = true }
        }
        let status: Outcome.Status =
            switch (end.cause, end.status) {
            case (.itself, .exited(let code)?): .exited(code)
            case (.itself, .signalled(let signal)?): .signalled(signal)
            default: .timedOut
            }
        return Outcome(status: status, output: String(decoding: output, as: UTF8.self), wasCut: wasCut)
    }
}
