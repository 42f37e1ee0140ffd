import Foundation
import Synchronization

/// Standard output, a line at a time and unbuffered: what was printed is not lost when the process is.
final class Printer: Sendable {
    private let descriptor: Int32
    private let lock = Mutex(())

    init(_ descriptor: Int32 = STDOUT_FILENO) { self.descriptor = descriptor }

    static let errors = Printer(STDERR_FILENO)

    func line(_ text: String) { write(text + "\n") }

    func write(_ text: String) {
        lock.withLock { _ in
            var bytes = Array(text.utf8)[...]
            while !bytes.isEmpty {
                let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
                guard count > 0 else { return }
                bytes = bytes.dropFirst(count)
            }
        }
    }
}
