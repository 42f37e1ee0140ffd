import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts

struct HistoryCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "List past runs, newest first."
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var target: ServiceOptions
    @Option(help: "How many.") var limit = 20
    @Flag(help: "Runs of every service in the state store.") var all = false

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let service = all ? nil : try await workplace.serviceName()
        let history = RunHistory(store: try await workplace.store(), service: service)
        var runs: [RecordedRun] = []
        do throws(RunStoreError) {
            for record in try await history.store.runs(of: service, limit: limit)
            where !record.isLedger {
                runs.append(try await history.recorded(record))
            }
        } catch {
            throw CommandFailure(error)
        }
        switch workplace.options.output {
        case .json: workplace.printer.line(JSON.text(.list(runs.map(\.json)), indent: 1))
        case .text, .github:
            if runs.isEmpty { workplace.printer.line("no run yet") }
            for run in runs { workplace.printer.line(Self.line(run, workplace.style)) }
        }
        return .done
    }

    private static func line(_ run: RecordedRun, _ style: Style) -> String {
        let took = run.updatedAt.since(run.record.startedAt)
        let tint: Style.Tint = run.state.condition == .succeeded ? .green : .red
        return "\(run.record.id)  \(Clock.date(run.record.startedAt))  \(run.record.service)  "
            + "\(run.record.version.rawValue.padded(to: 12))  "
            + (run.state.plan.runbook == nil
                ? "\(run.state.plan.stable) → \(run.state.plan.candidate)  " : "")
            + style(run.state.condition.rawValue.padded(to: 14), run.state.isSettled ? tint : .yellow)
            + "  \(Span.seconds(took.milliseconds / 1000))"
    }
}

struct EventsCommand: ServiceCommand {
    static let configuration = CommandConfiguration(commandName: "events", abstract: "Print a run's journal.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var target: ServiceOptions
    @Argument(help: "The run; the latest without one.") var run: String?
    @Flag(help: "Go on printing until the run has ended.") var follow = false

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let service = run == nil ? try await workplace.serviceName() : nil
        let history = RunHistory(store: try await workplace.store(), service: service)
        let observer = workplace.journalObserver()
        let record = try await history.run(run).record
        if follow, let remote = workplace.remote {
            _ = try await remote.follow(record.id, observer)
            return .done
        }
        var fold = JournalFold()
        repeat {
            let entries: [JournalEntry]
            do throws(RunStoreError) {
                entries = try await history.store.entries(of: record.id, after: fold.lastEvent)
            } catch {
                throw CommandFailure(error)
            }
            for entry in entries {
                guard let (before, after) = fold.step(entry) else { continue }
                observer.recorded(entry, before: before, after: after)
            }
            if follow, fold.state?.isSettled == false {
                do { try await workplace.clock.sleep(for: .milliseconds(200)) } catch { return .done }
            }
        } while follow && fold.state?.isSettled == false
        return .done
    }
}

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check the journal.",
        subcommands: [Verify.self],
        defaultSubcommand: Verify.self
    )

    struct Verify: ServiceCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify",
            abstract: "Recompute the journal's hash chain."
        )

        @OptionGroup var common: CommonOptions
        @OptionGroup var target: ServiceOptions

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            let store = try await workplace.store()
            let report: ChainReport
            do throws(RunStoreError) {
                report = try await store.verify()
            } catch {
                throw CommandFailure(error)
            }
            switch workplace.options.output {
            case .json:
                let fields: [(String, JSON)] = [
                    ("entries", .number(report.entryCount)), ("head", .text(report.head)),
                    ("whole", .flag(report.breach == nil)),
                    ("breach", report.breach.map { .text($0) } ?? .null),
                ]
                workplace.printer.line(JSON.text(.object(fields), indent: 1))
            case .text, .github:
                workplace.printer.line(
                    report.breach.map { "the chain is broken: \($0)" }
                        ?? "\(report.entryCount) entries, the chain is whole; head \(report.head)"
                )
            }
            return report.breach == nil ? .done : .failed
        }
    }
}
