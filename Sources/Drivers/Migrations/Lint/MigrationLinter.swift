package import MigrationVerdicts
internal import PgQuery

/// A statement with both verdicts on it.
package struct LintedStatement: Hashable, Sendable {
    package let file: String
    /// From 1, as is the column.
    package let line: Int
    package let column: Int
    /// As it stands in the file, without its semicolon.
    package let text: String
    package let verdict: Verdict
}

/// Something in a file that is no verdict on a statement and has to be mended.
package struct LintMistake: Hashable, Sendable {
    package let file: String
    package let line: Int
    package let column: Int
    package let message: String
}

/// All that is said of a release's migrations.
package struct LintReport: Hashable, Sendable {
    package let statements: [LintedStatement]
    package let mistakes: [LintMistake]

    /// Whether the release stops here.
    package var stops: Bool { !mistakes.isEmpty || statements.contains { $0.verdict.stops } }
}

/// Gives both verdicts on each statement of a release's migrations, by PostgreSQL's own parser.
package struct MigrationLinter: Sendable {
    /// Why nothing can be said.
    package enum Failure: Error, Hashable, Sendable {
        case noParser(String)
        /// The schema's file.
        case schema(LintMistake)
    }

    private let schema: Schema

    /// `schema` is what the stable version works on, as far as it is known.
    package init(schema: Schema = Schema()) { self.schema = schema }

    /// The files are one release's, in the order in which they are applied.
    package func lint(_ files: [MigrationFile]) throws(Failure) -> LintReport {
        var judge = Judge(schema: schema)
        var statements: [LintedStatement] = []
        var mistakes: [LintMistake] = []
        for file in files {
            let text = NumberedText(file)
            let parsed: [ParsedStatement]
            do throws(PgQueryError) {
                parsed = try PgQuery.statements(of: file.text)
            } catch {
                switch error {
                case .unavailable(let reason): throw .noParser(reason)
                case .unreadable(let message, let offset):
                    mistakes.append(text.mistake("not SQL: \(message)", at: offset))
                    continue
                }
            }
            let allowances = Allowances(of: parsed, in: text)
            mistakes += allowances.mistakes
            let read = parsed.map { StatementReader.statement($0, text: text[$0.range]) }
            for (index, verdict) in judge.judge(read).enumerated() {
                let allowed = verdict.allowing(allowances.of[index] ?? [])
                mistakes += Self.mistake(of: parsed[index], allowed, in: text)
                let place = text.place(of: parsed[index].range.lowerBound)
                statements.append(
                    LintedStatement(
                        file: file.path,
                        line: place.line,
                        column: place.column,
                        text: text[parsed[index].range],
                        verdict: allowed
                    )
                )
            }
        }
        return LintReport(statements: statements, mistakes: mistakes)
    }

    /// What the parser refuses is a mistake until the file says that it is none.
    private static func mistake(
        of statement: ParsedStatement,
        _ verdict: Verdict,
        in text: NumberedText
    ) -> [LintMistake] {
        guard case .refused(let message, let offset) = statement.content,
            !verdict.findings.contains(where: { $0.rule == .notParsed && $0.allowed != nil })
        else { return [] }
        let told =
            "\(message), by the grammar of PostgreSQL \(PgQuery.version); if it is newer syntax, put "
            + "`-- bgdeploy: allow not-parsed because …` before it"
        return [text.mistake(told, at: offset)]
    }

    /// The schema that a file makes, as `pg_dump --schema-only` writes it; what is not in it does not exist.
    package static func schema(of file: MigrationFile) throws(Failure) -> Schema {
        var schema = Schema(isComplete: true)
        let text = NumberedText(file)
        do throws(PgQueryError) {
            for parsed in try PgQuery.statements(of: file.text) {
                if case .refused(let message, let offset) = parsed.content {
                    throw PgQueryError.unreadable(message: message, offset: offset)
                }
                schema.fold(StatementReader.statement(parsed, text: text[parsed.range]), isNew: false)
            }
        } catch {
            switch error {
            case .unavailable(let reason): throw .noParser(reason)
            case .unreadable(let message, let offset):
                throw .schema(text.mistake("not a schema: \(message)", at: offset))
            }
        }
        return schema
    }
}
