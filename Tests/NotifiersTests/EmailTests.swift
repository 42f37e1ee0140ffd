import DeployCore
import DeployPorts
import DeployTestKit
import Foundation
import ServiceLab
import Testing

@testable import Notifiers

@Suite struct EmailTests {
    private static func book(
        _ port: Int,
        _ more: [(String, String)] = [],
        scheme: String = "smtp",
        host: String = "127.0.0.1",
        caFile: String? = nil,
        secrets: [String: String] = [:]
    ) throws -> NoticeBook {
        try NoticeBook.one(
            "email",
            [
                ("email", "ops@example.org"), ("from", "deploy@example.org"),
                ("smtp", "\(scheme)://\(host):\(port)"),
            ] + more,
            on: [.started, .rolledBack],
            caFile: caFile,
            secrets: secrets
        )
    }

    private static func delivery(_ book: NoticeBook, _ server: MailServer) async throws -> Outbox.Round {
        let bench = try await NoticeBench(book)
        try await bench.enqueue()
        return try await bench.outbox.deliver()
    }

    /// Header fields by name, unfolded, and the body decoded.
    private static func parts(of letter: MailServer.Letter) throws -> (fields: [String: String], body: String)
    {
        let halves = letter.text.components(separatedBy: "\r\n\r\n")
        let unfolded = try #require(halves.first).replacingOccurrences(of: "\r\n ", with: " ")
        var fields: [String: String] = [:]
        for line in unfolded.components(separatedBy: "\r\n") {
            let pair = line.split(separator: ":", maxSplits: 1).map(String.init)
            try #require(pair.count == 2, "\(line)")
            #expect(fields[pair[0]] == nil, "twice: \(pair[0])")
            fields[pair[0]] = pair[1].trimmingCharacters(in: .whitespaces)
        }
        let code = halves.dropFirst().joined().replacingOccurrences(of: "\r\n", with: "")
        let body = try #require(Data(base64Encoded: code))
        return (fields, String(decoding: body, as: UTF8.self))
    }

