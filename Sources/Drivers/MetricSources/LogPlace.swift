/// Where nginx writes its access log, as the playbook's key `log` says.
package enum LogPlace: Hashable, Sendable, CustomStringConvertible {
    /// Syslog datagrams to a socket that we create.
    case unix(path: String)
    /// Syslog datagrams to a port of 127.0.0.1 that we open.
    case udp(port: UInt16)
    /// A file that nginx writes and we follow.
    case file(path: String)

    /// Why a text names no place.
    package struct Mistake: Error, Hashable, Sendable {
        package let message: String
    }

    package init(_ text: String) throws(Mistake) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard path.hasPrefix("/"), path.utf8.count < 108 else {
                throw Mistake(
                    message: "`\(text)`: after unix: an absolute path of at most 107 bytes is expected"
                )
            }
            self = .unix(path: path)
        } else if text.hasPrefix("udp:") {
            let parts = text.dropFirst(4).split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0] == "127.0.0.1" || parts[0] == "localhost" else {
                throw Mistake(
                    message:
                        "`\(text)`: log datagrams are taken on 127.0.0.1 only, such as udp:127.0.0.1:5140"
                )
            }
            guard let port = UInt16(parts[1]), port > 0 else {
                throw Mistake(message: "`\(text)`: a port from 1 to 65535 is expected at the end")
            }
            self = .udp(port: port)
        } else {
            let path = text.hasPrefix("file:") ? String(text.dropFirst(5)) : text
            guard path.hasPrefix("/") else {
                throw Mistake(
                    message:
                        "`\(text)` is no log; expected unix:/PATH, udp:127.0.0.1:PORT or the absolute path of a file"
                )
            }
            self = .file(path: path)
        }
    }

    package var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .udp(let port): "udp:127.0.0.1:\(port)"
        case .file(let path): path
        }
    }
}
