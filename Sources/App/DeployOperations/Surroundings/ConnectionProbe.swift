import DeployPorts
import Glibc
import HTTPClient
import SafeFile

/// Whether a server takes connections, by opening one.
///
/// An address in digits is asked by a socket alone: libcurl, which finds names without holding us up, takes
/// longer to load than a whole switch.
package struct ConnectionProbe: ServerProbe {
    private static let deadline: Int64 = 1000
    private let client = HTTPClient()

    package func refusal(of server: String) async -> String? {
        let address = server.contains(":") ? server : "\(server):80"
        guard !server.hasPrefix("unix:"), let endpoint = HTTPEndpoint(address) else { return nil }
        // Only a refusal is a proof; silence may be a firewall that lets nobody but the balancer in.
        return await isRefused(endpoint) ? "refuses connections" : nil
    }

    private func isRefused(_ endpoint: HTTPEndpoint) async -> Bool {
        // RFC 6761: this name is never asked of a server.
        let hosts = endpoint.host == "localhost" ? ["127.0.0.1", "::1"] : [endpoint.host]
        let addresses = hosts.compactMap { NumericAddress($0, port: endpoint.port) }
        guard addresses.isEmpty else {
            return await BlockingWork.run { Self.isRefused(byAllOf: addresses) }
        }
        do throws(HTTPError) {
            _ = try await client.connect(to: endpoint, deadline: .milliseconds(Self.deadline))
            return false
        } catch {
            if case .refused = error { return true }
            return false
        }
    }

    /// Whether one of them refuses and none takes a connection or keeps silent.
    private static func isRefused(byAllOf addresses: [NumericAddress]) -> Bool {
        let end = MonotonicClock.milliseconds() + deadline
        var isRefused = false
        for address in addresses {
            switch address.connect(until: end) {
            case 0, ETIMEDOUT: return false
            case ECONNREFUSED: isRefused = true
            default: break
            }
        }
        return isRefused
    }
}

/// An address that no name server is needed for.
private struct NumericAddress: Sendable {
    private let family: Int32
    private let bytes: [UInt8]

    /// `nil` for a name.
    init?(_ host: String, port: Int) {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, "\(port)", &hints, &list) == 0, let first = list?.pointee else { return nil }
        defer { freeaddrinfo(list) }
        family = first.ai_family
        bytes = Array(UnsafeRawBufferPointer(start: first.ai_addr, count: Int(first.ai_addrlen)))
    }

    /// 0 when it takes a connection before `end`, else the system's number for what kept it from that.
    func connect(until end: Int64) -> Int32 {
        let kind =
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        let code = bytes.withUnsafeBytes { buffer in
            buffer.baseAddress.map {
                Glibc.connect(descriptor, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(buffer.count))
            }
        }
        if code == 0 { return 0 }
        guard errno == EINPROGRESS || errno == EINTR else { return errno }
        while true {
            let left = end - MonotonicClock.milliseconds()
            var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard left > 0 else { return ETIMEDOUT }
            guard poll(&entry, 1, Int32(clamping: left)) > 0 else { continue }
            var (outcome, size): (Int32, socklen_t) = (0, socklen_t(MemoryLayout<Int32>.size))
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &outcome, &size)
            return outcome
        }
    }
}
