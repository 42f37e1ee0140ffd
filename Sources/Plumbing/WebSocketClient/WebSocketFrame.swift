/// One frame as it goes over the wire (RFC 6455, section 5).
struct WebSocketFrame: Hashable {
    enum Opcode: UInt8 {
        case continuation = 0x0
        case text = 0x1
        case binary = 0x2
        case close = 0x8
        case ping = 0x9
        case pong = 0xA

        var isControl: Bool { rawValue >= 0x8 }
    }

    var isFinal = true
    let opcode: Opcode
    let payload: [UInt8]

    /// The bytes that a client sends: masked, as section 5.3 demands.
    func masked(with key: [UInt8]) -> [UInt8] {
        var bytes = [opcode.rawValue | (isFinal ? 0x80 : 0)]
        switch payload.count {
        case ..<126: bytes.append(0x80 | UInt8(payload.count))
        case ...0xFFFF:
            bytes.append(0x80 | 126)
            bytes += [UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default:
            bytes.append(0x80 | 127)
            bytes += (0..<8).reversed().map { UInt8(payload.count >> ($0 * 8) & 0xFF) }
        }
        bytes += key
        for (index, byte) in payload.enumerated() { bytes.append(byte ^ key[index % 4]) }
        return bytes
    }

    /// Takes the first frame of a server off the front of `bytes`; `nil` while it is not whole.
    static func take(
        from bytes: inout ArraySlice<UInt8>,
        limit: Int
    ) throws(WebSocketViolation) -> WebSocketFrame? {
        let start = bytes.startIndex
        guard bytes.count >= 2 else { return nil }
        let (first, second) = (bytes[start], bytes[start + 1])
        guard first & 0x70 == 0 else { throw .broken("a reserved bit is set, and no extension was agreed") }
        guard let opcode = Opcode(rawValue: first & 0x0F) else {
            throw .broken("there is no frame of type \(first & 0x0F)")
        }
        guard second & 0x80 == 0 else { throw .broken("a frame of the server is masked") }
        let isFinal = first & 0x80 != 0
        let short = Int(second & 0x7F)
        if opcode.isControl, !isFinal || short > 125 {
            throw .broken("a control frame is fragmented or longer than 125 bytes")
        }
        let lengthBytes = short == 126 ? 2 : short == 127 ? 8 : 0
        guard bytes.count >= 2 + lengthBytes else { return nil }
        var length: UInt64 = lengthBytes == 0 ? UInt64(short) : 0
        for byte in bytes[(start + 2)..<(start + 2 + lengthBytes)] { length = length << 8 | UInt64(byte) }
        guard length <= UInt64(limit) else {
            throw .tooBig("a frame of \(length) bytes; \(limit) are the limit")
        }
        let end = start + 2 + lengthBytes + Int(length)
        guard bytes.endIndex >= end else { return nil }
        let payload = Array(bytes[(start + 2 + lengthBytes)..<end])
        bytes = bytes[end...]
        return WebSocketFrame(isFinal: isFinal, opcode: opcode, payload: payload)
    }
}
