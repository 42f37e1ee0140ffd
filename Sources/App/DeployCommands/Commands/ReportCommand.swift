import ArgumentParser
import DeployCore
import DeployOperations
import DeployPorts

struct ReportCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "A run's report: cause, impact, evidence, timeline."
    )

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case markdown, html, json
    }

    @OptionGroup var common: CommonOptions
    @OptionGroup var target: ServiceOptions
    @Argument(help: "The run; the latest without one.") var run: String?
    @Option(help: "markdown, html or json.") var format: Format = .markdown

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let service = run == nil ? try await workplace.serviceName() : nil
        let store = try await workplace.store()
        let run = try await RunHistory(store: store, service: service).run(run)
        let format = workplace.options.output == .json ? .json : format
        if let remote = workplace.remote {
            // The service has the files beside the journal that a report quotes.
            workplace.printer.line(try await remote.report(run.record.id, format: format.rawValue))
            return .done
        }
        var report = RunReport(run, judge: await RunJudge.of(run, store))
        report.loads = RunReport.loads(of: run.record.id, below: try workplace.state().runs)
        switch format {
        case .markdown: workplace.printer.line(report.markdown)
        case .html: workplace.printer.line(report.html)
        case .json: workplace.printer.line(JSON.text(report.json, indent: 1))
        }
        return .done
    }
}
