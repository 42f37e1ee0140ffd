/// Keeps the beginning and the end of a command's output in a file and says how much lies between.
///
/// The beginning is written as it comes; the end is kept in memory until ``finish()``. A full disk loses output,
/// never the command's outcome.
struct CappedOutput: ~Copyable {
    private let file: Descriptor
    private var headRoom: Int
    private let tailLimit: Int
    private var tail: [UInt8] = []
    private var leftOut = 0

    init(_ file: consuming Descriptor, headLimit: Int, tailLimit: Int) {
        self.file = file
        headRoom = headLimit
        self.tailLimit = tailLimit
    }

    mutating func write(_ bytes: [UInt8]) {
        let head = bytes.prefix(headRoom)
        headRoom -= head.count
        if !head.isEmpty, !file.write(head) { headRoom = 0 }
        tail += bytes.dropFirst(head.count)
        // Cut in large pieces: removing from the front moves all the rest.
        if tail.count > 2 * tailLimit { cutTail() }
    }

    mutating func finish() {
        cutTail()
        if leftOut > 0 {
            _ = file.write(Array("\n[bgdeploy: \(leftOut) bytes of output left out here]\n".utf8)[...])
        }
        _ = file.write(tail[...])
        tail = []
    }

    private mutating func cutTail() {
        let excess = tail.count - tailLimit
        guard excess > 0 else { return }
        tail.removeFirst(excess)
        leftOut += excess
    }
}
