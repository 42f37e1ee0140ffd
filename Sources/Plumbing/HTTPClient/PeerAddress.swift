internal import CCurl
internal import Glibc

/// An address that libcurl is about to connect to.
struct PeerAddress: CustomStringConvertible {
    /// `127.0.0.1:5002`, `[::1]:80` or a socket's path.
    let description: String
    /// Whether it is link-local: a check has no business there, and clouds hand out credentials there.
    let isForbidden: Bool

    /// Reads the address behind libcurl's own pointer: `addr` is declared with the size of the smallest kind,
    /// and libcurl keeps `addrlen` bytes in its place.
    init(at address: UnsafeMutablePointer<curl_sockaddr>) {
        let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr) ?? 16
        let start = UnsafeRawPointer(address) + offset
        let bytes = [UInt8](UnsafeRawBufferPointer(start: start, count: Int(address.pointee.addrlen)))
        self.init(family: address.pointee.family, bytes: bytes)
    }

    init(family: Int32, bytes: [UInt8]) {
        switch family {
        case AF_INET where bytes.count >= 8:
            let octets = bytes[4..<8].map(String.init).joined(separator: ".")
            description = "\(octets):\(Self.port(bytes))"
            isForbidden = Self.isLinkLocal(v4: bytes[4..<8])
        case AF_INET6 where bytes.count >= 24:
            description = "[\(Self.text(v6: bytes))]:\(Self.port(bytes))"
            isForbidden = Self.isLinkLocal(v6: Array(bytes[8..<24]))
        case AF_UNIX:
            description = String(decoding: bytes.dropFirst(2).prefix { $0 != 0 }, as: UTF8.self)
            isForbidden = false
        default:
            description = "an address of family \(family)"
            isForbidden = true
        }
    }

    private static func port(_ bytes: [UInt8]) -> Int { Int(bytes[2]) << 8 | Int(bytes[3]) }

    private static func text(v6 bytes: [UInt8]) -> String {
        var address = Array(bytes[8..<24])
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, &address, &text, socklen_t(text.count)) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// 169.254.0.0/16 (RFC 3927), where every large cloud has its metadata service.
    private static func isLinkLocal(v4 bytes: ArraySlice<UInt8>) -> Bool { bytes.starts(with: [169, 254]) }

    /// fe80::/10 (RFC 4291), the v4 ones written as v6, and fd00:ec2::254, the metadata service of AWS.
    private static func isLinkLocal(v6 bytes: [UInt8]) -> Bool {
        if bytes[0] == 0xFE, bytes[1] & 0xC0 == 0x80 { return true }
        if bytes.starts(with: [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]) {
            return isLinkLocal(v4: bytes[12..<16])
        }
        return bytes.starts(with: [0xFD, 0x00, 0x0E, 0xC2]) && bytes[14...] == [0x02, 0x54]
    }
}
