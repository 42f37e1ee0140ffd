import BalancerFiles
import ChildProcesses
import DeployPorts
import SafeFile

extension HAProxyBalancer {
    var testCommand: [String] { settings.test ?? ["haproxy", "-c", "-q", "-f", settings.file] }

    /// Tests a text by a file beside the real one.
    ///
    /// A command that does not name the file cannot test another: then nothing is tested, and false is
    /// returned.
    @discardableResult
    func test(_ text: [UInt8], _ keeper: MarkKeeper) async throws(LoadBalancerError) -> Bool {
        let command = testCommand
        let isFile = command.map { $0 == settings.file || $0 == keeper.file.path }
        guard isFile.contains(true) else { return false }
        let trial = keeper.file.sidePath("trial")
        try await BlockingWork.run { () throws(LoadBalancerError) in
            try translated { () throws(FileProblem) in
                try keeper.file.prepare()
                try keeper.file.setSide(trial, text, durability: .never)
            }
        }
        let words = zip(command, isFile).map { $1 ? trial : $0 }
        let result = await outcome(of: words)
        try? keeper.file.setSide(trial, nil, durability: .never)
        switch result {
        case .success(let outcome):
            guard outcome.status != .exited(0) else { return true }
            let output = outcome.output.replacing(trial, with: keeper.file.path)
            throw .rejected(complaint: "\(command.joined(separator: " ")): \(end(outcome))\n\(output)")
        case .failure(.notFound) where settings.test == nil: return false
        case .failure(let error):
            let line = command.joined(separator: " ")
            throw .misconfigured("\(error.message); the balancer's key `test` names the command `\(line)`")
        }
    }

    /// With `-q` HAProxy does not say why it refuses a file: then it is asked again without.
    private func outcome(of words: [String]) async -> Result<ShortCommand.Outcome, ShortCommandError> {
        do throws(ShortCommandError) {
            let outcome = try await ShortCommand.run(
                words,
                folder: settings.folder,
                deadline: Self.testDeadline
            )
            guard outcome.status != .exited(0), outcome.output.allSatisfy(\.isWhitespace),
                words.contains("-q")
            else { return .success(outcome) }
            return .success(
                try await ShortCommand.run(
                    words.filter { $0 != "-q" },
                    folder: settings.folder,
                    deadline: Self.testDeadline
                )
            )
        } catch {
            return .failure(error)
        }
    }

    /// In milliseconds.
    private static let testDeadline = 60_000

    private func end(_ outcome: ShortCommand.Outcome) -> String {
        switch outcome.status {
        case .exited(let code): "exit \(code)"
        case .signalled(let signal): "ended by signal \(signal)"
        case .timedOut: "ended after \(Self.testDeadline / 1000) s"
        }
    }
}
