internal import CCurl
internal import Dispatch
internal import Glibc

/// One letter, and the server that takes it.
package struct MailOrder: Hashable, Sendable {
    /// `smtp://HOST:PORT` or `smtps://HOST:PORT`.
    package var url: String
    /// Whether `smtp` goes on in plain text where the server offers no STARTTLS; the default is that it does not.
    package var allowsPlain = false
    package var auth: HTTPBasicAuth?
    /// PEM file of the authorities to trust instead of the system's.
    package var caFile: String?
    /// Addresses without names or brackets.
    package var from: String
    package var to: [String]
    /// RFC 5322, with CRLF.
    package var text: [UInt8]
    package var deadline = Duration.seconds(10)
    package var connectDeadline = Duration.seconds(2)

    package init(url: String, from: String, to: [String], text: [UInt8]) {
        self.url = url
        self.from = from
        self.to = to
        self.text = text
    }
}

/// Why a letter was not taken.
package enum MailError: Error, Hashable, Sendable {
    /// The server answered with this status, such as 550.
    case answered(status: Int, text: String)
    /// TLS could not be had, or not with a certificate that is trusted.
    case notAdmitted(String)
    case noAnswer(HTTPError)
}

/// Gives letters to a server by SMTP (RFC 5321), with libcurl.
package struct MailClient: Sendable {
    package init() {}

    /// Returns when the server has taken the letter for all its receivers.
    package func send(_ order: MailOrder) async throws(MailError) {
        let stop = StopSwitch()
        let result: Result<Void, MailError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                DispatchQueue(label: "bgdeploy.mail").async {
                    continuation.resume(returning: Transfer.deliver(order, stop: stop))
                }
            }
        } onCancel: {
            stop.close()
        }
        try result.get()
    }
}

/// What libcurl has not taken of a letter yet.
private final class Letter {
    private let text: [UInt8]
    private var sent = 0

    init(_ text: [UInt8]) { self.text = text }

    func read(into room: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(room.count, text.count - sent)
        room.copyBytes(from: text[sent..<sent + count])
        sent += count
        return count
    }
}

extension Transfer {
    fileprivate static func deliver(_ order: MailOrder, stop: StopSwitch) -> Result<Void, MailError> {
        Result { () throws(MailError) in
            let transfer: Transfer
            do throws(HTTPError) {
                transfer = try Transfer(target: order.url, bodyLimit: 65_536, multi: CurlMulti())
            } catch {
                throw .noAnswer(error)
            }
            let letter = Letter(order.text)
            transfer.setUp(order, letter)
            let outcome = Result { () throws(HTTPError) in
                try transfer.perform(
                    deadline: order.deadline,
                    connectDeadline: order.connectDeadline,
                    stop: stop
                )
            }
            // libcurl reads it through an unowned pointer.
            withExtendedLifetime(letter) {}
            if case .failure(let error) = outcome { throw transfer.mailError(error) }
        }
    }

    private func setUp(_ order: MailOrder, _ letter: Letter) {
        _ = bg_curl_set_text(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps")
        _ = bg_curl_set_text(easy, CURLOPT_URL, order.url)
        let level = order.allowsPlain ? CURLUSESSL_TRY : CURLUSESSL_ALL
        _ = bg_curl_set_long(easy, CURLOPT_USE_SSL, Int(level.rawValue))
        if let auth = order.auth {
            _ = bg_curl_set_text(easy, CURLOPT_USERNAME, auth.user)
            _ = bg_curl_set_text(easy, CURLOPT_PASSWORD, auth.password)
        }
        if let file = order.caFile { _ = bg_curl_set_text(easy, CURLOPT_CAINFO, file) }
        _ = bg_curl_set_text(easy, CURLOPT_MAIL_FROM, "<\(order.from)>")
        setList(CURLOPT_MAIL_RCPT, order.to.map { "<\($0)>" })
        _ = bg_curl_set_long(easy, CURLOPT_UPLOAD, 1)
        _ = bg_curl_set_read(
            easy,
            { start, size, count, context in
                guard let start, let context else { return 0 }
                let letter = Unmanaged<Letter>.fromOpaque(context).takeUnretainedValue()
                return letter.read(into: UnsafeMutableRawBufferPointer(start: start, count: size * count))
            },
            Unmanaged.passUnretained(letter).toOpaque()
        )
    }

    /// libcurl keeps the last status of the dialogue where it keeps that of HTTP.
    private func mailError(_ error: HTTPError) -> MailError {
        var status = 0
        _ = bg_curl_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
        switch error {
        case .tls(let text): return .notAdmitted(text)
        case .badRequest, .malformed, .cutOff:
            return status >= 400 ? .answered(status: status, text: record.lastLine) : .noAnswer(error)
        default: return .noAnswer(error)
        }
    }
}
