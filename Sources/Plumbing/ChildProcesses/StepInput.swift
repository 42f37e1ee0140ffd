import CSpawn
import Glibc

/// The standard input of a step's command: empty, or a text after which it stays open.
struct StepInput: ~Copyable {
    let readEnd: Descriptor
    /// `nil` for an empty input.
    private let writeEnd: Descriptor?

    /// `nil`, leaving `errno`, when it cannot be had; a text of more than a pipe's megabyte cannot.
    init?(_ text: String?) {
        guard let text else {
            guard let null = Descriptor.null(O_RDONLY) else { return nil }
            readEnd = null
            writeEnd = nil
            return
        }
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0, let first = Descriptor(ends[0]), let second = Descriptor(ends[1])
        else { return nil }
        // All of it must have room before anybody reads: nobody waits for a command that reads nothing.
        let bytes = Array(text.utf8)
        guard fcntl(second.raw, Int32(cspawn_setpipe_size), Int32(max(bytes.count, 4096))) >= bytes.count,
            second.write(bytes[...])
        else { return nil }
        readEnd = consume first
        writeEnd = consume second
    }

    /// Closes the end for reading and hands out the other.
    consuming func intoWriteEnd() -> Descriptor? { writeEnd }
}
