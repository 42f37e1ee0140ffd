import Dispatch
import Foundation
import Synchronization

/// SIGINT and SIGTERM as a stream.
///
/// The first of them asks the run to leave; the second ends the process at once.
final class Signals: Sendable {
    let stops: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let seen = Mutex<Int32?>(nil)
    private let queue = DispatchQueue(label: "bgdeploy.signals")

    init(onFirst: @escaping @Sendable (Int32) -> Void) {
        (stops, continuation) = AsyncStream.makeStream()
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            // The handler keeps its source: signals are listened to until the process ends.
            source.setEventHandler { [self] in
                receive(number, onFirst)
                withExtendedLifetime(source) {}
            }
            source.resume()
        }
    }

    /// The signal that came first; `nil` when none did.
    var first: Int32? { seen.withLock { $0 } }

    private func receive(_ number: Int32, _ onFirst: @Sendable (Int32) -> Void) {
        let isFirst = seen.withLock { seen in
            defer { seen = seen ?? number }
            return seen == nil
        }
        guard isFirst else { _exit(128 + number) }
        onFirst(number)
        continuation.yield()
    }
}
