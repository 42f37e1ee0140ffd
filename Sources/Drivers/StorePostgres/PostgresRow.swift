import DeployPorts
import PostgresClient

/// One row of an answer, whose values are texts.
struct PostgresRow: Sendable {
    let cells: [PostgresAnswer.Cell]

    func text(_ column: String) throws(RunStoreError) -> String {
        guard let text = optionalText(column) else {
            throw .unreadable("the journal is damaged: a row has no \(column); restore it from a backup")
        }
        return text
    }

    func number(_ column: String) throws(RunStoreError) -> Int {
        guard let number = Int(try text(column)) else {
            throw .unreadable(
                "the journal is damaged: a row's \(column) is no number; restore it from a backup"
            )
        }
        return number
    }

    /// Whether the column says `t`.
    func isTrue(_ column: String) -> Bool { optionalText(column) == "t" }

    /// `nil` for NULL.
    func optionalText(_ column: String) -> String? {
        cells.first { $0.column == column }?.value
    }
}
