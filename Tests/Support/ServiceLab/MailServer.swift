import Foundation

/// A server that takes letters by SMTP and keeps them, on a port of its own choice.
///
/// With a certificate it offers STARTTLS; with a password it wants the user `mailer` to log in.
public final class MailServer {
    public struct Letter: Decodable, Sendable {
        public let tls: Bool
        public let user: String?
        public let from: String
        public let to: [String]
        /// With its line ends.
        public let text: String
    }

    public let port: Int
    private let program: Program

    /// `refusal` is the answer to the letter itself, such as `451 later`; without one it is taken.
    public init(
        in folder: Folder,
        certificate: TestCertificate? = nil,
        password: String? = nil,
        refusal: String? = nil
    ) throws {
        let script = try folder.write(Self.script, to: "mail-\(UUID().uuidString.prefix(8)).py")
        let arguments = [certificate?.file, certificate?.key, password, refusal].map { $0 ?? "" }
        let program = try Program(
            ["python3", "-u", script] + arguments,
            in: folder,
            name: "mail-\(UUID().uuidString.prefix(8))"
        )
        self.program = program
        do {
            try program.wait { program.output.contains(/PORT \d+\n/) }
            guard let match = program.output.firstMatch(of: /PORT (\d+)\n/), let port = Int(match.output.1)
            else { throw Program.Failure(description: program.output) }
            self.port = port
        } catch {
            program.kill()
            throw error
        }
    }

    public var letters: [Letter] {
        program.output.split(separator: "\n").compactMap { line in
            try? JSONDecoder().decode(Letter.self, from: Data(line.utf8))
        }
    }

    /// What the server said and saw, for a failed test.
    public var log: String { program.output }

    public func stop() { program.kill() }

    private static let script = """
        import base64, json, socket, ssl, sys, threading
        cert, key, password, refusal = sys.argv[1:5]
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        print("PORT", listener.getsockname()[1])

        def serve(link):
            state = {"tls": False, "user": None, "from": None, "to": []}
            reader = link.makefile("rb")
            def say(text):
                link.sendall(text.encode() + b"\\r\\n")
            say("220 sink")
            while True:
                line = reader.readline()
                if not line:
                    return
                word = line.decode().strip()
                verb = word.upper()
                if verb.startswith("EHLO") or verb.startswith("HELO"):
                    offers = ["sink"]
                    if cert and not state["tls"]:
                        offers.append("STARTTLS")
                    if password:
                        offers.append("AUTH PLAIN")
                    for offer in offers[:-1]:
                        say("250-" + offer)
                    say("250 " + offers[-1])
                elif verb == "STARTTLS":
                    say("220 go on")
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(cert, key)
                    link = context.wrap_socket(link, server_side=True)
                    reader = link.makefile("rb")
                    state["tls"] = True
                elif verb.startswith("AUTH PLAIN"):
                    given = word[10:].strip()
                    if not given:
                        say("334 ")
                        given = reader.readline().decode().strip()
                    _, user, secret = base64.b64decode(given).decode().split("\\0")
                    if user == "mailer" and secret == password:
                        state["user"] = user
                        say("235 welcome")
                    else:
                        say("535 5.7.8 no: " + secret)
                elif verb.startswith("MAIL FROM:"):
                    state["from"] = word[10:]
                    say("250 ok")
                elif verb.startswith("RCPT TO:"):
                    state["to"].append(word[8:])
                    say("250 ok")
                elif verb == "DATA":
                    say("354 go on")
                    text = b""
                    while True:
                        line = reader.readline()
                        if line in (b".\\r\\n", b""):
                            break
                        text += line[1:] if line.startswith(b".") else line
                    if refusal:
                        say(refusal)
                    else:
                        print(json.dumps(dict(state, text=text.decode())))
                        say("250 taken")
                elif verb == "QUIT":
                    say("221 bye")
                    return
                else:
                    say("502 what?")

        def guarded(link):
            try:
                serve(link)
            except Exception as problem:
                print("#", problem)
            finally:
                link.close()

        while True:
            link, _ = listener.accept()
            threading.Thread(target=guarded, args=(link,), daemon=True).start()
        """
}
