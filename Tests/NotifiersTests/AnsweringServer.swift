import Synchronization
import ServiceLab

/// Answers its requests in order, as a test says; the last answer is for all that come later.
struct AnsweringServer {
    static let fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    static func status(_ status: Int, headers: String = "", body: String = "") -> String {
        "HTTP/1.1 \(status) Some\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    static func run<Result>(
        _ answers: [String],
        _ body: (RawServer) async throws -> Result
    ) async throws -> Result {
        let count = Mutex(0)
        return try await RawServer.behaving(
            { connection in
                connection.readRequest()
                let number = count.withLock { count in
                    defer { count += 1 }
                    return count
                }
                connection.send(answers[min(number, answers.count - 1)])
            },
            body
        )
    }
}

/// A request as it came.
struct SentRequest {
    let line: String
    let headers: [String: String]
    let body: String

    init(_ text: String) {
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1).map(String.init)
        let lines = (parts.first ?? "").split(separator: "\r\n").map(String.init)
        line = lines.first ?? ""
        headers = Dictionary(
            lines.dropFirst().map { line in
                let pair = line.split(separator: ":", maxSplits: 1).map(String.init)
                return (pair[0].lowercased(), String((pair.last ?? "").drop { $0 == " " }))
            }
        ) { first, _ in first }
        body = parts.count > 1 ? parts[1] : ""
    }
}
