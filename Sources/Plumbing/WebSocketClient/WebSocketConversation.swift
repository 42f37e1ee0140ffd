/// One connection as a client sees it: bytes in, bytes out and what happened, without a socket or a clock.
struct WebSocketConversation {
    enum Event: Hashable {
        case opened(WebSocketAnswer)
        case refused(String, WebSocketAnswer?)
        case message(WebSocketMessage)
        case closed(WebSocketClose)
    }

    private enum Stage {
        case handshake
        case open
        /// Our close frame is out.
        case closing
        case over
    }

    /// Waits to be sent.
    private(set) var output: [UInt8] = []
    private let handshake: WebSocketHandshake
    private let messageLimit: Int
    private var stage = Stage.handshake
    private var input: [UInt8] = []
    private var fragments: (opcode: WebSocketFrame.Opcode, payload: [UInt8])?
    private var generator = SystemRandomNumberGenerator()

    init(_ request: WebSocketRequest, cookies: String?) {
        var generator = SystemRandomNumberGenerator()
        handshake = WebSocketHandshake(request, key: (0..<16).map { _ in generator.next() })
        messageLimit = request.messageLimit
        output = handshake.bytes(cookies: cookies)
    }

    var isOver: Bool { stage == .over }

    /// The first `count` bytes of ``output`` are sent.
    mutating func sent(_ count: Int) { output.removeFirst(count) }

    mutating func send(_ message: WebSocketMessage) {
        let isText = if case .text = message { true } else { false }
        let opcode = isText ? WebSocketFrame.Opcode.text : .binary
        put(WebSocketFrame(opcode: opcode, payload: message.bytes))
    }

    /// Says goodbye; the other side answers with its own close frame.
    mutating func close(code: Int = 1000) {
        guard stage == .open else { return }
        stage = .closing
        put(WebSocketFrame(opcode: .close, payload: [UInt8(code >> 8), UInt8(code & 0xFF)]))
    }

    /// Takes what came.
    ///
    /// After a violation only the goodbye in ``output`` is left to be sent.
    mutating func receive(_ bytes: [UInt8]) throws(WebSocketViolation) -> [Event] {
        input += bytes
        var events: [Event] = []
        do throws(WebSocketViolation) {
            if stage == .handshake { events += try readHandshake() }
            var rest = input[...]
            while stage == .open || stage == .closing {
                guard let frame = try WebSocketFrame.take(from: &rest, limit: messageLimit) else { break }
                if let event = try take(frame) { events.append(event) }
            }
            input = Array(rest)
        } catch {
            close(code: error.code)
            stage = .over
            throw error
        }
        return events
    }

    // MARK: the two halves

    private mutating func readHandshake() throws(WebSocketViolation) -> [Event] {
        guard let end = Self.endOfHead(input) else {
            guard input.count <= WebSocketHandshake.headLimit else {
                throw .tooBig("the answer's headers have no end within \(WebSocketHandshake.headLimit) bytes")
            }
            return []
        }
        let head = Array(input[..<end])
        input = Array(input[(end + 4)...])
        guard var answer = WebSocketAnswer(head: head) else {
            stage = .over
            return [.refused("the answer to the handshake is not HTTP", nil)]
        }
        if let complaint = handshake.complaint(about: answer) {
            answer.body = Array(input.prefix(4096))
            stage = .over
            return [.refused(complaint, answer)]
        }
        stage = .open
        return [.opened(answer)]
    }

    private mutating func take(_ frame: WebSocketFrame) throws(WebSocketViolation) -> Event? {
        switch frame.opcode {
        case .ping:
            if stage == .open { put(WebSocketFrame(opcode: .pong, payload: frame.payload)) }
            return nil
        case .pong: return nil
        case .close: return .closed(try takeClose(frame.payload))
        case .text, .binary:
            guard fragments == nil else {
                throw .broken("a message begins before the one before it has ended")
            }
            guard !frame.isFinal else { return .message(try message(frame.opcode, frame.payload)) }
            fragments = (frame.opcode, frame.payload)
            return nil
        case .continuation:
            // In place: a copy for each of many small fragments would take minutes.
            fragments?.payload += frame.payload
            guard let whole = fragments else { throw .broken("a message goes on that never began") }
            guard whole.payload.count <= messageLimit else {
                throw .tooBig("a message of more than \(messageLimit) bytes")
            }
            guard frame.isFinal else { return nil }
            fragments = nil
            return .message(try message(whole.opcode, whole.payload))
        }
    }

    private func message(
        _ opcode: WebSocketFrame.Opcode,
        _ payload: [UInt8]
    ) throws(WebSocketViolation) -> WebSocketMessage {
        guard opcode == .text else { return .binary(payload) }
        guard let text = String(validating: payload, as: UTF8.self) else {
            throw .notText("a text message is not UTF-8")
        }
        return .text(text)
    }

    /// Answers the other side's goodbye with ours.
    private mutating func takeClose(_ payload: [UInt8]) throws(WebSocketViolation) -> WebSocketClose {
        guard payload.count != 1 else { throw .broken("a close frame has half a code") }
        let code = payload.count < 2 ? 1005 : Int(payload[0]) << 8 | Int(payload[1])
        guard payload.isEmpty || (1000...1014).contains(code) || (3000...4999).contains(code) else {
            throw .broken("there is no close code \(code)")
        }
        guard let reason = String(validating: payload.dropFirst(2), as: UTF8.self) else {
            throw .notText("the reason of a close frame is not UTF-8")
        }
        close(code: payload.isEmpty ? 1000 : code)
        stage = .over
        return WebSocketClose(code: code, reason: reason)
    }

    private mutating func put(_ frame: WebSocketFrame) {
        let key = (0..<4).map { _ in generator.next() as UInt8 }
        output += frame.masked(with: key)
    }

    /// Where the empty line after the head begins.
    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        return (0...(bytes.count - 4)).first { bytes[$0] == 13 && bytes[$0..<($0 + 4)] == [13, 10, 13, 10] }
    }
}
