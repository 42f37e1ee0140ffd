import DeployCore
import DeployPorts
import Foundation

/// A letter (RFC 5322) in which nothing that is told can become a header.
struct MailText {
    let text: String

    init(_ delivery: NoticeDelivery, from: String, to: [String], _ values: Values) {
        let notice = delivery.notice
        let (title, detail) = delivery.words(values)
        let domain = from.split(separator: "@").last.map(String.init) ?? "localhost"
        let thread = "<bgdeploy.\(Self.local(notice.subject.rawValue))@\(domain)>"
        let traffic = notice.movedSplit.map { ["traffic   \($0)"] } ?? []
        let lines =
            [
                detail ?? "", "",
                "service   \(notice.service)", "version   \(notice.version)",
            ] + traffic + [
                "topic     \(notice.topic)", "at        \(notice.at.iso8601)", "run       \(notice.run)",
            ]
        let body = Data(([title, ""] + lines).joined(separator: "\r\n").lineEnds.utf8)
        text =
            [
                "Date: \(delivery.sentAt.mailDate)",
                "From: bgdeploy <\(from)>",
                "To: \(to.map { "<\($0)>" }.joined(separator: ",\r\n "))",
                "Subject: \(Self.encodedWords("[\(notice.service)] \(title)"))",
                "Message-ID: <bgdeploy.\(Self.local(delivery.id))@\(domain)>",
                "In-Reply-To: \(thread)", "References: \(thread)",
                "Auto-Submitted: auto-generated",
                "MIME-Version: 1.0",
                "Content-Type: text/plain; charset=utf-8",
                "Content-Transfer-Encoding: base64",
                "",
                body.base64EncodedString(options: [
                    .lineLength76Characters, .endLineWithCarriageReturn, .endLineWithLineFeed,
                ]),
            ]
            .joined(separator: "\r\n") + "\r\n"
    }

    /// An address without quotes, comments or a name: `ops+deploy@mail.example.org`.
    static func isAddress(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, text.utf8.count <= 254, let local = parts.first, let domain = parts.last,
            !local.isEmpty, !domain.isEmpty, !local.hasPrefix("-")
        else { return false }
        let isLocal = local.utf8.allSatisfy { $0.isUnreserved || "+=!#%&'*/?^`{|}$".utf8.contains($0) }
        return isLocal && domain.utf8.allSatisfy { $0.isUnreserved }
    }

    /// RFC 2047: pieces of at most 75 bytes, each whole characters.
    static func encodedWords(_ text: String) -> String {
        var words: [String] = []
        var piece = ""
        for character in text {
            if piece.utf8.count + character.utf8.count > 42 {
                words.append(piece)
                piece = ""
            }
            piece.append(character)
        }
        words.append(piece)
        return words.map { "=?UTF-8?B?\(Data($0.utf8).base64EncodedString())?=" }.joined(separator: "\r\n ")
    }

    /// What may stand before the `@` of a message's identity.
    private static func local(_ text: String) -> String {
        String(decoding: text.utf8.map { $0.isUnreserved ? $0 : UInt8(ascii: ".") }, as: UTF8.self)
    }
}

extension String {
    fileprivate var lineEnds: String {
        split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }.joined(separator: "\r\n")
    }
}
