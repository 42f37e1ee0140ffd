import HTTPClient
import ServiceLab

@testable import WebSocketClient

/// The server's side of a WebSocket, as well or as badly as a test wants it.
extension RawConnection {
    struct Frame: Equatable {
        let opcode: UInt8
        let payload: [UInt8]
        let isMasked: Bool

        var text: String { String(decoding: payload, as: UTF8.self) }
    }

    /// Answers the handshake as a good server does; `headers` end with a line break.
    func acceptWebSocket(headers: String = "") {
        let request = readRequest()
        let pattern = /Sec-WebSocket-Key: (\S+)\r\n/.ignoresCase()
        let key = request.firstMatch(of: pattern).map { String($0.output.1) } ?? ""
        send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
                + "Sec-WebSocket-Accept: \(WebSocketHandshake.accept(key: key))\r\n\(headers)\r\n"
        )
    }

    /// The next frame of the client; `nil` when it has closed.
    func readFrame() -> Frame? {
        guard let head = readBytes(2) else { return nil }
        var length = Int(head[1] & 0x7F)
        if length >= 126 {
            guard let more = readBytes(length == 126 ? 2 : 8) else { return nil }
            length = more.reduce(0) { $0 << 8 | Int($1) }
        }
        let isMasked = head[1] & 0x80 != 0
        guard let key = readBytes(isMasked ? 4 : 0), let payload = readBytes(length) else { return nil }
        let plain = payload.enumerated().map { isMasked ? $0.element ^ key[$0.offset % 4] : $0.element }
        return Frame(opcode: head[0] & 0x0F, payload: plain, isMasked: isMasked)
    }

    @discardableResult
    func sendFrame(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true) -> Bool {
        var bytes = [opcode | (isFinal ? 0x80 : 0)]
        switch payload.count {
        case ..<126: bytes.append(UInt8(payload.count))
        case ...0xFFFF: bytes += [126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default: bytes += [127] + (0..<8).reversed().map { UInt8(payload.count >> ($0 * 8) & 0xFF) }
        }
        return send(bytes + payload)
    }

    @discardableResult
    func sendText(_ text: String) -> Bool { sendFrame(1, Array(text.utf8)) }

    /// Answers each message by `reply`, and a goodbye by a goodbye, until the client is gone.
    func serveWebSocket(_ reply: (String) -> String? = { $0 }) {
        while let frame = readFrame() {
            if frame.opcode == 8 {
                sendFrame(8, frame.payload)
                return
            }
            if frame.opcode == 1, let answer = reply(frame.text) { sendText(answer) }
        }
    }

    private func readBytes(_ count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            guard let more = receive(upTo: count - bytes.count) else { return nil }
            bytes += more
        }
        return bytes
    }
}

extension WebSocketRequest {
    /// To `server`, with time enough for a busy machine.
    init(to server: RawServer, path: String = "/ws", limit: Duration = .seconds(30)) {
        self.init(
            target: ConnectionTarget(host: "127.0.0.1", port: server.port, isSecure: false),
            path: path,
            host: "127.0.0.1:\(server.port)",
            limit: limit,
            deadline: .seconds(40)
        )
    }
}
