import HTTPClient
import SafeFile

/// Asks a running nginx what it serves, each time over a connection of its own.
///
/// Exit codes and processes can mislead; what nginx answers cannot. One answer is not enough, though: while
/// nginx loads a configuration, old and new workers accept connections side by side for some 100 ms.
package struct ServedProbe: Sendable {
    /// So many answers in a row, over at least so many milliseconds.
    package static let answers = 12
    package static let spread = 300
    /// No answer is waited for less, so that the last one before the deadline is not cut to nothing.
    private static let patience = 250...2000

    /// As the playbook has it.
    package let url: String
    private let request: HTTPRequest

    package enum Verdict: Hashable, Sendable {
        case proven
        /// What the last answer was, or why there was none.
        case unproven(String)
    }

    /// Why there is no answer.
    package struct Silence: Error, Hashable, Sendable {
        package let reason: String
    }

    /// `url` is `http://…`, `https://…`, or `http://unix:/path/of.sock:/target`, as nginx itself writes
    /// sockets.
    ///
    /// `nil` for anything else.
    package init?(_ url: String) {
        self.url = url
        let start = "http://unix:/"
        if url.hasPrefix(start) {
            let parts = url.dropFirst(start.count - 1).split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[1].hasPrefix("/") else { return nil }
            var request = HTTPRequest(url: "http://localhost\(parts[1])")
            request.unixSocket = String(parts[0])
            self.request = request
        } else {
            let scheme = ["http://", "https://"].first { url.hasPrefix($0) }
            guard let scheme, let first = url.dropFirst(scheme.count).first, first != "/" else { return nil }
            request = HTTPRequest(url: url)
        }
    }

    /// The body of one answer with status 200, without the white space around it.
    package func answer(within milliseconds: Int = 5000) async throws(Silence) -> String {
        var request = request
        request.deadline = .milliseconds(max(1, milliseconds))
        request.bodyLimit = 4096
        do throws(HTTPError) {
            let response = try await HTTPClient().send(request)
            guard response.status == 200 else {
                throw HTTPError.malformed(reason: "status \(response.status) where 200 was expected")
            }
            let text = String(decoding: response.body, as: UTF8.self)
            return String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        } catch {
            throw Silence(reason: "\(url): \(error.message)")
        }
    }

    /// Asks until ``answers`` in a row over ``spread`` milliseconds are wanted ones, or time is over.
    package func proof(
        within milliseconds: Int,
        that isWanted: @Sendable (String) -> Bool
    ) async -> Verdict {
        let deadline = MonotonicClock.milliseconds() + Int64(milliseconds)
        var (count, since) = (0, Int64(0))
        var other: String?
        while true {
            let asked = MonotonicClock.milliseconds()
            let left = Int(max(0, deadline - asked))
            var silence: String?
            do throws(Silence) {
                let found = try await answer(
                    within: min(max(left, Self.patience.lowerBound), Self.patience.upperBound)
                )
                if isWanted(found) {
                    if count == 0 { since = asked }
                    count += 1
                    if count >= Self.answers, asked - since >= Int64(Self.spread) { return .proven }
                } else {
                    (count, other) = (0, "\(url) answers `\(found.prefix(200))`")
                }
            } catch {
                (count, silence) = (0, error.reason)
            }
            guard MonotonicClock.milliseconds() < deadline else {
                let late = count > 0 ? "\(url) answers as wanted, but not for long enough" : nil
                return .unproven([late ?? other, silence].compactMap(\.self).joined(separator: "; then "))
            }
            await BlockingWork.run {
                MonotonicClock.pause(milliseconds: Self.spread / (Self.answers - 1) + 1)
            }
        }
    }
}
