@testable import StepLab
import ChildProcesses
import Foundation
import Testing

struct RedactorTests {
    private let secret = "p\"w/ü\\s3cret k&y+1"

    private func forms() throws -> [String] {
        let data = Data(secret.utf8)
        let json = try #require(String(data: JSONEncoder().encode([secret]), encoding: .utf8)).dropFirst(2)
            .dropLast(2)
        let url = try #require(secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        return [
            secret, data.base64EncodedString(), String(json), url,
            url.lowercased().replacing("%c3%bc", with: "%c3%bc"),
        ]
    }

    @Test func `masks every form wherever the chunks are cut`() throws {
        for form in try forms() {
            let text = Array("before \(form) after".utf8)
            for cut in 0...text.count {
                var redactor = Redactor(secrets: [secret])
                var result = redactor.feed(text[..<cut])
                result += redactor.feed(text[cut...])
                result += redactor.finish()
                let shown = String(decoding: result, as: UTF8.self)
                #expect(shown.hasPrefix("before ***"), "\(form) cut at \(cut): \(shown)")
                #expect(shown.hasSuffix(" after"))
            }
        }
    }

    @Test func `finds a value within what basic authentication encodes`() throws {
        let token = "canary-secret-4711"
        for user in ["", "a", "ab", "abc", "abcd"] {
            let encoded = Data("\(user):\(token)".utf8).base64EncodedString()
            let shown = Redactor.mask("Authorization: Basic \(encoded)", secrets: [token])
            #expect(shown.contains("***"), "\(user): \(shown)")
            #expect(
                !encoded.dropFirst(8).dropLast(4).isEmpty && !shown.contains(encoded.dropFirst(8).dropLast(4))
            )
        }
    }

    @Test func `masks the longest of several and each line of a key`() {
        #expect(Redactor.mask("tokenlong token", secrets: ["token", "tokenlong"]) == "*** ***")
        let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nkiG9w0BAQEFAASCB\n-----END KEY-----"
        #expect(Redactor.mask("x kiG9w0BAQEFAASCB y", secrets: [key]) == "x *** y")
    }

    @Test func `a beginning that comes to nothing is given out`() {
        var redactor = Redactor(secrets: ["secret"])
        #expect(redactor.feed(Array("a secr".utf8)) == Array("a ".utf8))
        #expect(redactor.feed(Array("sec".utf8)) == Array("secr".utf8))
        #expect(redactor.finish() == Array("sec".utf8))
    }

    @Test func `leaves other bytes as they are`() {
        var redactor = Redactor(secrets: ["secret", "", "ab"])
        let bytes = (0...255).map { UInt8($0) } + Array("ab".utf8)
        #expect(redactor.feed(bytes) + redactor.finish() == bytes)
    }
}