    @Test func `a letter has what RFC 5322 asks for, and its words`() async throws {
        try await Self.withServer { folder in
            try MailServer(in: folder)
        } body: { server in
            let bench = try await NoticeBench(Self.book(server.port))
            try await bench.goBack(reason: "zu viele Fehler – 5 %\nsiehe Protokoll\n.\nEnde")
            try await bench.enqueue()
            while try await !bench.waiting().isEmpty {
                _ = try await bench.outbox.deliver()
                bench.clock.advance(by: .seconds(1))
            }
            #expect(server.letters.count == 2, "\(server.log)")
            let letter = try #require(server.letters.last)
            #expect(letter.from == "<deploy@example.org>")
            #expect(letter.to == ["<ops@example.org>"])
            let (fields, body) = try Self.parts(of: letter)
            #expect(fields["From"] == "bgdeploy <deploy@example.org>")
            #expect(fields["To"] == "<ops@example.org>")
            #expect(fields["Date"]?.hasSuffix(" +0000") == true)
            #expect(fields["Message-ID"]?.hasSuffix("@example.org>") == true)
            #expect(fields["References"] == "<bgdeploy.\(bench.run)@example.org>")
            #expect(fields["Content-Type"] == "text/plain; charset=utf-8")
            #expect(
                body.hasPrefix(
                    "mina v2.5.0 was rolled back; blue has all traffic\r\n\r\nzu viele Fehler – 5 %\r\n"
                )
            )
            #expect(body.contains("\r\n.\r\nEnde\r\n"))
            #expect(letter.text.utf8.allSatisfy { $0 < 128 })
            #expect(letter.text.components(separatedBy: "\r\n").allSatisfy { $0.utf8.count <= 120 })
        }
    }

    @Test func `STARTTLS and a login are used where they must be, with a certificate that is trusted`()
        async throws
    {
        let folder = try Folder()
        defer { folder.remove() }
        let certificate = try await onThread { try TestCertificate(days: 2, host: "localhost", in: folder) }
        try await Self.withServer { folder in
            try MailServer(in: folder, certificate: certificate, password: NoticeBench.canary)
        } body: { server in
            let login = [("user", "mailer"), ("password", "${secret.CANARY}")]
            let good = try Self.book(server.port, login, host: "localhost", caFile: certificate.file)
            #expect(try await Self.delivery(good, server).delivered == 1)
            let letter = try #require(server.letters.first, "\(server.log)")
            #expect(letter.tls)
            #expect(letter.user == "mailer")

            let stranger = try Self.book(server.port, login, host: "localhost")
            #expect(try await Self.delivery(stranger, server).failed == 1)
            #expect(server.letters.count == 1)
        }
    }

    @Test func `a login that is refused is final, and its error does not tell the password`() async throws {
        try await Self.withServer { folder in
            try MailServer(in: folder, password: "another")
        } body: { server in
            let login = [("user", "mailer"), ("password", "${secret.CANARY}")]
            let bench = try await NoticeBench(Self.book(server.port, login))
            try await bench.enqueue()
            #expect(try await bench.outbox.deliver().undelivered == 1)
            let problem = try await bench.outbox.undelivered().first?.problem
            #expect(problem == "535 5.7.8 no: ***")
        }
    }

    @Test func `451 is tried again, 550 is final`() async throws {
        for (answer, isFinal) in [("451 later", false), ("550 never", true)] {
            try await Self.withServer { folder in
                try MailServer(in: folder, refusal: answer)
            } body: { server in
                let round = try await Self.delivery(Self.book(server.port), server)
                #expect((round.failed, round.undelivered) == (isFinal ? 0 : 1, isFinal ? 1 : 0), "\(answer)")
            }
        }
    }

    @Test func `a server that says nothing is left at the deadline`() async throws {
        try await RawServer.behaving({ $0.hold() }) { server in
            let bench = try await NoticeBench(Self.book(server.port))
            try await bench.enqueue()
            let begin = ContinuousClock.now
            #expect(try await bench.outbox.deliver().failed == 1)
            #expect(ContinuousClock.now - begin < .seconds(30))
        }
    }

    @Test(arguments: [
        "a b@c", "a@b\r\nBcc: x@y", "<a@b>", "a@", "@b", "a@b@c", "-oQ@b", "a", "a\u{0}@b", "ä@b",
    ])
    func `what is no address is refused, from the playbook and from a value`(text: String) async throws {
        #expect(!MailText.isAddress(text))
        #expect(throws: NoticeChannel.Unreadable.self) {
            try Self.book(25, [("user", "a")])
        }
        let book = try NoticeBook.one(
            "email",
            [("email", "${secret.TO}"), ("from", "a@b"), ("smtp", "smtp://127.0.0.1:1")],
            on: [.started],
            secrets: ["secret.TO": text]
        )
        let bench = try await NoticeBench(book)
        try await bench.enqueue()
        #expect(try await bench.outbox.deliver().undelivered == 1)
    }

    @Test func `plain text is for this host alone`() {
        for (text, isHere) in [
            ("smtp://127.0.0.1:25", true), ("smtp://[::1]", true), ("smtp://localhost:25/", true),
            ("smtp://mail.example.org:587", false), ("smtp://127.0.0.1.example.org", false),
            ("smtps://10.0.0.1", false), ("smtp://[::1].example.org", false),
        ] {
            #expect(SMTPAddress(text)?.isLoopback == isHere, "\(text)")
        }
        for text in ["smtp://", "smtp://u@h", "smtp://u:p@h:25", "http://h", "smtp://h/x", "smtp://h\r\nx"] {
            #expect(SMTPAddress(text) == nil, "\(text)")
        }
    }

    @Test func `a title cannot become a header`() async throws {
        let values = Values()
        let plan = NoticeBench.plan
        let notice = Notice(
            run: RunID(rawValue: "R"),
            sequence: 1,
            topic: .message,
            at: Timestamp(milliseconds: 0),
            runStartedAt: Timestamp(milliseconds: 0),
            plan: plan,
            split: plan.split(candidate: .none),
            title: "hello\r\nBcc: all@example.org \u{202E}" + String(repeating: "ü", count: 150)
        )
        let delivery = NoticeDelivery(
            id: "R/0/1/tell.message\r\nBcc: x",
            act: .tell,
            notice: notice,
            sentAt: Timestamp(milliseconds: 0)
        )
        let title = delivery.words(values).title
        #expect(title.hasPrefix("hello Bcc: all@example.org üü"))
        #expect(title.unicodeScalars.allSatisfy { $0.isHarmless })
        let text = MailText(delivery, from: "a@b.c", to: ["d@e.f"], values).text
        let head = try #require(text.components(separatedBy: "\r\n\r\n").first)
        #expect(!head.contains("\nBcc"))
        #expect(
            head.components(separatedBy: "\r\n").allSatisfy {
                $0.hasPrefix(" =?UTF-8?B?") || $0.contains(": ")
            }
        )
        #expect(head.contains("Date: Thu, 01 Jan 1970 00:00:00 +0000"))
    }

    private static func withServer(
        _ make: @escaping @Sendable (Folder) throws -> sending MailServer,
        body: (MailServer) async throws -> Void
    ) async throws {
        let folder = try Folder()
        defer { folder.remove() }
        let server = try await onThread { try make(folder) }
        defer { server.stop() }
        try await body(server)
    }
}
