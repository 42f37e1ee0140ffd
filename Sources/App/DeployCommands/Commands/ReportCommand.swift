import ArgumentParser
import DeployCore
import DeployOperations
import DeployPorts

struct ReportCommand: CommandBody {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "A run's report: cause, impact, evidence, timeline."
    )

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case markdown, html, json
    }

    @OptionGroup var common: CommonOptions
    @Argument(help: "The run; the latest without one.") var run: String?
    @Option(help: "markdown, html or json.") var format: Format = .markdown

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let service = run == nil ? try workplace.service().name : nil
        let store = try await workplace.store()
        let run = try await RunHistory(store: store, service: service).run(run)
        var report = RunReport(run, judge: await RunJudge.of(run, store))
        report.loads = RunReport.loads(of: run.record.id, below: try workplace.state().runs)
        let format = workplace.options.output == .json ? .json : format
        switch format {
        case .markdown: workplace.printer.line(report.markdown)
        case .html: workplace.printer.line(report.html)
        case .json: workplace.printer.line(JSON.text(report.json, indent: 1))
        }
        return .done
    }
}
