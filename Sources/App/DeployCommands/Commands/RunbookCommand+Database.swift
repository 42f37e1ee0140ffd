import DeployOperations
import ArgumentParser
import DatabaseDiagnosis

extension RunbookCommand {
    struct Database: CommandBody {
        static let configuration = CommandConfiguration(
            commandName: "database",
            abstract: "What is wrong with a PostgreSQL, the worst first, and what may be done about it.",
            discussion: """
                Connections, who blocks whom, long transactions, slow statements, replicas, sizes, dead \
                rows, indexes, sequences. It only looks: one connection, read-only transactions, 15 \
                seconds at most. What it advises is for a person to run. Ends with 1 when something is \
                bad, 69 when the database cannot be reached, 65 when the URL is none. -v adds who is \
                connected, the largest tables and the slowest statements. \
                docs/how-to/diagnose-a-database.md has the limits.
                """
        )

        @OptionGroup var common: CommonOptions
        @Option(
            help: "postgresql://… (default DATABASE_URL of the environment, which other users cannot read)."
        )
        var database: String?
        @Option(help: "How large the disk of the data is, as 200GB; PostgreSQL does not tell.")
        var volume: ByteCount?
        @Flag(help: "The same as --output json.") var json = false

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            guard let url = database ?? workplace.environment["DATABASE_URL"], !url.isEmpty else {
                throw CommandFailure(
                    .badInput,
                    "no database: give --database postgresql://… or set DATABASE_URL"
                )
            }
            var thresholds = Thresholds()
            thresholds.storageLimit = volume?.bytes
            let diagnosis: Diagnosis
            do throws(DiagnosisError) {
                diagnosis = try await Diagnostician(url: url, thresholds: thresholds).diagnose()
            } catch {
                switch error {
                case .badURL(let text): throw CommandFailure(.badInput, "--database, DATABASE_URL: \(text)")
                case .unreachable(let text): throw CommandFailure(.unavailable, text)
                }
            }
            DiagnosisView(
                diagnosis: diagnosis,
                printer: workplace.printer,
                style: workplace.style,
                isComplete: workplace.options.verbose
            ).show(as: json ? .json : workplace.options.output)
            return diagnosis.severity == .bad ? .failed : .done
        }
    }
}

/// An amount of bytes as people write it: `200GB`, `500 MB`, `1TB`; by 1024, as PostgreSQL does.
struct ByteCount: ExpressibleByArgument {
    let bytes: Int

    init?(argument: String) {
        let digits = argument.prefix { $0.isASCII && $0.isNumber }
        let unit = argument.dropFirst(digits.count).drop { $0 == " " }.uppercased()
        guard let power = ["MB": 20, "GB": 30, "TB": 40][unit], let number = Int(digits), number > 0 else {
            return nil
        }
        let (bytes, isOver) = number.multipliedReportingOverflow(by: 1 << power)
        guard !isOver else { return nil }
        self.bytes = bytes
    }
}
