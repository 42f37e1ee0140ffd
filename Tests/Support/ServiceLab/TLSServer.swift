import Foundation

/// `openssl s_server` on a port of its own choice, which echoes lines backwards.
public final class TLSServer {
    public let port: Int
    private let program: Program

    public init(_ certificate: TestCertificate, options: [String] = [], in folder: Folder) throws {
        let name = "s_server-\(UUID().uuidString.prefix(8))"
        let program = try Program(
            [
                "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certificate.file, "-key",
                certificate.key, "-www",
            ] + options,
            in: folder,
            name: name
        )
        self.program = program
        do {
            try program.wait { program.output.contains(/ACCEPT \S+:\d+\n/) }
            guard let match = program.output.firstMatch(of: /ACCEPT \S+:(\d+)\n/),
                let port = Int(match.output.1)
            else { throw Program.Failure(description: program.output) }
            self.port = port
        } catch {
            program.kill()
            throw error
        }
    }

    public func stop() { program.kill() }
}
