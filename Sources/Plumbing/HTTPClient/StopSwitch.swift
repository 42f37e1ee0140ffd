internal import CCurl
internal import Synchronization

/// Ends a transfer from another thread.
final class StopSwitch: Sendable {
    private struct State {
        var isClosed = false
        /// The address of the multi handle to wake, while it lives.
        var handle: UInt?
    }

    private let state = Mutex(State())

    var isClosed: Bool { state.withLock(\.isClosed) }

    func close() {
        state.withLock { state in
            state.isClosed = true
            // libcurl lets this one function be called from any thread, as long as the handle lives.
            if let handle = state.handle { bg_curl_multi_wakeup(UnsafeMutableRawPointer(bitPattern: handle)) }
        }
    }

    func attach(_ multi: UnsafeMutableRawPointer) {
        let address = UInt(bitPattern: multi)
        state.withLock { $0.handle = address }
    }

    func detach() {
        state.withLock { $0.handle = nil }
    }
}
