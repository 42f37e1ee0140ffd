import ChildProcesses
package import DeployCore
package import DeployPorts
import SafeFile

extension Playbook {
    /// In milliseconds.
    private static let secretDeadline = 30_000
    private static let secretSizeLimit = 65_536

    /// What `${…}` stands for in one run, without the values that its steps capture.
    ///
    /// `environment` is the process's; only the variables that the playbook refers to are taken. Fails before a
    /// run begins when one of them, a secret, or a version that is referred to does not exist; a secret must not
    /// be empty.
    package func values(
        for plan: Plan,
        run: RunID,
        environment: [String: String]
    ) async throws(PlaybookError) -> Values {
        let problems = Diagnostics()
        let needed = needed(for: plan)
        var values = Values(plain: plainValues(for: plan, run: run))
        for reference in references {
            if reference.name == "previous_version", plan.previousVersion == nil {
                problems.report(
                    reference.position,
                    "`${previous_version}` has no value: it is not known which version \(plan.stable) runs"
                )
            }
            guard let variable = reference.name.suffix(after: "env.") else { continue }
            if let value = environment[variable] {
                values.plain[reference.name] = value
            } else if needed?.contains(reference.name) != false {
                problems.report(reference.position, "the environment variable `\(variable)` is not set")
            }
        }
        for spec in allSecrets {
            do throws(SecretProblem) {
                values.secrets["secret.\(spec.name)"] = try await value(of: spec, environment)
            } catch {
                guard needed?.contains("secret.\(spec.name)") != false else { continue }
                problems.report(spec.position, "the secret `\(spec.name)` \(error.text)")
            }
        }
        guard problems.all.isEmpty else { throw PlaybookError(path: path, problems.all) }
        return values
    }

    /// What a runbook's run cannot do without; `nil` for everything.
    ///
    /// Who looks into trouble needs nothing of the other actions, nor of the channels.
    private func needed(for plan: Plan) -> Set<String>? {
        guard let runbook, let part = plan.runbook else { return nil }
        let action = part.action.flatMap(runbook.action)
        let checks = action?.verify ?? runbook.look
        let steps = (action?.steps ?? []) + checks.map(\.step)
        return Set(steps.flatMap(\.references).map(\.name))
    }

    private func plainValues(for plan: Plan, run: RunID) -> [String: String] {
        if let runbook { return plainValues(of: runbook, run: run) }
        var plain = [
            "version": plan.version.rawValue,
            "service": service,
            "run": run.rawValue,
            "stable": plan.stable.rawValue,
            "candidate": plan.candidate.rawValue,
        ]
        for environment in environments {
            if environment.name == plan.stable { plain["stable.url"] = environment.url }
            if environment.name == plan.candidate { plain["candidate.url"] = environment.url }
        }
        plain["previous_version"] = plan.previousVersion?.rawValue
        plain["public_url"] = publicURL
        return plain
    }

    /// A path that a step gives instead of a URL is one at `url`.
    private func plainValues(of runbook: Runbook, run: RunID) -> [String: String] {
        var plain = runbook.variables
        plain["service"] = runbook.service
        plain["runbook"] = runbook.name
        plain["run"] = run.rawValue
        for name in ["url", "public_url", "candidate.url"] { plain[name] = publicURL }
        return plain
    }

    // MARK: secrets

    /// Those that are declared, and those that are only referred to: they come from the environment.
    private var allSecrets: [SecretSpec] {
        var specs = secrets
        for reference in references {
            guard let name = reference.name.suffix(after: "secret."),
                !specs.contains(where: { $0.name == name })
            else { continue }
            specs.append(SecretSpec(name: name, source: .environment, position: reference.position))
        }
        return specs
    }

    private func value(
        of spec: SecretSpec,
        _ environment: [String: String]
    ) async throws(SecretProblem) -> String {
        let value: String
        switch spec.source {
        case .environment:
            guard let found = environment[spec.name] else {
                throw SecretProblem(text: "is not set in the environment")
            }
            value = found
        case .file(let path): value = try read(path.hasPrefix("/") ? path : "\(folder)/\(path)")
        case .command(let arguments): value = try await output(of: arguments)
        }
        guard !value.isEmpty else { throw SecretProblem(text: "is empty") }
        return value
    }

    private func read(_ path: String) throws(SecretProblem) -> String {
        do throws(FileProblem) {
            let bytes = try SafeFile.read(path, limit: Self.secretSizeLimit).bytes
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw FileProblem.failed(path: path, attempt: "read", reason: "it is not UTF-8")
            }
            return text.withoutLastLineEnd
        } catch {
            throw SecretProblem(text: "cannot be read: \(error.message)")
        }
    }

    /// What a command writes to its standard output.
    ///
    /// Its complaints are dropped: they must not become a part of the secret, nor a secret a part of a message.
    private func output(of arguments: [String]) async throws(SecretProblem) -> String {
        let program = arguments.first ?? ""
        do throws(ShortCommandError) {
            let outcome = try await ShortCommand.run(
                ["/bin/sh", "-c", "exec \"$@\" 2>/dev/null", "sh"] + arguments,
                folder: folder,
                deadline: Self.secretDeadline,
                outputLimit: Self.secretSizeLimit
            )
            switch outcome.status {
            case .exited(0) where outcome.wasCut:
                throw ShortCommandError.cannotStart("it is larger than 64 KiB")
            case .exited(0): return outcome.output.withoutLastLineEnd
            case .exited(let code):
                throw ShortCommandError.cannotStart("`\(program)` ended with exit status \(code)")
            case .signalled(let signal):
                throw ShortCommandError.cannotStart("`\(program)` was ended by signal \(signal)")
            case .timedOut: throw ShortCommandError.cannotStart("`\(program)` did not end within 30 s")
            }
        } catch {
            throw SecretProblem(text: "cannot be had: \(error.message)")
        }
    }
}

private struct SecretProblem: Error {
    /// Goes on after "the secret X".
    let text: String
}

extension String {
    fileprivate func suffix(after prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }

    fileprivate var withoutLastLineEnd: String {
        guard let last, last.isNewline else { return self }
        return String(dropLast())
    }
}
