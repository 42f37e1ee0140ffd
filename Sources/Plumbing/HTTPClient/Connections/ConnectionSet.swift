internal import CCurl
internal import Glibc

/// Connections that one thread opens, reads and writes side by side.
package final class ConnectionSet {
    private let multi: CurlMulti
    private let stop: StopSwitch
    private var opening: [UnsafeMutableRawPointer: Connection] = [:]
    private var others: [ObjectIdentifier: Connection] = [:]

    init(stop: StopSwitch) throws(HTTPError) {
        multi = try CurlMulti()
        self.stop = stop
        stop.attach(multi.handle)
    }

    /// The task was cancelled: end everything.
    package var isStopped: Bool { stop.isClosed }

    /// Begins to open a connection; ``Connection/state`` tells when it is there.
    package func open(_ target: ConnectionTarget, deadline: Duration) throws(HTTPError) -> Connection {
        let connection = try Connection(to: target, deadline: deadline, multi: multi)
        opening[connection.transfer.easy] = connection
        bg_curl_multi_add_handle(multi.handle, connection.transfer.easy)
        return connection
    }

    /// Closes it now, without a word of any protocol.
    package func close(_ connection: Connection) {
        opening[connection.transfer.easy] = nil
        others[ObjectIdentifier(connection)] = nil
        connection.state = .closed
        bg_curl_multi_remove_handle(multi.handle, connection.transfer.easy)
    }

    /// Waits until a connection is open or has failed, something may be read or written, the time is over, or
    /// the task is cancelled; sets ``Connection/isReady`` of each that something came of.
    package func wait(atMost time: Duration) {
        for connection in others.values { connection.isReady = false }
        if advance() { return }
        let open = others.values.filter { $0.state == .open }
        var entries = open.map { connection in
            var entry = curl_waitfd()
            entry.fd = connection.descriptor ?? -1
            entry.events = Int16(CURL_WAIT_POLLIN) | (connection.wantsToWrite ? Int16(CURL_WAIT_POLLOUT) : 0)
            return entry
        }
        let limit = Int32(clamping: max(0, time.wholeMilliseconds))
        bg_curl_multi_poll(multi.handle, &entries, UInt32(entries.count), limit, nil)
        for (connection, entry) in zip(open, entries) { connection.isReady = entry.revents != 0 }
        _ = advance()
    }

    /// Lets libcurl go on with what it opens; returns whether any of it is done.
    private func advance() -> Bool {
        var running: Int32 = 0
        guard !opening.isEmpty, bg_curl_multi_perform(multi.handle, &running) == CURLM_OK else {
            return false
        }
        var isAnyDone = false
        var left: Int32 = 0
        while let message = bg_curl_multi_info_read(multi.handle, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle,
                let connection = opening.removeValue(forKey: easy)
            else { continue }
            // The handle stays in `multi`: taken out, it would lose its connection.
            connection.opened(with: message.pointee.data.result)
            others[ObjectIdentifier(connection)] = connection
            isAnyDone = true
        }
        return isAnyDone
    }
}
