import Checks
import DeployCore
import DeployPorts
import Foundation
import HTTPClient
import ServiceLab
import Testing

@Suite struct TLSStepTests {
    private func perform(
        _ text: String,
        days: Int = 30,
        options: [String] = [],
        // An hour from now, so that never exactly a number of days is left.
        clock: @escaping @Sendable () -> Int = { Int(Date().timeIntervalSince1970) + 3600 }
    ) async throws -> StepResult {
        let folder = try Folder()
        defer { folder.remove() }
        let certificate = try await onThread { try TestCertificate(days: days, in: folder) }
        let server = try await onThread { try TLSServer(certificate, options: options, in: folder) }
        defer { server.stop() }
        let kind = TLSStep.kind(now: clock)
        let filled = text.replacing("PORT", with: "\(server.port)").replacing("CA", with: certificate.file)
        let step = try StepBench.make(kind, filled)
        do throws(StepFailure) {
            return try await step.perform(StepBench.attempt(deadline: .seconds(40)))
        } catch {
            let message = error.message.replacing("\(server.port)", with: "PORT")
            throw StepFailure(message, isTransient: error.isTransient)
        }
    }

    private func failure(_ text: String, days: Int = 30, options: [String] = []) async throws -> StepFailure {
        try #require(
            await #expect(throws: StepFailure.self) { try await perform(text, days: days, options: options) }
        )
    }

    @Test func `a certificate that lasts is fine`() async throws {
        let text = "{ address: \"127.0.0.1:PORT\", name: mina.test, days: 29, ca: CA }"
        let result = try await perform(text)
        #expect(result.summary.hasPrefix("valid for 29 days, until "))
        #expect(result.summary.hasSuffix(" GMT"))
    }

    @Test func `one that ends too soon is not, and says when and whose it is`() async throws {
        let text = "{ address: \"https://127.0.0.1:PORT/x\", name: mina.test, ca: CA }"
        let failure = try await failure(text, days: 3)
        let lines = failure.message.split(separator: "\n")
        try #require(lines.count == 3, "\(failure.message)")
        #expect(lines[0] == "tls mina.test:PORT at 127.0.0.1:PORT: the certificate ends in 2 days")
        #expect(lines[1] == "  expected  at least 14 days")
        #expect(lines[2].hasPrefix("  answered  until "))
        #expect(lines[2].contains("mina.test, issued by "))
        #expect(!failure.isTransient)
        // On the day itself the clock decides, not the server.
        let late = await #expect(throws: StepFailure.self) {
            try await perform("{ address: \"127.0.0.1:PORT\", name: mina.test, ca: CA, days: 1 }") {
                Int(Date().timeIntervalSince1970) + 30 * 86_400
            }
        }
        #expect(late?.message.contains("ends in 0 days") == true, "\(String(describing: late))")
    }

    @Test func `a chain that is not trusted and a name that is not there fail`() async throws {
        let untrusted = try await failure("{ address: \"127.0.0.1:PORT\", name: mina.test }")
        #expect(untrusted.message.contains("the certificate is not trusted: self-signed"))
        let misnamed = try await failure("{ address: \"127.0.0.1:PORT\", name: other.test, ca: CA }")
        #expect(misnamed.message.contains("other.test"))
        let byAddress = try await failure("{ address: \"127.0.0.1:PORT\", ca: CA }")
        #expect(byAddress.message.hasPrefix("tls 127.0.0.1:PORT: the certificate is not trusted"))
    }

    @Test func `a protocol that is too old fails`() async throws {
        let text = "{ address: \"127.0.0.1:PORT\", name: mina.test, ca: CA, protocol: \"1.3\" }"
        #expect(try await failure(text, options: ["-tls1_2"]).message.contains("the TLS handshake failed"))
        #expect(try await perform(text, options: ["-tls1_3"]).summary.hasPrefix("valid for "))
    }

    @Test func `a server that hangs, or is none, ends within the time`() async throws {
        try await RawServer.behaving({ $0.hold() }) { server in
            let step = try StepBench.make(
                TLSStep.kind(),
                "{ address: \"127.0.0.1:\(server.port)\", within: 600ms }"
            )
            let failure = await #expect(throws: StepFailure.self) {
                try await step.perform(StepBench.attempt())
            }
            #expect(
                failure?.message == "tls 127.0.0.1:\(server.port): no answer within 600ms "
                    + "(connected to 127.0.0.1:\(server.port), then no TLS handshake)"
            )
        }
        let port = try RawServer.deadPort()
        let step = try StepBench.make(TLSStep.kind(), "127.0.0.1:\(port)")
        let failure = await #expect(throws: StepFailure.self) { try await step.perform(StepBench.attempt()) }
        #expect(failure?.message.contains("connection refused") == true)
        #expect(failure?.isTransient == true)
    }

    @Test(arguments: [
        (
            "mina",
            ["1:1: `tls` must be a host and a port such as mina.example:443, or an https URL, found `mina`"]
        ),
        (
            "{ address: \"http://a\", days: -1, protocol: 1.1, dyas: 3 }",
            [
                "1:12: `tls` must be a host and a port such as mina.example:443, or an https URL, found `http://a`",
                "1:30: `days` must be a whole number from 0 to 3650, found `-1`",
                "1:44: `protocol` must be 1.2 or 1.3, found `1.1`",
                "1:49: `tls` has no key `dyas`; did you mean `days`?",
            ]
        ),
        ("[a]", ["1:1: `tls` must be a mapping of keys to values, found a list"]),
        ("{ days: 3 }", ["1:1: `tls` needs the key `address`"]),
    ])
    func `mistakes are reported at their places`(text: String, messages: [String]) {
        let (action, found) = StepBench.decode(TLSStep.kind(), text)
        #expect(found == messages)
        #expect(action == nil)
    }
}
