import Foundation
import Synchronization

/// Standard output, a line at a time and unbuffered: what was printed is not lost when the process is.
final class Printer: Sendable {
    private let descriptor: Int32
    private let lock = Mutex(())
    private let interruption = Mutex<(@Sendable () -> Void)?>(nil)

    init(_ descriptor: Int32 = STDOUT_FILENO) { self.descriptor = descriptor }

    static let errors = Printer(STDERR_FILENO)

    /// Calls `action` once, before the next line is printed: a view on the same terminal makes way.
    func beforeNextLine(_ action: @escaping @Sendable () -> Void) {
        interruption.withLock { $0 = action }
    }

    func line(_ text: String) {
        let action = interruption.withLock { action in
            defer { action = nil }
            return action
        }
        action?()
        write(text + "\n")
    }

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
