import DeployPorts
import MigrationVerdicts
import PgQuery
import SafeFile

/// A file of plain SQL, as the runner carries it out: as one transaction, or statement by statement.
struct SQLMigration: Sendable {
    /// Below the folder of the migrations.
    let name: String
    let path: String
    /// Without what it has for the way down.
    let text: String
    /// Of the whole file.
    let sha256: String
    let statements: [Statement]
    /// Whether all of it is one transaction; else each statement is one by itself, or none where that cannot be.
    let isTransaction: Bool

    struct Statement: Hashable, Sendable {
        /// From 1, as is the line.
        let number: Int
        let line: Int
        let text: String
        let manner: Manner
        /// Its end in the file's text, in bytes.
        fileprivate let end: Int
    }

    /// How a statement runs, and how one finds out what became of it when nobody heard the answer.
    enum Manner: Hashable, Sendable {
        /// In a transaction, which says what became of it.
        case inTransaction
        /// A setting of the session: again when a file is gone on with.
        case setting
        /// By itself; `nobodyWaits` when it takes no lock for which a query would have to wait.
        case alone(trace: Trace, nobodyWaits: Bool)
    }

    /// What a statement without a transaction leaves behind.
    enum Trace: Hashable, Sendable {
        /// An index, which is invalid when it was not finished.
        case index(IndexName)
        /// The index is not there any more.
        case noIndex(IndexName)
        /// Twice is as once.
        case repeatable
        /// Nothing by which it could be told.
        case none
    }

    struct IndexName: Hashable, Sendable {
        /// The index's, or for a new one its table's; `nil` for the first of the search path.
        let schema: String?
        let name: String
    }

    /// The comment that takes a file out of its transaction; before its first statement.
    static let noTransaction = Allowance.noTransaction

    /// Reads a file; `name` is its path below the folder of the migrations.
    ///
    /// Fails where it holds what the runner cannot carry out and be sure of.
    init(_ file: MigrationFile, name: String) throws(StepFailure) {
        let text = ToolFiles.upwards(file.text)
        let numbered = NumberedText(MigrationFile(path: file.path, text: text))
        let parsed: [ParsedStatement]
        do throws(PgQueryError) {
            parsed = try PgQuery.statements(of: text)
        } catch {
            switch error {
            case .unavailable(let reason): throw StepFailure(reason, isTransient: false)
            case .unreadable(let message, let offset):
                let line = numbered.line(of: offset)
                throw StepFailure(
                    "\(file.path):\(line): not SQL that a server takes: \(message); psql's own commands (\\…) "
                        + "do not run here",
                    isTransient: false
                )
            }
        }
        let asked = SQLGap(numbered.bytes[...]).comments.contains { $0.text == Self.noTransaction }
        var statements: [Statement] = []
        for (index, statement) in parsed.enumerated() {
            let line = numbered.line(of: statement.range.lowerBound)
            do throws(StatementObjection) {
                statements.append(
                    Statement(
                        number: index + 1,
                        line: line,
                        text: numbered[statement.range],
                        manner: try Manner(statement.content, inTransactionByDefault: !asked),
                        end: statement.range.upperBound
                    )
                )
            } catch {
                throw StepFailure("\(file.path):\(line): \(error.message)", isTransient: false)
            }
        }
        self.name = name
        path = file.path
        self.text = text
        sha256 = Digest.sha256(Array(file.text.utf8))
        self.statements = statements
        isTransaction = !asked && statements.allSatisfy { [.inTransaction, .setting].contains($0.manner) }
    }

    /// The checksum of the text up to the end of the statement `count`.
    func sha256(ofFirst count: Int) -> String {
        let end = count > 0 && count <= statements.count ? statements[count - 1].end : 0
        return Digest.sha256(Array(text.utf8.prefix(end)))
    }
}

/// The migrations of a folder.
struct SQLMigrations: Sendable {
    /// In the order in which they are applied.
    let all: [SQLMigration]

    /// Reads the folder; fails where a file cannot be carried out.
    init(folder: String) throws(StepFailure) {
        let files: [MigrationFile]
        do throws(MigrationFileError) {
            files = try MigrationFolder([folder]).files
        } catch {
            throw StepFailure("migrations: \(error.path) \(error.message)", isTransient: false)
        }
        let depth = folder.split(separator: "/").count
        var all: [SQLMigration] = []
        for file in files {
            let name = file.path.split(separator: "/").dropFirst(depth).joined(separator: "/")
            all.append(try SQLMigration(file, name: name))
        }
        self.all = all
    }
}
